package locksmith

import (
	"context"
	"errors"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aim-control/aimlock/firmware/durable"
)

func TestDuplicateAndLateRelease(t *testing.T) {
	t.Parallel()
	s := open(t, folder(t), nil)
	old := acquire(t, s, claim("old"))
	if err := old.Release(); err != nil {
		t.Fatal(err)
	}
	current := acquire(t, s, claim("current"))
	for range 2 {
		if err := old.Release(); !errors.Is(err, ErrReleased) {
			t.Errorf("release again: %v", err)
		}
	}
	if err := errors.Join(old.Renew(), old.Commit(func() error { t.Error("committed"); return nil })); !errors.Is(err, ErrReleased) {
		t.Errorf("use after release: %v", err)
	}
	if seen := look(t, s, Held); seen.Record != current.Record() {
		t.Errorf("a late release changed the record: %+v", seen.Record)
	}
	if err := current.Release(); err != nil {
		t.Error(err)
	}
}

// The lock file is removed under a holder, who then thinks that it has the
// lock, while another gets it on a new file.
func TestOldEpochIsRefused(t *testing.T) {
	t.Parallel()
	for _, use := range []struct {
		name string
		call func(*Lease) error
	}{
		{"renew", (*Lease).Renew},
		{"commit", func(l *Lease) error {
			return l.Commit(func() error { return errors.New("the late write went through") })
		}},
		{"release", (*Lease).Release},
	} {
		t.Run(use.name, func(t *testing.T) {
			t.Parallel()
			dir := folder(t)
			s := open(t, dir, nil)
			old := acquire(t, open(t, dir, nil), claim("old"))
			if err := os.Remove(s.lock); err != nil {
				t.Fatal(err)
			}
			look(t, s, Dead) // its kernel lock is on no path any more
			current := acquire(t, s, claim("current"))
			defer current.Release()
			if e := current.Reclaimed(); e == nil || e.Verdict != Dead || e.OldEpoch != 1 || e.Epoch != 2 || !strings.Contains(e.Proof, "runs but no longer had it") {
				t.Errorf("evidence %v", e)
			}
			if err := use.call(old); !errors.Is(err, ErrStale) {
				t.Fatalf("late %s: %v", use.name, err)
			}
			if old.Context().Err() == nil {
				t.Error("the lost lease's context goes on")
			}
			if seen := look(t, s, Held); seen.Record != current.Record() {
				t.Errorf("record is %+v", seen.Record)
			}
			wrote := false
			if err := current.Commit(func() error { wrote = true; return nil }); err != nil || !wrote {
				t.Errorf("current commit: %v, wrote %v", err, wrote)
			}
			if err := current.Renew(); err != nil {
				t.Errorf("current renew: %v", err)
			}
		})
	}
}

// The lock file is the same, the kernel lock is lost without a word (a child
// with a copy of the descriptor unlocks it), another is granted the lease: the
// epoch alone stands against the late write. Ending an overdue lease by raising
// the epoch under the commit lock looks the same to its holder.
func TestEpochAloneRefuses(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	s := open(t, dir, nil)
	late := func(l *Lease) {
		t.Helper()
		if err := l.Commit(func() error { t.Error("the late write went through"); return nil }); !errors.Is(err, ErrStale) {
			t.Errorf("late commit: %v", err)
		}
		if err := l.Release(); !errors.Is(err, ErrStale) {
			t.Errorf("late release: %v", err)
		}
	}
	old := acquire(t, open(t, dir, nil), claim("old"))
	if err := s.sys.Unlock(old.fd); err != nil {
		t.Fatal(err)
	}
	current := acquire(t, s, claim("current"))
	late(old)
	if seen := look(t, s, Held); seen.Record != current.Record() {
		t.Errorf("record %+v", seen.Record)
	}

	unlock, err := s.lockCommit(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	seen, err := s.readRecord()
	if err != nil {
		t.Fatal(err)
	}
	if epoch, err := s.raiseEpoch(seen); err != nil || epoch != 3 {
		t.Errorf("raised to %d: %v", epoch, err)
	}
	unlock()
	late(current)
}

// Before anybody else is granted the lease a removed lock file is enough.
func TestRemovedLockFileEndsTheLease(t *testing.T) {
	t.Parallel()
	s := open(t, folder(t), nil)
	l := acquire(t, s, claim("holder"))
	if err := os.Remove(s.lock); err != nil {
		t.Fatal(err)
	}
	if err := l.Commit(func() error { t.Error("committed"); return nil }); !errors.Is(err, ErrStale) {
		t.Errorf("commit: %v", err)
	}
}

func TestLeaseNoticesItsLossByItself(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	s := open(t, dir, nil)
	old := acquire(t, s, claim("old"))
	if err := os.Remove(s.lock); err != nil {
		t.Fatal(err)
	}
	current := acquire(t, open(t, dir, nil), claim("current"))
	defer current.Release()
	select {
	case <-old.Context().Done():
	case <-time.After(20 * time.Second):
		t.Fatal("not noticed")
	}
	if err := context.Cause(old.Context()); !errors.Is(err, ErrStale) {
		t.Errorf("cause %v", err)
	}
}

// clock is an injected CLOCK_BOOTTIME.
type clock struct{ atomic.Int64 }

func (c *clock) host(h *Host) { h.Now = c.Load }

func TestExpiry(t *testing.T) {
	t.Parallel()
	var now clock
	now.Store(1000 * sec)
	s := open(t, folder(t), now.host)
	l := acquire(t, s, Claim{Role: RoleAgent, Holder: "aimd", TTL: 10 * time.Second})
	now.Add(9 * sec)
	if err := l.Renew(); err != nil {
		t.Fatal(err)
	}
	now.Add(9 * sec)
	if seen := look(t, s, Held); seen.Deadline != 1019*sec || seen.Record.Acquired != 1000*sec {
		t.Errorf("renewed: %+v", seen)
	}
	now.Add(sec)
	look(t, s, Overdue)
	if err := l.Commit(func() error { t.Error("committed"); return nil }); !errors.Is(err, ErrExpired) {
		t.Errorf("commit after the deadline: %v", err)
	}
	if err := l.Renew(); !errors.Is(err, ErrExpired) {
		t.Errorf("renew after the deadline: %v", err)
	}
	if err := l.Release(); err != nil {
		t.Errorf("release after the deadline: %v", err)
	}
	look(t, s, Free)
}

func TestContextEndsAtTheDeadline(t *testing.T) {
	t.Parallel()
	s := open(t, folder(t), nil)
	l := acquire(t, s, Claim{Role: RoleAgent, Holder: "aimd", TTL: 20 * time.Millisecond})
	defer l.Release()
	select {
	case <-l.Context().Done():
	case <-time.After(20 * time.Second):
		t.Fatal("goes on")
	}
	if err := context.Cause(l.Context()); !errors.Is(err, ErrExpired) {
		t.Errorf("cause %v", err)
	}
	if seen := look(t, s, Overdue); seen.At < seen.Deadline {
		t.Errorf("overdue at %d, deadline %d", seen.At, seen.Deadline)
	}
}

func TestLeaseIsBoundedByTodaysLimit(t *testing.T) {
	t.Parallel()
	var now clock
	now.Store(1000 * sec)
	limit := new(atomic.Int64)
	limit.Store(int64(time.Hour))
	s, err := Open(durable.Linux, paths(folder(t)), host(t, now.host), func() time.Duration { return time.Duration(limit.Load()) })
	if err != nil {
		t.Fatal(err)
	}
	for claimed, want := range map[time.Duration]int64{0: 3600, 5 * time.Second: 5, 9 * time.Hour: 3600} {
		l := acquire(t, s, Claim{Role: RoleAgent, Holder: "aimd", TTL: claimed})
		if got := look(t, s, Held); got.Deadline != (1000+want)*sec {
			t.Errorf("claimed %v: until %d", claimed, got.Deadline)
		}
		l.Release()
	}
	l := acquire(t, s, claim("long"))
	now.Add(31 * sec)
	look(t, s, Held)
	limit.Store(int64(30 * time.Second))
	look(t, s, Overdue)
	limit.Store(-1) // out of range counts as 30 s
	look(t, s, Overdue)
	l.Release()
}
