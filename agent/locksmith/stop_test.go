package locksmith

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// until looks until the verdict is v.
func until(t *testing.T, s *Smith, v Verdict) Look {
	t.Helper()
	for end, tick := time.Now().Add(20*time.Second), time.Tick(2*time.Millisecond); ; <-tick {
		l, err := s.Look()
		if err != nil {
			t.Fatal(err)
		}
		if l.Verdict == v {
			return l
		}
		if time.Now().After(end) {
			t.Fatalf("still %v, want %v: %s", l.Verdict, v, l.Evidence)
		}
	}
}

// A holder is stopped, its lease runs out in the kernel's own time, and it goes
// on where it was: OVERDUE, never reclaimed, and too late by itself, whether
// somebody has passed it over meanwhile or not.
func TestStoppedPastItsLease(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		use  string
		pass bool   // somebody supersedes it meanwhile
		want string // of its answer
	}{
		"commit":                  {"commit", false, "lease expired"},
		"renew":                   {"renew", false, "lease expired"},
		"release":                 {"release", false, "ok"},
		"commit, passed over":     {"commit", true, "commit: lease"}, /* lost, or found expired before */
		"renew, passed over":      {"renew", true, "renew: lease"},
		"release, passed over":    {"release", true, "release: lease lost"},
		"commit, and once more":   {"commit\ncommit", false, "lease expired"},
		"release, and once more":  {"release\nrelease", false, "ok"},
		"a commit after its turn": {"release\ncommit", false, "ok"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := folder(t)
			s, c := open(t, dir, nil), start(t, dir)
			c.must("acquire 300ms")
			c.signal(syscall.SIGSTOP)
			stopped(t, c.cmd.Process.Pid)
			c.tell(row.use)
			seen := until(t, s, Overdue)
			if seen.At < seen.Deadline || !strings.Contains(seen.Evidence, "has it open") {
				t.Errorf("at %d, deadline %d: %s", seen.At, seen.Deadline, seen.Evidence)
			}
			if e, err := s.Reclaim(context.Background(), claim("tech")); e != nil || err != nil {
				t.Fatalf("reclaimed from a live holder: %v, %v", e, err)
			}
			var by *Lease
			if row.pass {
				var err error
				if by, err = s.Supersede(context.Background(), claim("aimd"), updater); err != nil {
					t.Fatal(err)
				}
			}
			c.signal(syscall.SIGCONT)
			if a := c.answer(); !strings.Contains(a, row.want) {
				t.Errorf("late %s: %s; want %s", row.use, a, row.want)
			}
			if strings.Contains(row.use, "\n") {
				if a := c.answer(); !strings.HasPrefix(a, "error") {
					t.Errorf("and once more: %s", a)
				}
			}
			if b, err := os.ReadFile(filepath.Join(dir, "committed")); err == nil {
				t.Errorf("committed %q too late", b)
			}
			if by != nil {
				if err := by.Commit(func() error { return nil }); err != nil {
					t.Errorf("who passed it: %v", err)
				}
			}
			c.kill()
			l := acquire(t, s, claim("next"))
			if err := l.Release(); err != nil {
				t.Error(err)
			}
		})
	}
}
