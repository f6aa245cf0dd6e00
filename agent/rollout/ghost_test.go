package rollout

import "fmt"

// ghost is the specification, kept beside the planner under walk from the
// events and orders alone: it believes nothing that the planner says of itself.
type ghost struct {
	wave     int8 // the highest that was offered anything
	failed   bool // the rollout must stop
	held     bool // the operator's pause
	approved bool // of the present wave
	drones   [4]ghostDrone
}

type ghostDrone struct {
	online    bool
	offered   bool
	committed bool   // and nothing else since
	has       bool   // was offered, and did not say that it is rid of the patch
	sent      bool   // a revert, since it last said COMMITTED
	beaten    bool   // heard since its commit
	withdrawn bool   // its offer was
	last      string // what it said of the patch
	excused   bool   // it paused before, and ever since
	age       int8   // ticks since its commit, up to the bake
}

// before takes an event, ahead of the planner.
func (g *ghost) before(s State, ev Event) {
	if s.Done() {
		return
	}
	switch ev.Kind {
	case Tick:
		for i := range g.drones {
			g.drones[i].age = min(g.drones[i].age+1, int8(s.Plan.BakeNS))
		}
	case DoPause:
		g.held = true
	case DoResume:
		g.held, g.approved = false, g.approved || s.Ask == AskInconclusive
	case DoApprove:
		g.approved = g.approved || s.Ask != ""
	case DoRollback:
		g.failed = true
	case Link, Seen, Beat, Reported, NotCurrent:
		g.drone(s, ev)
	}
}

func (g *ghost) drone(s State, ev Event) {
	i := s.index(ev.Drone)
	d := &g.drones[i]
	switch ev.Kind {
	case Link:
		d.online = ev.Online
		d.beaten = d.beaten || ev.Online
	case Seen, Beat:
		d.online, d.beaten = true, true
		pauses := len(ev.Vitals.Causes) > 0
		switch {
		case d.committed:
			inBake := int64(d.age) < s.Plan.BakeNS // afterwards it may count or not
			g.failed = g.failed || pauses && !d.excused && inBake
			d.excused = d.excused && pauses
		case !d.committed && d.last != "TRIAL":
			d.excused = pauses
		}
	case NotCurrent:
		d.has = d.has && (!d.sent || d.last != "" && d.last != "WAITING" && d.last != "IDLE")
	case Reported:
		st := ev.Report.State
		if !d.offered {
			return
		}
		d.last = st
		switch {
		case st == "COMMITTED":
			if !d.committed {
				d.committed, d.beaten, d.age = true, false, 0
			}
			d.has, d.sent = true, false
		case d.committed && st != "REVERTED":
		case st == "TRIAL":
			d.has, d.sent = true, false
		case st == "REVERTED", st == "REJECTED":
			g.failed = g.failed || d.has
			d.committed, d.has = false, false
		case st == "IDLE" && d.withdrawn:
			d.has = false
		}
	}
}

// after judges what the planner made of the event: "" if it may.
func (g *ghost) after(s State, orders []Order) string {
	for _, o := range orders {
		if o.Kind == Say {
			continue
		}
		i := s.index(o.Drone)
		if bad := g.order(s, o, i); bad != "" {
			return bad
		}
	}
	if s.Status == RollingBack || s.Status == Stopped {
		g.failed = true // a time-out, silence: the planner's to find; the walk sees that it does
	}
	return g.holds(s)
}

func (g *ghost) order(s State, o Order, i int) string {
	d, wave := &g.drones[i], int8(s.Drones[i].Wave)
	switch o.Kind {
	case Offer:
		switch {
		case g.failed:
			return "an offer after a failure"
		case g.held:
			return "an offer while held"
		case d.offered:
			return "a second offer to the same drone"
		case !d.online:
			return "an offer to a drone that is not there"
		case wave < g.wave:
			return "an offer to a drone of an earlier wave"
		case wave > g.wave:
			if bad := g.next(s, wave); bad != "" {
				return bad
			}
			g.wave, g.approved = wave, false
		}
		if o.Canary != (wave == 0) {
			return "canary or not: the wrong word"
		}
		d.offered, d.has = true, true
	case Withdraw, Revert:
		if !d.offered {
			return o.Kind.String() + " to a drone that was never offered anything"
		}
		if o.Kind == Revert {
			if !g.failed && s.Status != RollingBack && s.Status != Stopped {
				return "a revert without a failure"
			}
			d.sent = true
		}
		d.withdrawn = true
	}
	return ""
}

// next: may a wave be offered anything, after the ones before it?
func (g *ghost) next(s State, wave int8) string {
	for i := range g.drones[:len(s.Drones)] {
		d, o := &g.drones[i], s.Drones[i]
		switch {
		case o.Wave >= int(wave):
		case d.committed && int64(d.age) < s.Plan.BakeNS:
			return fmt.Sprintf("the next wave before the bake of drone %d is over", i)
		case d.committed && !d.beaten && s.Plan.Heartbeats > 0:
			return fmt.Sprintf("the next wave although drone %d was not heard in its bake", i)
		case !d.committed && o.Outcome != Offline:
			return fmt.Sprintf("the next wave although drone %d is neither through nor away", i)
		}
	}
	if a := s.Plan.Approve; !g.approved && (a == ApproveWaves || a == ApproveCanary && g.wave == 0) {
		return "the next wave without approval"
	}
	return ""
}

// holds is what must be true after each step.
func (g *ghost) holds(s State) string {
	if g.failed && s.Status != RollingBack && s.Status != Stopped {
		return "a failure, and the rollout goes on"
	}
	for i := range g.drones[:len(s.Drones)] {
		d, o := &g.drones[i], s.Drones[i]
		switch {
		case g.failed && d.has && d.online && !d.sent:
			return fmt.Sprintf("drone %d may have the patch, is there, and got no revert", i)
		case o.Outcome == Succeeded && !d.committed && s.Status != RollingBack && s.Status != Stopped:
			return fmt.Sprintf("drone %d counts as SUCCEEDED and never said COMMITTED", i)
		case s.Status == Finished && o.Outcome != Succeeded && o.Outcome != Offline:
			return fmt.Sprintf("FINISHED with drone %d %s", i, o.Outcome)
		case s.Status == Finished && d.committed && (int64(d.age) < s.Plan.BakeNS || !d.beaten):
			return fmt.Sprintf("FINISHED before the bake of drone %d is over", i)
		}
	}
	return ""
}
