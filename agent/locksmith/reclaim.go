package locksmith

import (
	"context"
	"errors"
	"fmt"
)

// Evidence says whose lock was reclaimed and what proved that its holder was
// gone. The fields are the dead holder's unless said otherwise.
type Evidence struct {
	Holder     string
	PID        int
	Role       string
	Reason     string
	Epoch      uint64 // of the grant that reclaimed
	OldEpoch   uint64 // of the dead holder
	Verdict    Verdict
	AcquiredAt int64  // CLOCK_BOOTTIME ns; of an earlier boot's clock under BOOT
	At         int64  // of the reclaim, CLOCK_BOOTTIME ns
	Proof      string // in words
	Until      int64  // effective end of the dead holder's lease, CLOCK_BOOTTIME ns of its boot
}

// String is one line for a log.
func (e Evidence) String() string {
	return fmt.Sprintf("%s: reclaimed from %s (pid %d, %s), epoch %d after %d: %s",
		e.Verdict, e.Holder, e.PID, e.Role, e.Epoch, e.OldEpoch, e.Proof)
}

// proof is the evidence of a grant, from what was found under both locks; nil
// if the lock was not stale.
func proof(found Facts, epoch uint64, now int64) *Evidence {
	verdict := Judge(found)
	if !verdict.Stale() {
		return nil
	}
	r := found.Record
	e := &Evidence{
		Holder: r.Holder, PID: r.Process.PID, Role: r.Role, Reason: r.Reason,
		Epoch: epoch, OldEpoch: r.Epoch, Verdict: verdict, AcquiredAt: r.Acquired, At: now,
		Until: Deadline(r, found.MaxTTL),
	}
	switch {
	case verdict == Boot:
		e.Proof = fmt.Sprintf("granted in boot %s, this is boot %s", r.BootID, found.BootID)
	case found.Alive:
		e.Proof = fmt.Sprintf("the kernel granted the lock; process %d runs but no longer had it", r.Process.PID)
	default:
		e.Proof = fmt.Sprintf("the kernel granted the lock; no process %d with start %d runs", r.Process.PID, r.Process.Start)
	}
	// A power cut may bring an older record back, and a superseding lease has
	// none. A larger distance is the leap over a lost epoch.
	if last := epoch - 1; r.Epoch < last && last-r.Epoch < epochLeap {
		e.Proof += fmt.Sprintf("; the record is not of the last grant, epoch %d, whose holder may have been another", last)
	}
	return e
}

// Reclaim frees a stale lock (DEAD, BOOT) by acquiring and releasing it, and
// returns the evidence. It returns nil, nil if there is nothing to reclaim:
// then it has written nothing, or another was faster.
func (s *Smith) Reclaim(ctx context.Context, by Claim) (*Evidence, error) {
	look, _, err := s.look()
	if err != nil || !look.Verdict.Stale() {
		return nil, err
	}
	lease, err := s.Acquire(ctx, by)
	if refused := (*Refused)(nil); errors.As(err, &refused) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return lease.Reclaimed(), lease.Release()
}
