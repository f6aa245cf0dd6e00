package locksmith

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/aim-control/aimlock/firmware/durable"
)

// live is the configuration of a test.
func live(dir string) string { return filepath.Join(dir, "live.conf") }

// A doomed process prepares, says the epoch that it was told last, and is
// killed after the n-th system call of one use of the lock. n = 0: before the
// first, n > calls: it says that it is done.
func doomed() {
	dir, use := os.Getenv("LOCKSMITH_TEST_DIR"), os.Getenv("LOCKSMITH_TEST_USE")
	n, err := strconv.Atoi(os.Getenv("LOCKSMITH_TEST_CALLS"))
	if err != nil {
		panic(err)
	}
	r := &reaper{Sys: durable.Linux, left: -1}
	ahead := func(h *Host) {
		if use == "supersede" {
			h.Now = func() int64 { return bootNow() + int64(2*time.Hour) }
		}
	}
	s := process(r, dir, ahead)
	claim := Claim{Role: RoleOrchestrator, Holder: "doomed"}
	get := func() (l *Lease, err error) { return s.Acquire(context.Background(), claim) }
	var l *Lease
	if use == "renew" || use == "release" || use == "commit" {
		if l, err = get(); err != nil {
			panic(err)
		}
		say("told %d", l.Epoch())
	}
	if err := durable.Stage(durable.Linux, live(dir), "shadow.conf", []byte("new"), 0o644); err != nil {
		panic(err)
	}
	r.calls = 0
	r.arm(n)
	switch use {
	case "acquire":
		l, err = get()
	case "supersede":
		l, err = s.Supersede(context.Background(), claim, updater)
	case "reclaim":
		_, err = s.Reclaim(context.Background(), claim)
	case "renew":
		err = l.Renew()
	case "release":
		err = l.Release()
	case "commit":
		err = l.Commit(func() error { return durable.Switch(r, live(dir), "shadow.conf") })
	}
	r.left = -1
	if err != nil {
		say("error %v", err)
		return
	}
	say("told %d", l.epochOr0())
	say("done %d", r.calls)
}

func (l *Lease) epochOr0() uint64 {
	if l == nil {
		return 0
	}
	return l.Epoch()
}

// TestProcessCrashAtEveryCall kills a process at every failpoint (process
// crash: the kernel lives on, what was written is there, unsynced or not) and
// lets others go on: the lock is never stuck, no epoch is told twice, the live
// file is the old or the new one.
func TestProcessCrashAtEveryCall(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		use    string
		before func(t *testing.T, dir string)
		told   uint64 // epochs, before
		least  int    // calls: fewer, and the count is wrong
	}{
		"the first acquire":       {"acquire", nil, 0, 20},
		"acquire":                 {"acquire", released, 2, 15},
		"acquire from the dead":   {"acquire", dead, 3, 15},
		"reclaim":                 {"reclaim", dead, 3, 25},
		"supersede":               {"supersede", nil, 1, 15},
		"renew":                   {"renew", released, 2, 10},
		"release":                 {"release", released, 2, 10},
		"commit":                  {"commit", released, 2, 10},
		"renewal of the first":    {"renew", nil, 0, 10},
		"release after a reclaim": {"release", dead, 3, 10},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for n := 0; ; n += failpointStep {
				if n > 200 {
					t.Fatal("it does not come to its end")
				}
				calls, done := crashAt(t, row.use, n, row.before, row.told)
				if !done {
					continue
				}
				if calls >= n || calls < n-failpointStep || calls < row.least {
					t.Errorf("done after %d calls, killed before call %d", calls, n)
				}
				t.Logf("process crash after each of %d calls", calls)
				return
			}
		})
	}
}

// released: two leases before, given back. dead: one more, whose holder died.
func released(t *testing.T, dir string) {
	s := open(t, dir, nil)
	for range 2 {
		if err := acquire(t, s, claim("earlier")).Release(); err != nil {
			t.Fatal(err)
		}
	}
	s.slots.close()
}

func dead(t *testing.T, dir string) {
	released(t, dir)
	s := open(t, dir, nil)
	l := acquire(t, s, claim("dead"))
	lose(l)
	s.slots.close()
}

// crashAt runs a doomed process in a folder of its own and then checks what is
// left. It returns the number of calls once the process has outlived them.
func crashAt(t *testing.T, use string, n int, before func(*testing.T, string), told uint64) (calls int, done bool) {
	t.Helper()
	dir := folder(t)
	if err := os.WriteFile(live(dir), []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	if before != nil {
		before(t, dir)
	}
	if use == "supersede" {
		c := start(t, dir)
		c.must("acquire 1h")
		defer c.kill()
	}
	cmd := again("doomed", "LOCKSMITH_TEST_DIR="+dir, "LOCKSMITH_TEST_USE="+use, "LOCKSMITH_TEST_CALLS="+strconv.Itoa(n))
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	for lines := bufio.NewScanner(out); lines.Scan(); {
		word, rest, _ := strings.Cut(lines.Text(), " ")
		number, err := strconv.Atoi(rest)
		if err != nil || word == "error" {
			t.Fatalf("killed after call %d: %s", n, lines.Text())
		}
		if done = word == "done"; done {
			calls = number
		} else {
			told = max(told, uint64(number))
		}
	}
	err = cmd.Wait()
	killed := cmd.ProcessState.Sys().(syscall.WaitStatus).Signal() == unix.SIGKILL
	if done == killed || done && err != nil {
		t.Fatalf("%s, killed after call %d: done %v, %v", use, n, done, err)
	}
	if err := recovered(t, dir, use, told, done); err != nil {
		t.Errorf("%s, killed after call %d: %v", use, n, err)
	}
	return calls, done
}

// recovered says what is wrong after the crash.
func recovered(t *testing.T, dir, use string, told uint64, done bool) error {
	s := open(t, dir, nil)
	if use == "supersede" { // passed over or not, the holder is there still; then it dies
		s.host.Now = func() int64 { return bootNow() + int64(3*time.Hour) }
	}
	seen, err := s.Look()
	if err != nil {
		return err
	}
	if use == "supersede" {
		if seen.Verdict != Overdue {
			return fmt.Errorf("the holder that was passed over is %v: %s", seen.Verdict, seen.Evidence)
		}
		l, err := s.Supersede(context.Background(), claim("next"), updater)
		if err != nil {
			return err
		}
		return goesOn(dir, l, told, false)
	}
	if seen.Verdict.Refused() {
		return fmt.Errorf("stuck: %v, %s", seen.Verdict, seen.Evidence)
	}
	l, err := s.Acquire(context.Background(), claim("next"))
	if err != nil {
		return err
	}
	if seen.Verdict.Stale() != (l.Reclaimed() != nil) {
		return fmt.Errorf("granted under %v, reclaimed %v", seen.Verdict, l.Reclaimed())
	}
	return goesOn(dir, l, told, done && use == "commit")
}

// goesOn uses a lease that was granted after a crash.
func goesOn(dir string, l *Lease, told uint64, isNew bool) error {
	if l.Epoch() <= told {
		return fmt.Errorf("epoch %d told twice: %d was", l.Epoch(), told)
	}
	content, err := os.ReadFile(live(dir))
	if err != nil {
		return err
	}
	if string(content) != "old" && string(content) != "new" || isNew && string(content) != "new" {
		return fmt.Errorf("the live file says %q; new for certain: %v", content, isNew)
	}
	err = l.Commit(func() error { return durable.Replace(durable.Linux, live(dir), []byte("next"), 0o644) })
	err = errors.Join(err, l.Renew(), l.Release())
	left, globErr := filepath.Glob(filepath.Join(dir, "state", ".*.tmp"))
	if len(left) > 0 {
		err = errors.Join(err, fmt.Errorf("left behind: %v", left))
	}
	return errors.Join(err, globErr)
}
