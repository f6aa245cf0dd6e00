package config

import (
	"strings"

	"github.com/pelletier/go-toml/v2/unstable"
)

// Only the parser of go-toml is linked in: its decoder gives duplicates and
// overflows without a line, lets Go names leak into its errors, and with its
// use of reflection makes the daemon larger. What a TOML document is beyond its
// grammar (no key twice, no table reopened, numbers that fit) is decided here,
// where each complaint has a position; a test holds both against each other.

type kind uint8

const (
	kTable kind = iota
	kTables
	kArray
	kString
	kInt
	kFloat
	kBool
	kDateTime
	kLocal // a date or time without an offset
)

// String returns the kind with its article, as in "is a string".
func (k kind) String() string {
	return [...]string{"a table", "an array of tables", "an array", "a string", "an integer",
		"a number", "a boolean", "a time", "a date or time without an offset"}[k]
}

// node is a value of the document, or a table.
type node struct {
	name     string // its last key; "" in an array
	kind     kind
	key      int     // offset of its key; of the value where it has none
	at, end  int     // the value's bytes; 0, 0 for tables with a header
	text     string  // a string's value, else the bytes as they stand
	items    []*node // members of a table, elements of an array, in order
	index    map[string]*node
	explicit bool   // may not be opened again by a header or a dotted key
	dotted   bool   // made by a dotted key of the section that is being read
	inline   bool   // { … }: closed
	nested   bool   // in an inline table
	header   int    // offset just after the header's line; 0: no header
	prefix   string // as the header or dotted key wrote the path to it; Set needs it

	void          bool   // something stands after it on its line, so it is not what was meant
	fault, remedy string // why a number or time is none, although its shape is right
}

func (n *node) child(name string) *node { return n.index[name] }

func (n *node) add(c *node) *node {
	if n.index == nil {
		n.index = make(map[string]*node)
	}
	n.index[c.name] = c
	n.items = append(n.items, c)
	return c
}

// A document is at most this deep: brackets, inline tables and dotted keys
// alike. The parser recurses, and its stack must stay small.
const maxDepth = 32

// document is a parsed file. A file with syntax errors has a tree as well: of
// what could be read.
type document struct {
	name     string
	data     []byte
	root     *node
	current  *node   // the table that the next keys go into
	opened   []*node // by dotted keys in this section
	problems []located
	start    int   // of the last expression
	last     *node // the last key's value, nil after a header
	broken   bool  // some line could not be read, so a missing key proves nothing
}

// parse reads data into a document; what is wrong is in its problems.
func parse(name string, data []byte, limit int) *document {
	d := &document{name: name, data: data, root: &node{kind: kTable, explicit: true}}
	d.current = d.root
	if len(data) > limit {
		d.broken = true
		d.complain(limit, "", sprintf("the file is larger than the %d bytes that are read", limit), "take out what need not be in it")
		return d
	}
	for base := 0; base < len(data) && !d.full(); {
		if at := tooDeep(data[base:]); at >= 0 {
			d.broken = true
			d.complain(base+at, "", sprintf("brackets are nested more than %d deep", maxDepth), "write flatter tables and arrays")
			return d
		}
		var p unstable.Parser
		p.Reset(data[base:])
		end := base
		for p.NextExpression() {
			end = d.expression(&p, base, p.Expression())
		}
		err := p.Error()
		if err == nil {
			return d
		}
		d.broken = true
		at := d.syntax(&p, base, end, err)
		base = resume(data, max(at, end))
	}
	return d
}

// expression adds a line of the document to the tree and returns the offset at
// which it ends.
func (d *document) expression(p *unstable.Parser, base int, e *unstable.Node) int {
	keys := keysOf(e, base)
	last := keys[len(keys)-1]
	if len(keys) > maxDepth {
		d.complain(keys[0].at, "", sprintf("the key has more than %d parts", maxDepth), "write a shorter one")
		return last.end
	}
	switch e.Kind {
	case unstable.Table, unstable.ArrayTable:
		d.open(keys, e.Kind == unstable.ArrayTable)
		d.start, d.last = keys[0].at, nil
		end := last.end
		for end < len(d.data) && strings.IndexByte(" \t]", d.data[end]) >= 0 {
			end++
		}
		return end
	}
	d.start = keys[0].at
	path := ""
	if d.current.prefix != "" {
		path = shorten(d.current.prefix) + "."
	}
	d.last = d.keyValue(p, base, d.current, e, keys, path)
	return base + int(e.Raw.Offset+e.Raw.Length)
}

type keyPart struct {
	name    string
	at, end int
}

func keysOf(e *unstable.Node, base int) []keyPart {
	var keys []keyPart
	for it := e.Key(); it.Next(); {
		n := it.Node()
		at := base + int(n.Raw.Offset)
		keys = append(keys, keyPart{string(n.Data), at, at + int(n.Raw.Length)})
	}
	return keys
}

// open handles [a.b] and [[a.b]].
func (d *document) open(keys []keyPart, array bool) {
	d.closeDotted()
	first, last := keys[0], keys[len(keys)-1]
	parent := d.root
	d.current = &node{kind: kTable, explicit: true} // where keys go if the header is wrong
	for _, k := range keys[:len(keys)-1] {
		c := parent.child(k.name)
		switch {
		case c == nil:
			c = parent.add(&node{name: k.name, kind: kTable, key: k.at})
		case c.kind == kTables:
			c = c.items[len(c.items)-1]
		case c.kind != kTable || c.inline:
			d.complain(k.at, joinKeys(keys), sprintf("%s is already %s, on line %d", quoteKey(k.name), c.kind, d.line(c.key)), "rename one of the two")
			return
		}
		parent = c
	}
	header := d.lineEnd(last.end)
	prefix := string(d.data[first.at:last.end])
	c := parent.child(last.name)
	switch {
	case array && (c == nil || c.kind == kTables):
		if c == nil {
			c = parent.add(&node{name: last.name, kind: kTables, key: first.at})
		}
		d.current = &node{name: last.name, kind: kTable, key: first.at, explicit: true, header: header, prefix: prefix}
		c.items = append(c.items, d.current)
	case !array && c == nil:
		d.current = parent.add(&node{name: last.name, kind: kTable, key: first.at, explicit: true, header: header, prefix: prefix})
	case !array && c.kind == kTable && !c.explicit && !c.inline:
		c.explicit, c.key, c.header, c.prefix = true, first.at, header, prefix
		d.current = c
	default:
		d.complain(first.at, joinKeys(keys), sprintf("is already defined as %s on line %d", c.kind, d.line(c.key)), "keep one of the two, with all its keys")
	}
}

// closeDotted ends a section: what dotted keys made in it cannot be reopened.
func (d *document) closeDotted() {
	for _, n := range d.opened {
		n.explicit, n.dotted = true, false
	}
	d.opened = d.opened[:0]
}

// keyValue adds a.b = value to the table t and returns the value, if it may
// stand there; path is t's, for complaints.
func (d *document) keyValue(p *unstable.Parser, base int, t *node, e *unstable.Node, keys []keyPart, path string) *node {
	last := keys[len(keys)-1]
	full := path + joinKeys(keys)
	if len(keys) > maxDepth {
		d.complain(keys[0].at, "", sprintf("the key has more than %d parts", maxDepth), "write a shorter one")
		return nil
	}
	for _, k := range keys[:len(keys)-1] {
		c := t.child(k.name)
		switch {
		case c == nil:
			c = t.add(&node{name: k.name, kind: kTable, key: k.at, dotted: true, nested: t.inline || t.nested, prefix: string(d.data[keys[0].at:k.end])})
			d.opened = append(d.opened, c)
		case c.kind != kTable || c.inline || c.explicit:
			d.complain(k.at, full, sprintf("%s is already %s, on line %d", quoteKey(k.name), c.kind, d.line(c.key)), "write the key there, or rename one of the two")
			return nil
		}
		t = c
	}
	if c := t.child(last.name); c != nil {
		d.complain(last.at, full, sprintf("is already set on line %d", d.line(c.key)), "keep one of the two")
		return nil
	}
	v := &node{name: last.name, key: last.at}
	d.value(p, base, v, e.Value(), full)
	v.at = d.valueStart(last.end)
	v.end = base + int(e.Raw.Offset+e.Raw.Length)
	return t.add(v)
}

// value fills v from the parser's node.
func (d *document) value(p *unstable.Parser, base int, v *node, e *unstable.Node, key string) {
	if e.Raw.Length > 0 {
		v.at, v.end = base+int(e.Raw.Offset), base+int(e.Raw.Offset+e.Raw.Length)
	} else if len(e.Data) > 0 && e.Kind != unstable.String {
		r := p.Range(e.Data)
		v.at, v.end = base+int(r.Offset), base+int(r.Offset+r.Length)
	}
	v.text = string(e.Data)
	switch e.Kind {
	case unstable.InlineTable:
		v.kind, v.inline = kTable, true
		saved := d.opened
		d.opened = nil
		for it := e.Children(); it.Next(); {
			kv := it.Node()
			d.keyValue(p, base, v, kv, keysOf(kv, base), key+".")
		}
		d.opened = saved
	case unstable.Array:
		v.kind = kArray
		for it := e.Children(); it.Next(); {
			c := &node{}
			d.value(p, base, c, it.Node(), key)
			c.key = c.at
			v.items = append(v.items, c)
		}
	case unstable.String:
		v.kind = kString
	case unstable.Bool:
		v.kind = kBool
	case unstable.Integer:
		v.kind = kInt
	case unstable.Float:
		v.kind = kFloat
	case unstable.DateTime:
		v.kind = kDateTime
	default:
		v.kind = kLocal
	}
	v.fault, v.remedy = checkScalar(v)
}
