package plainjson

import (
	"encoding"
	"fmt"
	"reflect"
	"strconv"
	"strings"
)

// Unmarshal reads the value that data is into what v points to: structs, their
// pointers, slices and arrays of texts, whole numbers and booleans, and what
// has UnmarshalText. Keys that v does not know are skipped, what data lacks is
// left alone, null leaves a value alone and empties pointers and slices. After
// an error v may be filled in part.
func Unmarshal(data []byte, v any) error {
	r, err := Read(data)
	if err != nil {
		return err
	}
	p := reflect.ValueOf(v)
	if p.Kind() != reflect.Pointer || p.IsNil() {
		return &ValueError{"", "Unmarshal needs a pointer"}
	}
	return r.into(p.Elem(), "")
}

func (r *Reader) into(v reflect.Value, key string) error {
	if r.peek() == 'n' {
		r.Skip()
		if k := v.Kind(); k == reflect.Pointer || k == reflect.Slice {
			v.SetZero()
		}
		return nil
	}
	if u, ok := v.Addr().Interface().(encoding.TextUnmarshaler); ok && v.Kind() != reflect.Pointer {
		s, ok := r.Token().(string)
		if !ok {
			return &ValueError{key, "is no text"}
		}
		return u.UnmarshalText([]byte(s))
	}
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			v.Set(reflect.New(v.Type().Elem()))
		}
		return r.into(v.Elem(), key)
	case reflect.Struct:
		return r.members(v, key)
	case reflect.Slice, reflect.Array:
		return r.elements(v, key)
	}
	return scalar(v, key, r.Token())
}

func (r *Reader) members(v reflect.Value, key string) error {
	if r.Token() != Delim('{') {
		return &ValueError{key, "is no object"}
	}
	for r.More() {
		name, _ := r.Token().(string)
		f := field(v, name)
		if !f.IsValid() {
			r.Skip()
		} else if err := r.into(f, strings.TrimPrefix(key+"."+name, ".")); err != nil {
			return err
		}
	}
	r.Token()
	return nil
}

// field finds the field of that name, one of an embedded struct if need be; the
// zero Value: there is none.
func field(v reflect.Value, name string) (found reflect.Value) {
	for i := range v.NumField() {
		switch f := fieldAt(v.Type(), i); {
		case f.embedded:
			if !found.IsValid() {
				found = field(v.Field(i), name)
			}
		case f.name == name && name != "":
			return v.Field(i)
		}
	}
	return found
}

// fieldOf is a field's name in JSON; "": none. omit: left out when it is zero.
// embedded: a struct whose fields stand for it.
type fieldOf struct {
	name     string
	omit     bool
	embedded bool
}

func fieldAt(t reflect.Type, i int) fieldOf {
	f := t.Field(i)
	name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
	switch {
	case !f.IsExported() || name == "-" && options == "":
		return fieldOf{}
	case f.Anonymous && name == "" && f.Type.Kind() == reflect.Struct:
		return fieldOf{embedded: true}
	case name == "":
		name = f.Name
	}
	return fieldOf{name: name, omit: options == "omitempty"}
}

func (r *Reader) elements(v reflect.Value, key string) error {
	if r.Token() != Delim('[') {
		return &ValueError{key, "is no list"}
	}
	n := 0
	if v.Kind() == reflect.Slice {
		v.Set(reflect.MakeSlice(v.Type(), 0, 0))
	} else {
		v.SetZero()
	}
	for ; r.More(); n++ {
		if v.Kind() == reflect.Slice {
			v.Set(reflect.Append(v, reflect.Zero(v.Type().Elem())))
		}
		if n >= v.Len() {
			r.Skip()
		} else if err := r.into(v.Index(n), key); err != nil {
			return err
		}
	}
	r.Token()
	return nil
}

// scalar takes a token over.
func scalar(v reflect.Value, key string, token any) error {
	number, _ := token.(Number) // "" is none that strconv takes
	var err error
	switch v.Kind() {
	case reflect.String:
		s, ok := token.(string)
		if !ok {
			return &ValueError{key, "is no text"}
		}
		v.SetString(s)
	case reflect.Bool:
		b, ok := token.(bool)
		if !ok {
			return &ValueError{key, "is neither true nor false"}
		}
		v.SetBool(b)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		var n int64
		n, err = strconv.ParseInt(string(number), 10, v.Type().Bits())
		v.SetInt(n)
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		var n uint64
		n, err = strconv.ParseUint(string(number), 10, v.Type().Bits())
		v.SetUint(n)
	default:
		return &ValueError{key, fmt.Sprintf("%v cannot be read", v.Type())}
	}
	if err != nil {
		return &ValueError{key, "is no whole number that fits"}
	}
	return nil
}
