package board

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	toml "github.com/pelletier/go-toml/v2"
)

// FuzzParse: no input panics; every problem has a line of the file and a
// remedy on one line; what is accepted keeps the rules and is TOML to a full
// decoder too, so that no key stands in it twice.
func FuzzParse(f *testing.F) {
	f.Add([]byte(example(f)))
	f.Fuzz(func(t *testing.T, data []byte) {
		b, err := Parse("f", data)
		if err == nil {
			if err := b.Check(); err != nil {
				t.Fatal(err)
			}
			var m map[string]any
			if err := toml.Unmarshal(data, &m); err != nil {
				t.Fatalf("accepted, but %v", err)
			}
			return
		}
		var ps Problems
		if b != nil || !errors.As(err, &ps) || len(ps) == 0 || len(ps) > maxProblems {
			t.Fatalf("%v, %v", b, err)
		}
		lines := 1 + bytes.Count(data, []byte{'\n'})
		for _, p := range ps {
			s := p.Error()
			if p.Line < 1 || p.Line > lines || p.Remedy == "" || strings.ContainsRune(s, '\n') || !utf8.ValidString(s) {
				t.Fatalf("%q, of %d lines", s, lines)
			}
		}
	})
}
