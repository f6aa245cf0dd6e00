package store_test

import (
	"bytes"
	"fmt"
	"io/fs"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/aim-control/aimlock/firmware/durable/faultfs"
	"github.com/aim-control/aimlock/firmware/store"
)

// clocked is a store whose wall clock the test moves.
func clocked(t *testing.T, disk *faultfs.FS) (*store.Store, *atomic.Int64) {
	t.Helper()
	var now atomic.Int64
	now.Store(1e12)
	s, err := store.Open(disk, store.Options{Live: live, Dir: dir, Wall: now.Load})
	must(t, err)
	return s, &now
}

// listed is the history in short, newest first: "3 IDLE +6" is number 3, a local
// edit, content 6, which is kept.
func listed(t *testing.T, disk *faultfs.FS) string {
	t.Helper()
	p, err := store.Peek(disk.Process(), dir)
	must(t, err)
	var out []string
	for _, it := range p.Items {
		n := 0
		for k := 1; k < 26; k++ {
			if it.Meta.SHA256 == hash(content(k)) {
				n = k
			}
		}
		mark := "-"
		if data, err := store.PeekContent(disk.Process(), dir, it.Meta.SHA256); it.Kept {
			must(t, err)
			mark = "+"
			if !bytes.Equal(data, content(n)) {
				t.Errorf("content of %d is %.8q", it.N, data)
			}
		} else {
			is(t, err, fs.ErrNotExist)
		}
		if it.Committed {
			mark += "!"
		}
		out = append(out, fmt.Sprintf("%d %v%s %s%d", it.N, it.Phase, it.Reason, mark, n))
	}
	return strings.Join(out, ", ")
}

func TestHistory(t *testing.T) {
	t.Parallel()
	disk := newDisk()
	s, now := clocked(t, disk)
	step := func(want string, errs ...error) {
		t.Helper()
		must(t, errs...)
		if got := listed(t, disk); got != want {
			t.Errorf("history\n%s, want\n%s", got, want)
		}
		now.Add(3600_000)
	}
	step("")
	step("1 IDLE +1", s.Noted(first))
	step("1 COMMITTED +!1", s.Adopt(first)) // the very same
	step("1 COMMITTED +!1", s.Noted(first))
	step("2 COMMITTED +!2, 1 COMMITTED +1", apply(s, 2))
	step("3 IDLE +6, 2 COMMITTED +!2, 1 COMMITTED +1", s.Noted(content(6)))
	step("3 IDLE +6, 2 COMMITTED +!2, 1 COMMITTED +1", s.Noted(content(6)), s.Noted(content(2)))
	step("4 IDLE +1, 3 IDLE +6, 2 COMMITTED +!2, 1 COMMITTED +1", s.Noted(first)) // an old generation as a local change
	step("0 STAGED +3, 4 IDLE +1, 3 IDLE +6, 2 COMMITTED +!2, 1 COMMITTED +1", s.Stage(content(3), meta(3)))
	step("0 TRIAL +3, 4 IDLE +1, 3 IDLE +6, 2 COMMITTED +!2, 1 COMMITTED +1", s.Try(free))
	step("5 REVERTEDcheck -3, 4 IDLE +1, 3 IDLE +6, 2 COMMITTED +!2, 1 COMMITTED +1", s.Revert(free, "check", false))
	inForce(t, disk, content(2))
	committed(t, s, 2)
	step("6 IDLE +6, 5 REVERTEDcheck -3, 4 IDLE +1, 2 COMMITTED +!2, 1 COMMITTED +1", s.Noted(content(6)))
	step("7 COMMITTED +!3, 6 IDLE +6, 5 REVERTEDcheck +3, 4 IDLE +1, 2 COMMITTED +2, 1 COMMITTED +1", apply(s, 3))
	step("8 IDLE +6, 7 COMMITTED +!3, 5 REVERTEDcheck +3, 4 IDLE +1, 2 COMMITTED +2, 1 COMMITTED +1", s.Noted(content(6))) // again, after a patch
	if _, m, _ := s.Committed(); s.HighVersion() != 3 || m != meta(3) {
		t.Errorf("highest %d, committed %+v", s.HighVersion(), m)
	}
	if b, ok := s.Before(); !ok || b != meta(2) {
		t.Errorf("before: %+v", b)
	}
	step("9 REVERTEDrevert ordered -3, 8 IDLE +6, 5 REVERTEDcheck -3, 4 IDLE +1, 2 COMMITTED +!2, 1 COMMITTED +1", s.Restore(hash(content(2)), free))
	inForce(t, disk, content(2))
	before := listed(t, disk)
	must(t, s.Close())
	s = open(t, disk)
	if after := listed(t, disk); after != before {
		t.Errorf("after a restart:\n%s, before it:\n%s", after, before)
	}
	must(t, s.Close())
}

// A script that edits the file every ten seconds takes the places that are free
// and pushes nothing out; nor does anybody push a patch out.
func TestEditsAreBounded(t *testing.T) {
	t.Parallel()
	disk := newDisk()
	s, now := clocked(t, disk)
	must(t, s.Adopt(first), apply(s, 2))
	for n := range 5 {
		now.Add(60_000)
		must(t, s.Noted(content(10+n)))
	}
	now.Add(60_000)
	must(t, s.Noted(content(20)), s.Noted(content(21)))
	for n := range 200 {
		now.Add(10_000)
		must(t, s.Noted(fmt.Appendf(nil, "n = %d\n", n)))
	}
	must(t, s.Noted(content(4)))
	if got := listed(t, disk); got != "210 IDLE +4, 9 IDLE +21, 8 IDLE +20, 7 IDLE +14, 6 IDLE +13, 5 IDLE +12, 4 IDLE +11, 3 IDLE +10, 2 COMMITTED +!2, 1 COMMITTED +1" {
		t.Errorf("after a flood: %s", got)
	}
	for n := range 12 {
		now.Add(60_000)
		must(t, s.Noted(content(10+n)))
	}
	want := "222 IDLE +21, 221 IDLE +20, 220 IDLE +19, 219 IDLE +18, 218 IDLE +17, 217 IDLE +16, 216 IDLE +15, 215 IDLE +14, 2 COMMITTED +!2, 1 COMMITTED +1"
	if got := listed(t, disk); got != want {
		t.Errorf("after many: %s", got)
	}
	only(t, disk, 1, 2, 14, 15, 16, 17, 18, 19, 20, 21)
	now.Add(-1e9) // the clock was wrong
	must(t, s.Noted(content(5)))
	if got := listed(t, disk); !strings.HasPrefix(got, "223 IDLE +5, 222 IDLE +21, ") {
		t.Errorf("with the clock set back: %s", got)
	}
}

func TestPeekWhileOpenAndClosed(t *testing.T) {
	t.Parallel()
	disk := newDisk()
	if _, err := store.Peek(disk, dir); err == nil {
		t.Error("a past without a store")
	}
	s := adopted(t, disk)
	must(t, apply(s, 2))
	open := listed(t, disk)
	must(t, s.Close())
	if got := listed(t, disk); got != open || got == "" {
		t.Errorf("closed %q, open %q", got, open)
	}
	if p, err := store.Peek(disk, dir); err != nil || p.High != 2 || p.Op.Phase != store.Committed {
		t.Errorf("%+v %v", p, err)
	}
	disk.Put(dir+"/"+hash(first)+".toml", []byte("rot"), 0o644)
	_, err := store.PeekContent(disk, dir, hash(first))
	is(t, err, store.ErrDamaged)
	disk.Put(dir+"/state", bytes.Repeat([]byte{7}, 80<<10), 0o644)
	if _, err := store.Peek(disk, dir); err == nil {
		t.Error("a damaged state is believed")
	}
}
