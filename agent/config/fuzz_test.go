package config

import (
	"bytes"
	"errors"
	"maps"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	toml "github.com/pelletier/go-toml/v2"
)

// seeds are the inputs of the golden files.
func seeds(f *testing.F, read func(name string) []byte) {
	for _, name := range []string{"testdata/live.txt", "testdata/identity.txt"} {
		for _, part := range strings.Split(string(read(name)), "\n== ")[1:] {
			_, rest, _ := strings.Cut(part, "\n")
			input, _, _ := strings.Cut(rest, "\n--\n")
			f.Add([]byte(input + "\n"))
		}
	}
	for _, s := range []string{
		"a.b.c = 1\na.b.d = 2\n[a.x]\n", "[a.b.c]\nz = 9\n[a]\nb.c.t = 1\n", "[a.b.c]\n[a]\nb.x = 1\n", "[[a.b]]\n[a]\nb.c = 1\n",
		"a = [{x=1},{x=1,x=2}]\n", "[[a]]\nb = 1\n[[a]]\nb = 2\n[a.c]\n[a.c.d]\n[[a]]\n[a.c]\n", "a = 1979-05-27 07:32:00.5-07:00\n",
		"a = 1979-05-27T24:00:00Z\n", "a = +1_0.0e-1_0\nb = -inf\nc = +nan\nd = 0xFF_F\ne = 0b1\nf = -0\n", "a = 07:32:00\nb = 1979-05-27\n",
	} {
		f.Add([]byte(s))
	}
}

// wellFormed checks what every error of this package must be.
func wellFormed(t *testing.T, data []byte, err error) {
	var ps Problems
	if err == nil {
		return
	} else if !errors.As(err, &ps) || len(ps) == 0 || len(ps) > MaxProblems {
		t.Fatalf("%T of %d: %v", err, len(ps), err)
	}
	lines := bytes.Split(data, []byte{'\n'})
	for _, p := range ps {
		switch {
		case p.File != "f" || p.What == "" || p.Remedy == "" || strings.ContainsRune(p.Error(), '\n') || !utf8.ValidString(p.Error()):
			t.Fatalf("%+v lacks something", p)
		case p.Line < 1 || p.Line > len(lines) || p.Col < 1 || p.Col > utf8.RuneCount(lines[p.Line-1])+1:
			t.Fatalf("%+v lies outside the file", p)
		case strings.Contains(p.Error(), "%!") && !bytes.Contains(data, []byte("%!")):
			t.Fatalf("%q is a broken format", p.Error())
		}
	}
}

// FuzzParseLive holds that every error has its place, and that no file passes
// which other programs on the drone could not read.
func FuzzParseLive(f *testing.F) {
	seeds(f, readSeed(f))
	f.Fuzz(func(t *testing.T, data []byte) {
		l, err := CheckLive("f", data, Safety{MotorHotMax: 110, Require: []string{"lock"}, MaxHoldMax: 150e9})
		wellFormed(t, data, err)
		if (l == nil) != (err != nil) {
			t.Fatalf("%v and %v", l, err)
		}
		if err != nil {
			return
		}
		if err := toml.Unmarshal(data, new(map[string]any)); err != nil {
			t.Fatalf("passes, but: %v", err)
		}
		if sp := l.SafePause; sp.Motor.Clear >= sp.Motor.Hot || sp.Motor.Hot > 110 || sp.MaxHold < 1e9 || sp.MaxHold > 150e9 {
			t.Fatalf("passes with %+v", sp)
		}
	})
}

func FuzzParseIdentity(f *testing.F) {
	seeds(f, readSeed(f))
	f.Fuzz(func(t *testing.T, data []byte) {
		id, err := ParseIdentity("f", data)
		wellFormed(t, data, err)
		if (id == nil) != (err != nil) {
			t.Fatalf("%v and %v", id, err)
		}
	})
}

// FuzzTOML holds our reading of TOML against go-toml's decoder: what is a
// document to the one is a document to the other.
func FuzzTOML(f *testing.F) {
	seeds(f, readSeed(f))
	f.Fuzz(func(t *testing.T, data []byte) {
		r := &reader{document: parse("f", data, MaxLive)}
		r.foreignValue("x", r.root)
		err, want := r.err(), toml.Unmarshal(data, new(map[string]any))
		wellFormed(t, data, err)
		if (err == nil) == (want == nil) || err != nil && strings.Contains(err.Error(), "more than 32") {
			return
		}
		t.Fatalf("we say %v, go-toml says %v", err, want)
	})
}

// FuzzSet holds that an edit changes the key and nothing else.
func FuzzSet(f *testing.F) {
	read := readSeed(f)
	for _, key := range []string{"lock.ttl", "mission.x", "safe_pause.motor.hot", "a", "a.b.c"} {
		f.Add(read("testdata/"+LiveName), key, "3s")
		f.Add([]byte("a.b.d = 1\nmission = { y = 1 }\n[safe_pause.motor]\n[lock]\n"), key, "[1, 2]")
	}
	f.Fuzz(func(t *testing.T, data []byte, key, value string) {
		out, err := Set(data, key, value)
		if err != nil {
			return
		}
		before, after := map[string]any{}, map[string]any{} // an empty document leaves them as they are
		if toml.Unmarshal(data, &before) != nil {
			return // a number that is none, which Set may well mend
		}
		if err := toml.Unmarshal(out, &after); err != nil {
			t.Fatalf("%q is not TOML: %v", out, err)
		}
		parts := strings.Split(key, ".")
		if got := take(after, parts); got == nil {
			t.Fatalf("%q lacks %s", out, key)
		}
		take(before, parts)
		if !reflect.DeepEqual(prune(before), prune(after)) && !strings.Contains(string(data), "nan") {
			t.Fatalf("%q = %q in %q changes more: %q", key, value, data, out)
		}
	})
}

// take removes a key from a document and returns its value.
func take(doc map[string]any, parts []string) any {
	for _, p := range parts[:len(parts)-1] {
		sub, ok := doc[p].(map[string]any)
		if !ok {
			return nil
		}
		doc = sub
	}
	v := doc[parts[len(parts)-1]]
	delete(doc, parts[len(parts)-1])
	return v
}

// prune removes empty tables, which an edit may have made.
func prune(doc map[string]any) map[string]any {
	maps.DeleteFunc(doc, func(_ string, v any) bool {
		sub, ok := v.(map[string]any)
		return ok && len(prune(sub)) == 0
	})
	return doc
}
