package patch

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Change is one key whose value differs, as the files have it written.
type Change struct {
	Key string // dotted: safe_pause.motor.hot; fleet[2].name in an array of tables
	Old string // "" when the key is new
	New string // "" when the key is gone
}

// Difference is what differs between two configurations.
type Difference struct {
	Changes []Change // in the order of the new file, what is gone last
	// Comments: something else differs as well: a comment, the order of keys,
	// an empty line or a space.
	Comments bool
}

// CommentsKey stands for Comments in Only's list.
const CommentsKey = "comments"

// ErrDiff is a file that cannot be compared.
var ErrDiff = errors.New("not TOML that can be compared")

// Diff compares two live files key by key. Values are compared as they are
// written: 1e3 and 1000.0 differ. With no Changes and no Comments the files are
// the same bytes. It knows no schema; a key that is there twice is an error.
func Diff(older, newer []byte) (Difference, error) {
	a, err := readDocument(older)
	if err != nil {
		return Difference{}, fmt.Errorf("patch: diff: the old file: %w", err)
	}
	b, err := readDocument(newer)
	if err != nil {
		return Difference{}, fmt.Errorf("patch: diff: the new file: %w", err)
	}
	var d Difference
	for _, v := range b.values {
		if old, ok := a.find(v.key); !ok || old != v.text {
			d.Changes = append(d.Changes, Change{v.key, old, v.text})
		}
	}
	for _, v := range a.values {
		if _, ok := b.find(v.key); !ok {
			d.Changes = append(d.Changes, Change{v.key, v.text, ""})
		}
	}
	d.Comments = !bytes.Equal(a.rest(b), b.rest(a))
	return d, nil
}

// Empty reports whether the files are the same bytes.
func (d Difference) Empty() bool { return len(d.Changes) == 0 && !d.Comments }

// Keys are the keys that differ, CommentsKey last if there is more.
func (d Difference) Keys() []string {
	var keys []string
	for _, c := range d.Changes {
		keys = append(keys, c.Key)
	}
	if d.Comments {
		keys = append(keys, CommentsKey)
	}
	return keys
}

// OnlyError names what differs and was not allowed to.
type OnlyError struct{ Keys []string }

func (e *OnlyError) Error() string {
	return "patch: differs in more than was allowed: " + strings.Join(e.Keys, ", ") + "; take that back, or allow it"
}

// Only is nil when nothing differs but what allow lists: keys, tables
// (lock allows lock.ttl) and CommentsKey. Else it is an *OnlyError.
func (d Difference) Only(allow []string) error {
	var more []string
	for _, key := range d.Keys() {
		if !slices.ContainsFunc(allow, func(a string) bool {
			return key == a || strings.HasPrefix(key, a+".") || strings.HasPrefix(key, a+"[")
		}) {
			more = append(more, key)
		}
	}
	if more != nil {
		return &OnlyError{more}
	}
	return nil
}

// String is the difference in words: "identical but for lock.ttl, timestamp".
func (d Difference) String() string {
	if d.Empty() {
		return "identical"
	}
	return "identical but for " + strings.Join(d.Keys(), ", ")
}

// value is a key's value as it is written.
type value struct {
	key     string
	text    string
	at, end int // of the value
	from    int // of the key and its value in an inline table,
	to      int // one comma included
}

// line is what one expression fills: whole lines.
type line struct {
	from, to int
	values   []int  // of the document; an inline table has several
	header   string // of a table; "": a key and its value
	used     bool   // a header with keys below it
}

type document struct {
	data    []byte
	values  []value
	index   map[string]int
	lines   []line
	headers map[string]bool
}

func (d *document) find(key string) (text string, ok bool) {
	i, ok := d.index[key]
	if !ok {
		return "", false
	}
	return d.values[i].text, true
}

// rest is the document without its values, and without the lines of keys and
// tables that other has not: what remains are comments, headers, order and
// spaces. A table without keys remains: nothing else would show it.
func (d *document) rest(other *document) []byte {
	var out []byte
	at := 0
	cut := func(from, to int) {
		out = append(out, d.data[at:max(at, from)]...)
		at = max(at, to)
	}
	both := func(i int) bool { _, ok := other.find(d.values[i].key); return ok }
	for _, l := range d.lines {
		switch {
		case l.header != "" && l.used && !other.headers[l.header], l.header == "" && !slices.ContainsFunc(l.values, both):
			cut(l.from, l.to)
			continue
		}
		for _, i := range l.values {
			if v := d.values[i]; both(i) {
				cut(v.at, v.end)
				out = append(out, 0)
			} else {
				cut(v.from, v.to)
			}
		}
	}
	return append(out, d.data[at:]...)
}
