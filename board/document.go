package board

import (
	"bytes"
	"errors"
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2/unstable"
)

// entry is a key with its value, or a table.
type entry struct {
	key   string // dotted
	kind  string // with its article; aTable: the value is in entries of its own
	value string // a string's text, else the bytes as they stand
	line  int
}

const aTable, aString, anInteger = "a table", "a string", "an integer"

// state is how a table or key came to be, which decides who may add to it.
type state uint8

const (
	implicit state = iota + 1 // a header's parent
	dotted                    // made by a dotted key; only its own section can reach it again
	explicit                  // has its header
	closed                    // a value, an inline table
)

// document is a board.toml as a flat list. Only go-toml's parser is linked into
// aimd; that no key stands twice is decided here.
type document struct {
	data    []byte
	entries []entry
	states  map[string]state
	lines   map[string]int // of everything in states
	problem Problems
}

// read fills the document, up to the first error of syntax.
func (d *document) read() {
	var p unstable.Parser
	p.Reset(d.data)
	section := ""
	for len(d.problem) < maxProblems && p.NextExpression() {
		e := p.Expression()
		if e.Kind == unstable.KeyValue {
			if section != "?" {
				d.keyValue(section, e)
			}
			continue
		}
		section = d.header(e)
	}
	if err := p.Error(); err != nil {
		line := 1 + bytes.Count(d.data, []byte{'\n'})
		var pe *unstable.ParserError
		if errors.As(err, &pe) && len(pe.Highlight) > 0 {
			line = d.line(p.Range(pe.Highlight).Offset)
		}
		what := strconv.Quote(err.Error()) // it may hold what the file holds
		d.problem.add(line, "", "is no TOML: "+what[1:len(what)-1], "write key = value, text in quotes, a table's name in brackets")
	}
}

func (d *document) line(at uint32) int { return 1 + bytes.Count(d.data[:at], []byte{'\n'}) }

// keys returns the parts of an expression's key. All names of a board.toml are
// bare keys, so that a dot can join them.
func (d *document) keys(e *unstable.Node) (parts []string, line int) {
	for it := e.Key(); it.Next(); {
		n := it.Node()
		part := string(n.Data)
		line = d.line(n.Raw.Offset)
		if part == "" || strings.Trim(part, bare) != "" || len(part) > 64 || len(parts) == 8 {
			d.problem.add(line, "", show(part)+" is no key of a board", "use letters, digits, - and _")
			return nil, line
		}
		parts = append(parts, part)
	}
	return parts, line
}

const bare = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"

func (d *document) note(key string, s state, line int) {
	if d.states[key] == 0 {
		d.lines[key] = line
	}
	d.states[key] = s
}

func (d *document) twice(key string, line int) {
	d.problem.add(line, key, "is already there", "keep one of the two, with all its keys")
}

// header handles [a.b] and returns its dotted key; "?" for a wrong one, whose
// keys nobody reads.
func (d *document) header(e *unstable.Node) string {
	parts, line := d.keys(e)
	if parts == nil {
		return "?"
	}
	key := strings.Join(parts, ".")
	if e.Kind == unstable.ArrayTable {
		d.problem.add(line, key, "is an array of tables", "write it with one pair of brackets, each table with a name of its own")
		return "?"
	}
	for i := 1; i < len(parts); i++ {
		parent := strings.Join(parts[:i], ".")
		if d.states[parent] == closed {
			d.twice(parent, line)
			return "?"
		} else if d.states[parent] == 0 {
			d.note(parent, implicit, line)
		}
	}
	if d.states[key] > implicit {
		d.twice(key, line)
		return "?"
	}
	d.note(key, explicit, line)
	d.entries = append(d.entries, entry{key, aTable, "", line})
	return key
}

// keyValue handles a.b = value below the table prefix.
func (d *document) keyValue(prefix string, e *unstable.Node) {
	parts, line := d.keys(e)
	if parts == nil {
		return
	}
	if prefix != "" {
		prefix += "."
	}
	for i := 1; i < len(parts); i++ {
		parent := prefix + strings.Join(parts[:i], ".")
		if s := d.states[parent]; s >= explicit {
			d.twice(parent, line)
			return
		} else if s == 0 {
			d.note(parent, dotted, line)
		}
	}
	key := prefix + strings.Join(parts, ".")
	if d.states[key] != 0 {
		d.twice(key, line)
		return
	}
	d.note(key, closed, line)
	v := e.Value()
	kind := aTable
	switch v.Kind {
	case unstable.String:
		kind = aString
	case unstable.Integer:
		kind = anInteger
	case unstable.InlineTable:
		d.entries = append(d.entries, entry{key, kind, "", line})
		for it := v.Children(); it.Next(); {
			d.keyValue(key, it.Node())
		}
		return
	default:
		kind = "neither text nor a whole number"
	}
	d.entries = append(d.entries, entry{key, kind, string(v.Data), line})
}
