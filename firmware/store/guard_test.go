package store_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/aim-control/aimlock/firmware/durable"
	"github.com/aim-control/aimlock/firmware/store"
)

func TestRefusals(t *testing.T) {
	t.Parallel()
	disk := newDisk()
	s := open(t, disk)
	is(t, s.Stage(content(2), meta(2)), store.ErrNothingCommitted)
	is(t, s.Adopt(make([]byte, store.MaxContent+1)), durable.ErrTooLarge)
	must(t, s.Adopt(first))
	is(t, s.Adopt(content(2)), store.ErrNotFirst)
	is(t, s.Try(free), store.ErrPhase)
	is(t, s.Commit(), store.ErrPhase)
	is(t, s.Revert(free, "x", true), store.ErrPhase)
	is(t, s.Stage(content(2), meta(3)), store.ErrContent)
	is(t, s.Stage(make([]byte, store.MaxContent+1), meta(3)), durable.ErrTooLarge)
	for _, id := range []string{strings.Repeat("x", 65), "a b", "a\"", "é"} {
		m := meta(2)
		m.Patch = id
		is(t, s.Stage(content(2), m), store.ErrContent)
		m = meta(2)
		m.Rollout = id
		is(t, s.Stage(content(2), m), store.ErrContent)
	}
	phase(t, s, store.Idle, "")
	only(t, disk, 1)
	must(t, s.Stage(content(2), meta(2)))
	is(t, s.Restore("", free), store.ErrOpen)
	is(t, s.Commit(), store.ErrPhase)
	if s.Try(nil) == nil || s.Revert(nil, "", false) == nil || s.Restore("", nil) == nil {
		t.Error("no fence was asked for")
	}
	must(t, s.Drop("the\nwindow\xff "+strings.Repeat("é", 200)))
	st := s.Status()
	if st.Phase != store.Rejected || !strings.HasPrefix(st.Reason, "the window? é") || len(st.Reason) > 200 {
		t.Errorf("%v %q", st.Phase, st.Reason)
	}
	only(t, disk, 1)
	if _, err := store.Open(disk.Process(), store.Options{Live: live, Dir: dir, Keep: 1}); err == nil {
		t.Error("one generation is not enough to go back")
	}
}

func TestOneProcessAtATime(t *testing.T) {
	t.Parallel()
	disk := newDisk()
	s := adopted(t, disk)
	p := disk.Process()
	_, err := store.Open(p, store.Options{Live: live, Dir: dir})
	is(t, err, durable.ErrBusy)
	must(t, s.Close())
	must(t, open(t, p).Close())
	if n := disk.Descriptors() + p.Descriptors(); n != 0 {
		t.Errorf("%d descriptors left", n)
	}
}

func TestLocalVersionsNeverRaiseTheFloor(t *testing.T) {
	t.Parallel()
	s := adopted(t, newDisk())
	m := meta(9)
	m.Local = true
	must(t, s.Stage(content(9), m), s.Try(free), s.Commit())
	if s.HighVersion() != 0 {
		t.Errorf("highest version %d", s.HighVersion())
	}
	is(t, s.Restore("", free), store.ErrRestore) // it is no patch
	must(t, apply(s, 2))
}

func TestWhatOthersChange(t *testing.T) {
	t.Parallel()
	t.Run("the shadow", func(t *testing.T) {
		t.Parallel()
		disk := newDisk()
		s := adopted(t, disk)
		must(t, s.Stage(content(2), meta(2)))
		disk.Put(shadow, []byte("evil"), 0o644)
		is(t, s.Try(free), store.ErrChanged)
		phase(t, s, store.Staged, "")
		inForce(t, disk, first)
		must(t, s.Stage(content(2), meta(2)), s.Try(free))
	})
	t.Run("the shadow, at the last moment", func(t *testing.T) {
		t.Parallel()
		disk := newDisk()
		s := adopted(t, disk)
		must(t, s.Stage(content(2), meta(2)))
		swapped := false
		is(t, s.Try(func(write func() error) error {
			if !swapped {
				disk.Put(shadow, []byte("evil"), 0o644)
			}
			swapped = true
			return write()
		}), store.ErrChanged)
		phase(t, s, store.Reverted, "the switch failed")
		inForce(t, disk, first)
	})
	t.Run("the live file, on trial", func(t *testing.T) {
		t.Parallel()
		disk := newDisk()
		s := adopted(t, disk)
		must(t, s.Stage(content(2), meta(2)), s.Try(free))
		disk.Put(live, []byte("edit"), 0o644)
		is(t, s.Commit(), store.ErrChanged)
		must(t, s.Revert(free, "changed", false))
		inForce(t, disk, first)
	})
	t.Run("the committed copy is made anew before it is needed", func(t *testing.T) {
		t.Parallel()
		disk := newDisk()
		must(t, adopted(t, disk).Close())
		name := dir + "/" + hash(first) + ".toml"
		must(t, disk.Unlinkat(unix.AT_FDCWD, name, 0))
		s := open(t, disk)
		if _, _, ok := s.Committed(); ok {
			t.Error("committed without a copy")
		}
		must(t, s.Stage(content(2), meta(2)), s.Try(free))
		committed(t, s, 1)
		disk.Put(name, []byte("rot"), 0o644)
		must(t, s.Revert(free, "check", false))
		inForce(t, disk, first)
	})
	t.Run("the committed copy, with nothing to make it from", func(t *testing.T) {
		t.Parallel()
		disk := newDisk()
		must(t, adopted(t, disk).Close())
		disk.Put(dir+"/"+hash(first)+".toml", []byte("rot"), 0o644)
		disk.Put(live, []byte("edit"), 0o644)
		s := open(t, disk)
		must(t, s.Stage(content(2), meta(2)))
		is(t, s.Try(free), store.ErrDamaged)
		phase(t, s, store.Staged, "")
		inForce(t, disk, []byte("edit"))
	})
}

func TestLocalEditsAreLeftAlone(t *testing.T) {
	t.Parallel()
	disk := newDisk()
	s := adopted(t, disk)
	must(t, apply(s, 2))
	disk.Put(live, []byte("edit"), 0o600)
	for range 2 {
		must(t, s.Close())
		s = open(t, disk)
		st, err := s.Recover(stale)
		must(t, err)
		if st.Phase != store.Committed {
			t.Errorf("%v", st.Phase)
		}
		inForce(t, disk, []byte("edit"))
	}
	must(t, apply(s, 3)) // a patch replaces it, with its mode
	st, err := disk.Fstatat(unix.AT_FDCWD, live, 0)
	must(t, err)
	if st.Perm() != 0o600 {
		t.Errorf("mode %#o", st.Perm())
	}
}

func TestNoncesAndOffers(t *testing.T) {
	t.Parallel()
	disk := newDisk()
	s := adopted(t, disk)
	must(t, s.UseNonce("n1"), s.RaiseOffer(3, "ops"), s.RaiseOffer(3, "ops"))
	must(t, s.Close())
	s = open(t, disk)
	is(t, s.UseNonce("n1"), store.ErrUsed)
	if !s.NonceUsed("n1") || s.NonceUsed("n2") {
		t.Error("a nonce was forgotten or invented")
	}
	is(t, s.RaiseOffer(2, "ops"), store.ErrOldEpoch)
	is(t, s.RaiseOffer(3, "other"), store.ErrOldEpoch)
	must(t, s.RaiseOffer(4, "other"))
	if e, c := s.OfferEpoch(); e != 4 || c != "other" {
		t.Errorf("epoch %d of %q", e, c)
	}
	is(t, s.UseNonce(""), store.ErrContent)
	is(t, s.UseNonce(strings.Repeat("n", 65)), store.ErrContent)
	is(t, s.RaiseOffer(9, ""), store.ErrContent)
}

// The fullest state that there can be fits into its slot.
func TestBounds(t *testing.T) {
	t.Parallel()
	disk, wall := newDisk(), int64(1<<62)
	s, err := store.Open(disk, store.Options{Live: live, Dir: dir, Keep: 16, Wall: func() int64 { wall += 60_000; return wall }})
	must(t, err, s.Adopt(first))
	long := func(n int) string { return fmt.Sprintf("%04d%s", n, strings.Repeat("&", 60)) }
	why := strings.Repeat(`"\`, 300)
	const top = 1 << 62
	for n := range 40 {
		data := []byte(long(n))
		m := store.Meta{Patch: long(n), Rollout: long(n), Version: top + int64(n), SHA256: hash(data)}
		must(t, s.Stage(data, m), s.Try(free), s.Revert(free, why, true), s.Stage(data, m), s.Try(free), s.Commit())
		must(t, s.Stage(data, store.Meta{Patch: long(n), Rollout: long(n), Version: top, SHA256: hash(data), Local: true}), s.Drop(why))
	}
	for n := range 200 {
		must(t, s.UseNonce(long(n)))
	}
	must(t, s.RaiseOffer(1<<63, long(0)))
	for n := range 20 {
		must(t, s.Noted([]byte(long(n))))
	}
	if s.NonceUsed(long(71)) || !s.NonceUsed(long(72)) || len(s.History()) != 8 {
		t.Error("the oldest go, and only they")
	}
	if _, ok := s.Quarantined(top+23, hash([]byte(long(23)))); ok {
		t.Error("quarantine is not bounded")
	}
	if _, ok := s.Quarantined(top+24, hash([]byte(long(24)))); !ok {
		t.Error("quarantine has forgotten too early")
	}
	b := disk.Files()[dir+"/state"]
	if n := len(bytes.TrimRight(b[:len(b)/2], "\x00")); n < 16<<10 || n > 30<<10 {
		t.Errorf("the fullest state has %d bytes: the bounds do not fit the slot of 32 KiB", n)
	}
	if n := len(disk.Files()); n != 16+8+4 {
		t.Errorf("%d files", n)
	}
}
