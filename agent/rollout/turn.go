package rollout

import "fmt"

// turn is one Step under way.
type turn struct {
	s      *State
	orders []Order
}

func (t *turn) touch() { t.s.Rev++ }

func (t *turn) order(k OrderKind, d *Drone) {
	t.orders = append(t.orders, Order{Kind: k, Drone: d.Name, Canary: k == Offer && d.Wave == 0})
}

// say tells people; d may be nil.
func (t *turn) say(d *Drone, format string, args ...any) {
	o := Order{Kind: Say, Text: fmt.Sprintf(format, args...)}
	if d != nil {
		o.Drone = d.Name
	}
	t.orders = append(t.orders, o)
}

// end gives a drone its outcome; its offer is cleared.
func (t *turn) end(d *Drone, o Outcome, reason string) {
	if d.Outcome == InProgress {
		t.order(Withdraw, d)
	}
	d.Outcome, d.Reason = o, reason
	t.touch()
}

// take puts an event into the state.
func (t *turn) take(ev Event) {
	s := t.s
	switch ev.Kind {
	case DoPause, DoResume, DoApprove, DoAbort, DoRollback:
		t.obey(ev)
		return
	case Tick:
		if ev.Samples != nil {
			s.Samples = ev.Samples
		}
		return
	}
	i := s.index(ev.Drone)
	if i < 0 {
		return
	}
	d := &s.Drones[i]
	switch ev.Kind {
	case Reported:
		t.report(d, ev.Report)
	case Seen:
		t.seen(d, ev.Vitals)
	case Beat:
		t.heard(d)
	case NotCurrent:
		t.notCurrent(d)
	case Link:
		if ev.Online && ev.Kept {
			t.there(d)
		} else if ev.Online {
			t.heard(d)
		} else if d.Online {
			d.Online = false
			t.touch()
		}
	}
}

// heard notes a sign of life.
func (t *turn) heard(d *Drone) {
	if d.Beats < maxBeats {
		d.Beats++
	}
	d.Heard = t.s.Now
	t.there(d)
}

// there: the drone is connected.
func (t *turn) there(d *Drone) {
	if d.Online {
		return
	}
	d.Online = true
	t.touch()
	if t.s.Status == RollingBack && d.Has {
		t.revert(d)
	}
}

const maxBeats = 1 << 30

// obey takes the operator's word.
func (t *turn) obey(ev Event) {
	s := t.s
	if s.Status == RollingBack {
		t.say(nil, "rolling back: nothing to decide any more")
		return
	}
	switch ev.Kind {
	case DoPause:
		if !s.Held {
			s.Held = true
			t.touch()
			t.say(nil, "held by %s: no further offers; drones in progress go on", ev.By)
		}
	case DoResume:
		if s.Ask == AskApproval {
			t.say(nil, "this wave asks for approval: approve it")
		}
		if s.Broken != "" && !s.Stop {
			t.excuse()
			s.Held = true // which the next lines end
		}
		if s.Held || s.Ask == AskInconclusive {
			t.say(nil, "resumed by %s", ev.By)
			s.Cleared = s.Cleared || s.Ask == AskInconclusive
			s.Held = false
			s.WaveAt = s.Now // who is waited for gets the whole time-out again
			t.touch()
		}
	case DoApprove:
		if s.Ask != "" {
			t.say(nil, "approved by %s", ev.By)
			s.Cleared = true
			t.touch()
		}
	case DoAbort:
		if !s.Stop {
			s.Stop, s.Broken = true, "aborted by "+ev.By
			t.touch()
			t.say(nil, "aborted by %s: nothing more is offered; what has the patch keeps it", ev.By)
		}
	case DoRollback:
		t.fail(nil, "taken back by "+ev.By)
	}
}

// seen takes a drone's status.
func (t *turn) seen(d *Drone, v Vitals) {
	if v.Live {
		t.heard(d)
	}
	if v.Boot != "" && d.Boot != v.Boot {
		d.Restarted = d.Restarted || d.Outcome == Succeeded && d.Boot != "" && v.Live
		d.Boot = v.Boot
		t.touch()
	}
	if !d.Known || d.SHA256 != v.SHA256 || d.Version != v.Version {
		d.Known, d.SHA256, d.Version = true, v.SHA256, v.Version
		t.touch()
	}
	switch {
	case v.Newer && v.Version > t.s.Plan.Version && (d.Has || d.Outcome == Pending || d.Outcome == Succeeded):
		d.Has = false
		t.end(d, Superseded, fmt.Sprintf("a newer patch is in force: version %d", v.Version))
		t.say(d, "SUPERSEDED: %s", d.Reason)
	case t.s.Status == RollingBack:
		t.restored(d, v)
	case d.Outcome == Pending, d.Outcome == InProgress, d.Outcome == Offline:
		// What the patch brings is not what was before. A status may overtake
		// the reports: it can say COMMITTED first.
		if !d.Offered || !busy(d.Patch) && !busy(v.PatchState) && v.PatchState != "COMMITTED" {
			d.Causes, d.Faults = v.Causes, v.Faults
		}
	case t.s.watched(d):
		t.judge(d, v)
	}
}

func busy(patchState string) bool { return patchState == "APPLYING" || patchState == "TRIAL" }

// restored sees in a status that a drone known to have had the patch has
// another configuration again, should its report be late or lost.
func (t *turn) restored(d *Drone, v Vitals) {
	if d.Has && d.Sent && v.Live && d.Patch == "COMMITTED" && v.SHA256 != t.s.Plan.SHA256 && !busy(v.PatchState) {
		t.say(d, "REVERTED: its status says so")
		t.gone(d, Reverted, Report{Reason: "its status says so"})
	}
}
