package locksmith

import (
	"context"
	"errors"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

// The holder dies and its pid is given to another process, by the kernel
// itself: whoever has the number now is neither taken for the holder nor hit.
func TestPidUsedAgainInANamespace(t *testing.T) {
	t.Parallel()
	if !inside(t) {
		return
	}
	for range 20 {
		if pidUsedAgain(t) {
			return
		}
	}
	t.Error("no pid was given again: threads of this process took each")
}

// pidUsedAgain returns false if the number went to a thread of our own, which
// keeps it.
func pidUsedAgain(t *testing.T) bool {
	dir := folder(t)
	s, c := open(t, dir, nil), start(t, dir)
	c.must("acquire 1h")
	leaked, err := strconv.Atoi(c.must("leak"))
	if err != nil {
		t.Fatal(err)
	}
	was := look(t, s, Held).Record
	c.kill()
	look(t, s, Orphan)
	heir := startWithPid(t, was.Process)
	if heir == nil {
		died(t, leaked, func() { c.life.Close() })
		return false
	}

	seen := look(t, s, Orphan)
	if len(seen.Owners) != 1 || seen.Owners[0].PID != leaked || !strings.Contains(seen.Evidence, "no process "+strconv.Itoa(was.Process.PID)+" with start") {
		t.Errorf("owners %v, leaked to %d: %s", seen.Owners, leaked, seen.Evidence)
	}
	if e, err := s.End(context.Background(), updater, 0); !errors.Is(err, ErrNotProven) || e != nil {
		t.Errorf("end: %v, %v", e, err)
	}
	if has := procHas(was.Process, 0, 0); has != HasNotSeen {
		t.Errorf("the heir's descriptors count as the holder's: %v", has)
	}
	w, err := newWaker()
	if err != nil {
		t.Fatal(err)
	}
	if w.follow(was.Process, s.host.Alive) || w.holder >= 0 {
		t.Error("a watch follows the heir")
	}
	w.close()

	died(t, leaked, func() { c.life.Close() })
	look(t, s, Dead)
	l := acquire(t, s, claim("next"))
	if e := l.Reclaimed(); e == nil || e.PID != was.Process.PID || !strings.Contains(e.Proof, "no process") {
		t.Errorf("evidence %v", e)
	}
	if err := l.Release(); err != nil {
		t.Error(err)
	}
	heir.lives()
	return true
}

// startWithPid starts a process with the pid of one that is gone. The kernel
// counts on from ns_last_pid; nil: something else was faster.
func startWithPid(t *testing.T, gone Process) *child {
	t.Helper()
	const tick = int64(time.Second) / 100 // of /proc/PID/stat
	for now := time.Tick(time.Millisecond); bootNow()/tick <= int64(gone.Start); {
		<-now // the start must differ
	}
	dir := folder(t)
	if err := os.WriteFile("/proc/sys/kernel/ns_last_pid", []byte(strconv.Itoa(gone.PID-1)), 0); err != nil {
		t.Fatalf("ns_last_pid: %v; the kernel needs CONFIG_CHECKPOINT_RESTORE", err)
	}
	c := start(t, dir)
	if c.cmd.Process.Pid != gone.PID {
		c.kill()
		return nil
	}
	c.must("hello")
	return c
}
