package config

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// Set changes one key of a live file or an identity and keeps every other byte:
// comments, order, unknown tables, line ends. A key that is missing is added to
// its table, and its table too. The key is dotted, of bare names. The value is
// TOML, or text that Set puts in quotes: 5s, "5s", true, [1, 2]; for a list of
// words lock,motor will do. Set does not judge the value; CheckLive does.
func Set(data []byte, key, value string) ([]byte, error) {
	parts := strings.Split(key, ".")
	for _, p := range parts {
		if quoteKey(p) != p || len(parts) > maxDepth {
			return nil, fmt.Errorf("config: set %s: not a key; write it like lock.ttl", show(key))
		}
	}
	literal, err := literalFor(key, value)
	if err != nil {
		return nil, fmt.Errorf("config: set %s: %w", key, err)
	}
	d := parse("the file", data, MaxLive)
	if err := d.err(); err != nil {
		return nil, fmt.Errorf("config: set %s: %w", key, err)
	}
	e, err := d.edit(parts, literal)
	if err != nil {
		return nil, fmt.Errorf("config: set %s: %w", key, err)
	}
	out := slices.Concat(data[:e.at], []byte(e.text), data[e.end:])
	after := parse("the result", out, MaxLive)
	if err := after.err(); err != nil {
		return nil, fmt.Errorf("config: set %s: %w", key, err)
	}
	n := after.root
	for _, p := range parts {
		if n = n.child(p); n == nil {
			return nil, fmt.Errorf("config: set %s: cannot be added here; write it with an editor", key)
		}
	}
	return out, nil
}

// edit replaces the bytes at … end by text.
type edit struct {
	at, end int
	text    string
}

func (d *document) edit(parts []string, literal string) (edit, error) {
	t := d.root
	for i, p := range parts {
		c := t.child(p)
		last := i == len(parts)-1
		switch {
		case c == nil:
			return d.insert(t, parts[:i], parts[i:], literal)
		case last && c.end > 0:
			return edit{c.at, c.end, literal}, nil
		case last || c.kind != kTable:
			return edit{}, fmt.Errorf("%s is %s on line %d", strings.Join(parts[:i+1], "."), c.kind, d.line(c.key))
		}
		t = c
	}
	return edit{}, errors.New("no key")
}

// insert adds the key rest to the table t, whose path is above.
func (d *document) insert(t *node, above, rest []string, literal string) (edit, error) {
	line := strings.Join(rest, ".") + " = " + literal
	nl := "\n"
	if bytes.Contains(d.data, []byte("\r\n")) {
		nl = "\r\n"
	}
	end := lastEnd(t)
	switch {
	case t.nested:
		return edit{}, fmt.Errorf("%s is written with dots in an inline table; write the key with an editor", strings.Join(above, "."))
	case t.inline && end > 0:
		return edit{end, end, ", " + line}, nil
	case t.inline:
		return edit{t.at, t.end, "{ " + line + " }"}, nil
	case t == d.root && len(rest) > 1 || t != d.root && t.header == 0 && t.prefix == "":
		table := slices.Concat(above, rest[:len(rest)-1])
		return d.append(sprintf("[%s]%s%s = %s", strings.Join(table, "."), nl, rest[len(rest)-1], literal), nl), nil
	case t.header == 0 && t.prefix != "":
		line = t.prefix + "." + line
	}
	at := t.header
	switch {
	case end > 0:
		at = d.lineEnd(end)
		start := d.lineStart(d.lastKey(t))
		line = d.indent(start) + line
	case t == d.root:
		at = d.afterTitle()
	}
	if at > 0 && d.data[at-1] != '\n' {
		return edit{at, at, nl + line}, nil
	}
	return edit{at, at, line + nl}, nil
}

// append adds a section at the end of the document.
func (d *document) append(section, nl string) edit {
	lead := nl
	if len(d.data) == 0 {
		lead = ""
	} else if d.data[len(d.data)-1] != '\n' {
		lead = nl + nl
	}
	return edit{len(d.data), len(d.data), lead + section + nl}
}

// own lists the values that stand in the section of the table t, dotted ones
// included; tables with headers of their own stand elsewhere.
func own(t *node) (values []*node) {
	for _, c := range t.items {
		if c.end > 0 {
			values = append(values, c)
		} else if c.header == 0 && c.kind == kTable && c.prefix != "" {
			values = append(values, own(c)...)
		}
	}
	return values
}

// lastEnd is where the last value of the table's section ends; 0: it has none.
func lastEnd(t *node) (end int) {
	for _, v := range own(t) {
		end = max(end, v.end)
	}
	return end
}

func (d *document) lastKey(t *node) (key int) {
	for _, v := range own(t) {
		key = max(key, v.key)
	}
	return key
}

// indent returns the white space at the start of a line.
func (d *document) indent(start int) string {
	rest := d.data[start:]
	return string(rest[:len(rest)-len(bytes.TrimLeft(rest, " \t"))])
}

// afterTitle is the place for a first key at the top: after the comment that
// the document begins with.
func (d *document) afterTitle() int {
	at := 0
	for bytes.HasPrefix(d.data[at:], []byte("#")) {
		at = d.lineEnd(at)
	}
	return at
}

// literalFor writes a value as TOML, in the kind that the key wants.
func literalFor(key, value string) (string, error) {
	value = strings.TrimSpace(value)
	if !utf8.ValidString(value) || len(value) > MaxLive {
		return "", errors.New("the value is not UTF-8, or too long")
	}
	f := new(liveForm).schema().field(key)
	if f == nil {
		f = identitySchema(new(Identity), new(int64)).field(key)
	}
	d := parse("", []byte("x = "+value), MaxLive)
	x := d.root.child("x")
	whole := len(d.problems) == 0 && x != nil && x.end == len("x = ")+len(value) && len(d.root.items) == 1 && x.sound()
	switch {
	case whole && (f == nil || f.want == x.kind || f.want != kString && f.want != kArray):
		return value, nil
	case f != nil && f.want == kArray:
		var list []string
		for _, w := range strings.FieldsFunc(value, func(r rune) bool { return r == ',' || r == ' ' }) {
			list = append(list, quoteText(w))
		}
		return "[" + strings.Join(list, ", ") + "]", nil
	}
	return quoteText(value), nil
}

// sound tells whether the value, and each in it, is what it looks like: "+" and
// 1__0 look like numbers and are none.
func (n *node) sound() bool {
	for _, c := range n.items {
		if !c.sound() {
			return false
		}
	}
	return n.fault == ""
}

// quoteText writes a basic string of TOML.
func quoteText(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r < ' ' || r == 0x7f:
			fmt.Fprintf(&b, `\u%04X`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}
