package past

import (
	"bytes"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aim-control/aimlock/firmware/durable/faultfs"
	"github.com/aim-control/aimlock/firmware/store"
)

// TestInForce: of rows with the same content the newest that stayed is in force,
// and none while another content is on trial.
func TestInForce(t *testing.T) {
	t.Parallel()
	const a, b = "aaaaaaaaaaaaaaaa", "bbbbbbbbbbbbbbbb"
	p := &store.Past{Items: []store.Item{
		{N: 4, Meta: store.Meta{Patch: "p2", SHA256: a, Version: 3}, Phase: store.Reverted, Reason: "check"},
		{N: 3, Meta: store.Meta{SHA256: a, Local: true}, Phase: store.Idle, Kept: true, At: 70},
		{N: 2, Meta: store.Meta{Patch: "p1", SHA256: b, Version: 2}, Phase: store.Committed, Committed: true, Kept: true},
		{N: 1, Meta: store.Meta{SHA256: a, Local: true}, Phase: store.Committed, Kept: true, At: 50},
	}}
	notes := Notes{{SHA256: a, Who: "ann", AtMS: 60}, {SHA256: a, Who: "bob", AtMS: 80}}
	states := func() (out string) {
		for _, r := range List(p, a, func(string) int64 { return 9 }, notes) {
			out += fmt.Sprintf("%d v%d %s %s; ", r.N, r.Version, r.State, r.From())
		}
		return out
	}
	if got := states(); got != "4 v3 reverted p2; 3 v9 in force local: ann; 2 v2 committed p1; 1 v9 committed local; " {
		t.Error(got)
	}
	p.Op = store.Status{Phase: store.Trial}
	if got := states(); strings.Contains(got, InForce) {
		t.Error(got)
	}
}

// TestNotes are bounded, and whose who was first goes first.
func TestNotes(t *testing.T) {
	t.Parallel()
	fs := faultfs.New()
	fs.Put("/state/x", nil, 0o644)
	for n := range 3 * maxNotes {
		notes, err := ReadNotes(fs, "/state")
		if err == nil {
			err = notes.Add(fs, "/state", Note{SHA256: fmt.Sprint(n), Who: strings.Repeat("w", 64), How: "aimctl config edit", AtMS: int64(n)})
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	notes, err := ReadNotes(fs, "/state")
	if err != nil || len(notes) != maxNotes || notes[0].SHA256 != fmt.Sprint(2*maxNotes) {
		t.Errorf("%d notes, %v", len(notes), err)
	}
	if who := notes.who(fmt.Sprint(3*maxNotes-1), 1000); who == "" {
		t.Error("the newest is forgotten")
	}
	for _, bad := range []string{"{", strings.Repeat(" ", maxNotesFile+1)} {
		fs.Put(filepath.Join("/state", "edited_by.json"), []byte(bad), 0o644)
		if _, err := ReadNotes(fs, "/state"); err == nil || !strings.Contains(err.Error(), "edited_by.json") {
			t.Errorf("%.5q: %v", bad, err)
		}
	}
}

// TestDifference on a terminal cannot move its cursor; elsewhere it is what diff
// -u says, which patch(1) takes.
func TestDifference(t *testing.T) {
	t.Parallel()
	d := Compare(Side{"old\x1b[2J", []byte("version = 1\n# gone\ta\n")}, Side{"new", []byte("version = 2\n-- # \x1b[2J")})
	var plain, coloured bytes.Buffer
	if err := d.Write(&plain, Style{}); err != nil {
		t.Fatal(err)
	}
	if err := d.Write(&coloured, Style{Terminal: true, Colours: true}); err != nil {
		t.Fatal(err)
	}
	want := "--- old\x1b[2J\n+++ new\n@@ -1,2 +1,2 @@\n-version = 1\n-# gone\ta\n+version = 2\n+-- # \x1b[2J\n\\ No newline at end of file\n\nKey by key:\n  cannot be told: "
	if got := plain.String(); !strings.HasPrefix(got, want) {
		t.Errorf("%q", got)
	}
	shown := coloured.String()
	for _, code := range []string{"\x1b[1m", "\x1b[0m", "\x1b[31m", "\x1b[32m", "\x1b[36m"} {
		if !strings.Contains(shown, code) {
			t.Errorf("%q is missing in %q", code, shown)
		}
		shown = strings.ReplaceAll(shown, code, "")
	}
	if strings.ContainsAny(shown, "\x1b\t") || !strings.Contains(shown, `+-- # \u001B[2J`) {
		t.Errorf("%q", shown)
	}
	same := Compare(Side{"a", nil}, Side{"b", nil})
	if !same.Same || same.Unified != "" {
		t.Errorf("%+v", same)
	}
}

// TestWrite has a column for each, as wide as it must be, and one row in bold.
func TestWrite(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	rows := []Row{
		{SHA256: "0123456789abcdef", Patch: "north-12", State: Trial},
		{N: 12, Version: 7, SHA256: "fedcba98765432100", AtMS: 1000, Local: true, State: InForce},
		{N: 3, Version: 12345, SHA256: "00", Patch: "x", State: Rejected, Reason: "floor:\n too\x1b hot"},
	}
	if err := Write(&b, rows, time.UTC, func(s string) string { return "<" + s + ">" }); err != nil {
		t.Fatal(err)
	}
	const want = ` #  VERSION  SHA-256       WHEN                 FROM      STATE
 -        -  0123456789ab  -                    north-12  on trial
<12        7  fedcba987654  1970-01-01 00:00:01  local     in force>
 3    12345  00            -                    x         rejected: floor: too hot
`
	if b.String() != want {
		t.Errorf("got\n%s\nwant\n%s", b.String(), want)
	}
}
