package locksmith

import (
	"context"
	"errors"
	"os"
	"strconv"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// watch runs a watch of s until the test ends.
func watch(t *testing.T, s *Smith, audit time.Duration) <-chan Report {
	ctx, cancel := context.WithCancel(context.Background())
	out := make(chan Report)
	done := make(chan error, 1)
	go func() { done <- s.Watch(ctx, ttl(audit), out) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("watch ended with %v", err)
		}
	})
	return out
}

// await skips reports until one is as wanted.
func await(t *testing.T, out <-chan Report, what string, want func(Report) bool) Report {
	t.Helper()
	limit := time.After(20 * time.Second)
	for {
		select {
		case r := <-out:
			if want(r) {
				return r
			}
		case <-limit:
			t.Fatalf("no report: %s", what)
		}
	}
}

func verdict(v Verdict) func(Report) bool {
	return func(r Report) bool { return r.Look.Verdict == v }
}

// With looks an hour apart only the pidfd can tell of the death.
func TestWatchReclaimsFromKilledHolderAtOnce(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	s := open(t, dir, nil)
	s.every = time.Hour
	c := start(t, dir)
	c.must("acquire 1h")
	out := watch(t, s, time.Hour)
	if r := await(t, out, "held", verdict(Held)); r.Hot || r.Since != r.Look.Record.Acquired {
		t.Errorf("%+v", r)
	}
	killed := s.host.Now()
	c.kill()
	r := <-out // the very next report
	if r.Reclaimed == nil || r.Err != nil || r.Hot || r.Look.Verdict != Free {
		t.Fatalf("%+v", r)
	}
	e := *r.Reclaimed
	if e.Verdict != Dead || e.PID != c.cmd.Process.Pid || e.Epoch != 2 || e.OldEpoch != 1 || e.Holder != "fleet-updater" {
		t.Errorf("%+v", e)
	}
	took := time.Duration(e.At - killed)
	t.Logf("reclaimed %v after kill -9", took)
	if took > 10*time.Second { // 50 ms on an idle machine; the order of events is what counts
		t.Errorf("took %v", took)
	}
}

// With looks an hour apart only the timer can tell of the deadline.
func TestWatchSaysOverdueAtTheDeadline(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	s := open(t, dir, nil)
	s.every = time.Hour
	c := start(t, dir)
	c.must("acquire 1s")
	if err := c.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	out := watch(t, s, time.Hour)
	await(t, out, "held", verdict(Held))
	r := <-out
	if r.Look.Verdict != Overdue || !r.Hot || r.Since != r.Look.Deadline || r.Look.At < r.Since {
		t.Fatalf("%+v", r)
	}
	c.kill() // a stopped process dies as well
	if r := <-out; r.Reclaimed == nil || r.Hot || r.Look.Verdict != Free {
		t.Fatalf("%+v", r)
	}
}

func TestWatchFollowsHoldersAndAudits(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	s := open(t, dir, nil)
	s.every = time.Millisecond
	out := watch(t, s, 20*time.Millisecond)
	if r := <-out; r.Look.Verdict != Free || r.Hot || r.Reclaimed != nil {
		t.Fatalf("at once: %+v", r)
	}
	first := <-out // nothing happens: audits
	second := <-out
	if first.Look.Verdict != Free || first.Since != second.Since || second.Look.At-first.Look.At < int64(10*time.Millisecond) {
		t.Errorf("audits %+v, %+v", first, second)
	}
	other := open(t, dir, nil)
	for epoch := uint64(1); epoch < 4; epoch++ {
		l := acquire(t, other, claim("holder "+strconv.FormatUint(epoch, 10)))
		r := await(t, out, "held", verdict(Held))
		if r.Look.Record.Epoch != epoch || r.Hot {
			t.Errorf("%+v", r)
		}
		l.Release()
		await(t, out, "free", verdict(Free))
	}
}

// faster is a clock that advances 100 ms at each reading.
func faster(h *Host) {
	now := new(atomic.Int64)
	now.Store(1000 * sec)
	h.Now = func() int64 { return now.Add(int64(100 * time.Millisecond)) }
}

// Nobody the record names has it: hot only after five seconds of looks.
func TestWatchOrphanAndUnknownBecomeHot(t *testing.T) {
	t.Parallel()
	for _, v := range []Verdict{Orphan, Unknown} {
		t.Run(v.String(), func(t *testing.T) {
			t.Parallel()
			s := open(t, folder(t), faster)
			s.every = time.Millisecond
			fd, err := s.take(s.lock)
			if err != nil {
				t.Fatal(err)
			}
			if v == Orphan {
				gone := held(func(r *Record) { r.BootID, r.Process = s.host.BootID, Process{1 << 30, 1} })
				if err := os.WriteFile(s.record, gone.Encode(), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			out := watch(t, s, time.Hour)
			cold := <-out
			if cold.Look.Verdict != v || cold.Hot || len(cold.Look.Owners) != 1 {
				t.Fatalf("%+v", cold)
			}
			hot := <-out
			if hot.Look.Verdict != v || !hot.Hot || hot.Since != cold.Since || hot.Look.At-hot.Since < int64(SuspectFor) {
				t.Fatalf("%+v", hot)
			}
			s.drop(fd)
			if r := <-out; r.Hot || r.Look.Verdict != Free {
				t.Fatalf("%+v", r)
			}
		})
	}
}

// Without reclaim on boot the audit finds it, and not before.
func TestWatchReclaimsBootAtAnAudit(t *testing.T) {
	t.Parallel()
	s := open(t, folder(t), nil)
	s.every = time.Millisecond
	if err := os.WriteFile(s.record, held(nil).Encode(), 0o600); err != nil {
		t.Fatal(err)
	}
	out := watch(t, s, 50*time.Millisecond)
	if r := <-out; r.Look.Verdict != Boot || r.Hot || r.Reclaimed != nil {
		t.Fatalf("%+v", r)
	}
	r := <-out
	if r.Reclaimed == nil || r.Reclaimed.Verdict != Boot || r.Reclaimed.Epoch <= 7 || r.Look.Verdict != Free {
		t.Fatalf("%+v", r)
	}
}

func TestWatchReportsFailures(t *testing.T) {
	t.Parallel()
	s, m := meddled(t, folder(t))
	s.every = time.Millisecond
	gone := held(func(r *Record) { r.BootID, r.Process = s.host.BootID, Process{1 << 30, 1} })
	if err := os.WriteFile(s.record, gone.Encode(), 0o600); err != nil {
		t.Fatal(err)
	}
	var full atomic.Bool
	full.Store(true)
	m.rename = func() error {
		if full.Load() {
			return unix.ENOSPC
		}
		return nil
	}
	out := watch(t, s, time.Hour)
	if r := <-out; !errors.Is(r.Err, unix.ENOSPC) || r.Look.Verdict != Dead || r.Reclaimed != nil {
		t.Fatalf("full disk: %+v", r)
	}
	full.Store(false)
	if r := <-out; r.Err != nil || r.Reclaimed == nil || r.Look.Verdict != Free { // tries again by itself
		t.Fatalf("room again: %+v", r)
	}
	// The lock file cannot be asked: the last good look stands, with the error.
	if err := os.Remove(s.lock); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("nowhere", s.lock); err != nil {
		t.Fatal(err)
	}
	if r := <-out; !errors.Is(r.Err, unix.ELOOP) || r.Look.Verdict != Free {
		t.Fatalf("unreadable: %+v", r)
	}
	if err := os.Remove(s.lock); err != nil {
		t.Fatal(err)
	}
	if r := <-out; r.Err != nil || r.Look.Verdict != Free {
		t.Fatalf("readable again: %+v", r)
	}
}
