package agent

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aim-control/aimlock/agent/config"
	"github.com/aim-control/aimlock/agent/locksmith"
	"github.com/aim-control/aimlock/agent/telemetry"
	"github.com/aim-control/aimlock/firmware/patch"
	"github.com/aim-control/aimlock/firmware/store"
)

// How patient the applier is.
const (
	lookEvery   = 200 * time.Millisecond // between two looks while a patch waits or is watched
	checkEvery  = 5 * time.Second        // between two full checks of a patch that waits
	againAfter  = 2 * time.Second        // after a lease or an interlock that could not be had
	interlockIn = 3 * time.Second        // for the flight controller to confirm the interlock
	settleFor   = 300 * time.Millisecond // how long it must have stood: six debounce times of the lines
	killGrace   = 2 * time.Second        // between SIGTERM and SIGKILL of a holder
	leaseIn     = 5 * time.Second        // for the lock of a holder that was ended
	trialFor    = 2 * time.Minute        // deadline of a trial
	watchTrial  = 2 * time.Second        // a trial is watched at least so long for new causes
	holdTrial   = 10 * time.Second       // and the interlock held at most so long for the broker
)

// applier carries patches out, one at a time. It is one goroutine that may
// block; it speaks to the loop through the loop's channel only.
type applier struct {
	id   *config.Identity
	ring *patch.Keyring // whose signatures count
	// ringShown is it as the status tells it; nil: it is not known
	ringShown *atomic.Pointer[shownRing]
	boot      string
	src       source
	wall      func() (now time.Time, trusted bool)
	built     time.Time
	state     *stateFile
	open      func() (*store.Store, error)
	store     *store.Store     // nil until it could be opened
	opened    atomic.Bool      // store is set
	smith     *locksmith.Smith // nil: the lock's files cannot be used
	inForce   *atomic.Pointer[config.Live]
	keep      *persister
	box       *outbox
	hooks     hooks
	trial     time.Duration // deadline of a trial
	watch     time.Duration // a trial is watched at least so long
	settle    time.Duration // the interlock must have stood so long
	log       Logger

	offers chan []byte   // not buffered: while the applier is busy the uplink keeps the newest
	wake   chan struct{} // capacity 1: there is an order
	next   []byte        // an offer that came while another was at hand
	told   telling
	mended bool // this start has ended an operation that the last run left open

	mu    sync.Mutex
	order *patchOrder     // the newest, not taken up yet
	shown telemetry.Patch // what is at hand, as the status has it
}

// patchOrder is a verified order about a patch.
type patchOrder struct {
	verb    string // withdraw or revert
	patch   string // its id
	restore string // hash of what must come back; "": whatever was before
	nonce   string // of a revert that was signed with the patch; "": none
}

// job is one patch on its way.
type job struct {
	offer    telemetry.Offer
	pkg      patch.Package
	manifest *patch.Manifest // nil until the checks have passed

	meta       store.Meta
	epoch      uint64
	oldVersion int64
	oldSHA256  string
	offered    int64 // CLOCK_BOOTTIME, ms, of each step; 0: not yet
	staged     int64
	tried      int64
	ended      int64
	evidence   []telemetry.Evidence
	overriding bool // the nonce of its override is used, by it
	keys       bool // it claims to be a change of the keys
	heard      bool // an operator offers it to this drone: the status shows it
}

// The ends of a patch that nobody refused and that did not fail.
var (
	errWithdrawn  = errors.New("withdrawn before it was applied")
	errSuperseded = errors.New("another offer has taken its place")
	errAgain      = errors.New("not now")
)

// run ends what the last run has left open, then takes offers and orders.
func (a *applier) run(ctx context.Context) {
	a.begin(ctx)
	for { // an offer may lie at the broker before the live file was read
		s, err := a.peek(ctx)
		if err != nil {
			return
		}
		if s.looked {
			break
		}
		rest(ctx, lookEvery/10)
	}
	for ctx.Err() == nil {
		payload := a.next
		a.next = nil
		if payload == nil {
			select {
			case payload = <-a.offers:
			case <-a.wake:
				a.obey(ctx)
				continue
			case <-ctx.Done():
				return
			}
		}
		a.take(ctx, payload)
	}
}

// begin tells how the last patch has ended, after it has ended it.
func (a *applier) begin(ctx context.Context) {
	for (a.store == nil || !a.closed()) && ctx.Err() == nil {
		if err := a.recover(ctx); err != nil {
			a.trouble(ctx, "store", err.Error())
			rest(ctx, againAfter)
			continue
		}
		a.inPlace(ctx)
	}
	if ctx.Err() != nil {
		return
	}
	a.trouble(ctx, "store", "")
	st := a.store.Status()
	j := a.jobOf(st)
	reason, detail := ending(st.Reason)
	switch {
	case st.Phase == store.Committed:
		a.repeat(ctx, j, patchCommitted, "", "")
	case st.Phase == store.Rejected:
		a.repeat(ctx, j, patchRejected, reason, detail)
	case st.Phase == store.Reverted && a.mended:
		a.reverted(ctx, j, reason, detail)
	case st.Phase == store.Reverted:
		a.repeat(ctx, j, patchReverted, reason, detail)
	}
}

// closed: no trial and no revert is under way.
func (a *applier) closed() bool {
	p := a.store.Status().Phase
	return p != store.Trial && p != store.Reverting
}

// recover drives what a restart has left open to an end. Called before the
// live file has readers in this process, and again until it succeeds.
func (a *applier) recover(ctx context.Context) error {
	if a.store == nil {
		s, err := a.open()
		if err != nil {
			return fmt.Errorf("patches wait for it: %w", err)
		}
		a.store = s
		a.opened.Store(true)
	}
	lost := a.closed()
	if lost && !a.store.Lost() {
		_, err := a.store.Recover(nil)
		return err
	}
	a.mended = a.mended || !lost
	j := a.jobOf(a.store.Status())
	lease, why, err := a.acquire(ctx, j, true)
	if err != nil {
		return err
	}
	if lease == nil {
		return errors.New("the committed file cannot be put back yet: " + why)
	}
	defer a.release(lease)
	if _, err = a.store.Recover(lease.Commit); err == nil && lost {
		a.say(report{kind: "config.rebuilt", level: levelWarn, text: "aim_lock_config.conf was lost and is what was committed again"})
	}
	return err
}

// jobOf is the job of the store's newest operation.
func (a *applier) jobOf(st store.Status) *job {
	epoch, _ := a.store.OfferEpoch()
	j := &job{meta: st.Meta, epoch: epoch, heard: true}
	if before, ok := a.store.Before(); ok && st.Phase == store.Committed {
		j.oldVersion, j.oldSHA256 = before.Version, before.SHA256
	} else if _, now, ok := a.store.Committed(); ok && st.Phase != store.Committed {
		j.oldVersion, j.oldSHA256 = now.Version, now.SHA256
	}
	return j
}

// take carries one offer out.
func (a *applier) take(ctx context.Context, payload []byte) {
	if len(payload) == 0 { // cleared, and nothing is at hand
		return
	}
	a.lookAtRing(ctx)
	j, err := a.judge(payload)
	if err == nil && !a.known(ctx, j) {
		err = a.carryOut(ctx, j)
	}
	var r *patch.Refusal
	switch {
	case err == nil, ctx.Err() != nil, errors.Is(err, errReported):
	case errors.Is(err, errWithdrawn), errors.Is(err, errSuperseded):
		if _, e := a.store.Recover(nil); e != nil {
			a.log.Error("a staged patch could not be dropped", "err", e)
		}
		a.tell(ctx, j, patchIdle, "withdrawn", err.Error())
	case errors.As(err, &r):
		a.reject(ctx, j, r.Name, r.Detail)
	default:
		a.reject(ctx, j, "failed", err.Error())
	}
}

// reject ends a patch before its switch: nothing but a report is left of it.
func (a *applier) reject(ctx context.Context, j *job, name, detail string) {
	if err := a.store.Drop(name + ": " + detail); err != nil {
		a.log.Error("a staged patch could not be dropped", "err", err)
	}
	a.tell(ctx, j, patchRejected, name, detail)
}

// carryOut is a patch's straight line.
func (a *applier) carryOut(ctx context.Context, j *job) error {
	if err := a.check(ctx, j); err != nil {
		return err
	}
	if j.keys {
		return a.rotate(ctx, j)
	}
	if err := a.stage(ctx, j); err != nil {
		return err
	}
	a.tell(ctx, j, patchStaged, "", "")
	for {
		again, err := a.attempt(ctx, j)
		if !again || err != nil {
			return err
		}
	}
}

// attempt waits, applies and follows the trial to its end; again: the lease was
// lost, or somebody was in a commit, before anything was switched.
func (a *applier) attempt(ctx context.Context, j *job) (again bool, err error) {
	g, err := a.ready(ctx, j)
	if err != nil {
		return false, err
	}
	defer g.free()
	if err := a.apply(ctx, j, g); errors.Is(err, errAgain) {
		g.free() // nobody waits for us meanwhile
		a.tellWait(ctx, j, hindrance{"lock", "commit", err.Error()})
		return true, a.idleFor(ctx, j, againAfter)
	} else if err != nil {
		return false, err
	}
	if why, detail := a.prove(ctx, j, g); why != "" {
		a.putBack(ctx, j, g, why, detail)
		return false, nil
	}
	a.commit(ctx, j, g)
	return false, nil
}
