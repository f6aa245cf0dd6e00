package agent

import (
	"context"
	"fmt"
	"time"

	"github.com/aim-control/aimlock/agent/config"
	"github.com/aim-control/aimlock/agent/locksmith"
	"github.com/aim-control/aimlock/agent/pause"
	"github.com/aim-control/aimlock/firmware/patch"
)

// grip is everything that an application holds: the interlock and the lease.
type grip struct {
	a      *applier
	lease  *locksmith.Lease // nil: none
	before pause.Set        // causes that held at the switch, less those that have cleared since
	agent  context.Context  // the applier's
	ctx    context.Context  // the grip's: ends when it is let go
	stop   context.CancelFunc
	sent   chan uint64 // capacity 1: the number of the TRIAL report in the journal
}

func (a *applier) newGrip(ctx context.Context) *grip {
	g := &grip{a: a, agent: ctx, sent: make(chan uint64, 1)}
	g.ctx, g.stop = context.WithCancel(ctx)
	return g
}

// hindrance is why a patch cannot go on now. Its key tells two reasons apart whose
// words change by themselves.
type hindrance struct{ why, key, detail string }

// ready waits until the patch may be applied and holds what it needs.
func (a *applier) ready(ctx context.Context, j *job) (*grip, error) {
	var checked int64
	for {
		s, err := a.peek(ctx)
		if err != nil {
			return nil, err
		}
		if s.at-checked > int64(checkEvery) {
			if err := a.recheck(j, s); err != nil && !waits(err) {
				return nil, err
			}
			checked = s.at
		}
		w := a.blocked(j, s)
		if w.why == "" {
			var g *grip
			if g, w, err = a.seize(ctx, j); g != nil || err != nil {
				return g, err
			}
			a.tellWait(ctx, j, w)
			if err := a.idleFor(ctx, j, againAfter); err != nil {
				return nil, err
			}
			continue
		}
		a.tellWait(ctx, j, w)
		if err := a.idle(ctx, j); err != nil {
			return nil, err
		}
	}
}

// blocked says what forbids the application: clock, window, flight or lock.
func (a *applier) blocked(j *job, s seen) hindrance {
	win := a.window(s)
	now, trusted := a.wall()
	switch {
	case win.Length > 0 && !trusted:
		return hindrance{"clock", "", "the update window has hours, and this drone has no trusted clock yet"}
	case win.Length > 0 && !win.Open(now):
		return hindrance{"window", "", "outside the update window of the committed configuration"}
	}
	if w := flightBlocks(win, s); w.why != "" {
		return w
	}
	return a.lockBlocks(j, s)
}

// window is that of the committed configuration: a trial or a local edit cannot
// open it.
func (a *applier) window(s seen) config.Window {
	if data, _, ok := a.store.Committed(); ok {
		if live, err := config.ParseLive(config.LiveName, data); err == nil {
			return live.Window
		}
	}
	return s.live.Window
}

// flightBlocks says why the flight state forbids a change of the live file.
func flightBlocks(win config.Window, s seen) hindrance {
	switch {
	case s.disarmed == pause.Yes && s.unknown != "":
		return hindrance{"flight", s.unknown, s.unknown + " is UNKNOWN: no patch on the ground before it is not"}
	case s.disarmed == pause.Yes:
		return hindrance{}
	case win.Flight == "paused" && s.state == pause.Paused && s.holding == pause.Yes:
		return hindrance{}
	case win.Flight == "paused":
		return hindrance{"flight", win.Flight, `update_window.flight is "paused": a confirmed hold, or DISARMED, is needed`}
	}
	return hindrance{"flight", win.Flight, `update_window.flight is "disarmed": land and disarm`}
}

// lockBlocks looks at the lock, so that the interlock is not asserted for
// nothing. Acquire decides.
func (a *applier) lockBlocks(j *job, s seen) hindrance {
	if a.smith == nil {
		return hindrance{"lock", "", "the lock's files cannot be used"}
	}
	look, err := a.smith.Look()
	if err != nil {
		return hindrance{"lock", err.Error(), err.Error()}
	}
	if !look.Verdict.Refused() {
		return hindrance{}
	}
	if why := mayPassLock(j.manifest, look, s.lockHot); why != "" {
		return hindrance{"lock", look.Verdict.String() + look.Who(), why}
	}
	return hindrance{}
}

// mayPassLock says why a signed override does not help past a lock; "": it does.
func mayPassLock(m *patch.Manifest, look locksmith.Look, hot bool) string {
	if m == nil || m.DespiteLock == nil {
		return look.Words()
	}
	holder := "unknown"
	if look.HasRecord && look.Record.Held {
		holder = look.Record.Holder
	}
	switch {
	case m.DespiteLock.Holder != holder:
		return fmt.Sprintf("the override names %q, but the lock is %s's. %s", m.DespiteLock.Holder, look.Who(), look.Words())
	case look.Verdict == locksmith.Held:
		return "the override is for an overdue holder. " + look.Words()
	case !hot && look.Verdict != locksmith.Overdue:
		return "the override waits until the lock is HOT. " + look.Words()
	}
	return ""
}

// idle waits a moment, or for the end of the offer at hand.
func (a *applier) idle(ctx context.Context, j *job) error { return a.idleFor(ctx, j, lookEvery) }

func (a *applier) idleFor(ctx context.Context, j *job, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-a.wake:
		return a.interrupted(j)
	case payload := <-a.offers:
		return a.replaced(payload, j)
	}
}

// stillWanted looks, without waiting, whether the offer at hand has ended: a
// broker may deliver an offer that was cleared long ago, and the clearing a
// moment later.
func (a *applier) stillWanted(j *job) error {
	select {
	case payload := <-a.offers:
		return a.replaced(payload, j)
	case <-a.wake:
		return a.interrupted(j)
	default:
		return nil
	}
}

// interrupted tells whether an order ends the offer at hand: its withdrawal, or
// the revert of the patch that is committed, which is carried out next.
func (a *applier) interrupted(j *job) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	o := a.order
	switch {
	case o == nil:
		return nil
	case o.verb == "revert":
		select {
		case a.wake <- struct{}{}:
		default:
		}
		return fmt.Errorf("%w: the revert of %s was ordered", errWithdrawn, o.patch)
	}
	a.order = nil
	if o.patch != j.meta.Patch {
		return nil
	}
	return fmt.Errorf("%w, by the operator's command", errWithdrawn)
}

// replaced tells whether what came on patch/offer ends the offer at hand: it
// was cleared, or an operator offers another one.
func (a *applier) replaced(payload []byte, j *job) error {
	if len(payload) == 0 {
		return fmt.Errorf("%w: the offer was cleared", errWithdrawn)
	}
	next, err := a.judge(payload)
	if err != nil {
		a.log.Warn("an offer is refused while another is at hand", "why", err)
		return nil
	}
	if next.meta == j.meta {
		j.epoch = next.epoch
		return nil // the same again
	}
	a.next = payload
	return errSuperseded
}

// peek asks the loop.
func (a *applier) peek(ctx context.Context) (seen, error) {
	got := make(chan seen, 1)
	a.src.send(ctx, event{kind: peek, at: a.src.clock(), seen: got})
	select {
	case s := <-got:
		return s, nil
	case <-ctx.Done():
		return seen{}, ctx.Err()
	}
}

// ask gives the loop an event and waits until it is taken.
func (a *applier) ask(ctx context.Context, ev event) {
	done := make(chan struct{})
	ev.at, ev.done = a.src.clock(), done
	a.src.send(ctx, ev)
	select {
	case <-done:
	case <-ctx.Done():
	}
}
