package locksmith

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"github.com/aim-control/aimlock/firmware/durable"
)

// Claim says who wants the lease and why.
type Claim struct {
	Role   string        // RoleAgent, RoleTechnician, RoleOrchestrator
	Holder string        // a program's name; shortened to 64 printable bytes, not empty
	Reason string        // shortened to 200 printable bytes
	TTL    time.Duration // of the lease; 0, or more than today's longest: today's longest
}

// Refused is the error of an acquire while somebody else has the lock. Its Look
// was made after the last try and its verdict is never FREE, DEAD or BOOT.
type Refused struct {
	Look Look
	Err  error // of the context, when it ended the wait; else nil
}

// Error names the verdict and says what to do.
func (r *Refused) Error() string {
	return "locksmith: refused: " + r.Look.Verdict.String() + ": " + r.Look.Words()
}

// Unwrap is the context's error, if it ended the wait.
func (r *Refused) Unwrap() error { return r.Err }

// Acquire takes the lease. It tries for 50 ms, because a look or a release of
// another may be in progress, and then returns *Refused. Any other error means
// that the lock could not be granted although it was free, and is free again.
func (s *Smith) Acquire(ctx context.Context, c Claim) (*Lease, error) {
	brief, cancel := context.WithTimeout(ctx, s.brief)
	defer cancel()
	return s.acquire(ctx, brief, c, time.Millisecond, nil)
}

// Wait is Acquire with the patience of ctx. onWait, if not nil, is told what it
// waits for, at first and whenever the verdict or the holder changes. When ctx
// ends the error is a *Refused that wraps the context's error.
func (s *Smith) Wait(ctx context.Context, c Claim, onWait func(Look)) (*Lease, error) {
	return s.acquire(ctx, ctx, c, waitStep, onWait)
}

// acquire tries until patience ends. It answers "refused" only after a look
// that says so: while the kernel would grant the lock it goes on trying.
func (s *Smith) acquire(ctx, patience context.Context, c Claim, step time.Duration, onWait func(Look)) (*Lease, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	tick := time.NewTimer(step)
	defer tick.Stop()
	var told Look
	for {
		fd, err := s.take(s.lock)
		if err == nil {
			return s.grant(ctx, fd, c)
		}
		if !errors.Is(err, errBusy) {
			return nil, fmt.Errorf("locksmith: acquire: %w", remedy(err))
		}
		over := patience.Err() != nil
		if over || onWait != nil {
			look, seen, err := s.look()
			if err != nil {
				return nil, err
			}
			if over && look.Verdict.Refused() {
				s.findOwners(&look, seen)
				return nil, &Refused{Look: look, Err: ctx.Err()}
			}
			if onWait != nil && (told.At == 0 || changed(told, look)) {
				s.findOwners(&look, seen)
				told = look
				onWait(look)
			}
			if over {
				continue // free now: an answer "busy" would be the phantom
			}
		}
		tick.Reset(step)
		select {
		case <-tick.C:
		case <-patience.Done():
		}
	}
}

// changed says whether two looks differ in what people would be told.
func changed(a, b Look) bool {
	return a.Verdict != b.Verdict || a.HasRecord != b.HasRecord ||
		a.Record.Epoch != b.Record.Epoch || a.Record.Process != b.Record.Process
}

func (c Claim) check() error {
	switch {
	case !validRole(c.Role):
		return fmt.Errorf("locksmith: role %q: use agent, technician or orchestrator", c.Role)
	case clean(c.Holder, maxName) == "":
		return errors.New("locksmith: holder is empty: say which program claims the lease")
	case c.TTL < 0:
		return fmt.Errorf("locksmith: ttl %v is negative", c.TTL)
	}
	return nil
}

// grant makes the kernel lock fd a lease: epoch + 1 durably, then the record,
// both under the commit lock, so that neither a commit nor a renewal of an
// older epoch falls in between. On an error the lock is given back.
func (s *Smith) grant(ctx context.Context, fd int, c Claim) (*Lease, error) {
	lease, err := s.grantLocked(ctx, fd, c)
	if err != nil {
		s.drop(fd)
		return nil, fmt.Errorf("locksmith: grant: %w", remedy(err))
	}
	lease.start()
	return lease, nil
}

func (s *Smith) grantLocked(ctx context.Context, fd int, c Claim) (*Lease, error) {
	unlock, err := s.lockCommit(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	seen, err := s.readRecord()
	if err != nil {
		return nil, err
	}
	found := s.facts(seen) // Refused is false: we have it
	epoch, err := s.raiseEpoch(seen)
	if err != nil {
		return nil, err
	}
	if Judge(found).Stale() || epoch != seen.record.Epoch+1 {
		// Killed in a renewal, or in a grant after the epoch was raised: that
		// may have left a temporary file. Writers of the record have the commit
		// lock, so none is at work.
		_ = durable.Sweep(s.sys, s.record)
	}
	rec, ttl := s.newRecord(c, epoch)
	if err := s.writeRecord(rec); err != nil {
		return nil, err
	}
	return newLease(s, fd, rec, ttl, proof(found, epoch, rec.Acquired)), nil
}

func (c Claim) ttl(longest time.Duration) time.Duration {
	if c.TTL == 0 {
		return longest
	}
	return min(c.TTL, longest)
}

// writeRecord replaces the record. The caller has the commit lock.
func (s *Smith) writeRecord(r Record) error {
	if err := durable.Rewrite(s.sys, s.record, r.Encode(), 0o644); err != nil {
		return fmt.Errorf("write the record: %w", err)
	}
	return nil
}

// removeRecord is the last resort when the record cannot be rewritten.
func (s *Smith) removeRecord() error {
	return s.sys.Unlinkat(unix.AT_FDCWD, s.record, 0)
}
