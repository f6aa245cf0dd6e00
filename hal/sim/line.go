package sim

import (
	"math/rand/v2"
	"time"

	"github.com/aim-control/aimlock/board"
)

// line is one wire between the board and the flight controller, the button or
// an LED. driven is what its driver puts on it, level what the other end sees.
type line struct {
	name   string
	target string // of faults
	out    bool   // driven by the board
	up     bool   // inputs: pulled up, so a broken wire reads high
	driven bool
	level  bool
	fault  string
	flipAt int64 // a floating line's next change
	rng    *rand.Rand
	pins   []*Input
}

func newLine(w *World, l board.Line, out bool) *line {
	target := "line:" + l.Name
	up := !out && l.PullUp
	driven := up && l.Name == board.Button
	return &line{name: l.Name, target: target, out: out, up: up, driven: driven, level: driven, flipAt: never, rng: w.random(target)}
}

// drive puts a level on a line; lines the board lacks are ignored.
func (w *World) drive(name string, high bool) {
	l := w.lines[name]
	if l == nil {
		return
	}
	if l.out && l.driven != high {
		w.observe(name, high)
	}
	l.driven = high
	l.update(w)
}

func (w *World) observe(name string, high bool) {
	for _, f := range w.observers {
		f(name, high, time.Duration(w.now))
	}
}

// wire returns what the far end of a line sees, low for a line the board lacks.
func (w *World) wire(name string) bool {
	l := w.lines[name]
	return l != nil && l.level
}

// update works out the level at the far end.
func (l *line) update(w *World) {
	switch l.fault {
	case float:
		if !l.out { // a floating output meets the external pull-down
			return // happen flips it
		}
		l.set(w, false)
	case cut:
		l.set(w, l.up)
	case stuck:
	default:
		l.set(w, l.driven)
	}
}

func (l *line) set(w *World, high bool) {
	if l.level == high {
		return
	}
	l.level = high
	for _, p := range l.pins {
		p.raw(w.now, high)
	}
	if !l.out {
		w.observe(l.name, high)
	}
}

// setFault begins or ends a fault.
func (l *line) setFault(w *World, kind string) {
	if l.fault == kind {
		return
	}
	l.fault, l.flipAt = kind, never
	if kind == float && !l.out {
		l.flipAt = w.now + l.interval()
	}
	l.update(w)
}

// interval is the time to the next change of a floating line: 1 to 200 ms.
func (l *line) interval() int64 {
	return int64(time.Millisecond) + l.rng.Int64N(int64(199*time.Millisecond))
}

// next returns the time of the line's next event.
func (l *line) next() int64 {
	at := l.flipAt
	for _, p := range l.pins {
		at = min(at, p.settleAt)
	}
	return at
}

// happen lets the line's events of now happen.
func (l *line) happen(w *World) {
	if l.flipAt <= w.now {
		l.flipAt = w.now + l.interval()
		l.set(w, !l.level)
	}
	for _, p := range l.pins {
		p.settled(w.now)
	}
}

// Press presses or lets go the technician's button. A board without one
// ignores it.
func (w *World) Press(pressed bool) {
	w.change(func() error {
		if l := w.lines[board.Button]; l != nil {
			w.drive(board.Button, pressed != l.up)
		}
		return nil
	})
}
