package agent

import (
	"errors"
	"fmt"
	"strings"

	"github.com/aim-control/aimlock/agent/locksmith"
)

// granted is the report of a lease of the agent's own.
func granted(l *locksmith.Lease, now int64) report {
	r := l.Record()
	return report{kind: "lock.granted", level: levelInfo, text: fmt.Sprintf("the lock is granted to aimd, epoch %d: %s", r.Epoch, r.Reason),
		pairs: pairs("holder", r.Holder, "reason", r.Reason, "epoch", fmt.Sprint(r.Epoch), "until", when(r.Deadline, now))}
}

// lost is the report of a lease that was over when it was used: a failed
// renewal, a late write, a late release. Nothing was written.
func lost(e *locksmith.Lost, now int64) report {
	kind := map[string]string{"renew": "lock.renewal-failed", "commit": "lock.late-write", "release": "lock.late-release"}[e.Op]
	r := report{kind: kind, level: levelWarn, text: fmt.Sprintf("aimd's lease of epoch %d is over; its %s is refused: %v", e.Ours.Epoch, e.Op, e.Err),
		pairs: pairs("reason", e.Ours.Reason, "epoch", fmt.Sprint(e.Ours.Epoch), "since", when(e.Ours.Acquired, now), "until", when(e.Ours.Deadline, now))}
	if e.Now.Verdict != 0 {
		r.pairs = append(r.pairs, pairs("verdict", e.Now.Verdict.String(), "holder", e.Now.Who(), "proof", e.Now.Evidence)...)
	}
	return r
}

// lease tells of what has gone wrong with a lease.
func (a *applier) lease(what string, err error) {
	var over *locksmith.Lost
	switch {
	case errors.As(err, &over) && !errors.Is(err, locksmith.ErrReleased):
		a.say(lost(over, a.src.clock()))
	default:
		a.log.Warn("the patch's lease: "+what, "err", err)
	}
}

// reclaimed is the report of a stale lock that was taken back.
func reclaimed(e *locksmith.Evidence, now int64) report {
	since, until := "", ""
	if e.Verdict != locksmith.Boot { // else they are another boot's
		since, until = when(e.AcquiredAt, now), when(e.Until, now)
	}
	return report{kind: "lock.reclaimed", level: levelWarn,
		text: fmt.Sprintf("stale lock reclaimed from %s (pid %d, %s), %v: %s", e.Holder, e.PID, e.Role, e.Verdict, e.Proof),
		pairs: pairs("holder", e.Holder, "pid", fmt.Sprint(e.PID), "role", e.Role, "reason", e.Reason, "verdict", e.Verdict.String(),
			"since", since, "until", until, "epoch", fmt.Sprint(e.Epoch), "old_epoch", fmt.Sprint(e.OldEpoch), "proof", e.Proof)}
}

// verdictKind is the kind of an event about a verdict.
func verdictKind(v locksmith.Verdict) string { return "lock." + strings.ToLower(v.String()) }
