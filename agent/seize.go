package agent

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aim-control/aimlock/agent/locksmith"
	"github.com/aim-control/aimlock/agent/pause"
	"github.com/aim-control/aimlock/firmware/patch"
	"github.com/aim-control/aimlock/firmware/store"
)

// seize asserts the interlock, sees that the flight state still allows the
// patch, and takes the lease. Without a grip and without an error w says what
// is in the way; nothing is held then.
func (a *applier) seize(ctx context.Context, j *job) (g *grip, w hindrance, err error) {
	g = a.newGrip(ctx)
	a.ask(ctx, event{kind: interlock, ok: true})
	defer func() {
		if w.why != "" || err != nil {
			g.free()
			g = nil
		}
	}()
	s, w, err := a.settled(ctx, false)
	if w.why != "" || err != nil {
		return g, w, err
	}
	if err := a.recheck(j, s); err != nil { // what has waited may be too old by now
		if waits(err) {
			return g, hindrance{why: patch.RefusedClock, detail: err.Error()}, nil
		}
		return g, hindrance{}, err
	}
	if err := a.stillWanted(j); err != nil {
		return g, hindrance{}, err
	}
	g.before = s.present &^ pause.Of(pause.Applying)
	lease, why, err := a.acquire(ctx, j, false)
	if lease == nil {
		return g, hindrance{"lock", why, why}, err
	}
	g.lease = lease
	go g.renew(lease)
	return g, hindrance{}, nil
}

// settled waits until the request is on and confirmed, and has been for long
// enough: a drone that was armed just before shows it only after the flight
// controller's pass and the line's debouncing. What is unknown forbids a patch,
// not the way back.
func (a *applier) settled(ctx context.Context, back bool) (s seen, w hindrance, err error) {
	t := time.NewTicker(lookEvery / 10)
	defer t.Stop()
	var since int64
	for until := a.src.clock() + int64(interlockIn); ; {
		if s, err = a.peek(ctx); err != nil {
			return s, w, err
		}
		if back {
			s.unknown = ""
		}
		w = flightBlocks(a.window(s), s)
		switch held := w.why == "" && s.requested && s.state == pause.Paused; {
		case !held:
			since = 0
		case since == 0:
			since = s.at
		case s.at-since >= int64(a.settle):
			return s, w, nil
		}
		if s.at > until {
			if w.why == "" {
				w = hindrance{"flight", "interlock", "the interlock is not confirmed: the request line is off, or nobody answers it"}
			}
			return s, w, nil
		}
		if !wait(ctx, t.C) {
			return s, w, ctx.Err()
		}
	}
}

// waits: a refusal that may pass.
func waits(err error) bool {
	var r *patch.Refusal
	return errors.As(err, &r) && r.Wait
}

// acquire takes the lease; past a stuck lock if the patch's signed override
// allows it, or (mend) to end an operation that is open: the file that lies
// there is not the committed one. Without a lease why says who refuses.
func (a *applier) acquire(ctx context.Context, j *job, mend bool) (lease *locksmith.Lease, why string, err error) {
	if a.smith == nil {
		return nil, "the lock's files cannot be used", nil
	}
	claim := locksmith.Claim{Role: locksmith.RoleAgent, Holder: "aimd", Reason: "patch " + j.meta.Patch}
	lease, err = a.smith.Acquire(ctx, claim)
	var refused *locksmith.Refused
	switch {
	case errors.As(err, &refused):
		if lease, why, err = a.pass(ctx, j, claim, refused.Look, mend); lease == nil {
			return nil, why, err
		}
	case err != nil:
		return nil, err.Error(), nil
	}
	if e := lease.Reclaimed(); e != nil {
		a.say(reclaimed(e, a.src.clock()))
	}
	a.say(granted(lease, a.src.clock()))
	return lease, "", nil
}

// pass goes past a lock that refuses, in the order: wait, end the holder,
// supersede it.
func (a *applier) pass(ctx context.Context, j *job, claim locksmith.Claim, look locksmith.Look, mend bool) (*locksmith.Lease, string, error) {
	expect := locksmith.Expect{Holder: "unknown"}
	if look.HasRecord {
		expect = locksmith.Expect{Holder: look.Record.Holder, PID: look.Record.Process.PID, Epoch: look.Record.Epoch}
	}
	if mend {
		if look.Verdict != locksmith.Overdue && look.Verdict != locksmith.Orphan {
			return nil, look.Words(), nil
		}
		return a.supersede(ctx, j, claim, look, expect)
	}
	if why := mayPassLock(j.manifest, look, true); why != "" {
		return nil, why, nil
	}
	o := j.manifest.DespiteLock
	if !j.overriding { // used up before it is used
		if err := a.store.UseNonce(o.Nonce); errors.Is(err, store.ErrUsed) {
			return nil, "", refusal(patch.RefusedNonce, err)
		} else if err != nil {
			return nil, err.Error(), nil
		}
		j.overriding = true
	}
	if !o.Kill || look.Verdict != locksmith.Overdue {
		return a.supersede(ctx, j, claim, look, expect)
	}
	ended, err := a.smith.End(ctx, expect, killGrace)
	if ended != nil {
		a.overrode(j, "ended", look, []string{"signal", ended.Signal, "took", ended.Took.Round(time.Millisecond).String(), "proof", ended.Proof})
	}
	switch {
	case err == nil, errors.Is(err, locksmith.ErrGone):
		brief, cancel := context.WithTimeout(ctx, leaseIn)
		defer cancel()
		lease, err := a.smith.Wait(brief, claim, nil)
		if err != nil {
			return nil, err.Error(), nil
		}
		return lease, "", nil
	case errors.Is(err, locksmith.ErrProtected), errors.Is(err, locksmith.ErrSurvived), errors.Is(err, locksmith.ErrLeaked), errors.Is(err, locksmith.ErrNotProven):
		a.say(report{kind: "lock.not-ended", level: levelWarn, text: "the holder named by the override is not ended; it is superseded: " + err.Error(),
			pairs: pairs("holder", look.Who(), "patch", j.meta.Patch)})
		return a.supersede(ctx, j, claim, look, expect)
	}
	return nil, err.Error(), nil
}

func (a *applier) supersede(ctx context.Context, j *job, claim locksmith.Claim, look locksmith.Look, expect locksmith.Expect) (*locksmith.Lease, string, error) {
	lease, err := a.smith.Supersede(ctx, claim, expect)
	if err != nil {
		return nil, err.Error(), nil
	}
	a.overrode(j, "superseded", look, []string{"epoch", fmt.Sprint(lease.Epoch()), "proof", lease.Superseded().Look.Evidence})
	return lease, "", nil
}

// overrode puts on record whose lock it was, what became of it and what proved
// that.
func (a *applier) overrode(j *job, how string, look locksmith.Look, more []string) {
	kv := []string{"patch", j.meta.Patch, "lock_holder", look.Who(), "lock_reason", look.Record.Reason, "lock_epoch", fmt.Sprint(look.Record.Epoch),
		"held_for", ago(look.At - look.Record.Acquired), "overdue_for", ago(look.At - look.Deadline), "became", how}
	if j.manifest != nil && j.manifest.DespiteLock != nil {
		kv = append(kv, "nonce", j.manifest.DespiteLock.Nonce)
	}
	ev := pairs(append(kv, more...)...)
	j.evidence = append(j.evidence, ev...)
	text := fmt.Sprintf("the lock of %s was overridden for patch %s: the holder was %s", look.Who(), j.meta.Patch, how)
	a.say(report{kind: "lock.override", level: levelWarn, text: text, pairs: ev})
}

// renew keeps the lease until the grip is let go. Today's longest lease may
// shrink with the very patch that is applied.
func (g *grip) renew(lease *locksmith.Lease) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for wait(g.ctx, tick.C) {
		r, longest := lease.Record(), int64(g.a.inForce.Load().Lock.TTL)
		if g.a.src.clock()-r.Renewed < min(longest, r.Deadline-r.Renewed)/4 {
			continue
		}
		if err := lease.Renew(); err != nil {
			g.a.lease("not renewed", err)
			if lease.Context().Err() != nil {
				return
			}
		}
	}
}

// free lets go of what is held; again is harmless.
func (g *grip) free() {
	g.stop()
	if g.lease != nil {
		g.a.release(g.lease)
		g.lease = nil
	}
	g.a.ask(g.agent, event{kind: interlock})
}

func (a *applier) release(lease *locksmith.Lease) {
	if err := lease.Release(); err != nil && !errors.Is(err, locksmith.ErrReleased) {
		a.lease("not given back in order", err)
	}
}
