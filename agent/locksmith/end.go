package locksmith

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// Each refusal of End and Supersede is one of these, with the detail in its
// text. Nothing was changed and no signal sent, unless End returned an *Ended
// beside the error.
var (
	// ErrGone: there is nobody to end. The kernel would grant the lock, or the
	// holder ended by itself. Acquire.
	ErrGone = errors.New("nobody to end: the lock is free or its holder is gone; acquire it")
	// ErrNotOverdue: the holder is alive inside its lease, which nothing
	// entitles anybody to take from it. Wait.
	ErrNotOverdue = errors.New("the holder is inside its lease; wait for it")
	// ErrOther: somebody else than the one named has the lock.
	ErrOther = errors.New("another holder than the one named; look again and name the right one")
	// ErrProtected: the holder is pid 1, this process, or one that flies the
	// drone. Supersede it.
	ErrProtected = errors.New("a process that is never ended; supersede it")
	// ErrNotProven: it was not seen that this very process has this very lock
	// open. Nothing unproven is signalled.
	ErrNotProven = errors.New("not proven that this process has the lock; look again as root, or supersede it")
	// ErrSurvived: signalled in vain (stuck in the kernel), or not permitted.
	ErrSurvived = errors.New("the holder cannot be ended; supersede it")
	// ErrLeaked: the holder has ended, but another process has its lock open.
	// The verdict is ORPHAN now and names that process.
	ErrLeaked = errors.New("the holder has ended, but another process has its lock open; end that one, or supersede")
)

const (
	endStep      = 10 * time.Millisecond // between two looks at an ending holder
	killPatience = 5 * time.Second       // for a process to end after SIGKILL
)

// Expect names the holder that may be ended or superseded, as an override or
// an earlier look has it. "" and 0 match any, but at least one field is set.
type Expect struct {
	Holder string // of the record; "unknown" where no record explains the lock
	PID    int
	Epoch  uint64
}

// Ended says whom End ended, on what proof, and how.
type Ended struct {
	Record   Record        // of the holder, as it was found overdue
	Proof    string        // that this process had this lock, in words
	Signal   string        // the last one sent, SIGTERM or SIGKILL
	Released bool          // it gave the lock back when told to, and may run on
	Took     time.Duration // since the first signal, on CLOCK_BOOTTIME
}

// String is one line for a log.
func (e Ended) String() string {
	how := "got " + e.Signal
	if e.Released {
		how = "gave the lock back on " + e.Signal
	}
	return fmt.Sprintf("%s, epoch %d: %s; %s, done after %v",
		e.Record.who(), e.Record.Epoch, e.Proof, how, e.Took.Round(100*time.Microsecond))
}

// Protect adds programs to those that End never ends, which are the bridges to
// a flight controller. Call it before the first End.
func (s *Smith) Protect(names ...string) { s.protected = append(s.protected, names...) }

// End ends an OVERDUE holder, so that a plain Acquire is granted. Its caller
// has the right to: a signed override, or the identity's reclaim = "overdue".
//
// It sends SIGTERM, waits for grace, and sends SIGKILL; with no grace SIGKILL
// at once. It signals through a pidfd, and only after this was seen while the
// pidfd was open: the recorded pid with the recorded start, the kernel's lock
// on this very inode among its descriptors, its lease over, none of the
// programs of [ErrProtected]. It judges anew before SIGKILL: a holder that has
// given the lock back by then is left alone.
//
// A watch may reclaim the dead holder's lock at once, so acquire with
// [Smith.Wait] and a few seconds of patience.
//
// *Ended is not nil once a signal was sent, even beside an error: ErrSurvived,
// ErrLeaked, or the end of ctx, which leaves a holder that was only asked.
func (s *Smith) End(ctx context.Context, expect Expect, grace time.Duration) (*Ended, error) {
	ended, err := s.end(ctx, expect, grace)
	if err != nil {
		return ended, fmt.Errorf("locksmith: end the holder: %w", err)
	}
	return ended, nil
}

func (s *Smith) end(ctx context.Context, expect Expect, grace time.Duration) (*Ended, error) {
	look, _, err := s.look()
	if err == nil {
		err = mayName(look, expect, s.host.Self.PID)
	}
	if err != nil {
		return nil, err
	}
	fd, err := openProcess(look.Record.Process.PID)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	seen, err := s.gather(fd, expect)
	if err == nil {
		err = mayEnd(seen)
	}
	if err == nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		return nil, err
	}
	e := &ending{s: s, fd: fd, expect: expect, since: s.host.Now()}
	e.Record, e.Proof = seen.look.Record, seen.words()
	err = e.run(ctx, grace)
	if e.Signal == "" {
		return nil, err
	}
	e.Took = time.Duration(s.host.Now() - e.since)
	return &e.Ended, err
}
