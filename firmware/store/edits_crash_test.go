package store_test

import (
	"bytes"
	"errors"

	"github.com/aim-control/aimlock/firmware/store"
)

// edit notes a local edit, content n. The plays' clock stands still at 0, so
// that one beyond those that have room takes the place of the newest.
func edit(n int) func(*store.Store) error {
	return func(s *store.Store) error { return s.Noted(content(n)) }
}

// follows is the edit that may have come after an acknowledged one.
var follows = map[int]int{9: 5, 5: 6, 6: 8}

// edited has room for one edit more.
func edited(s *store.Store) error {
	err := patched(s)
	for n := 9; n < 15; n++ {
		err = errors.Join(err, s.Noted(content(n)))
	}
	return err
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
		there = there || n == acknowledged || n == follows[acknowledged]
	}
	if !there {
		bad.add("edit %d was acknowledged and is forgotten", acknowledged)
	}
}

func foundEdits(v view, done int, bad findings) {
	v.edits(bad, []int{9, 5, 6, 8}[done], 5, 6, 8, 9, 10, 11, 12, 13, 14)
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
