package pause

import "math"

// Machine is the state of safe-pause. Make one with New or Restore.
type Machine struct {
	policy Policy
	state  State
	since  int64 // of the state
	last   int64 // of the last step
	late   bool  // RESUMING was reported as late

	disarmed, holding Tri
	grounded          bool // while PAUSED: paused on the ground
	again             bool // asked again before the last hold was seen to end

	present Set // causes that hold
	waived  Set // causes that have used up their hold
	unseen  Set // causes of which nothing was heard since the restart
	used    [Causes]int64
	until   int64 // end of the commanded hold

	motors    [MaxMotors]sensor
	companion sensor
}

// New gives a machine in NOMINAL at time at.
func New(p Policy, at int64) Machine {
	m := Machine{policy: p, since: at, last: at}
	for i := range m.motors {
		m.motors[i].cool = never
	}
	m.companion.cool = never
	return m
}

// Step takes one event and returns the machine after it and what to do.
func (m Machine) Step(ev Event) (Machine, Actions) {
	var acts Actions
	if ev.At > m.last {
		m.spend(ev.At)
	}
	m.take(ev, &acts)
	m.expire(&acts)
	m.waive(&acts)
	for m.move(&acts) {
	}
	acts.Request = m.state.Requests()
	return m, acts
}

// spend charges the time since the last step to the causes in force. On the
// ground nothing is charged: refusing to arm endangers nobody.
func (m *Machine) spend(at int64) {
	dt := at - m.last
	m.last = at
	if !m.state.Requests() || m.disarmed == Yes {
		return
	}
	for c := range Causes {
		if m.InForce().Has(c) {
			m.used[c] = min(m.used[c]+dt, math.MaxInt64/2)
		}
	}
}

// expire ends a commanded hold whose time is over.
func (m *Machine) expire(acts *Actions) {
	if m.present.Has(Command) && m.last >= m.until {
		acts.note(Note{Kind: CommandOver, Cause: Command, Held: m.used[Command]})
		m.set(Command, false, acts)
	}
}

// waive turns spent causes into waivers, and lifts waivers on the ground.
func (m *Machine) waive(acts *Actions) {
	for c := range Causes {
		bounded := !thermal.Has(c)
		if bounded && m.InForce().Has(c) && m.used[c] >= m.policy.MaxHold && m.disarmed != Yes {
			m.waived = m.waived.With(c, true)
			acts.note(Note{Kind: Waived, Cause: c, Held: m.used[c]})
		}
		if m.disarmed != Yes || m.unseen.Has(c) {
			continue
		}
		if m.waived.Has(c) && !m.present.Has(c) {
			m.waived = m.waived.With(c, false)
			acts.note(Note{Kind: Lifted, Cause: c, Held: m.used[c]})
		}
		if !m.waived.Has(c) {
			m.used[c] = 0 // the next flight has its whole hold again
		}
	}
}

// move makes one transition of the table, if one is due.
func (m *Machine) move(acts *Actions) bool {
	to := m.next()
	if to == m.state {
		if m.state == Resuming && !m.late && m.last-m.since >= m.policy.Confirm {
			m.late = true
			acts.note(Note{Kind: ResumeLate})
		}
		return false
	}
	acts.note(Note{Kind: Moved, From: m.state, To: to})
	m.again = to == Pausing && m.state == Resuming || to == Paused && m.again
	m.state, m.since, m.late = to, m.last, false
	m.grounded = to == Paused && m.disarmed == Yes
	return true
}

// next is the table of states.
func (m *Machine) next() State {
	cause := m.InForce() != 0
	ground := m.disarmed == Yes
	confirmed := ground || m.holding == Yes
	switch m.state {
	case Nominal:
		if cause {
			return Pausing
		}
	case Pausing, Unconfirmed:
		switch {
		case !cause:
			return Resuming
		case confirmed:
			return Paused
		case m.last-m.since >= m.policy.Confirm:
			return Unconfirmed
		}
	case Paused:
		return m.leavePaused(cause, ground)
	case Overridden:
		if ground {
			return Nominal
		}
	case Resuming:
		switch {
		case cause:
			return Pausing
		case ground || m.holding == No:
			return Nominal
		}
	}
	return m.state
}

// leavePaused tells the ground from the air: there HOLDING's drop means that
// somebody took over, here arming after all means that the request is not
// obeyed. An unknown line proves neither. A hold that was asked for again before
// the last one was seen to end may have been confirmed by the last one's
// HOLDING: its drop, soon after, is nobody's override.
func (m *Machine) leavePaused(cause, ground bool) State {
	switch {
	case !cause:
		return Resuming
	case ground:
		m.grounded = true
	case m.grounded && m.disarmed == No:
		return Pausing
	case !m.grounded && m.holding == No && m.again && m.last-m.since < m.policy.Confirm:
		return Pausing
	case !m.grounded && m.holding == No:
		return Overridden
	}
	return Paused
}

// never is a time that does not come.
const never = math.MaxInt64

// Next is the earliest time at which a Tick would change something; a time
// far away (math.MaxInt64) when only other events can.
func (m Machine) Next() int64 {
	next := int64(never)
	if m.state == Pausing || (m.state == Resuming && !m.late) {
		next = m.since + m.policy.Confirm
	}
	if m.present.Has(Command) {
		next = min(next, m.until)
	}
	if !m.state.Requests() || m.disarmed == Yes {
		return next
	}
	for c := range Causes {
		if m.InForce().Has(c) && !thermal.Has(c) {
			next = min(next, m.last+max(0, m.policy.MaxHold-m.used[c]))
		}
	}
	return next
}
