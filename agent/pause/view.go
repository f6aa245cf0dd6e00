package pause

// State is the present state.
func (m Machine) State() State { return m.state }

// Since is when the present state was entered, ns.
func (m Machine) Since() int64 { return m.since }

// Present is the set of causes that hold, requested or not.
func (m Machine) Present() Set { return m.present }

// Waived is the set of causes that have used up their hold in this flight.
func (m Machine) Waived() Set { return m.waived }

// InForce is the set of causes that ask for a pause now.
func (m Machine) InForce() Set {
	return m.present & (m.policy.On | 1<<Applying) &^ m.waived
}

// Held is the hold time that a cause has used in this flight, ns.
func (m Machine) Held(c Cause) int64 { return m.used[c] }

// Policy is the policy in force.
func (m Machine) Policy() Policy { return m.policy }

// Disarmed and Holding are the lines as last told.
func (m Machine) Disarmed() Tri { return m.disarmed }

// Holding is the flight controller's HOLDING as last told.
func (m Machine) Holding() Tri { return m.holding }

// Warm tells whether a motor is at or above its warm limit.
func (m Machine) Warm() bool {
	for i := range m.motors {
		if m.motors[i].warm {
			return true
		}
	}
	return false
}

// MotorHot tells whether motor i (from 0) is one of those that pause.
func (m Machine) MotorHot(i int) bool { return i >= 0 && i < MaxMotors && m.motors[i].hot }

// Saved is what survives a restart of the agent or of the board.
type Saved struct {
	Overridden bool
	Waived     Set
	Used       [Causes]int64
	MotorHot   uint16 // bit i: motor i
	CompHot    bool
}

// Save gives what is to be kept.
func (m Machine) Save() Saved {
	s := Saved{Overridden: m.state == Overridden, Waived: m.waived, Used: m.used, CompHot: m.companion.hot || m.companion.was}
	for i := range m.motors {
		if m.motors[i].hot || m.motors[i].was {
			s.MotorHot |= 1 << i
		}
	}
	return s
}

// Restore gives a machine that remembers, but asks for nothing until fresh
// evidence comes: a saved heat counts again with the first good sample above
// the clear limit, a lock or a configuration with the first look. A commanded
// hold does not come back: nothing fresh could prove it.
func Restore(p Policy, s Saved, at int64) Machine {
	m := New(p, at)
	if s.Overridden {
		m.state = Overridden
	}
	m.waived, m.used = s.Waived, s.Used
	m.unseen = Of(Lock, Config)
	m.companion.was = s.CompHot
	for i := range m.motors {
		m.motors[i].was = s.MotorHot&(1<<i) != 0
	}
	return m
}
