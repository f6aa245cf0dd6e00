package patch

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/aim-control/aimlock/firmware/plainjson"
)

// FieldError is what is wrong with a manifest or a revert.
type FieldError struct {
	File string // patch.json, revert.json
	Key  string // dotted; "": the document as a whole
	What string // and what to write instead
}

func (e *FieldError) Error() string {
	if e.Key == "" {
		return fmt.Sprintf("patch: %s: %s", e.File, e.What)
	}
	return fmt.Sprintf("patch: %s: %s: %s", e.File, e.Key, e.What)
}

type faultOf func(key, what string) error

func faults(file string) faultOf {
	return func(key, what string) error { return &FieldError{file, key, what} }
}

// object is a JSON object that must be used up: each key once, of its type,
// none left over. The getters return zero after the first fault, which done
// returns. encoding/json alone would fold the case of keys, let the last of two
// win and skip unknown ones: three ways in which two readers of one signed
// document may see two different patches.
type object struct {
	file, prefix string
	values       map[string]any // string plainjson.Number bool nil []string *object
	err          error
}

// readObject reads the one object that data is.
func readObject(file string, data []byte, limit int) (*object, error) {
	f := faults(file)
	if len(data) > limit {
		return nil, f("", fmt.Sprintf("%d bytes of at most %d; shorten notes or targets", len(data), limit))
	}
	if !utf8.Valid(data) {
		return nil, f("", "is not UTF-8; save it as UTF-8")
	}
	d, err := plainjson.Read(data) // the whole grammar, and nothing behind it
	if err != nil {
		var s *plainjson.SyntaxError
		if errors.As(err, &s) {
			return nil, f("", fmt.Sprintf("line %d: not JSON: want %s", 1+bytes.Count(data[:s.Offset], []byte("\n")), s.Want))
		}
		return nil, f("", fmt.Sprintf("not JSON: %v", err))
	}
	if d.Token() != plainjson.Delim('{') {
		return nil, f("", "is not a JSON object; it begins with {")
	}
	return members(d, file, "", 1)
}

// members reads an object's members after its brace.
func members(d *plainjson.Reader, file, prefix string, depth int) (*object, error) {
	o := &object{file: file, prefix: prefix, values: map[string]any{}}
	for d.More() {
		key, _ := d.Token().(string)
		if _, twice := o.values[key]; twice {
			return nil, o.fault(key, "is there twice; keep one")
		}
		var err error
		if o.values[key], err = o.value(d, key, depth); err != nil {
			return nil, err
		}
	}
	d.Token()
	return o, nil
}

func (o *object) value(d *plainjson.Reader, key string, depth int) (any, error) {
	switch t := d.Token(); {
	case t == plainjson.Delim('{') && depth < 2:
		return members(d, o.file, o.prefix+key+".", depth+1)
	case t == plainjson.Delim('['):
		list := []string{}
		for d.More() {
			s, ok := d.Token().(string)
			if !ok {
				return nil, o.fault(key, `holds something that is no text; write ["name", …]`)
			}
			list = append(list, s)
		}
		d.Token()
		return list, nil
	case t == plainjson.Delim('{'):
		return nil, o.fault(key, "is nested too deep; nothing here is")
	default:
		return t, nil
	}
}

func (o *object) fault(key, what string) error {
	if key = strings.TrimSuffix(o.prefix+key, "."); len(key) > 80 || !printable(key, false) {
		key = strconv.Quote(key[:min(len(key), 80)])
	}
	return &FieldError{o.file, key, what}
}

// take keeps the first error.
func (o *object) take(err error) {
	if o.err == nil {
		o.err = err
	}
}

// get uses a key up.
func (o *object) get(key string, required bool) (any, bool) {
	v, ok := o.values[key]
	delete(o.values, key)
	if !ok && required {
		o.take(o.fault(key, "is missing; add it"))
	}
	return v, ok
}

func (o *object) text(key string) string { return o.textOf(key, true) }

// optional is "" when the key is left out.
func (o *object) optional(key string) string { return o.textOf(key, false) }

func (o *object) textOf(key string, required bool) string {
	v, ok := o.get(key, required)
	s, isText := v.(string)
	if ok && !isText {
		o.take(o.fault(key, `is no text; write it in quotes`))
	}
	return s
}

func (o *object) texts(key string) []string {
	v, ok := o.get(key, true)
	l, isList := v.([]string)
	if ok && !isList {
		o.take(o.fault(key, `is no list; write ["name", …]`))
	}
	return l
}

func (o *object) integer(key string) int64 {
	v, ok := o.get(key, true)
	if !ok {
		return 0
	}
	s, _ := v.(plainjson.Number)
	n, err := strconv.ParseInt(string(s), 10, 64)
	if err != nil {
		o.take(o.fault(key, "is no whole number; write it in digits alone"))
	}
	return n
}

// schema comes before everything else: another one may have other keys.
func (o *object) schema() error {
	if n := o.integer("schema"); o.err == nil && n != Schema {
		return o.fault("schema", fmt.Sprintf("is %d, known is %d; update this program or make the patch anew", n, Schema))
	}
	return o.err
}

func (o *object) boolean(key string) bool {
	v, ok := o.get(key, true)
	b, isBool := v.(bool)
	if ok && !isBool {
		o.take(o.fault(key, "is neither true nor false"))
	}
	return b
}

// object is nil when the key is left out or null.
func (o *object) object(key string) *object {
	v, ok := o.get(key, false)
	d, isObject := v.(*object)
	if ok && v != nil && !isObject {
		o.take(o.fault(key, "is no object; write null or { … }"))
	}
	return d
}

// time is zero for "".
func (o *object) time(key, s string) time.Time {
	if s == "" {
		return time.Time{}
	}
	t, err := time.Parse(timeLayout, s)
	if err != nil || formatTime(t) != s {
		o.take(o.fault(key, fmt.Sprintf("%.40q is not a UTC time in whole seconds; write it like 2026-11-24T10:00:00Z", s)))
	}
	return t
}

// done returns the first fault; a key that nobody asked for is one.
func (o *object) done() error {
	least := ""
	for k := range o.values {
		if least == "" || k < least {
			least = k
		}
	}
	if len(o.values) > 0 {
		o.take(o.fault(least, "is not known; take it out, or correct its spelling"))
	}
	return o.err
}

func validName(s string) bool {
	return s != "" && len(s) <= 32 && s[0] != '-' && only(s, "-", false)
}

func validID(s string) bool {
	return s != "" && len(s) <= 64 && only(s[:1], "", true) && only(s, "._-", true)
}

func validNonce(s string) bool { return len(s) >= 16 && len(s) <= 64 && only(s, "", true) }

func isSHA256(s string) bool {
	if len(s) != 64 {
		return false
	}
	for _, c := range []byte(s) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// only: s has letters, digits and what else is listed, nothing more.
func only(s, also string, upper bool) bool {
	for _, c := range []byte(s) {
		switch {
		case c >= 'a' && c <= 'z', c >= '0' && c <= '9', upper && c >= 'A' && c <= 'Z', strings.IndexByte(also, c) >= 0:
		default:
			return false
		}
	}
	return true
}

// printable: what a terminal shows as it stands.
func printable(s string, lines bool) bool {
	for _, r := range s {
		if !strconv.IsPrint(r) && (r != '\n' || !lines) || r == utf8.RuneError {
			return false
		}
	}
	return true
}

// validTime: what timeLayout can say.
func validTime(t time.Time) bool {
	return t.Year() >= 2000 && t.Year() <= 9999 && t.Equal(t.Truncate(time.Second)) && t.Location() == time.UTC
}
