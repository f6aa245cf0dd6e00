package locksmith

import (
	"context"
	"errors"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/aim-control/aimlock/firmware/durable"
)

func TestAcquireAndRelease(t *testing.T) {
	t.Parallel()
	s := open(t, folder(t), nil)
	look(t, s, Free)
	for epoch := uint64(1); epoch <= 3; epoch++ {
		l := acquire(t, s, Claim{Role: RoleOrchestrator, Holder: "fleet-updater", Reason: "cycle", TTL: 10 * time.Second})
		if l.Epoch() != epoch || l.Reclaimed() != nil {
			t.Errorf("epoch %d, want %d; reclaimed %v", l.Epoch(), epoch, l.Reclaimed())
		}
		seen := look(t, s, Held)
		if seen.Record != l.Record() || seen.Deadline-seen.Record.Acquired != 10*sec {
			t.Errorf("seen %+v, have %+v", seen.Record, l.Record())
		}
		if !strings.HasPrefix(seen.Who(), "fleet-updater (pid ") || !strings.HasSuffix(seen.Who(), ", orchestrator)") {
			t.Errorf("who: %s", seen.Who())
		}
		if err := l.Release(); err != nil {
			t.Fatal(err)
		}
		if !errors.Is(context.Cause(l.Context()), ErrReleased) {
			t.Errorf("context: %v", context.Cause(l.Context()))
		}
		if free := look(t, s, Free); free.Record.Epoch != epoch || free.Who() != "nobody" {
			t.Errorf("kept as evidence: %+v", free)
		}
	}
}

func TestRefusedNamesTheHolder(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	l := acquire(t, open(t, dir, nil), claim("first"))
	defer l.Release()
	second, err := open(t, dir, nil).Acquire(context.Background(), claim("second"))
	var refused *Refused
	if !errors.As(err, &refused) || second != nil {
		t.Fatalf("got %v, %v", second, err)
	}
	if refused.Look.Verdict != Held || refused.Look.Record != l.Record() || refused.Err != nil {
		t.Errorf("refused by %+v", refused.Look)
	}
	if !strings.Contains(err.Error(), "first (pid ") {
		t.Errorf("error: %v", err)
	}
}

func TestWait(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	first := acquire(t, open(t, dir, nil), claim("first"))
	var told []Verdict
	l, err := open(t, dir, nil).Wait(context.Background(), claim("second"), func(l Look) {
		if told = append(told, l.Verdict); len(told) == 1 {
			if err := first.Release(); err != nil {
				t.Error(err)
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(told) == 0 || told[0] != Held {
		t.Errorf("told %v", told)
	}
	ctx, cancel := context.WithCancel(context.Background())
	_, err = open(t, dir, nil).Wait(ctx, claim("third"), func(Look) { cancel() })
	var refused *Refused
	if !errors.As(err, &refused) || !errors.Is(err, context.Canceled) || refused.Look.Record.Holder != "second" {
		t.Errorf("cancelled: %v", err)
	}
	if err := l.Release(); err != nil {
		t.Fatal(err)
	}
}

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

// The wall clock is a hint: 1970 and ten years ahead change nothing.
func TestWallClockDecidesNothing(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	at := func(year int) func(*Host) {
		return func(h *Host) { h.Wall = func() time.Time { return time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC) } }
	}
	l := acquire(t, open(t, dir, at(1970)), claim("early"))
	seen := look(t, open(t, dir, at(2036)), Held)
	if seen.Record.WallMS != 0 || strings.Contains(seen.Words(), "1970") {
		t.Errorf("%d: %s", seen.Record.WallMS, seen.Words())
	}
	if err := l.Renew(); err != nil {
		t.Error(err)
	}
	if err := l.Release(); err != nil {
		t.Error(err)
	}
}

// Another reference to the same open file, as a child has between fork and
// exec, must not keep the lock after a release.
func TestReleaseUnlocksDuplicates(t *testing.T) {
	t.Parallel()
	s := open(t, folder(t), nil)
	l := acquire(t, s, claim("holder"))
	fd, err := unix.Dup(l.fd)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if err := l.Release(); err != nil {
		t.Fatal(err)
	}
	look(t, s, Free)
}

// The collector must not close what nobody refers to any more: the kernel lock
// would be gone while the holder works on.
func TestCollectorKeepsTheLock(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	func() { acquire(t, open(t, dir, nil), claim("forgotten")) }()
	for range 3 {
		runtime.GC()
	}
	seen := look(t, open(t, dir, nil), Held)
	if seen.Record.Holder != "forgotten" {
		t.Errorf("held by %q", seen.Who())
	}
}

func TestGoroutinesOfOneSmithExcludeEachOther(t *testing.T) {
	t.Parallel()
	s := open(t, folder(t), nil)
	var inside, total atomic.Int32
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 5 {
				l, err := s.Wait(context.Background(), claim("goroutine"), nil)
				if err != nil {
					t.Error(err)
					return
				}
				if inside.Add(1) != 1 {
					t.Error("two at once")
				}
				total.Add(1)
				inside.Add(-1)
				if err := l.Release(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	if l := acquire(t, s, claim("last")); l.Epoch() != uint64(total.Load())+1 {
		t.Errorf("epoch %d after %d grants", l.Epoch(), total.Load())
	}
}

func TestBadUse(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	s := open(t, dir, nil)
	for _, c := range []Claim{{}, {Role: "root", Holder: "x"}, {Role: RoleAgent}, {Role: RoleAgent, Holder: "x", TTL: -1}} {
		if _, err := s.Acquire(context.Background(), c); err == nil {
			t.Errorf("%+v was granted", c)
		}
	}
	p := paths(dir)
	for name, change := range map[string]func(*Paths, *Host){
		"name with a slash": func(p *Paths, _ *Host) { p.Name = "../x" },
		"no name":           func(p *Paths, _ *Host) { p.Name = "" },
		"no boot id":        func(_ *Paths, h *Host) { h.BootID = "" },
		"no clock":          func(_ *Paths, h *Host) { h.Now = nil },
		"no run folder":     func(p *Paths, _ *Host) { p.Run += "x" },
		"state is a file":   func(p *Paths, _ *Host) { p.State = "/proc/version" },
	} {
		q, h := p, host(t, nil)
		change(&q, &h)
		if _, err := Open(durable.Linux, q, h, ttl(time.Second)); err == nil {
			t.Errorf("%s: opened", name)
		}
	}
	l := acquire(t, s, Claim{Role: RoleAgent, Holder: "a\x1b[2J" + strings.Repeat("ä", 99), Reason: strings.Repeat("r", 999)})
	defer l.Release()
	if seen := look(t, s, Held); seen.Record.Holder[:5] != "a?[2J" || len(seen.Record.Reason) != maxReason {
		t.Errorf("%+v", seen.Record)
	}
}
