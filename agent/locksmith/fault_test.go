package locksmith

import (
	"context"
	"errors"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/aim-control/aimlock/firmware/durable"
)

// meddler is the real kernel with something happening around single calls.
type meddler struct {
	durable.Sys
	setLock     func(fd int) error // instead of SetLock
	afterAsk    func()             // after LockRefused
	rename      func() error       // before Renameat
	forbidWrite func(call string)
}

func (m *meddler) SetLock(fd int) error {
	if m.setLock != nil {
		return m.setLock(fd)
	}
	return m.Sys.SetLock(fd)
}

func (m *meddler) LockRefused(fd int) (bool, error) {
	refused, err := m.Sys.LockRefused(fd)
	if m.afterAsk != nil {
		m.afterAsk()
	}
	return refused, err
}

func (m *meddler) Renameat(a int, b string, c int, d string) error {
	if m.rename != nil {
		if err := m.rename(); err != nil {
			return err
		}
	}
	return m.Sys.Renameat(a, b, c, d)
}

func (m *meddler) Exchangeat(dir int, a, b string) error {
	if m.rename != nil {
		if err := m.rename(); err != nil {
			return err
		}
	}
	return m.Sys.Exchangeat(dir, a, b)
}

func (m *meddler) Openat(dir int, path string, flags int, mode uint32) (int, error) {
	if m.forbidWrite != nil && flags&(unix.O_CREAT|unix.O_WRONLY|unix.O_RDWR|unix.O_TRUNC) != 0 {
		m.forbidWrite("open for writing " + path)
	}
	return m.Sys.Openat(dir, path, flags, mode)
}

func meddled(t *testing.T, dir string) (*Smith, *meddler) {
	m := &meddler{Sys: durable.Linux}
	s, err := Open(m, paths(dir), host(t, nil), ttl(30*time.Second))
	if err != nil {
		t.Fatal(err)
	}
	return s, m
}

// The file that was opened is unlinked before it is locked: a lock on it would
// exclude nobody.
func TestLockOnUnlinkedFileDoesNotCount(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	s, m := meddled(t, dir)
	times := 0
	m.setLock = func(fd int) error {
		if times++; times == 1 {
			if err := os.Remove(s.lock); err != nil {
				t.Error(err)
			}
		}
		return m.Sys.SetLock(fd)
	}
	l := acquire(t, s, claim("holder"))
	defer l.Release()
	if times < 3 { // unlinked, again, commit lock
		t.Errorf("%d locks taken", times)
	}
	look(t, open(t, dir, nil), Held) // asks on the path
	if _, err := open(t, dir, nil).Acquire(context.Background(), claim("second")); err == nil {
		t.Error("two holders")
	}
}

func TestLookTakesNothing(t *testing.T) {
	t.Parallel()
	for _, exists := range []bool{false, true} {
		s, m := meddled(t, folder(t))
		if exists {
			acquire(t, s, claim("holder")).Release()
		}
		m.setLock = func(int) error { t.Error("a look takes the lock"); return unix.EAGAIN }
		m.forbidWrite = func(call string) { t.Error("a look writes:", call) }
		look(t, s, Free)
	}
}

// Another is granted the lease between a look's question to the kernel and its
// reading of the record: "free" and "held" together would be DEAD.
func TestLookIsOneMoment(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	acquire(t, open(t, dir, nil), claim("earlier")).Release()
	s, m := meddled(t, dir)
	var other *Lease
	m.afterAsk = func() {
		m.afterAsk = nil
		other = acquire(t, open(t, dir, nil), claim("other"))
	}
	if seen := look(t, s, Held); seen.Record != other.Record() {
		t.Errorf("seen %+v", seen.Record)
	}
	m.afterAsk = func() { // and the other way round
		m.afterAsk = nil
		if err := other.Release(); err != nil {
			t.Error(err)
		}
	}
	look(t, s, Free)
}

// The phantom of the story: refused, yet nobody has it. As long as a look says
// that the kernel would grant the lock, an acquire goes on.
func TestNeverBusyWhileFree(t *testing.T) {
	t.Parallel()
	s, m := meddled(t, folder(t))
	asked := 0
	m.afterAsk = func() { asked++ }
	m.setLock = func(fd int) error {
		if asked < 3 {
			return unix.EAGAIN // another's try, gone by the time of the look
		}
		return m.Sys.SetLock(fd)
	}
	l, err := s.Acquire(context.Background(), claim("holder"))
	if err != nil {
		t.Fatalf("busy, though free: %v", err)
	}
	defer l.Release()
	if asked < 3 {
		t.Errorf("granted after %d looks", asked)
	}
}

func TestCommitLockRefused(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	s := open(t, dir, nil)
	s.patience = 5 * time.Millisecond
	l := acquire(t, s, claim("holder"))
	fd, err := s.take(s.commit)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Commit(func() error { t.Error("committed"); return nil }); !errors.Is(err, ErrCommitBusy) {
		t.Errorf("commit: %v", err)
	}
	if err := l.Renew(); !errors.Is(err, ErrCommitBusy) {
		t.Errorf("renew: %v", err)
	}
	if err := l.Release(); !errors.Is(err, ErrCommitBusy) {
		t.Errorf("release: %v", err)
	}
	look(t, s, Dead) // the kernel lock is given back all the same
	if _, err := s.Acquire(context.Background(), claim("next")); !errors.Is(err, ErrCommitBusy) {
		t.Errorf("acquire: %v", err)
	}
	look(t, s, Dead) // not kept by the acquire that failed
	s.drop(fd)
	next := acquire(t, s, claim("next"))
	if e := next.Reclaimed(); e == nil || e.Holder != "holder" {
		t.Errorf("evidence %v", e)
	}
	next.Release()
}

// Between a commit's check of the epoch and its end nobody is granted the
// lease, even if it is lost already: the check would be worth nothing.
func TestNoGrantDuringACommit(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	old, next := open(t, dir, nil), open(t, dir, nil)
	next.patience = 5 * time.Millisecond
	l := acquire(t, old, claim("old"))
	err := l.Commit(func() error {
		if err := os.Remove(old.lock); err != nil {
			t.Error(err)
		}
		if _, err := next.Acquire(context.Background(), claim("next")); !errors.Is(err, ErrCommitBusy) {
			t.Errorf("acquire in the middle of a commit: %v", err)
		}
		return nil
	})
	if err != nil {
		t.Errorf("commit: %v", err)
	}
	if now := acquire(t, next, claim("next")); now.Epoch() != 2 {
		t.Errorf("epoch %d", now.Epoch())
	}
}

// lose gives the kernel lock back as a death does: the record stays.
func lose(l *Lease) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.s.drop(l.fd)
	l.fd = -1
}

// A process that runs, past a deadline on record, while another acquires: the
// acquire in progress must not be called its overdue lease.
func TestAcquireOverAbandonedRecordIsNotOverdue(t *testing.T) {
	t.Parallel()
	var now clock
	now.Store(1000 * sec)
	dir := folder(t)
	s := open(t, dir, now.host)
	l := acquire(t, s, Claim{Role: RoleAgent, Holder: "aimd", TTL: time.Second})
	other := open(t, dir, func(h *Host) {
		now.host(h)
		var asked atomic.Int32
		h.Has = func(p Process, dev, ino uint64) Has {
			asked.Add(1)
			return procHas(p, dev, ino)
		}
	})
	now.Add(5 * sec)
	look(t, other, Overdue) // it is, and /proc shows that it has it
	lose(l)                 // without a word
	look(t, other, Dead)
	c := start(t, dir)
	// The child has the kernel lock, the record is still the old one.
	old, err := os.ReadFile(s.record)
	if err != nil {
		t.Fatal(err)
	}
	c.must("acquire 1h")
	if err := os.WriteFile(s.record, old, 0o600); err != nil {
		t.Fatal(err)
	}
	seen := look(t, other, Unknown)
	if len(seen.Owners) != 1 || seen.Owners[0].PID != c.cmd.Process.Pid {
		t.Errorf("owners %v, child is %d", seen.Owners, c.cmd.Process.Pid)
	}
}
