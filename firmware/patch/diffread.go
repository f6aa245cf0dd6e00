package patch

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2/unstable"
)

// maxNesting bounds the parser's recursion.
const maxNesting = 32

// readDocument finds every value of a TOML document: go-toml's parser says
// where keys are and that the grammar holds, endOfValue where values end.
func readDocument(data []byte) (*document, error) {
	if len(data) > MaxContent {
		return nil, fmt.Errorf("%d bytes of at most %d: %w", len(data), MaxContent, ErrSize)
	}
	if tooDeep(data) {
		return nil, fmt.Errorf("brackets are nested more than %d deep: %w", maxNesting, ErrDiff)
	}
	r := reader{doc: &document{data: data, index: map[string]int{}, headers: map[string]bool{}}, tables: map[string]int{}}
	r.p.Reset(data)
	for r.p.NextExpression() {
		switch e := r.p.Expression(); e.Kind {
		case unstable.Table:
			r.table = r.path("", e.Key())
			r.header(e)
		case unstable.ArrayTable:
			key := r.path("", e.Key())
			r.table = fmt.Sprintf("%s[%d]", key, r.tables[key])
			r.tables[key]++
			r.header(e)
		case unstable.KeyValue:
			if err := r.expression(e); err != nil {
				return nil, err
			}
		}
	}
	if err := r.p.Error(); err != nil {
		return nil, fmt.Errorf("%v: %w", err, ErrDiff)
	}
	return r.doc, nil
}

type reader struct {
	p      unstable.Parser
	doc    *document
	table  string
	tables map[string]int // how many of an array of tables so far
	open   int            // the latest header's line, counted from 1
}

// path joins a dotted key to the table it stands in. A table within an array
// of tables is within its latest element.
func (r *reader) path(table string, key unstable.Iterator) string {
	for key.Next() {
		part := string(key.Node().Data)
		if !bare(part) {
			part = strconv.Quote(part)
		}
		if table != "" {
			if n := r.tables[table]; n > 0 && !strings.HasSuffix(table, "]") {
				table = fmt.Sprintf("%s[%d]", table, n-1)
			}
			table += "."
		}
		table += part
	}
	return table
}

func bare(s string) bool { return s != "" && only(s, "_-", true) }

// header notes a table's line, with one empty line before it.
func (r *reader) header(e *unstable.Node) {
	key := e.Key()
	key.Next()
	at := int(key.Node().Raw.Offset)
	l := line{header: r.table}
	l.from, l.to = lineAround(r.doc.data, at, at)
	for _, empty := range []string{"\n\n", "\n\r\n"} {
		if bytes.HasSuffix(r.doc.data[:l.from], []byte(empty)) {
			l.from -= len(empty) - 1
		}
	}
	r.doc.headers[r.table] = true
	r.doc.lines = append(r.doc.lines, l)
	r.open = len(r.doc.lines)
}

// expression notes a key and its value, which may be an inline table of many.
func (r *reader) expression(e *unstable.Node) error {
	first := len(r.doc.values)
	if err := r.keyValue(e, r.table); err != nil {
		return err
	}
	var l line
	for i := first; i < len(r.doc.values); i++ {
		l.values = append(l.values, i)
	}
	at := int(e.Raw.Offset)
	l.from, l.to = lineAround(r.doc.data, at, at+int(e.Raw.Length))
	r.doc.lines = append(r.doc.lines, l)
	if r.open > 0 {
		r.doc.lines[r.open-1].used = true
	}
	return nil
}

// keyValue notes the values of a key: one, or an inline table's one by one, but
// for an empty one, which is itself a value.
func (r *reader) keyValue(e *unstable.Node, table string) error {
	key := r.path(table, e.Key())
	var end int
	for last := e.Key(); last.Next(); {
		raw := last.Node().Raw
		end = int(raw.Offset + raw.Length)
	}
	data := r.doc.data
	if v := e.Value(); v.Kind == unstable.InlineTable && v.Child() != nil {
		for it := v.Children(); it.Next(); {
			if err := r.keyValue(it.Node(), key); err != nil {
				return err
			}
		}
		return nil
	}
	at := end + bytes.IndexByte(data[end:], '=') + 1
	for at < len(data) && (data[at] == ' ' || data[at] == '\t') {
		at++
	}
	v := value{key: key, at: at, end: endOfValue(data, at)}
	v.text = string(data[v.at:v.end])
	v.from, v.to = memberAround(data, int(e.Raw.Offset), v.end)
	if _, twice := r.doc.index[key]; twice {
		return fmt.Errorf("line %d: %s is there twice: %w", 1+bytes.Count(data[:at], []byte("\n")), key, ErrDiff)
	}
	r.doc.index[key] = len(r.doc.values)
	r.doc.values = append(r.doc.values, v)
	return nil
}

// lineAround widens an expression to its lines.
func lineAround(data []byte, at, end int) (from, to int) {
	from = bytes.LastIndexByte(data[:at], '\n') + 1
	if n := bytes.IndexByte(data[end:], '\n'); n >= 0 {
		return from, end + n + 1
	}
	return from, len(data)
}

// memberAround widens a member of an inline table to one of its commas: the
// one before it, or, for the first, the one behind it.
func memberAround(data []byte, at, end int) (from, to int) {
	before := bytes.TrimRight(data[:at], " \t")
	if bytes.HasSuffix(before, []byte(",")) {
		return len(before) - 1, end
	}
	behind := bytes.TrimLeft(data[end:], " \t")
	if rest, ok := bytes.CutPrefix(behind, []byte(",")); ok {
		return at, len(data) - len(bytes.TrimLeft(rest, " \t"))
	}
	return at, end
}

// endOfValue returns where the value that begins at at ends. The grammar is
// known to hold.
func endOfValue(data []byte, at int) int {
	depth := 0
	for i := at; i < len(data); {
		switch c := data[i]; {
		case c == '"' || c == '\'':
			i = endOfString(data, i)
			if depth == 0 {
				return i
			}
			continue
		case c == '[' || c == '{':
			depth++
		case (c == ']' || c == '}') && depth > 0:
			if depth--; depth == 0 {
				return i + 1
			}
		case c == '#' && depth > 0:
			n := bytes.IndexByte(data[i:], '\n')
			if n < 0 {
				return len(data)
			}
			i += n
		case depth == 0 && strings.IndexByte("#,]}\r\n", c) >= 0:
			return trimEnd(data, at, i)
		}
		i++
	}
	return trimEnd(data, at, len(data))
}

func trimEnd(data []byte, at, end int) int {
	for end > at && (data[end-1] == ' ' || data[end-1] == '\t') {
		end--
	}
	return end
}

// endOfString returns where the string that begins at i ends, of any of
// TOML's four kinds.
func endOfString(data []byte, i int) int {
	quote := data[i]
	mark := []byte{quote}
	if triple := bytes.Repeat(mark, 3); bytes.HasPrefix(data[i:], triple) {
		mark = triple
	}
	for i += len(mark); i < len(data); i++ {
		switch {
		case data[i] == '\\' && quote == '"':
			i++
		case bytes.HasPrefix(data[i:], mark):
			i += len(mark)
			for n := 0; len(mark) == 3 && n < 2 && i < len(data) && data[i] == quote; n++ {
				i++ // up to two quotes may stand before the mark
			}
			return i
		}
	}
	return len(data)
}

// tooDeep looks for brackets within brackets, outside strings and comments.
func tooDeep(data []byte) bool {
	depth := 0
	for i := 0; i < len(data); i++ {
		switch data[i] {
		case '"', '\'':
			i = endOfString(data, i) - 1
		case '#':
			if n := bytes.IndexByte(data[i:], '\n'); n >= 0 {
				i += n
			} else {
				return false
			}
		case '[', '{':
			if depth++; depth > maxNesting {
				return true
			}
		case ']', '}':
			depth = max(depth-1, 0)
		}
	}
	return false
}
