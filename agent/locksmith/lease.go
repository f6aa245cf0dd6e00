package locksmith

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// Lease is the right to write, until its deadline and while its epoch is
// current. Its methods are safe for concurrent use.
type Lease struct {
	s      *Smith
	ttl    time.Duration
	took   *Evidence
	passed *Superseded // a superseding lease: the epoch alone, neither kernel lock nor record
	ctx    context.Context
	cancel context.CancelCauseFunc

	mu  sync.Mutex
	fd  int // raw descriptor of the lock file, which carries the kernel lock; -1 once released
	rec Record

	keepMu sync.Mutex // held by whoever syncs the record
	kept   int64      // Renewed of the record that is on the disk; 0: none, -1: released
}

func newLease(s *Smith, fd int, rec Record, ttl time.Duration, took *Evidence) *Lease {
	ctx, cancel := context.WithCancelCause(context.Background())
	return &Lease{s: s, ttl: ttl, took: took, ctx: ctx, cancel: cancel, fd: fd, rec: rec}
}

// Epoch is the fence: it rises with every grant, from 1.
func (l *Lease) Epoch() uint64 { return l.Record().Epoch }

// Record is the lease as it is on record.
func (l *Lease) Record() Record {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.rec
}

// Context ends when the lease is released, expires or is found lost; its cause
// is ErrReleased, ErrExpired or ErrStale. The loss to another grant is found at
// the next use, or within about a second.
func (l *Lease) Context() context.Context { return l.ctx }

// Reclaimed is the evidence when this grant took the lock over from a dead
// holder (DEAD, BOOT); nil otherwise. Whoever acquires logs it.
func (l *Lease) Reclaimed() *Evidence { return l.took }

// Superseded is the evidence when this lease was granted by Supersede; nil
// otherwise.
func (l *Lease) Superseded() *Superseded { return l.passed }

// Renew begins the lease's time again. It is refused with *Lost (ErrStale,
// ErrExpired, ErrReleased); then it has changed nothing.
func (l *Lease) Renew() error {
	return l.locked("renew", func(rec Record) error {
		now := l.s.host.Now()
		rec.Renewed, rec.Deadline = now, now+int64(min(l.ttl, l.s.longest()))
		if l.passed == nil {
			if err := l.s.writeRecord(rec); err != nil {
				return fmt.Errorf("locksmith: renew: %w", remedy(err))
			}
		}
		l.mu.Lock()
		l.rec = rec
		l.mu.Unlock()
		return nil
	})
}

// Commit runs write under the commit lock if the lease is still current, and
// returns its error. It refuses with *Lost (ErrStale, ErrExpired,
// ErrReleased) and with ErrCommitBusy, which means WAITING(lock); then write has not run. write
// must be short (a rename, a sync of the folder) and must not use this lock.
func (l *Lease) Commit(write func() error) error {
	return l.locked("commit", func(Record) error { return write() })
}

// locked runs act under the commit lock after it has proved the lease current.
func (l *Lease) locked(what string, act func(Record) error) error {
	err := l.ctx.Err()
	if err != nil {
		return l.s.over(what, l.Record(), context.Cause(l.ctx))
	}
	unlock, err := l.s.lockCommit(l.ctx)
	if err != nil {
		return fmt.Errorf("locksmith: %s: %w", what, remedy(err))
	}
	if mutant == renameWithoutCommitLock && what == "commit" {
		unlock()
		unlock = func() {}
	}
	defer unlock()
	if err := l.valid(); err != nil {
		return l.s.over(what, l.Record(), err)
	}
	return act(l.Record())
}

// valid checks everything that can end a lease and cancels the context if one
// has: released, past its deadline, epoch not current, lock file replaced.
func (l *Lease) valid() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	err := l.validLocked()
	if errors.Is(err, ErrStale) || errors.Is(err, ErrExpired) || errors.Is(err, ErrReleased) {
		l.cancel(err)
	}
	return err
}

func (l *Lease) validLocked() error {
	if l.fd < 0 {
		return ErrReleased
	}
	epoch, err := l.s.readEpoch()
	switch {
	case err != nil:
		return fmt.Errorf("read the epoch: %w", err)
	case epoch != l.rec.Epoch && mutant != stealWithoutFence:
		return fmt.Errorf("%w (ours is %d, current is %d)", ErrStale, l.rec.Epoch, epoch)
	}
	same, err := l.s.leadsTo(l.s.lock, l.fd)
	switch {
	case err != nil:
		return fmt.Errorf("check the lock file: %w", err)
	case !same:
		return fmt.Errorf("%w (the lock file was removed or replaced)", ErrStale)
	case l.s.host.Now() >= Deadline(l.rec, l.s.longest()):
		return ErrExpired
	}
	return nil
}

// Release gives the lease back: first the record, if the epoch is current, then
// the kernel lock. After it the lock is free whatever it returns; ErrStale says
// that another was granted the lease in between, whose record is untouched. A
// second release does nothing and returns ErrReleased.
func (l *Lease) Release() error {
	err := l.release()
	l.unkeep()
	return err
}

func (l *Lease) release() error {
	// The record must not be rewritten by a renewal after it says released:
	// both happen under the commit lock, and a renewal checks fd under it.
	unlock, busy := l.s.lockCommit(context.Background())
	if busy == nil {
		defer unlock()
	}
	l.mu.Lock()
	fd, rec := l.fd, l.rec
	l.fd = -1
	l.mu.Unlock()
	if fd < 0 {
		return l.s.over("release", rec, ErrReleased)
	}
	err := busy
	if busy == nil {
		err = l.writeReleased(rec)
	}
	l.cancel(ErrReleased)
	l.s.drop(fd)
	if err != nil {
		return l.s.over("release", rec, err)
	}
	return nil
}

// writeReleased marks the record of the current epoch released. A superseding
// lease has none.
func (l *Lease) writeReleased(rec Record) error {
	epoch, err := l.s.readEpoch()
	if err == nil && epoch != rec.Epoch && mutant != stealWithoutFence {
		return fmt.Errorf("%w (ours was %d, current is %d)", ErrStale, rec.Epoch, epoch)
	}
	if l.passed != nil {
		return err
	}
	if err == nil {
		rec.Held = false
		err = l.s.writeRecord(rec)
	}
	if err != nil { // a full disk must not leave a record that says held
		err = errors.Join(err, l.s.removeRecord())
	}
	return err
}
