package locksmith

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// ending is an End under way: a holder that mayEnd has said yes to.
type ending struct {
	s      *Smith
	fd     int // its pidfd
	expect Expect
	since  int64 // CLOCK_BOOTTIME ns
	Ended
}

// gather collects what mayEnd decides on. The pidfd is asked last.
func (s *Smith) gather(fd int, expect Expect) (candidate, error) {
	look, seen, err := s.look()
	if err != nil {
		return candidate{}, err
	}
	p := look.Record.Process
	c := candidate{look: look, inode: seen.ino, expect: expect, self: s.host.Self.PID, protected: s.protected}
	if look.Verdict == Overdue && s.host.Has != nil && s.host.Names != nil {
		c.has, c.names = s.host.Has(p, seen.dev, seen.ino), s.host.Names(p.PID)
	}
	c.pid, err = processOf(fd)
	return c, err
}

// run asks, waits, forces, and sees that the lock is free after it.
func (e *ending) run(ctx context.Context, grace time.Duration) error {
	if grace > 0 {
		over, err := e.ask(ctx, grace)
		if over || err != nil {
			return err
		}
	}
	err := send(e.fd, unix.SIGKILL)
	if err != nil && !errors.Is(err, ErrGone) {
		return err
	}
	if err == nil {
		e.Signal = "SIGKILL"
	}
	over, err := e.wait(ctx, killPatience)
	if err == nil && !over {
		err = fmt.Errorf("it still runs %v after SIGKILL: %w", killPatience, ErrSurvived)
	}
	if err != nil {
		return err
	}
	return e.freed(ctx)
}

// ask sends SIGTERM and waits for grace. over says that nothing is left to do.
func (e *ending) ask(ctx context.Context, grace time.Duration) (over bool, err error) {
	if err := send(e.fd, unix.SIGTERM); err != nil {
		return false, err
	}
	e.Signal = "SIGTERM"
	over, err = e.wait(ctx, grace)
	if over && err == nil {
		return true, e.freed(ctx)
	}
	if err != nil {
		return false, err
	}
	err = e.still()
	if errors.Is(err, ErrNotProven) {
		// It may be about to give the lock back: the record goes first.
		if over, err = e.wait(ctx, e.s.brief); over && err == nil {
			return true, e.freed(ctx)
		}
		if err == nil {
			err = e.still()
		}
	}
	if errors.Is(err, ErrGone) {
		return true, e.freed(ctx)
	}
	return false, err
}

// still decides anew before the second signal.
func (e *ending) still() error {
	c, err := e.s.gather(e.fd, e.expect)
	if err == nil {
		err = mayEnd(c)
	}
	if err == nil && c.look.Record.Epoch != e.Record.Epoch {
		err = ErrGone // that lease is over; this one is another's
	}
	return err
}

// wait waits at most d until the process has ended or given the lock back.
func (e *ending) wait(ctx context.Context, d time.Duration) (over bool, err error) {
	for end := time.Now().Add(d); ; {
		over, err := exited(e.fd, min(endStep, time.Until(end)))
		if over || err != nil {
			return over, err
		}
		look, _, err := e.s.look()
		if err != nil {
			return false, err
		}
		if e.lost(look) {
			return true, e.released()
		}
		if ctx.Err() != nil {
			return false, context.Cause(ctx)
		}
		if !time.Now().Before(end) {
			return false, nil
		}
	}
}

// released notes a lock that was given back. A process that ends lets go of its
// files a moment before its pidfd says so.
func (e *ending) released() error {
	over, err := exited(e.fd, e.s.brief)
	e.Released = err == nil && !over && e.Signal == "SIGTERM"
	return err
}

// lost says that the lock is no longer this holder's: free, or granted anew.
func (e *ending) lost(l Look) bool {
	return !l.Verdict.Refused() || l.HasRecord && l.Record.Epoch != e.Record.Epoch
}

// freed sees that the lock is no longer the holder's. Another's grant in
// progress looks like a leaked descriptor until its record is written.
func (e *ending) freed(ctx context.Context) error {
	tick := time.NewTimer(0)
	defer tick.Stop()
	for end := time.Now().Add(e.s.patience); ; {
		look, seen, err := e.s.look()
		switch {
		case err != nil:
			return err
		case e.lost(look):
			return nil
		case ctx.Err() != nil || !time.Now().Before(end):
			e.s.findOwners(&look, seen)
			return fmt.Errorf("%s: %w", look.Words(), ErrLeaked)
		}
		tick.Reset(endStep)
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
	}
}
