package patching

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestLines(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("long ", 8)
	var many strings.Builder
	for i := range maxChanges + 5 {
		fmt.Fprintf(&many, "k%d = 1\n", i)
	}
	for _, c := range []struct {
		name, older, newer string
		want               []string
	}{
		{"nothing", "a = 1\n", "a = 1\n", []string{"None: the same bytes as x."}},
		{"values, aligned", "a = 1\nlong_key = \"b\"\n", "a = 2\nlong_key = \"c\"\n", []string{"Identical to x but for:", "\ta         1 → 2", "\tlong_key  \"b\" → \"c\""}},
		{"new, gone, comments", "# x\na = 1\nb = 2\n", "a = 1\nc = 3\n", []string{"Identical to x but for:", "\tc         new: 3", "\tb         2 → gone", "\tcomments  changed (or the order of keys, or spaces)"}},
		{"long values stand on two lines", "a = \"" + long + "\"", "a = \"" + long + "!\"", []string{"Identical to x but for:", "\ta  \"" + long + "\"", "\t   → \"" + long + "!\""}},
		{"a list over lines", "a = [\n  1,\n  2,\n]\n", "a = [1]\n", []string{"Identical to x but for:", "\ta  [ 1, 2, ] → [1]"}},
		{"two spaces are not one", "a = 'x  y'", "a = 'x y'", []string{"Identical to x but for:", "\ta  'x  y' → 'x y'"}},
	} {
		if got := Compare("x", []byte(c.older), []byte(c.newer), "").lines(); !slices.Equal(got, c.want) {
			t.Errorf("%s: got\n%q\nwant\n%q", c.name, got, c.want)
		}
	}
	if d := Compare("x", []byte("a = ["), []byte("a = 1"), ""); !strings.HasPrefix(d.lines()[0], "Cannot be told: the old file: ") || len(d.Changes) > 0 {
		t.Errorf("no TOML: %q, %v", d.lines(), d.Changes)
	}
	got := Compare("x", nil, []byte(many.String()), "").lines()
	if n := len(got); n != maxChanges+2 || got[n-1] != "\t… and 5 keys more (--json lists them all)" {
		t.Errorf("%d lines, the last %q", n, got[n-1])
	}
}

// What differs must look different, and nothing may move the cursor.
func TestVisible(t *testing.T) {
	t.Parallel()
	for _, c := range [][2]string{
		{"\"plain ä €\"", "\"plain ä €\""},
		{"a\x1b[2J", `a\u001B[2J`},
		{"a\u202Eb", `a\u202Eb`},
		{"a\u0085b\u00ad", `a\u0085b\u00AD`},
		{"\xff\uFFFD", `\xFF` + "\uFFFD"},
		{"[\r\n  1,\n\t2 ]\r", `[ 1, 2 ]\u000D`},
		{strings.Repeat("ä", 12), strings.Repeat("ä", 10) + "… (12 characters)"},
	} {
		limit := 100
		if strings.HasPrefix(c[0], "ää") {
			limit = 10
		}
		if got := Visible(c[0], limit); got != c[1] {
			t.Errorf("%q: got %q, want %q", c[0], got, c[1])
		}
	}
}
