package locksmith

import (
	"errors"
	"fmt"
)

// Lost is the error of whoever uses a lease that is over: a failed renewal, a
// late write, a late release. It wraps ErrStale, ErrExpired or ErrReleased and
// has what a log wants to know.
type Lost struct {
	Op   string // renew, commit or release
	Ours Record // the lease that is over: who, since when, why, until when; of CommitAs only the epoch
	Now  Look   // the lock after it; no verdict if that could not be seen
	Err  error
}

// Error is one line for a log.
func (e *Lost) Error() string {
	now := ""
	if e.Now.Verdict != 0 {
		now = fmt.Sprintf("; the lock is %s, %s", e.Now.Verdict, e.Now.Evidence)
	}
	return fmt.Sprintf("locksmith: %s: %v%s", e.Op, e.Err, now)
}

// Unwrap is the sentinel, with its detail.
func (e *Lost) Unwrap() error { return e.Err }

// over puts an error of op in words, as *Lost if the lease is over.
func (s *Smith) over(op string, ours Record, err error) error {
	if !errors.Is(err, ErrStale) && !errors.Is(err, ErrExpired) && !errors.Is(err, ErrReleased) {
		return fmt.Errorf("locksmith: %s: %w", op, remedy(err))
	}
	lost := &Lost{Op: op, Ours: ours, Err: err}
	if !errors.Is(err, ErrReleased) {
		lost.Now, _, _ = s.look()
	}
	return lost
}
