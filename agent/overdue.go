package agent

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aim-control/aimlock/agent/locksmith"
)

// overdue ends holders that have outlived their lease, where the identity says
// lock.reclaim = "overdue". Elsewhere it does nothing: a signed override does.
type overdue struct {
	may    bool
	smith  *locksmith.Smith
	looks  chan locksmith.Look // capacity 1: the newest OVERDUE one
	say    func(report)
	clock  func() int64
	failed uint64 // epoch of a holder that could not be ended: said once
}

func newOverdue(p *parts) *overdue {
	return &overdue{may: p.s.Identity.Lock.Reclaim == "overdue" && p.smith != nil, smith: p.smith,
		looks: make(chan locksmith.Look, 1), say: p.say, clock: p.s.Host.Now}
}

// look takes a look of the watch. It does not block: while a holder is being
// ended, the next audit brings it again.
func (o *overdue) look(l locksmith.Look) {
	if !o.may || l.Verdict != locksmith.Overdue {
		return
	}
	select {
	case o.looks <- l:
	default:
	}
}

func (o *overdue) run(ctx context.Context) {
	for {
		select {
		case l := <-o.looks:
			o.end(ctx, l)
		case <-ctx.Done():
			return
		}
	}
}

// end ends one. The watch sees the death and reclaims the lock by itself.
func (o *overdue) end(ctx context.Context, l locksmith.Look) {
	r := l.Record
	ended, err := o.smith.End(ctx, locksmith.Expect{Holder: r.Holder, PID: r.Process.PID, Epoch: r.Epoch}, killGrace)
	if ended != nil {
		o.say(report{kind: "lock.ended", level: levelWarn, text: fmt.Sprintf("%s was ended: its lease was over and the identity says lock.reclaim = \"overdue\"", l.Who()),
			pairs: pairs("holder", l.Who(), "reason", r.Reason, "epoch", fmt.Sprint(r.Epoch), "held_for", ago(l.At-r.Acquired), "overdue_for", ago(l.At-l.Deadline),
				"signal", ended.Signal, "took", ended.Took.Round(time.Millisecond).String(), "proof", ended.Proof)})
	}
	switch {
	case err == nil, errors.Is(err, locksmith.ErrGone), errors.Is(err, locksmith.ErrNotOverdue), ctx.Err() != nil:
	case o.failed != r.Epoch:
		o.failed = r.Epoch
		o.say(report{kind: "lock.not-ended", level: levelError, text: fmt.Sprintf("%s outlives its lease and could not be ended: %v", l.Who(), err),
			pairs: pairs("holder", l.Who(), "epoch", fmt.Sprint(r.Epoch), "why", err.Error())})
	}
}
