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

func TestKilledHolderIsReclaimed(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	s := open(t, dir, nil)
	c := start(t, dir)
	c.must("acquire 1h")
	before := look(t, s, Held)
	if before.Record.Process.PID != c.cmd.Process.Pid || before.Who() != "fleet-updater (pid "+strconv.Itoa(c.cmd.Process.Pid)+", orchestrator)" {
		t.Errorf("holder %s, child is %d", before.Who(), c.cmd.Process.Pid)
	}
	if e, err := s.Reclaim(context.Background(), claim("tech")); e != nil || err != nil {
		t.Fatalf("reclaimed from a live holder: %v, %v", e, err)
	}
	look(t, s, Held)
	c.kill()
	if seen := look(t, s, Dead); !strings.Contains(seen.Words(), "fleet-updater") {
		t.Error(seen.Words())
	}
	e, err := s.Reclaim(context.Background(), claim("tech"))
	if err != nil || e == nil {
		t.Fatalf("reclaim: %v, %v", e, err)
	}
	r := before.Record
	want := Evidence{r.Holder, r.Process.PID, r.Role, r.Reason, 2, 1, Dead, r.Acquired, e.At, e.Proof, Deadline(r, 30*time.Second)}
	if *e != want || e.At < r.Acquired || !strings.Contains(e.Proof, "no process "+strconv.Itoa(r.Process.PID)) {
		t.Errorf("evidence %+v", e)
	}
	look(t, s, Free)
	if e, err := s.Reclaim(context.Background(), claim("tech")); e != nil || err != nil {
		t.Errorf("reclaimed twice: %v, %v", e, err)
	}
}

func TestRecordOfAnotherBoot(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	c := start(t, dir, "LOCKSMITH_TEST_BOOT=the-boot-before")
	c.must("acquire 1h")
	c.kill()
	s := open(t, dir, nil)
	if err := errors.Join(os.Remove(s.lock), os.Remove(s.commit)); err != nil { // tmpfs is empty after a boot
		t.Fatal(err)
	}
	if seen := look(t, s, Boot); !strings.Contains(seen.Words(), "before the last reboot") {
		t.Error(seen.Words())
	}
	e, err := s.Reclaim(context.Background(), Claim{Role: RoleAgent, Holder: "aimd"})
	if err != nil || e == nil || e.Verdict != Boot || e.OldEpoch != 1 || e.Epoch != 2 || !strings.Contains(e.Proof, "the-boot-before") {
		t.Fatalf("evidence %+v, %v", e, err)
	}
	look(t, s, Free)
}

// The holder dies and a child of it lives on with the descriptor.
func TestOrphanNamesWhoHasTheDescriptor(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	s := open(t, dir, nil)
	c := start(t, dir)
	c.must("acquire 1h")
	pid, err := strconv.Atoi(c.must("leak"))
	if err != nil {
		t.Fatal(err)
	}
	look(t, s, Held)
	c.kill()
	seen := look(t, s, Orphan)
	if len(seen.Owners) != 1 || seen.Owners[0].PID != pid {
		t.Errorf("owners %v, the leak is %d", seen.Owners, pid)
	}
	if w := seen.Words(); !strings.Contains(w, "(pid "+strconv.Itoa(pid)+")") || !strings.Contains(w, "fleet-updater") {
		t.Error(w)
	}
	var refused *Refused
	if _, err := s.Acquire(context.Background(), claim("tech")); !errors.As(err, &refused) || refused.Look.Verdict != Orphan {
		t.Errorf("acquire: %v", err)
	}
	if e, err := s.Reclaim(context.Background(), claim("tech")); e != nil || err != nil {
		t.Errorf("reclaimed an orphan: %v, %v", e, err)
	}
	died(t, pid, func() { c.life.Close() })
	look(t, s, Dead)
}

// A released lease whose descriptor leaked is free all the same.
func TestLeakDoesNotOutliveARelease(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	c := start(t, dir)
	c.must("acquire 1h")
	c.must("leak")
	c.must("release")
	look(t, open(t, dir, nil), Free)
}

// A pid is used again: same number, another start.
func TestReusedPidIsNotTheHolder(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	s := open(t, dir, nil)
	c := start(t, dir)
	c.must("acquire 1h")
	r := look(t, s, Held).Record
	r.Process.Start--
	if err := os.WriteFile(s.record, r.Encode(), 0o600); err != nil {
		t.Fatal(err)
	}
	look(t, s, Orphan)
	c.kill()
	r.Process = Process{os.Getpid(), s.host.Self.Start - 1} // lives, but began later
	if err := os.WriteFile(s.record, r.Encode(), 0o600); err != nil {
		t.Fatal(err)
	}
	look(t, s, Dead)
	l := acquire(t, s, claim("next"))
	defer l.Release()
	if e := l.Reclaimed(); e == nil || !strings.Contains(e.Proof, "no process") {
		t.Errorf("evidence %v", e)
	}
}

// Stopped past its deadline, fenced off by another's grant, and then it goes
// on where it stopped.
func TestLateCommitOfAnotherProcess(t *testing.T) {
	t.Parallel()
	for _, late := range []string{"commit", "renew", "release"} {
		t.Run(late, func(t *testing.T) {
			t.Parallel()
			dir := folder(t)
			s := open(t, dir, nil)
			c := start(t, dir)
			c.must("acquire 1h")
			signal := func(sig syscall.Signal) {
				if err := c.cmd.Process.Signal(sig); err != nil {
					t.Fatal(err)
				}
			}
			signal(syscall.SIGSTOP)
			// Told before each of its threads stands, it could stop in its commit.
			if err := unix.Waitid(unix.P_PID, c.cmd.Process.Pid, nil, unix.WSTOPPED, nil); err != nil {
				t.Fatal(err)
			}
			c.tell(late)
			if err := os.Remove(s.lock); err != nil { // what only a fence survives
				t.Fatal(err)
			}
			current := acquire(t, s, claim("current"))
			file := filepath.Join(dir, "committed")
			if err := current.Commit(func() error { return os.WriteFile(file, []byte("current"), 0o600) }); err != nil {
				t.Fatal(err)
			}
			signal(syscall.SIGCONT)
			if a := c.answer(); !strings.HasPrefix(a, "error") || !strings.Contains(a, "no longer current") {
				t.Errorf("late %s: %s", late, a)
			}
			if b, _ := os.ReadFile(file); string(b) != "current" {
				t.Errorf("the file says %q", b)
			}
			if seen := look(t, s, Held); seen.Record != current.Record() {
				t.Errorf("record %+v", seen.Record)
			}
			if err := current.Release(); err != nil {
				t.Error(err)
			}
		})
	}
}

// Nothing but the lease protects the counter: one lost update shows.
func TestContendingProcessesLoseNoUpdate(t *testing.T) {
	t.Parallel()
	const processes, each = 4, 20
	dir := folder(t)
	var all []*child
	for range processes {
		all = append(all, start(t, dir))
	}
	for _, c := range all {
		c.tell("count " + strconv.Itoa(each))
	}
	for _, c := range all {
		if a := c.answer(); a != "ok" {
			t.Error(a)
		}
	}
	b, err := os.ReadFile(filepath.Join(dir, "counter"))
	if err != nil || string(b) != strconv.Itoa(processes*each) {
		t.Errorf("counter %s, want %d; %v", b, processes*each, err)
	}
	if l := acquire(t, open(t, dir, nil), claim("last")); l.Epoch() != processes*each+1 {
		t.Errorf("epoch %d after %d grants", l.Epoch(), processes*each)
	}
}
