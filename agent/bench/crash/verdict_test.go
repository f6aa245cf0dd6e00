package main

import (
	"slices"
	"testing"

	"github.com/aim-control/aimlock/firmware/durable"
)

// The verdict must be able to fail.
func TestVerdict(t *testing.T) {
	t.Parallel()
	good := func() []row {
		return []row{
			{"renameio", false, "taped", counts{20, 0, 0, 2}},
			{"Replace", true, "taped", counts{29, 0, 0, 0}},
			{"Replace", true, "direct", counts{29, 0, 0, 0}},
			{"Replace, FAT-like", true, "fat", counts{32, 0, 2, 0}},
			{"Slots", true, "taped", counts{11, 0, 0, 0}},
			{"Slots", true, "direct", counts{11, 0, 0, 0}},
			{"Slots, FAT-like", true, "fat", counts{11, 0, 0, 0}},
		}
	}
	if p := verdict(good()); len(p) > 0 {
		t.Errorf("all is well: %q", p)
	}
	for what, spoil := range map[string]func(rows []row){
		"a weakness that is not found":      func(r []row) { r[0].old = 0 },
		"torn":                              func(r []row) { r[1].torn, r[2].torn = 1, 1 },
		"acknowledged but old":              func(r []row) { r[1].old, r[2].old = 1, 1 },
		"the tape differs from the run":     func(r []row) { r[1].states = 28 },
		"a split rename that loses nothing": func(r []row) { r[3].missing = 0 },
		"slots that lose on FAT":            func(r []row) { r[6].torn = 1 },
		"too few states":                    func(r []row) { r[0].states = 3 },
	} {
		rows := good()
		if spoil(rows); len(verdict(rows)) == 0 {
			t.Errorf("%s passes", what)
		}
	}
}

// Without any one of its syncs each of our ways loses something: the tape's
// enumeration sees what it is there to see.
func TestATapeWithoutASync(t *testing.T) {
	for _, w := range ways {
		if !w.ours {
			continue
		}
		full, err := record(w)
		if err != nil {
			t.Fatal(err)
		}
		syncs := 0
		for i, c := range full.calls {
			if c.name != "fsync" && c.name != "fdatasync" {
				continue
			}
			syncs++
			cut := tape{slices.Delete(slices.Clone(full.calls), i, i+1)}
			n, err := w.enumerate(func(sys durable.Sys) error { return cut.play(sys) }, false)
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("%s without %s, call %d: %+v", w.name, c.name, i, n)
			// The first sync of slots is for what another process wrote last: it
			// matters only if that one was killed.
			if lost := n.torn + n.missing + n.old; (lost == 0) != (w.name[0] == 'S' && syncs == 1) {
				t.Errorf("%s without %s, call %d: %+v", w.name, c.name, i, n)
			}
		}
		if syncs != 2 {
			t.Errorf("%s: %d syncs on the tape, want 2: %v", w.name, syncs, full.calls)
		}
	}
}

// The recorder's tapes are the calls that were made, in their order.
func TestTheTapeOfATruncation(t *testing.T) {
	tape, err := record(ways[0])
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, c := range tape.calls {
		names = append(names, c.name)
	}
	if want := []string{"openat", "write", "fsync", "close"}; !slices.Equal(names, want) {
		t.Errorf("%v, want %v", names, want)
	}
	if c := tape.calls[1]; c.off != 0 || string(c.data) != string(newData) {
		t.Errorf("a write of %d bytes at %d", len(c.data), c.off)
	}
}
