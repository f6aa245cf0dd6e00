package locksmith

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"golang.org/x/sys/unix"
)

// Superseded says past whom a superseding lease was granted, and why that was
// allowed. The record is that of the holder passed over.
type Superseded struct {
	Look  Look   // under the commit lock: OVERDUE, ORPHAN or UNKNOWN
	Epoch uint64 // of the superseding lease
	By    Record // of the superseding lease, which is on no disk
}

// String is one line for a log.
func (e Superseded) String() string {
	return fmt.Sprintf("%s: %s supersedes %s, epoch %d after %d (%s): %s", e.Look.Verdict, e.By.who(), e.Look.Who(),
		e.Epoch, e.Look.Record.Epoch, e.By.Reason, e.Look.Evidence)
}

// Supersede grants a lease past a lock that stays refused: its holder is
// overdue and must not or cannot be ended, or it is ORPHAN or UNKNOWN (wait
// until a watch calls those HOT: an acquire in progress looks the same). Its
// caller has the right to: a signed override.
//
// It takes the commit lock, looks, and raises the epoch. From then on whoever
// has the kernel lock is refused with ErrStale, however late it commits. The
// lease has the epoch alone, not the kernel lock. So looks go on to show the
// lock as it is, refused and HOT, and neither the grant nor a renewal nor the
// release writes the record. The next grant or superseding ends it with
// ErrStale, at the latest when the holder dies and its lock is reclaimed: keep
// it short, and begin anew with Acquire then.
//
// A holder inside its lease is never superseded (ErrNotOverdue), nor a lock
// that is free (ErrGone) or another's (ErrOther). With ErrCommitBusy somebody
// is in a commit, perhaps the holder: wait, or End it.
func (s *Smith) Supersede(ctx context.Context, c Claim, expect Expect) (*Lease, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	lease, err := s.supersede(ctx, c, expect)
	if err != nil {
		return nil, fmt.Errorf("locksmith: supersede: %w", remedy(err))
	}
	lease.start()
	return lease, nil
}

func (s *Smith) supersede(ctx context.Context, c Claim, expect Expect) (*Lease, error) {
	unlock, err := s.lockCommit(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	look, seen, err := s.look()
	if err == nil {
		err = mayPass(look, expect)
	}
	if err != nil {
		return nil, err
	}
	s.findOwners(&look, seen)
	// The lease's hold on the file, without a lock: if the file is replaced,
	// others grant without us and the lease is stale.
	fd, err := s.sys.Openat(unix.AT_FDCWD, s.lock, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if errors.Is(err, fs.ErrNotExist) {
		err = ErrGone
	}
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", s.lock, err)
	}
	epoch, err := s.raiseEpoch(seen)
	if err != nil {
		_ = s.sys.Close(fd)
		return nil, err
	}
	rec, ttl := s.newRecord(c, epoch)
	lease := newLease(s, fd, rec, ttl, nil)
	lease.passed = &Superseded{Look: look, Epoch: epoch, By: rec}
	return lease, nil
}

// mayPass is the decision to supersede. It is pure; nil means yes.
func mayPass(l Look, x Expect) error {
	switch l.Verdict {
	case Overdue, Orphan, Unknown:
		return x.names(l)
	case Held:
		return fmt.Errorf("%s: %w", l.Who(), ErrNotOverdue)
	}
	return fmt.Errorf("%s: %w", l.Verdict, ErrGone)
}

// newRecord is the record of a lease that begins now.
func (s *Smith) newRecord(c Claim, epoch uint64) (Record, time.Duration) {
	now, ttl := s.host.Now(), c.ttl(s.longest())
	return Record{
		Name: s.name, Held: true, Epoch: epoch,
		Role: c.Role, Holder: clean(c.Holder, maxName), Reason: clean(c.Reason, maxReason),
		Process: s.host.Self, BootID: s.host.BootID,
		Acquired: now, Renewed: now, Deadline: now + int64(ttl), WallMS: s.host.Wall().UnixMilli(),
	}, ttl
}
