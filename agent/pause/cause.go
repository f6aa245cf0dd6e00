package pause

// sensor follows one temperature through noise and hysteresis.
type sensor struct {
	hot   bool
	was   bool  // hot before a restart; one fresh sample above Clear proves it again
	warm  bool  // at or above Warm
	known bool  // the last sample was good
	n     uint8 // good samples at or above Hot in a row
	cool  int64 // since when at or below Clear; never
}

// sample takes one reading. An unknown one proves nothing: what is hot stays
// hot, what is cooling starts its clear time again.
func (s *sensor) sample(t Thermal, milliC int32, ok bool, at int64) {
	s.known = ok
	if !ok {
		s.n, s.cool = 0, never
		return
	}
	s.warm = milliC >= t.Warm
	if milliC >= t.Hot {
		s.n = min(s.n+1, HotSamples)
	} else {
		s.n = 0
	}
	if s.n == HotSamples || (s.was && milliC > t.Clear) {
		s.hot = true
	}
	s.was = false
	if milliC > t.Clear {
		s.cool = never
		return
	}
	if s.cool == never {
		s.cool = at
	}
	if s.hot && at-s.cool >= t.ClearFor {
		s.hot = false
	}
}

// take puts an event into the machine's facts.
func (m *Machine) take(ev Event, acts *Actions) {
	switch ev.Kind {
	case Lines:
		m.disarmed, m.holding = ev.Disarmed, ev.Holding
	case MotorTemp:
		if int(ev.Index) < len(m.motors) {
			m.motors[ev.Index].sample(m.policy.Motor, ev.MilliC, ev.OK, m.last)
		}
		hot := false
		for i := range m.motors {
			hot = hot || m.motors[i].hot
		}
		m.set(Motor, hot, acts)
	case CompTemp:
		m.companion.sample(m.policy.Companion, ev.MilliC, ev.OK, m.last)
		m.set(Companion, m.companion.hot, acts)
	case LockLook:
		m.look(Lock, ev.Hot, acts)
	case ConfigLook:
		m.look(Config, ev.Hot, acts)
	case CmdPause:
		m.until = m.last + max(0, min(ev.Hold, m.policy.MaxHold))
		m.set(Command, true, acts)
	case CmdResume:
		m.set(Command, false, acts)
	case Interlock:
		m.look(Applying, ev.Hot, acts)
	case SetPolicy:
		m.policy = ev.Policy
	}
}

// look takes a cause that somebody else judges. Unknown changes nothing.
func (m *Machine) look(c Cause, hot Tri, acts *Actions) {
	if hot != Unknown {
		m.unseen = m.unseen.With(c, false)
		m.set(c, hot == Yes, acts)
	}
}

func (m *Machine) set(c Cause, present bool, acts *Actions) {
	if m.present.Has(c) == present {
		return
	}
	m.present = m.present.With(c, present)
	kind := Cleared
	if present {
		kind = Entered
	}
	acts.note(Note{Kind: kind, Cause: c, Held: m.used[c]})
}
