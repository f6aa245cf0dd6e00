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

	"golang.org/x/sys/unix"
)

// The holder is alive, stopped, and passed over; then it goes on where it was:
// whatever it does late is refused, and the verdict stays the truth meanwhile.
func TestSupersededHolderComesLate(t *testing.T) {
	t.Parallel()
	for _, what := range []string{"commit", "renew", "release"} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			dir := folder(t)
			s, c := late(t, dir), start(t, dir)
			c.must("acquire 1h")
			untouched := sameFile(t, s.record)
			// Stopped for certain before it is told.
			c.signal(syscall.SIGSTOP)
			stopped(t, c.cmd.Process.Pid)
			c.tell(what)
			look(t, s, Overdue)
			l, err := s.Supersede(context.Background(), Claim{Role: RoleAgent, Holder: "aimd", Reason: "override n-1"}, updater)
			if err != nil {
				t.Fatal(err)
			}
			if l.Epoch() != 2 || l.Reclaimed() != nil {
				t.Errorf("epoch %d", l.Epoch())
			}
			e := l.Superseded()
			for _, word := range []string{"OVERDUE", "aimd (pid", "fleet-updater (pid", "epoch 2 after 1", "override n-1"} {
				if e == nil || !strings.Contains(e.String(), word) {
					t.Errorf("%v does not say %q", e, word)
				}
			}
			if err := l.Renew(); err != nil {
				t.Error(err)
			}
			file := filepath.Join(dir, "committed")
			if err := l.Commit(func() error { return os.WriteFile(file, []byte("aimd"), 0o600) }); err != nil {
				t.Error(err)
			}
			untouched()
			c.signal(syscall.SIGCONT)
			if a := c.answer(); !strings.HasPrefix(a, "error") || !strings.Contains(a, "no longer current") {
				t.Errorf("late %s: %s", what, a)
			}
			if b, _ := os.ReadFile(file); string(b) != "aimd" {
				t.Errorf("the file says %q", b)
			}
			untouched()
			if what == "release" {
				look(t, s, Dead) // given back, though its record could not say so
			} else {
				look(t, s, Overdue)
			}
			if err := l.Release(); err != nil {
				t.Error(err)
			}
			if err := l.Release(); !errors.Is(err, ErrReleased) {
				t.Errorf("twice: %v", err)
			}
			untouched()
		})
	}
}

// sameFile returns a check that the file is as it is now, the very same one.
func sameFile(t *testing.T, path string) func() {
	t.Helper()
	read := func() (string, uint64) {
		b, err := os.ReadFile(path)
		var st unix.Stat_t
		if err = errors.Join(err, unix.Stat(path, &st)); err != nil {
			t.Fatal(err)
		}
		return string(b), st.Ino
	}
	was, inode := read()
	return func() {
		t.Helper()
		if now, i := read(); now != was || i != inode {
			t.Errorf("%s was touched: %s", path, now)
		}
	}
}

// stopped returns once the kernel has stopped the process.
func stopped(t *testing.T, pid int) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); ; {
		st, err := readStat(pid)
		if err != nil || time.Now().After(end) {
			t.Fatalf("process %d does not stop: %+v, %v", pid, st, err)
		}
		if st.state == 'T' {
			return
		}
	}
}

func TestSupersedeRefuses(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		before func(*Smith, *child)
		expect Expect
		want   error
	}{
		"inside its lease": {func(s *Smith, _ *child) { s.host.Now = bootNow }, updater, ErrNotOverdue},
		"free":             {func(_ *Smith, c *child) { c.must("release") }, updater, ErrGone},
		"dead":             {func(_ *Smith, c *child) { c.kill() }, updater, ErrGone},
		"no lock file":     {func(s *Smith, _ *child) { _ = os.Remove(s.lock) }, updater, ErrGone},
		"another":          {nil, Expect{Holder: "patrol"}, ErrOther},
		"nobody named":     {nil, Expect{}, ErrOther},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := folder(t)
			s, c := late(t, dir), start(t, dir)
			c.must("acquire 1h")
			if row.before != nil {
				row.before(s, c)
			}
			epoch := sameFile(t, s.epoch)
			if l, err := s.Supersede(context.Background(), claim("agent"), row.expect); !errors.Is(err, row.want) || l != nil {
				t.Errorf("%v, %v", l, err)
			}
			epoch()
		})
	}
	s := late(t, folder(t))
	if _, err := s.Supersede(context.Background(), Claim{Role: "pilot", Holder: "x"}, updater); err == nil {
		t.Error("a claim without a role passed")
	}
}

// A lock that no record explains is superseded by that name, and the child
// that keeps it open is in the evidence.
func TestSupersedeTheUnknownAndTheOrphan(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	s, c := open(t, dir, nil), start(t, dir)
	c.must("acquire 1h")
	pid := c.must("leak")
	c.kill()
	l, err := s.Supersede(context.Background(), claim("agent"), updater)
	if err != nil {
		t.Fatal(err)
	}
	if e := l.Superseded(); e.Look.Verdict != Orphan || len(e.Look.Owners) != 1 || strconv.Itoa(e.Look.Owners[0].PID) != pid {
		t.Errorf("%+v", e)
	}
	if err := os.Remove(s.record); err != nil {
		t.Fatal(err)
	}
	second, err := s.Supersede(context.Background(), claim("agent"), Expect{Holder: "unknown"})
	if err != nil || second.Superseded().Look.Verdict != Unknown || second.Epoch() != 3 {
		t.Fatalf("%v, %v", second, err)
	}
	if err := l.Commit(func() error { t.Error("committed"); return nil }); !errors.Is(err, ErrStale) {
		t.Errorf("the first after the second: %v", err)
	}
	look(t, s, Unknown)
	n, _ := strconv.Atoi(pid)
	died(t, n, func() { c.life.Close() })
	look(t, s, Free)
	next := acquire(t, s, claim("next")) // a plain grant ends a superseding lease
	defer next.Release()
	if err := second.Renew(); !errors.Is(err, ErrStale) || next.Epoch() != 4 {
		t.Errorf("after grant %d: %v", next.Epoch(), err)
	}
	if err := second.Release(); !errors.Is(err, ErrStale) {
		t.Errorf("release: %v", err)
	}
	look(t, s, Held)
}

// A holder that stands in its commit cannot be superseded: the update waits,
// WAITING(lock), and nothing has changed. It can be ended.
func TestNobodyPassesACommit(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	s, c := late(t, dir), start(t, dir)
	s.patience = 30 * time.Millisecond
	c.must("acquire 1h")
	c.must("hang")
	c.signal(syscall.SIGSTOP)
	epoch, record := sameFile(t, s.epoch), sameFile(t, s.record)
	if l, err := s.Supersede(context.Background(), claim("agent"), updater); !errors.Is(err, ErrCommitBusy) || l != nil {
		t.Fatalf("%v, %v", l, err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := s.Supersede(ctx, claim("agent"), updater); !errors.Is(err, ErrCommitBusy) || !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	epoch()
	record()
	if e, err := s.End(context.Background(), updater, 0); err != nil || e.Signal != "SIGKILL" {
		t.Fatalf("%v, %v", e, err)
	}
	l := acquire(t, open(t, dir, nil), claim("agent"))
	if err := l.Commit(func() error { return nil }); err != nil || l.Epoch() != 2 {
		t.Errorf("epoch %d, %v", l.Epoch(), err)
	}
	if err := l.Release(); err != nil {
		t.Error(err)
	}
}
