package rollout

import (
	"fmt"
	"slices"
)

// follow draws one consequence and reports whether there may be more.
func (t *turn) follow() bool {
	s := t.s
	switch s.Status {
	case Ready, Running, Waiting, Unclear, Paused:
		if t.late() || t.rules() {
			return true
		}
		t.takeBack()
		if s.Stop && s.Count(InProgress) == 0 && !s.goingBack() {
			s.Status, s.Reason = Stopped, s.Broken
			t.touch()
			t.say(nil, "stopped: %s", s.Reason)
			return false
		}
		if s.Phase == Offering {
			return t.offer()
		}
		return t.bake()
	case RollingBack:
		t.goBack()
	}
	return false
}

// late finds the drones whose time is over; true: that stopped the rollout.
func (t *turn) late() bool {
	s := t.s
	for i := range s.Drones {
		d := &s.Drones[i]
		switch {
		case d.Outcome == InProgress && s.Now-d.OfferedAt >= s.Plan.TimeoutNS:
			if d.Patch == "" && !d.Online {
				// It went before it took the offer: nothing is known of the
				// patch. It may have taken it all the same: Has stays.
				t.end(d, Offline, "left before it answered the offer")
				t.say(d, "OFFLINE: %s", d.Reason)
				continue
			}
			t.end(d, TimedOut, "not committed in time, last "+last(d))
			t.soft(d)
			if s.Status == RollingBack {
				return true
			}
		case s.watched(d) && s.Now-d.Heard >= s.Plan.SilenceNS:
			t.end(d, Failed, "silent in its bake")
			t.fail(d, d.Reason)
			return true
		}
	}
	return false
}

func last(d *Drone) string {
	if d.Patch == "" {
		return "nothing"
	}
	return d.Patch + because(d.Said)
}

// offer offers the patch to the wave, as many at once as the plan allows.
func (t *turn) offer() bool {
	s := t.s
	t.standing()
	flying, hot := s.Count(InProgress), 0
	for i := range s.Drones {
		if d := &s.Drones[i]; d.Outcome == InProgress && d.locked() {
			hot++
		}
	}
	open, early := flying, s.early()
	for i := range s.Drones {
		d := &s.Drones[i]
		if d.Wave != s.Wave || d.Outcome != Pending {
			continue
		}
		switch {
		case s.Status != Running, early:
		case d.Online && d.Known && d.SHA256 == s.Plan.SHA256:
			d.Before = d.Version
			t.end(d, Succeeded, "had the configuration before")
			d.DoneAt, d.Heard, d.Beats = s.Now, s.Now, 0
			t.say(d, "has the configuration already")
			continue
		case d.Online && d.Known && d.locked() && !s.Plan.Despite:
			if s.Now-s.WaveAt >= s.Plan.TimeoutNS {
				t.end(d, Rejected, "its lock is HOT, and the patch carries no override; nothing was offered")
				t.soft(d)
				return true
			}
		case d.Online && d.Known && d.locked() && hot >= s.Plan.hotAtOnce():
		case d.Online && d.Known && (s.Plan.AtOnce == 0 || flying < s.Plan.AtOnce):
			if d.locked() {
				hot++
			}
			d.Outcome, d.Offered, d.OfferedAt, d.Has = InProgress, true, s.Now, true
			d.Before = d.Version
			t.touch()
			t.order(Offer, d)
			flying++
		case !(d.Online && d.Known) && s.Now-s.WaveAt >= s.Plan.TimeoutNS:
			t.end(d, Offline, "not there; nothing was offered")
			t.say(d, "OFFLINE: %s", d.Reason)
			continue
		}
		open++
	}
	if open > 0 {
		return false
	}
	s.Phase, s.BakeAt, s.Samples = Baking, s.Now, nil
	t.touch()
	t.say(nil, "%s: watched from now on", s.waveName())
	return true
}

// locked: its status pauses for the lock.
func (d *Drone) locked() bool { return slices.Contains(d.Causes, "lock") }

// early: a drone of an earlier wave is still in its bake.
func (s *State) early() bool {
	for i := range s.Drones {
		if d := &s.Drones[i]; d.Wave < s.Wave && s.watched(d) {
			return true
		}
	}
	return false
}

// goBack waits until everybody has the old configuration again.
func (t *turn) goBack() {
	s := t.s
	if s.Plan.Keep {
		t.stopKeeping()
		return
	}
	late := s.Now-s.BackAt >= s.Plan.TimeoutNS
	left := 0
	for i := range s.Drones {
		d := &s.Drones[i]
		switch {
		case !d.Has:
		case late:
			t.unrestored(d)
			left++
		default:
			left++
			if d.Online && (!d.Sent || s.Now-d.RevertAt >= s.again()) {
				t.revert(d)
			}
		}
	}
	if left > 0 && !late {
		return
	}
	s.Status = Stopped
	if left > 0 {
		s.Reason += fmt.Sprintf("; %d may still have the patch", left)
	}
	t.touch()
	t.say(nil, "stopped: %s", s.Reason)
}

// stopKeeping ends a rollout of what cannot be taken back.
func (t *turn) stopKeeping() {
	s := t.s
	have := 0
	for i := range s.Drones {
		d := &s.Drones[i]
		if d.Outcome == InProgress { // its offer is cleared already
			d.Outcome, d.Reason = TimedOut, "stopped before it answered; it may have the patch"
		}
		if d.Has {
			have++
		}
	}
	s.Status = Stopped
	if have > 0 {
		s.Reason += fmt.Sprintf("; %d have the patch, or may have it, and keep it", have)
	}
	t.touch()
	t.say(nil, "stopped: %s", s.Reason)
}

// unrestored ends a drone that did not confirm the revert.
func (t *turn) unrestored(d *Drone) {
	o, why := TimedOut, "the revert is not confirmed"
	if !d.Online {
		o, why = Offline, "not there to be reverted"
	}
	if d.Outcome == Failed || d.Outcome == TimedOut {
		o, why = d.Outcome, d.Reason+"; "+why
	}
	t.end(d, o, why)
	t.say(d, "%s: %s; it may still have the patch", o, why)
}

func (t *turn) revert(d *Drone) {
	if t.s.Plan.Keep { // there is no way back
		d.Back = false
		return
	}
	d.Sent, d.RevertAt = true, t.s.Now
	t.touch()
	t.order(Revert, d)
}

// fail stops the rollout and takes the patch back from whoever may have it.
// d is whose failure it is; nil: nobody's.
func (t *turn) fail(d *Drone, reason string) {
	s := t.s
	if s.Status == RollingBack {
		return
	}
	if d != nil {
		reason = d.Name + ": " + reason
	}
	s.Status, s.BackAt, s.Reason, s.Ask, s.Stop = RollingBack, s.Now, reason, "", false
	t.touch()
	t.say(nil, "stop: %s", reason)
	for i := range s.Drones {
		if d := &s.Drones[i]; d.Outcome == InProgress {
			t.order(Withdraw, d)
		}
	}
}
