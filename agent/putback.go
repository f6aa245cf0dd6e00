package agent

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aim-control/aimlock/agent/telemetry"
	"github.com/aim-control/aimlock/firmware/patch"
	"github.com/aim-control/aimlock/firmware/store"
)

// putBack ends a trial that has failed: the last committed file comes back, in
// the flight state in which it was replaced, and it is tried until it does.
// When the agent stops, its next start does it.
func (a *applier) putBack(ctx context.Context, j *job, g *grip, why, detail string) {
	if why == "stopped" {
		return
	}
	// Only what the content itself has shown: not a lost link, not a pilot's cause.
	quarantine := why == "check" || why == "reload" || why == "cause-config"
	a.back(ctx, j, g, why+": "+detail, func(f store.Fence) error { return a.store.Revert(f, why+": "+detail, quarantine) })
	if ctx.Err() != nil {
		return
	}
	a.reverted(ctx, j, why, detail)
}

// back runs put under a lease once flight state, interlock and lock allow it.
func (a *applier) back(ctx context.Context, j *job, g *grip, why string, put func(store.Fence) error) {
	said := ""
	for ctx.Err() == nil {
		w, err := a.tryBack(ctx, j, g, put)
		if w.why == "" && err == nil {
			a.trouble(ctx, "patch-revert", "")
			return
		}
		if err != nil {
			a.trouble(ctx, "patch-revert", err.Error())
		}
		if w.why != "" && said != w.why+w.key {
			said = w.why + w.key
			state := patchTrial
			if a.closed() {
				state = patchCommitted
			}
			a.tell(ctx, j, state, "revert-waits", why+"; waits for "+w.why+": "+w.detail)
		}
		rest(ctx, lookEvery)
		if w.why == "" {
			rest(ctx, againAfter)
		}
	}
}

func (a *applier) tryBack(ctx context.Context, j *job, g *grip, put func(store.Fence) error) (hindrance, error) {
	s, err := a.peek(ctx)
	if err != nil {
		return hindrance{}, err
	}
	s.unknown = ""
	if w := flightBlocks(a.window(s), s); w.why != "" {
		return w, nil
	}
	a.ask(ctx, event{kind: interlock, ok: true})
	defer a.ask(ctx, event{kind: interlock})
	// A request line that nobody answers must not keep a bad file in force.
	if _, w, err := a.settled(ctx, true); w.why != "" && w.key != "interlock" || err != nil {
		return w, err
	}
	if g.lease != nil && g.lease.Context().Err() != nil {
		a.release(g.lease)
		g.lease = nil
	}
	if g.lease == nil {
		var why string
		if g.lease, why, err = a.acquire(ctx, j, !a.closed()); g.lease == nil {
			return hindrance{"lock", why, why}, err
		}
		go g.renew(g.lease)
	}
	if err := put(g.lease.Commit); err != nil {
		return hindrance{}, err
	}
	a.inPlace(ctx)
	return hindrance{}, nil
}

// reverted runs the reload command and tells.
func (a *applier) reverted(ctx context.Context, j *job, why, detail string) {
	if out, err := a.hooks.reload(ctx); err != nil {
		detail += "; the reload after it failed: " + err.Error() + ": " + out
	}
	j.ended = a.src.clock() / ms
	a.tell(ctx, j, patchReverted, why, detail)
}

// ordered takes the newest order.
func (a *applier) ordered() *patchOrder {
	a.mu.Lock()
	defer a.mu.Unlock()
	o := a.order
	a.order = nil
	return o
}

// obey carries an order out while no patch is at hand: a revert of the patch
// that is committed.
func (a *applier) obey(ctx context.Context) {
	o := a.ordered()
	if o == nil || o.verb != "revert" {
		return
	}
	_, now, ok := a.store.Committed()
	if !ok || now.Patch == "" || now.Patch != o.patch {
		a.log.Warn("a revert has come too late", "patch", o.patch, "current", now.Patch)
		return
	}
	st := a.store.Status()
	st.Phase, st.Meta = store.Committed, now
	j, g := a.jobOf(st), a.newGrip(ctx)
	defer g.free()
	var refused error
	a.back(ctx, j, g, "revert ordered", func(f store.Fence) error {
		if a.closed() {
			if why := a.spend(o); why != "" {
				refused = errors.New(why)
				return nil
			}
		}
		err := a.store.Restore(o.restore, f)
		switch {
		case !a.closed(): // its intent is on disk
			err = a.store.Revert(f, store.ReasonRestore, false)
		case errors.Is(err, store.ErrRestore), errors.Is(err, store.ErrDamaged): // no second try cures that
			refused, err = err, nil
		}
		return err
	})
	if refused != nil {
		a.say(report{kind: "patch.revert-refused", level: levelError, text: "patch " + o.patch + " is not taken back: " + refused.Error(),
			pairs: pairs("patch", o.patch, "why", refused.Error())})
		return
	}
	if ctx.Err() == nil {
		a.reverted(ctx, j, "ordered", orderedDetail)
	}
}

const orderedDetail = "the operator took it back"

// ending takes the store's reason of an end apart, as putBack and the store
// itself gave it.
func ending(storeReason string) (reason, detail string) {
	switch storeReason {
	case store.ReasonRestart:
		return "restart", "the agent or the computer was restarted during the trial"
	case store.ReasonRestore:
		return "ordered", orderedDetail
	}
	reason, detail, _ = strings.Cut(storeReason, ": ")
	return reason, detail
}

// spend uses the nonce of a revert up; it says why it may not be used.
func (a *applier) spend(o *patchOrder) (why string) {
	if o.nonce == "" {
		return ""
	}
	err := a.store.UseNonce(o.nonce)
	if err == nil {
		o.nonce = ""
		return ""
	}
	return err.Error()
}

// submit judges an order about a patch and takes it on; the reply says that it
// was taken on, the patch's report what became of it. It does not block.
func (a *applier) submit(o *patchOrder) outcome {
	if !a.opened.Load() {
		return outcome{"failed", "the drone's store of configurations cannot be used; aimctl status says why"}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	atHand := a.shown.ID == o.patch && o.patch != ""
	switch {
	case o.verb == "withdraw" && atHand && (a.shown.State == patchStaged || a.shown.State == patchWaiting):
	case o.verb == "withdraw":
		return outcome{"refused", fmt.Sprintf("patch %q does not wait here; one that was applied is taken back with revert", clip(o.patch, 70))}
	case a.current() != o.patch || o.patch == "":
		return outcome{"refused", fmt.Sprintf("%s: %q is not in force here, %q is", patch.RefusedPatch, clip(o.patch, 70), a.current())}
	}
	a.order = o
	select {
	case a.wake <- struct{}{}:
	default:
	}
	return outcome{"done", "taken on; patch/report tells when it is done"}
}

// current is the id of the patch on trial or committed; "": none.
func (a *applier) current() string {
	if st := a.store.Status(); st.Phase == store.Trial {
		return st.Meta.Patch
	}
	_, now, _ := a.store.Committed()
	return now.Patch
}

// judgeRevert judges the revert that was signed with a patch: bound to the patch
// and its targets, not to a boot or a counter.
func (a *applier) judgeRevert(env telemetry.Envelope) (*patchOrder, error) {
	if !a.opened.Load() {
		return nil, errors.New("the drone's store of configurations cannot be used; aimctl status says why")
	}
	ring, err := a.ring.Ring()
	if err != nil {
		return nil, refusal(refusedKeyring, err)
	}
	before := ""
	if st := a.store.Status(); st.Phase == store.Trial {
		_, now, _ := a.store.Committed()
		before = now.SHA256
	} else if m, ok := a.store.Before(); ok {
		before = m.SHA256
	}
	r, err := patch.CheckRevert(patch.SignedRevert{Revert: env.Payload, Signatures: env.Signatures}, patch.RevertFacts{
		Fleet: a.id.Fleet, Drone: a.id.Drone, Keys: ring.Config, Threshold: ring.Threshold,
		Patch: a.current(), BeforeSHA256: before, NonceUsed: a.store.NonceUsed,
	})
	if err != nil {
		return nil, err
	}
	return &patchOrder{verb: "revert", patch: r.Patch, restore: r.RestoreSHA256, nonce: r.Nonce}, nil
}

// isRevert tells a patch's own revert, a text, from a command, a MessagePack
// map: both travel as envelopes on command/<id>.
func isRevert(payload []byte) bool {
	return strings.HasPrefix(string(payload[:min(len(payload), 1)]), "{")
}

func rest(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	wait(ctx, t.C)
}
