package locksmith

import (
	"context"
	"fmt"
	"time"
)

// Report is what a watch has to say.
type Report struct {
	Look      Look
	Hot       bool      // OVERDUE at once; ORPHAN and UNKNOWN after 5 s without a break
	Since     int64     // CLOCK_BOOTTIME ns: HELD, DEAD, BOOT: of the grant; OVERDUE: of the deadline; else of the first such look
	Reclaimed *Evidence // what this watch has just reclaimed; Look was made after it
	Err       error     // the look or a reclaim failed; after a failed look the rest is the last good report's
}

// watchClaim is who a watch reclaims for.
var watchClaim = Claim{Role: RoleAgent, Holder: "aimd", Reason: "reclaim of a stale lock"}

// retryReclaim is the pause after a reclaim that failed.
const retryReclaim = time.Second

// Watch follows the lock until ctx ends and returns its error. It reports at
// once, on every change of verdict, holder or hotness, and at each audit.
//
// It learns of the holder's death from a pidfd and of its deadline from a
// CLOCK_BOOTTIME timer, so that a DEAD lock is reclaimed within milliseconds.
// It looks every min(audit, 500 ms) besides, for new holders and for kernels
// without pidfds; that is all that audit changes between two audits. A BOOT
// lock, which [Smith.Reclaim] takes at the start, is reclaimed at an audit.
//
// out should be received from at once: a blocked report holds up the watch.
func (s *Smith) Watch(ctx context.Context, audit func() time.Duration, out chan<- Report) error {
	wake, err := newWaker()
	if err != nil {
		return err
	}
	stopped := make(chan struct{})
	stop := context.AfterFunc(ctx, func() { wake.wake(); close(stopped) })
	defer func() {
		if !stop() {
			<-stopped // no write to a descriptor that is another's by then
		}
		wake.close()
	}()
	w := watcher{s: s, nextAudit: s.host.Now() + int64(interval(audit))}
	for ctx.Err() == nil {
		now := s.host.Now()
		due := now >= w.nextAudit
		if due {
			w.nextAudit = now + int64(interval(audit))
		}
		report := w.turn(ctx, due)
		if ctx.Err() != nil {
			break
		}
		if due || w.news(report) {
			select {
			case out <- report:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		w.last, w.told = report, true
		pause := min(s.every, interval(audit), time.Duration(w.nextAudit-s.host.Now()))
		if !w.prepare(wake) {
			continue // the holder died in between: look again
		}
		if err := wake.sleep(pause); err != nil {
			return err
		}
	}
	return ctx.Err()
}

func interval(audit func() time.Duration) time.Duration {
	return max(audit(), 10*time.Millisecond)
}

// watcher is the state of one watch.
type watcher struct {
	s         *Smith
	suspect   Suspicion
	nextAudit int64
	notBefore int64 // of the next try to reclaim, after a failed one
	failed    error // of that one, while the lock is still stale
	last      Report
	told      bool
}

// turn looks, reclaims what is stale and judges whether it is hot.
func (w *watcher) turn(ctx context.Context, audit bool) Report {
	look, seen, err := w.s.look()
	var took *Evidence
	if err == nil && (look.Verdict == Dead || look.Verdict == Boot && audit) && look.At >= w.notBefore {
		if took, w.failed = w.s.Reclaim(ctx, watchClaim); w.failed != nil {
			w.notBefore = look.At + int64(retryReclaim)
		}
		look, seen, err = w.s.look()
	}
	r := w.last
	r.Reclaimed, r.Err = took, err
	if err != nil {
		return r
	}
	if !look.Verdict.Stale() {
		w.failed = nil
	}
	r.Look, r.Err = look, w.failed
	r.Since, r.Hot = w.suspect.Step(look.At, look.Verdict, look.Record.Epoch)
	switch look.Verdict {
	case Overdue:
		r.Since, r.Hot = look.Deadline, true
	case Held, Dead, Boot:
		r.Since = look.Record.Acquired
	case Free:
		r.Since = look.At
		if w.last.Look.Verdict == Free {
			r.Since = w.last.Since
		}
	}
	if audit || w.news(r) {
		w.s.findOwners(&r.Look, seen)
	}
	return r
}

// news says whether a report differs from the last one in what people would be
// told.
func (w *watcher) news(r Report) bool {
	return !w.told || r.Reclaimed != nil || r.Hot != w.last.Hot || changed(r.Look, w.last.Look) ||
		fmt.Sprint(r.Err) != fmt.Sprint(w.last.Err)
}

// prepare sets up the wake-ups for what was last seen. It returns false when
// the holder has died since.
func (w *watcher) prepare(wake *waker) bool {
	look := w.last.Look
	held := w.last.Err == nil && (look.Verdict == Held || look.Verdict == Overdue)
	left := time.Duration(look.Deadline - w.s.host.Now())
	if wake.deadline(left, held && look.Verdict == Held) != nil || !held {
		wake.forget() // the looks must do
		return true
	}
	return wake.follow(look.Record.Process, w.s.host.Alive)
}
