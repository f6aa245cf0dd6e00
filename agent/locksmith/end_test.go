package locksmith

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// late opens the lock two hours from now: who takes it today is overdue by
// then, whatever it believes itself.
func late(t *testing.T, dir string) *Smith {
	return open(t, dir, func(h *Host) {
		now := h.Now
		h.Now = func() int64 { return now() + int64(2*time.Hour) }
	})
}

var updater = Expect{Holder: "fleet-updater"}

// lives says that the child still obeys.
func (c *child) lives() {
	c.t.Helper()
	c.must("hello")
}

func (c *child) signal(sig syscall.Signal) {
	c.t.Helper()
	if err := c.cmd.Process.Signal(sig); err != nil {
		c.t.Fatal(err)
	}
}

// A real process for every way in which a holder takes its end.
func TestEnd(t *testing.T) {
	t.Parallel()
	const patient, brief = time.Minute, 60 * time.Millisecond
	for name, row := range map[string]struct {
		before  func(*child)
		grace   time.Duration
		signal  string
		least   time.Duration
		verdict Verdict
	}{
		"dies of SIGTERM":             {func(c *child) {}, patient, "SIGTERM", 0, Dead},
		"ignores SIGTERM":             {func(c *child) { c.must("deaf") }, brief, "SIGKILL", brief, Dead},
		"no grace":                    {func(c *child) {}, 0, "SIGKILL", 0, Dead},
		"stopped":                     {func(c *child) { c.signal(syscall.SIGSTOP) }, brief, "SIGKILL", brief, Dead},
		"gives it back and lives on":  {func(c *child) { c.must("tidy") }, patient, "SIGTERM", 0, Free},
		"stands in a commit for good": {func(c *child) { c.must("deaf"); c.must("hang") }, brief, "SIGKILL", brief, Dead},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := folder(t)
			s, c := late(t, dir), start(t, dir)
			if row.verdict == Dead {
				s.brief = 10 * time.Second // it lets go of its files a moment before it has ended
			}
			c.must("acquire 1h")
			row.before(c)
			was := look(t, s, Overdue).Record
			e, err := s.End(context.Background(), Expect{was.Holder, was.Process.PID, was.Epoch}, row.grace)
			if err != nil || e == nil {
				t.Fatalf("%v, %v", e, err)
			}
			if e.Record != was || e.Signal != row.signal || e.Took < row.least || e.Took > 30*time.Second || e.Released != (row.verdict == Free) {
				t.Errorf("ended %+v, took %v", *e, e.Took)
			}
			look(t, s, row.verdict)
			if row.verdict == Free {
				c.lives()
			} else if err := c.cmd.Wait(); err == nil {
				t.Error("it ended by itself")
			}
			st, err := os.Stat(s.lock)
			if err != nil {
				t.Fatal(err)
			}
			for _, word := range []string{was.who(), "epoch 1", "inode " + strconv.FormatUint(st.Sys().(*syscall.Stat_t).Ino, 10),
				"fdinfo", "pidfd", "deadline", row.signal} {
				if !strings.Contains(e.String(), word) {
					t.Errorf("%q does not say %q", e, word)
				}
			}
			l := acquire(t, open(t, dir, nil), claim("agent"))
			if took := l.Reclaimed(); l.Epoch() != 2 || (took != nil) != (row.verdict == Dead) {
				t.Errorf("epoch %d, reclaimed %v", l.Epoch(), took)
			}
			if err := l.Release(); err != nil {
				t.Error(err)
			}
		})
	}
}

// Every refusal: no signal is sent, and the process that a wrong one would hit
// lives on.
func TestEndRefuses(t *testing.T) {
	t.Parallel()
	forge := func(t *testing.T, s *Smith, change func(*Record)) {
		l, err := s.Look()
		if err != nil {
			t.Fatal(err)
		}
		change(&l.Record)
		if err := os.WriteFile(s.record, l.Record.Encode(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, row := range map[string]struct {
		before func(*testing.T, *Smith, *child)
		expect Expect
		want   error
	}{
		"inside its lease":   {func(_ *testing.T, s *Smith, _ *child) { s.host.Now = bootNow }, updater, ErrNotOverdue},
		"another holder":     {nil, Expect{Holder: "patrol"}, ErrOther},
		"another pid":        {nil, Expect{PID: os.Getpid()}, ErrOther},
		"another epoch":      {nil, Expect{Holder: "fleet-updater", Epoch: 2}, ErrOther},
		"nobody named":       {nil, Expect{}, ErrOther},
		"released meanwhile": {func(_ *testing.T, _ *Smith, c *child) { c.must("release") }, updater, ErrGone},
		"another start":      {func(t *testing.T, s *Smith, _ *child) { forge(t, s, func(r *Record) { r.Process.Start-- }) }, updater, ErrNotProven},
		"init, even if it had the lock": {func(t *testing.T, s *Smith, _ *child) {
			forge(t, s, func(r *Record) { r.Process = initProcess(t) })
			s.host.Has = func(Process, uint64, uint64) Has { return HasIt }
		}, updater, ErrProtected},
		"a record of another process": {func(t *testing.T, s *Smith, _ *child) {
			forge(t, s, func(r *Record) { r.Process = s.host.Self })
		}, updater, ErrNotProven},
		"no record":                    {func(t *testing.T, s *Smith, _ *child) { _ = os.Remove(s.record) }, Expect{Holder: "unknown"}, ErrNotProven},
		"lock file replaced":           {func(t *testing.T, s *Smith, _ *child) { _ = os.Remove(s.lock) }, updater, ErrGone},
		"of the flight controller":     {func(_ *testing.T, s *Smith, _ *child) { s.Protect(filepath.Base(os.Args[0])) }, updater, ErrProtected},
		"itself":                       {func(_ *testing.T, s *Smith, c *child) { s.host.Self.PID = c.cmd.Process.Pid }, updater, ErrProtected},
		"nothing known of descriptors": {func(_ *testing.T, s *Smith, _ *child) { s.host.Has = nil }, updater, ErrNotProven},
		"nothing known of names":       {func(_ *testing.T, s *Smith, _ *child) { s.host.Names = nil }, updater, ErrNotProven},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := folder(t)
			s, c := late(t, dir), start(t, dir)
			c.must("acquire 1h")
			look(t, s, Overdue)
			if row.before != nil {
				row.before(t, s, c)
			}
			if e, err := s.End(context.Background(), row.expect, 0); !errors.Is(err, row.want) || e != nil {
				t.Errorf("%v, %v; want %v", e, err, row.want)
			}
			c.lives()
		})
	}
}

func initProcess(t *testing.T) Process {
	st, err := readStat(1)
	if err != nil {
		t.Fatal(err)
	}
	return Process{1, st.start}
}

// A bridge is known by the name of its program, without being told of.
func TestEndSparesABridge(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "mavlink-routerd")
	if err := os.Symlink(self, path); err != nil {
		t.Fatal(err)
	}
	s, c := late(t, dir), startAs(t, path, dir)
	c.must("acquire 1h")
	if e, err := s.End(context.Background(), updater, 0); !errors.Is(err, ErrProtected) || e != nil || !strings.Contains(err.Error(), "mavlink-routerd") {
		t.Errorf("%v, %v", e, err)
	}
	c.lives()
}

// The holder ends between the look and the proof: its pid could be anybody's.
func TestEndOfAProcessThatEndsMeanwhile(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	s, c := late(t, dir), start(t, dir)
	c.must("acquire 1h")
	has := s.host.Has
	asked := 0
	s.host.Has = func(p Process, dev, ino uint64) Has {
		h := has(p, dev, ino)
		if asked++; asked == 3 { // the last before the decision
			died(t, p.PID, func() { c.signal(syscall.SIGKILL) })
		}
		return h
	}
	if e, err := s.End(context.Background(), updater, 0); !errors.Is(err, ErrGone) || e != nil || asked != 3 {
		t.Errorf("%v, %v, asked %d times", e, err, asked)
	}
	look(t, s, Dead)
}

// The holder ends, and a child of it lives on with the descriptor.
func TestEndFindsALeak(t *testing.T) {
	t.Parallel()
	for signal, grace := range map[string]time.Duration{"SIGTERM": time.Minute, "SIGKILL": 0} {
		t.Run(signal, func(t *testing.T) {
			t.Parallel()
			dir := folder(t)
			s, c := late(t, dir), start(t, dir)
			s.patience = 50 * time.Millisecond
			c.must("acquire 1h")
			pid := c.must("leak")
			e, err := s.End(context.Background(), updater, grace)
			if !errors.Is(err, ErrLeaked) || e == nil || e.Signal != signal || !strings.Contains(err.Error(), "pid "+pid) {
				t.Errorf("%v, %v", e, err)
			}
			look(t, s, Orphan)
			if e, err := s.End(context.Background(), updater, grace); !errors.Is(err, ErrNotProven) || e != nil {
				t.Errorf("the leak: %v, %v", e, err)
			}
			n, _ := strconv.Atoi(pid)
			died(t, n, func() { c.life.Close() })
			look(t, s, Dead)
		})
	}
}

// A cancelled End has asked and does not force.
func TestEndIsCancelled(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	s, c := late(t, dir), start(t, dir)
	c.must("acquire 1h")
	c.must("deaf")
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	e, err := s.End(ctx, updater, time.Hour)
	if !errors.Is(err, context.DeadlineExceeded) || e == nil || e.Signal != "SIGTERM" || e.Released {
		t.Errorf("%v, %v", e, err)
	}
	c.lives()
	look(t, s, Overdue)
	if e, err := s.End(ctx, updater, 0); !errors.Is(err, context.DeadlineExceeded) || e != nil {
		t.Errorf("cancelled before: %v, %v", e, err)
	}
	c.lives()
}

// A longer limit came into force while the holder was asked: inside its lease
// after all, it is not killed.
func TestEndJudgesAnewBeforeItForces(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	s, c := late(t, dir), start(t, dir)
	c.must("acquire 1h")
	c.must("deaf")
	has, asked := s.host.Has, 0
	s.host.Has = func(p Process, dev, ino uint64) Has {
		if asked++; asked == 3 { // the last before the decision
			s.host.Now = bootNow
		}
		return has(p, dev, ino)
	}
	e, err := s.End(context.Background(), updater, 30*time.Millisecond)
	if !errors.Is(err, ErrNotOverdue) || e == nil || e.Signal != "SIGTERM" {
		t.Errorf("%v, %v", e, err)
	}
	c.lives()
	look(t, s, Held)
}
