package locksmith

import (
	"context"
	"fmt"
)

// CommitAs is [Lease.Commit] for a program that works under another process's
// lease and was told its epoch, as a command of "aimctl lock run" is. It runs
// write under the commit lock if that epoch is the current one and the lock is
// HELD under it; else it refuses with *Lost (ErrStale, ErrExpired) or with
// ErrCommitBusy, and write has not run.
func (s *Smith) CommitAs(ctx context.Context, epoch uint64, write func() error) error {
	unlock, err := s.lockCommit(ctx)
	if err != nil {
		return fmt.Errorf("locksmith: commit: %w", err)
	}
	defer unlock()
	if err := s.current(epoch); err != nil {
		return s.over("commit", Record{Name: s.name, Epoch: epoch}, err)
	}
	return write()
}

// current says why the lease of that epoch is over; nil: it is not. The caller
// has the commit lock.
func (s *Smith) current(epoch uint64) error {
	now, err := s.readEpoch()
	switch {
	case err != nil:
		return fmt.Errorf("read the epoch: %w", err)
	case epoch != now:
		return fmt.Errorf("%w (ours is %d, current is %d)", ErrStale, epoch, now)
	}
	look, _, err := s.look()
	switch {
	case err != nil:
		return err
	case look.Verdict == Held && look.Record.Epoch == epoch:
		return nil
	case look.Verdict == Overdue && look.Record.Epoch == epoch:
		return ErrExpired
	}
	return fmt.Errorf("%w (its holder has it no more)", ErrStale)
}
