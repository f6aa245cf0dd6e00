package agent

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aim-control/aimlock/agent/config"
	"github.com/aim-control/aimlock/agent/locksmith"
	"github.com/aim-control/aimlock/agent/pause"
	"github.com/aim-control/aimlock/firmware/store"
)

// apply switches to the staged file under the lease. TRIAL is on disk before.
func (a *applier) apply(ctx context.Context, j *job, g *grip) error {
	a.tell(ctx, j, patchApplying, "", "")
	a.ask(ctx, event{kind: ours, text: j.meta.SHA256})
	err := a.store.Try(g.lease.Commit)
	if err == nil {
		j.tried = a.src.clock() / ms
		a.inForceNow(ctx, j.pkg.Content, false)
		a.tellTrial(ctx, j, g)
		return nil
	}
	if a.closed() { // nothing has changed
		a.ask(ctx, event{kind: ours})
		a.lease("not committed", err)
		if errors.Is(err, locksmith.ErrCommitBusy) || g.lease.Context().Err() != nil {
			return fmt.Errorf("%w: %w", errAgain, err)
		}
		return refusal(refusedStore, err)
	}
	a.putBack(ctx, j, g, "apply", err.Error())
	return errReported
}

// errReported: the patch has ended, and that has been told.
var errReported = errors.New("reported")

// prove follows a trial: the reload command, the checks, then a watch for new
// causes until the broker has taken a report made after the switch. It says why
// the trial has failed; "": it passed. Meanwhile arming is refused and a hold
// goes on, so that a way back needs no second one; but no longer than
// holdTrial, or a lost broker would keep a drone in the air from flying.
func (a *applier) prove(ctx context.Context, j *job, g *grip) (why, detail string) {
	if out, err := a.hooks.reload(ctx); err != nil {
		return "reload", err.Error() + ": " + out
	}
	if name, out, err := a.hooks.check(ctx); err != nil {
		return "check", fmt.Sprintf("%s: %v: %s", name, err, out)
	}
	held := true
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	var entry uint64 // of the report TRIAL in the journal
	for began := a.src.clock(); ; {
		select {
		case entry = <-g.sent:
		case <-a.wake:
			if o := a.ordered(); o != nil && o.patch == j.meta.Patch && o.verb == "revert" {
				if why := a.spend(o); why == "" {
					return "ordered", orderedDetail
				}
			}
		case <-tick.C:
		case <-ctx.Done():
			return "stopped", ""
		}
		s, err := a.peek(ctx)
		if err != nil {
			return "stopped", ""
		}
		if fresh := s.present &^ g.before.With(pause.Applying, true); fresh != 0 {
			return "cause-" + words(fresh), "a new cause of pause since the switch: " + words(fresh)
		}
		g.before &= s.present // what has cleared must not come back
		watched := time.Duration(s.at - began)
		if watched >= a.watch && a.box.sent(entry) {
			return "", ""
		}
		if held && watched >= holdTrial {
			held = false
			a.ask(ctx, event{kind: interlock})
		}
		if watched >= a.trial {
			return "broker", fmt.Sprintf("the broker has taken no report within %v of the switch", a.trial)
		}
	}
}

// commit makes the trial the committed generation.
func (a *applier) commit(ctx context.Context, j *job, g *grip) {
	if err := a.store.Commit(); err != nil {
		why := "commit"
		if errors.Is(err, store.ErrChanged) {
			why = "changed"
		}
		a.putBack(ctx, j, g, why, err.Error())
		return
	}
	a.raiseFloor()
	a.inForceNow(ctx, j.pkg.Content, true)
	j.ended = a.src.clock() / ms
	a.tell(ctx, j, patchCommitted, "", "")
}

// raiseFloor notes, by a trusted clock, a time that has certainly passed.
func (a *applier) raiseFloor() {
	now, trusted := a.wall()
	if !trusted {
		return
	}
	if err := a.state.update(func(s *savedState) { s.Floor = max(s.Floor, now.Unix()) }); err != nil {
		a.log.Warn("the floor of the clock is not kept", "err", err)
	}
}

// inForceNow tells the loop what lies at the live path now.
func (a *applier) inForceNow(ctx context.Context, data []byte, committed bool) {
	live, err := config.ParseLive(config.LiveName, data)
	if err != nil { // it was checked, or in force before
		a.log.Error("what was switched to cannot be read", "err", err)
		return
	}
	a.ask(ctx, event{kind: switched, ok: committed, change: &config.Change{Data: data, Hash: config.Hash(data), Live: live}})
}

// inPlace says that the committed file lies at the live path again.
func (a *applier) inPlace(ctx context.Context) {
	if data, _, ok := a.store.Committed(); ok {
		a.inForceNow(ctx, data, true)
	}
}
