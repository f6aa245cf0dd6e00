package plainjson

import (
	"encoding"
	"fmt"
	"reflect"
	"strconv"
	"unicode/utf8"
)

// Marshal writes v in one line, without a line's end: structs, pointers to
// them, slices and arrays of texts, whole numbers and booleans, and what has
// MarshalText. Like encoding/json without SetEscapeHTML.
func Marshal(v any) ([]byte, error) {
	w := writer{}
	err := w.value(reflect.ValueOf(v), "")
	return w.b, err
}

// MarshalIndent writes v for people, two blanks a level.
func MarshalIndent(v any) ([]byte, error) {
	w := writer{indent: true}
	err := w.value(reflect.ValueOf(v), "")
	return w.b, err
}

type writer struct {
	b      []byte
	indent bool
	depth  int
}

func (w *writer) value(v reflect.Value, key string) error {
	switch k := v.Kind(); {
	case w.depth > MaxDepth:
		return &ValueError{key, "is nested too deep"}
	case k == reflect.Invalid, (k == reflect.Pointer || k == reflect.Slice) && v.IsNil():
		w.b = append(w.b, "null"...)
		return nil
	}
	if t, ok := v.Interface().(encoding.TextMarshaler); ok {
		text, err := t.MarshalText()
		w.text(string(text))
		return err
	}
	switch v.Kind() {
	case reflect.Pointer:
		return w.value(v.Elem(), key)
	case reflect.Struct:
		return w.members(v, key)
	case reflect.Slice, reflect.Array:
		if v.Type().Elem().Kind() != reflect.Uint8 { // bytes would be base64
			return w.elements(v, key)
		}
	case reflect.String:
		w.text(v.String())
		return nil
	case reflect.Bool:
		w.b = strconv.AppendBool(w.b, v.Bool())
		return nil
	}
	switch {
	case v.CanInt():
		w.b = strconv.AppendInt(w.b, v.Int(), 10)
	case v.CanUint():
		w.b = strconv.AppendUint(w.b, v.Uint(), 10)
	default:
		return &ValueError{key, fmt.Sprintf("%v cannot be written", v.Type())}
	}
	return nil
}

func (w *writer) members(v reflect.Value, key string) error {
	w.b = append(w.b, '{')
	w.depth++ // of what is inside
	n, err := w.fields(v, key, 0)
	if err != nil {
		return err
	}
	w.end(n, '}')
	return nil
}

// fields writes a struct's fields behind n others; those of an embedded struct
// stand among them.
func (w *writer) fields(v reflect.Value, key string, n int) (_ int, err error) {
	for i := range v.NumField() {
		f := fieldAt(v.Type(), i)
		switch {
		case f.embedded:
			if n, err = w.fields(v.Field(i), key, n); err != nil {
				return n, err
			}
			continue
		case f.name == "", f.omit && v.Field(i).IsZero():
			continue
		}
		w.next(n)
		n++
		w.text(f.name)
		w.b = append(w.b, ':')
		if w.indent {
			w.b = append(w.b, ' ')
		}
		if err := w.value(v.Field(i), key+"."+f.name); err != nil {
			return n, err
		}
	}
	return n, nil
}

func (w *writer) elements(v reflect.Value, key string) error {
	w.b = append(w.b, '[')
	w.depth++
	for i := range v.Len() {
		w.next(i)
		if err := w.value(v.Index(i), key); err != nil {
			return err
		}
	}
	w.end(v.Len(), ']')
	return nil
}

// next stands before a member, end behind the last.
func (w *writer) next(n int) {
	if n > 0 {
		w.b = append(w.b, ',')
	}
	w.line()
}

func (w *writer) end(n int, close byte) {
	if w.depth--; n > 0 {
		w.line()
	}
	w.b = append(w.b, close)
}

func (w *writer) line() {
	if w.indent {
		w.b = append(w.b, '\n')
		for range w.depth {
			w.b = append(w.b, "  "...)
		}
	}
}

func (w *writer) text(s string) { w.b = AppendText(w.b, s) }

// AppendText appends s in quotes. What is no UTF-8 becomes U+FFFD.
func AppendText(b []byte, s string) []byte {
	const hexDigits = "0123456789abcdef"
	b = append(b, '"')
	for len(s) > 0 {
		r, n := utf8.DecodeRuneInString(s)
		switch {
		case r == '"' || r == '\\':
			b = append(b, '\\', byte(r))
		case r == '\b':
			b = append(b, `\b`...)
		case r == '\f':
			b = append(b, `\f`...)
		case r == '\n':
			b = append(b, `\n`...)
		case r == '\r':
			b = append(b, `\r`...)
		case r == '\t':
			b = append(b, `\t`...)
		case r < ' ':
			b = append(b, '\\', 'u', '0', '0', hexDigits[r>>4], hexDigits[r&0xf])
		case r == '\u2028' || r == '\u2029':
			b = append(b, `\u202`...)
			b = append(b, hexDigits[r&0xf])
		case r == utf8.RuneError && n == 1:
			b = append(b, `\ufffd`...)
		default:
			b = append(b, s[:n]...)
		}
		s = s[n:]
	}
	return append(b, '"')
}
