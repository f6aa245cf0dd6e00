package patching

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/aim-control/aimlock/firmware/patch"
)

// Limits of a difference in words; --json has all of it.
const (
	maxChanges = 200 // keys
	maxValue   = 300 // characters
	maxKey     = 80  // characters
	besides    = 64  // characters of both values that stand on one line
)

// Lines is a difference as an operator wants to see it, a key a line:
//
//	version           41 → 42
//	lock.gc_interval  "10s" → "2s"
func Lines(d patch.Difference) []string {
	if d.Empty() {
		return []string{"nothing: the same bytes"}
	}
	changes := d.Changes[:min(len(d.Changes), maxChanges)]
	width := 0
	if d.Comments {
		width = len(patch.CommentsKey)
	}
	for _, c := range changes {
		width = max(width, utf8.RuneCountInString(Visible(c.Key, maxKey)))
	}
	var lines []string
	row := func(key, text string) {
		pad := strings.Repeat(" ", max(width-utf8.RuneCountInString(key), 0)+2)
		lines = append(lines, key+pad+text)
	}
	for _, c := range changes {
		was, is := Visible(c.Old, maxValue), Visible(c.New, maxValue)
		switch key := Visible(c.Key, maxKey); {
		case c.Old == "":
			row(key, "new: "+is)
		case c.New == "":
			row(key, was+" → gone")
		case utf8.RuneCountInString(was+is) > besides:
			row(key, was)
			row("", "→ "+is)
		default:
			row(key, was+" → "+is)
		}
	}
	if more := len(d.Changes) - len(changes); more > 0 {
		lines = append(lines, fmt.Sprintf("… and %d keys more (--json lists them all)", more))
	}
	if d.Comments {
		row(patch.CommentsKey, "changed (or the order of keys, or spaces)")
	}
	return lines
}

// Trivial reports whether nothing differs but what every patch changes.
func Trivial(d patch.Difference) bool { return d.Only(Allowed(nil)) == nil }

// Visible writes s in one line for a terminal, so that what differs looks
// different: line ends with what white space follows become one space, whatever
// else cannot be printed is written as \u…, and what lies beyond limit
// characters is counted.
func Visible(s string, limit int) string {
	var b strings.Builder
	n := 0
	for i, line := range strings.Split(strings.ReplaceAll(s, "\r\n", "\n"), "\n") {
		if i > 0 {
			line = " " + strings.TrimLeft(line, " \t")
		}
		for at, r := range line {
			if n++; n > limit {
				continue
			}
			switch {
			case r == utf8.RuneError && !strings.HasPrefix(line[at:], "\uFFFD"):
				fmt.Fprintf(&b, `\x%02X`, line[at])
			case unicode.IsPrint(r):
				b.WriteRune(r)
			default:
				fmt.Fprintf(&b, `\u%04X`, r)
			}
		}
	}
	if n > limit {
		fmt.Fprintf(&b, "… (%d characters)", n)
	}
	return b.String()
}

// Change is a patch.Change as --json prints it.
type Change struct {
	Key string `json:"key"`
	Old string `json:"old"` // "": the key is new
	New string `json:"new"` // "": the key is gone
}

// Difference is how a patch differs from a live file, as --json prints it.
type Difference struct {
	Live     string   `json:"live"`    // the file's name
	SHA256   string   `json:"sha256"`  // of it
	IsBase   bool     `json:"is_base"` // the patch names it as its base, or none
	Changes  []Change `json:"changes"`
	Comments bool     `json:"comments"`
	Unknown  string   `json:"unknown"` // why it cannot be told; "": it can

	diff patch.Difference
}

// Compare holds a live file against a patch's content.
func Compare(name string, live, content []byte, base string) *Difference {
	d := &Difference{Live: name, SHA256: patch.Hash(live), Changes: []Change{}}
	d.IsBase = base == "" || base == d.SHA256
	diff, err := patch.Diff(live, content)
	if err != nil {
		d.Unknown = Visible(strings.TrimPrefix(err.Error(), "patch: diff: "), maxValue)
		return d
	}
	d.diff, d.Comments = diff, diff.Comments
	for _, c := range diff.Changes {
		d.Changes = append(d.Changes, Change(c))
	}
	return d
}

// lines is the difference for a report, behind tabs.
func (d *Difference) lines() []string {
	if d.Unknown != "" {
		return []string{"Cannot be told: " + d.Unknown}
	}
	if d.diff.Empty() {
		return []string{"None: the same bytes as " + Visible(d.Live, maxKey) + "."}
	}
	out := []string{"Identical to " + Visible(d.Live, maxKey) + " but for:"}
	for _, l := range Lines(d.diff) {
		out = append(out, "\t"+l)
	}
	return slices.Clip(out)
}
