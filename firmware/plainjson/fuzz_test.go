package plainjson

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"reflect"
	"testing"
)

// FuzzRead holds the grammar and every token against encoding/json's.
func FuzzRead(f *testing.F) {
	for _, s := range []string{
		`{"schema": 1, "targets": ["a", "b"], "x": {"y": null}, "t": true, "f": false}`, ` [ -0.5e+10 , 0, 1E9 ] `, `"\u00e9\ud834\udd1e\ud834\u0041\udd1e\"\\\/\b\f\n\r\t"`,
		`[1,]`, `{"a":1,}`, `{"a" 1}`, `01`, `-`, `1.`, `1e`, `"`, `"\x"`, `"\u12g4"`, "\"\n\"", `[}`, `{]`, `nul`, `truex`, `{} {}`, ``, "\"\xff\xed\xa0\x80\"", `[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := Read(b)
		if valid := json.Valid(b); valid != (err == nil) {
			if s := (*SyntaxError)(nil); valid && errors.As(err, &s) && s.Want == "less nesting" {
				return
			}
			t.Fatalf("%v, but encoding/json says %t", err, valid)
		}
		if err != nil {
			return
		}
		d := json.NewDecoder(bytes.NewReader(b))
		d.UseNumber()
		for {
			want, err := d.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			if more := r.More(); err == nil && more != (want != json.Delim('}') && want != json.Delim(']')) {
				t.Fatalf("more %t before %v", more, want)
			}
			if got := r.Token(); err != nil || !same(got, want) {
				t.Fatalf("%#v, want %#v %v", got, want, err)
			}
		}
		if got := r.Token(); got != Delim(0) {
			t.Fatalf("%#v behind the end", got)
		}
		r, _ = Read(b)
		if r.Skip(); r.Token() != Delim(0) {
			t.Fatal("skipping the value did not reach the end")
		}
	})
}

func same(got, want any) bool {
	switch w := want.(type) {
	case json.Delim:
		return got == Delim(w)
	case json.Number:
		return got == Number(w)
	}
	return got == want
}

// FuzzUnmarshal: what is taken is what encoding/json makes of it, but for keys
// of another case, and writing it gives the same bytes.
func FuzzUnmarshal(f *testing.F) {
	for _, v := range values() {
		b, err := Marshal(v)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var mine, theirs all
		if Unmarshal(b, &mine) != nil || foreignCase(b) {
			return
		}
		if err := json.Unmarshal(b, &theirs); err != nil || !reflect.DeepEqual(mine, theirs) {
			t.Fatalf("%v\n%+v\nwant\n%+v", err, mine, theirs)
		}
		got, err := Marshal(mine)
		if want := standardOf(theirs); err != nil || string(got) != want {
			t.Fatalf("%v\n%s\nwant\n%s", err, got, want)
		}
	})
}

func standardOf(v all) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(v)
	return string(bytes.TrimSuffix(b.Bytes(), []byte("\n")))
}

// foreignCase finds a text that only encoding/json takes for a key of ours.
func foreignCase(b []byte) bool {
	r, err := Read(b)
	if err != nil {
		return true
	}
	for {
		switch s := r.Token().(type) {
		case Delim:
			if s == 0 {
				return false
			}
		case string:
			for _, t := range []reflect.Type{reflect.TypeFor[all](), reflect.TypeFor[inner]()} {
				for i := range t.NumField() {
					if n := fieldAt(t, i).name; n != "" && n != s && bytes.EqualFold([]byte(n), []byte(s)) {
						return true
					}
				}
			}
		}
	}
}
