package past

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"github.com/rogpeppe/go-internal/diff"

	"github.com/aim-control/aimlock/agent/cmd/aimctl/patching"
	"github.com/aim-control/aimlock/firmware/patch"
)

// Side is one of two configurations that are compared.
type Side struct {
	Name string // as a person knows it
	Data []byte
}

// Difference is how two configurations differ, as --json prints it.
type Difference struct {
	Old      File              `json:"old"`
	New      File              `json:"new"`
	Same     bool              `json:"same"`    // the same bytes
	Changes  []patching.Change `json:"changes"` // key by key
	Comments bool              `json:"comments"`
	Unknown  string            `json:"unknown"` // why it cannot be told key by key; "": it can
	Unified  string            `json:"unified"` // the text, as diff -u has it

	keys patch.Difference
}

// File names a side.
type File struct {
	Name   string `json:"name"`
	SHA256 string `json:"sha256"`
}

// Compare compares two configurations, one of which may have faults.
func Compare(older, newer Side) *Difference {
	d := &Difference{Old: File{older.Name, patch.Hash(older.Data)}, New: File{newer.Name, patch.Hash(newer.Data)},
		Same: bytes.Equal(older.Data, newer.Data), Changes: []patching.Change{}}
	if d.Same {
		return d
	}
	text := diff.Diff("old", older.Data, "new", newer.Data)
	_, text, _ = bytes.Cut(text, []byte("@@ "))
	d.Unified = "--- " + older.Name + "\n+++ " + newer.Name + "\n@@ " + string(text)
	var err error
	if d.keys, err = patch.Diff(older.Data, newer.Data); err != nil {
		d.Unknown = patching.Visible(strings.TrimPrefix(err.Error(), "patch: diff: "), 300)
		return d
	}
	d.Comments = d.keys.Comments
	for _, c := range d.keys.Changes {
		d.Changes = append(d.Changes, patching.Change(c))
	}
	return d
}

// Style is how a difference looks on a terminal; the zero Style is for files and
// pipes, and leaves the text as it is.
type Style struct {
	Terminal bool // what cannot be printed is written as \u…
	Colours  bool
}

// Write prints the text's difference and then the keys'.
func (d *Difference) Write(w io.Writer, s Style) error {
	if d.Same {
		_, err := fmt.Fprintf(w, "%s and %s are the same, byte for byte.\n", patching.Visible(d.Old.Name, 200), patching.Visible(d.New.Name, 200))
		return err
	}
	var b strings.Builder
	for i, line := range strings.Split(strings.TrimSuffix(d.Unified, "\n"), "\n") {
		b.WriteString(s.line(line, i < 2) + "\n")
	}
	b.WriteString("\nKey by key:\n")
	if d.Unknown != "" {
		b.WriteString("  cannot be told: " + d.Unknown + "\n")
	} else {
		for _, line := range patching.Lines(d.keys) {
			b.WriteString("  " + line + "\n")
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

const maxLine = 1000 // characters of a line on a terminal

func (s Style) line(line string, name bool) string {
	if s.Terminal {
		line = patching.Visible(strings.ReplaceAll(line, "\t", "    "), maxLine)
	}
	if !s.Colours || line == "" {
		return line
	}
	code := map[byte]string{'-': "31", '+': "32", '@': "36"}[line[0]]
	if name {
		code = "1"
	}
	if code == "" {
		return line
	}
	return "\x1b[" + code + "m" + line + "\x1b[0m"
}
