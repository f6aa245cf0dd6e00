package config

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// field is one key of a schema: what is documented and what is checked come
// from the same values.
type field struct {
	KeyDoc
	required bool
	example  string // a value that would be right, as TOML
	want     kind
	// take checks the value, whose kind is want, and stores it. It returns
	// what is wrong, what would be right, and at which of an array's elements.
	take func(n *node) fault
}

// fault is what is wrong with a value; at is 0 for the value's own place.
type fault struct {
	what, remedy string
	at           int
}

// schema is a file's keys; tables that no key lies in are foreign.
type schema struct {
	fields  []field
	foreign bool     // unknown tables at the top pass through
	tables  []string // ours at the top; read fills them in
}

// noun returns the type with its article, as in "not a string".
func (f *field) noun() string {
	switch f.want {
	case kString:
		return "a " + f.Type
	case kArray:
		return "an " + f.Type
	}
	return f.want.String()
}

// reader walks a document along a schema.
type reader struct {
	*document
	schema
	seen map[string]*node // the keys that are set, by their dotted name
}

func read(d *document, s schema) *reader {
	for _, name := range s.members("") {
		if s.has(name) {
			s.tables = append(s.tables, name)
		}
	}
	r := &reader{document: d, schema: s, seen: make(map[string]*node)}
	r.table("", d.root)
	for _, f := range s.fields {
		if f.required && r.seen[f.Key] == nil && !d.broken {
			d.complain(r.missingAt(f.Key), f.Key, "is missing", sprintf("add %s = %s", f.Key, f.example))
		}
	}
	return r
}

// missingAt is where a key would have to stand: in its table, or at the top.
func (r *reader) missingAt(key string) int {
	table, _, ok := strings.Cut(key, ".")
	if n := r.root.child(table); ok && n != nil {
		return n.key
	}
	return 0
}

func (s schema) field(key string) *field {
	i := slices.IndexFunc(s.fields, func(f field) bool { return f.Key == key })
	if i < 0 {
		return nil
	}
	return &s.fields[i]
}

// has tells whether some key lies in the table.
func (s schema) has(table string) bool {
	return slices.ContainsFunc(s.fields, func(f field) bool {
		return len(f.Key) > len(table) && f.Key[len(table)] == '.' && f.Key[:len(table)] == table
	})
}

// table checks the members of a table of ours.
func (r *reader) table(path string, t *node) {
	for _, n := range t.items {
		key, shown := n.name, quoteKey(n.name)
		if path != "" {
			key, shown = path+"."+key, path+"."+shown
		}
		if strings.Contains(n.name, ".") {
			key = shown // a quoted dot is no path
		}
		switch f := r.field(key); {
		case f != nil:
			if r.seen[key] = n; !n.void {
				r.value(f, n)
			}
		case r.has(key) && n.kind == kTable:
			r.table(key, n)
		case r.has(key):
			r.complain(n.key, shown, sprintf("is %s, not a table", n.kind), sprintf("write its keys under [%s]", key))
		case path == "" && r.schema.foreign && (n.kind == kTable || n.kind == kTables) && r.near(n.name) == "":
			r.foreignValue(shown, n)
		default:
			r.complain(n.key, shown, "is an unknown "+r.noun(n), r.suggest(path, n))
		}
	}
}

func (r *reader) noun(n *node) string {
	if n.kind == kTable || n.kind == kTables {
		return "table"
	}
	return "key"
}

// foreignValue checks that what is not ours is TOML at least.
func (r *reader) foreignValue(key string, n *node) {
	if n.fault != "" {
		r.complain(n.at, key, n.fault, n.remedy)
	}
	for _, c := range n.items {
		k := key
		if c.name != "" && n.kind == kTable {
			k += "." + quoteKey(c.name)
		}
		r.foreignValue(k, c)
	}
}

// value checks one key.
func (r *reader) value(f *field, n *node) {
	at := n.at
	if n.end == 0 {
		at = n.key
	}
	switch {
	case n.kind != f.want && (n.kind != kInt || f.want != kFloat):
		r.complain(at, f.Key, sprintf("%s is %s, not %s", r.source(n), n.kind, f.noun()), r.remedyFor(f, n))
		return
	case n.fault != "":
		r.complain(at, f.Key, n.fault, n.remedy)
		return
	}
	if ft := f.take(n); ft.what != "" {
		if ft.at != 0 {
			at = ft.at
		}
		r.complain(at, f.Key, ft.what, ft.remedy)
	}
}

// source shows a value as it stands in the file.
func (r *reader) source(n *node) string {
	if n.end == 0 {
		return "it"
	}
	s, _, _ := strings.Cut(string(r.data[n.at:n.end]), "\n")
	return shorten(strings.TrimSuffix(s, "\r"))
}

// remedyFor says how to write a value of the wrong kind.
func (r *reader) remedyFor(f *field, n *node) string {
	name := f.Key[strings.LastIndexByte(f.Key, '.')+1:]
	switch {
	case f.Type == "duration" && (n.kind == kInt || n.kind == kFloat):
		return sprintf("write it in quotes and with its unit: %s = %q", name, r.source(n)+"s")
	case f.want == kString && (n.kind == kInt || n.kind == kFloat):
		return sprintf("write it in quotes: %s = %q", name, r.source(n))
	case f.want == kArray && n.kind == kString:
		return sprintf("write it in brackets: %s = [%s]", name, r.source(n))
	case n.kind == kString && (f.want == kInt || f.want == kFloat || f.want == kBool || f.want == kDateTime):
		return sprintf("write it without quotes, like %s = %s", name, f.example)
	case n.kind == kLocal && f.want == kDateTime:
		return sprintf("say in which zone, like %s", f.example)
	}
	return sprintf("write it like %s = %s", name, f.example)
}

// duration is a key whose value is a duration; lo and hi are allowed.
func duration(key string, p *time.Duration, def, lo, hi time.Duration, meaning string) field {
	*p = def
	f := field{KeyDoc: KeyDoc{key, "duration", short(lo) + " … " + short(hi), strconv.Quote(short(def)), meaning}, want: kString}
	f.example = f.Default
	f.take = func(n *node) fault {
		v, ft := parseDuration(n.text, lo, hi, f.example)
		if ft.what == "" {
			*p = v
		}
		return ft
	}
	return f
}

func parseDuration(s string, lo, hi time.Duration, example string) (time.Duration, fault) {
	v, err := time.ParseDuration(s)
	switch {
	case err != nil:
		return 0, fault{what: show(s) + " is not a duration", remedy: sprintf("write a number with its unit (ms, s, m or h) and no space, like %s", example)}
	case v < lo:
		return 0, fault{what: sprintf("%s is too short", show(s)), remedy: sprintf("write %s … %s", short(lo), short(hi))}
	case v > hi:
		return 0, fault{what: sprintf("%s is too long", show(s)), remedy: sprintf("write %s … %s", short(lo), short(hi))}
	}
	return v, fault{}
}

// short writes a duration as people do: 2m, not 2m0s.
func short(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}
