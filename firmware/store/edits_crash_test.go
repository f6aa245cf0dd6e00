package store_test

import (
	"bytes"

	"github.com/aim-control/aimlock/firmware/store"
)

// edit notes a local edit, content n. The plays' clock stands still at 0, so
// that a third one takes the place of the second.
func edit(n int) func(*store.Store) error {
	return func(s *store.Store) error { return s.Noted(content(n)) }
}

// edits judges the edits that a store knows of: each is one of ns, with its
// content, and at least the acknowledged one is there.
func (v view) edits(bad findings, acknowledged int, ns ...int) {
	there := acknowledged == 0
	for _, sha := range v.s.EditsKept() {
		n := 0
		for _, k := range ns {
			if sha == hash(content(k)) {
				n = k
			}
		}
		data, err := v.s.Load(sha)
		if n == 0 || err != nil || !bytes.Equal(data, content(n)) {
			bad.add("an edit without its content: %d, %v", n, err)
		}
		there = there || n >= acknowledged
	}
	if !there {
		bad.add("edit %d was acknowledged and is forgotten", acknowledged)
	}
}

func foundEdits(v view, done int, bad findings) {
	v.edits(bad, []int{0, 5, 6, 8}[done], 5, 6, 8)
	v.holds(bad, 2, 2, store.Committed, "")
}

// endedEdits: an edit neither becomes what a revert brings back nor raises the
// floor.
func endedEdits(v, _ view, done int, bad findings) {
	foundEdits(v, done, bad)
	if b, ok := v.s.Before(); !ok || b.SHA256 != hash(first) {
		bad.add("before the patch: %+v", b)
	}
}

func foundEditOnTrial(v view, done int, bad findings) {
	v.edits(bad, []int{0, 5, 5}[done], 5)
	foundReverting(v, max(done-1, 0), bad)
}

func endedEditOnTrial(v, found view, done int, bad findings) {
	v.edits(bad, []int{0, 5, 5}[done], 5)
	endedReverting(v, found, done, bad)
}
