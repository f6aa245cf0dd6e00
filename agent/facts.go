package agent

import "github.com/aim-control/aimlock/agent/pause"

// facts is what the loop has seen last, with its time.
type facts struct {
	motors    [pause.MaxMotors]reading
	companion reading
	supplies  []supplyFact // in the board's order
	line      [lines]lineFact
	started   int64 // before started+staleAfter nothing is called lost
	clash     int64 // since when DISARMED and HOLDING are both on; 0: they are not
}

type reading struct {
	milliC int32
	at     int64 // of the last good sample
	ok     bool  // there was one, and it is not stale
}

// power is what a supply gives: milli-units, so that a sum of 85 V and 16 kA
// fits.
type power struct{ milliV, milliA, milliW int32 }

// supplyFact is a supply's last good sample. Nothing is decided by it: it is
// reported.
type supplyFact struct {
	name string
	power
	at   int64
	ok   bool // there was one
	lost bool // as last reported
}

func (s *supplyFact) take(p power, ok bool, at int64) {
	if ok {
		s.power, s.at, s.ok = p, at, true
	}
}

type lineFact struct {
	level  pause.Tri
	at     int64 // of the last look
	change int64 // of the last change of a known level
}

// take records a line's level, and when its newest edge was; 0: not known.
// A change happened at that edge, however late it was looked at, unless the
// edge is one of before.
func (f *facts) take(id lineID, level pause.Tri, at, edge int64) {
	l := &f.line[id]
	if level != pause.Unknown && l.level != pause.Unknown && level != l.level {
		if edge <= l.change || edge > at {
			edge = at
		}
		l.change = edge
	}
	l.level, l.at = level, at
	both := f.line[lineDisarmed].level == pause.Yes && f.line[lineHolding].level == pause.Yes
	switch {
	case !both:
		f.clash = 0
	case f.clash == 0:
		f.clash = at
	}
}

// flightController tells whether the flight controller's lines can be
// believed: its heartbeat toggles and its lines do not contradict each other.
// Unknown: too early to say.
func (f *facts) flightController(now int64) pause.Tri {
	hb := f.line[lineHeartbeat]
	if f.clash != 0 && now-f.clash > int64(contradiction) {
		return pause.No
	}
	if hb.change != 0 && now-hb.change <= int64(heartbeatLost) {
		return pause.Yes
	}
	if now-f.started <= int64(heartbeatLost) {
		return pause.Unknown
	}
	return pause.No
}

// level is a line's level if it is fresh and its sender lives; a level that
// nobody vouches for is unknown, never "no".
func (f *facts) level(id lineID, now int64) pause.Tri {
	if f.flightController(now) != pause.Yes || now-f.line[id].at > int64(staleAfter) {
		return pause.Unknown
	}
	return f.line[id].level
}

// take records a sample; a bad one leaves the last good one to grow old.
func (r *reading) take(milliC int32, ok bool, at int64) {
	if ok {
		r.milliC, r.at, r.ok = milliC, at, true
	}
}

// lost tells whether a reading whose last good sample is from at is UNKNOWN:
// none was good for staleAfter.
func (f *facts) lost(at, now int64) bool {
	return now-max(at, f.started) > int64(staleAfter)
}
