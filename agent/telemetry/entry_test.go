package telemetry

import (
	"bytes"
	"testing"
)

// TestEntryEvents reads the number of an entry's newest event without its
// decoder, for this boot only, and refuses what is not whole.
func TestEntryEvents(t *testing.T) {
	t.Parallel()
	event, err := Append(nil, &Event{Schema: Schema, Boot: "b1", N: 300, Text: "n", Evidence: []Evidence{{"n", "b"}}})
	if err != nil {
		t.Fatal(err)
	}
	report, err := Append(nil, &Report{Schema: Schema, Boot: "b1", N: 1 << 40, Evidence: []Evidence{{"n", "b"}}})
	if err != nil {
		t.Fatal(err)
	}
	newer := bytes.Replace(bytes.Clone(event), []byte("\xa1v\x01"), []byte("\xa1v\x02"), 1)
	for _, c := range []struct {
		name  string
		entry []byte
		boot  string
		n     uint64
		ok    bool
	}{
		{"event", EventEntry(event), "b1", 300, true},
		{"report", ReportEntry(report, 17), "b1", 17, true},
		{"event of another boot", EventEntry(event), "b2", 0, false},
		{"report of another boot", ReportEntry(report, 17), "b2", 0, false},
		{"event of a newer schema", EventEntry(newer), "b1", 0, false},
		{"no schema", []byte("\x81\xa1b\xa2b1"), "b1", 0, false},
		{"boot is no text", []byte("\x82\xa1v\x01\xa1b\x07"), "b1", 0, false},
		{"no map", []byte("\x91\x01"), "", 0, false},
		{"empty", nil, "b1", 0, false},
		{"bytes behind it", append(bytes.Clone(event), 0xc0), "b1", 0, false},
	} {
		if n, ok := EntryEvents(c.entry, c.boot); n != c.n || ok != c.ok {
			t.Errorf("%s: %d %t, want %d %t", c.name, n, ok, c.n, c.ok)
		}
	}
	for i := range event {
		if n, ok := EntryEvents(event[:i], "b1"); ok {
			t.Errorf("%d of %d bytes: %d", i, len(event), n)
		}
	}
}
