package sim

import (
	"math"

	"github.com/aim-control/aimlock/board"
)

// State is what is true of the drone, whatever its sensors say.
type State struct {
	Armed, Flying bool
	Mode          string    // AUTO, BRAKE, LOITER, RTL, LAND; DISARMED
	X, Y, Alt     float64   // m from home
	Speed         float64   // m/s over ground
	MotorC        []float64 // °C, by order of the board
	CompanionC    float64   // °C
	Request       bool      // outputs as the board drives them
	Blue, Amber   bool
	Holding       bool    // HOLDING as the flight controller means it
	HoldS         float64 // s since BRAKE began by request; 0: no hold by request
	Leg           int     // 1 … 4, of the patrol
	Faults        int     // in force
}

// Snapshot returns the state at this moment.
func (w *World) Snapshot() State {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.advance()
	f := &w.fly
	_, v, alt := f.figures(w.now)
	at := f.position(w.now)
	s := State{
		Armed: f.armed, Flying: f.flying, Mode: w.mode(),
		X: tidy(at.x), Y: tidy(at.y), Alt: tidy(alt), Speed: tidy(v),
		CompanionC: w.companion.at(w.now),
		Request:    w.driven(board.PauseReq), Blue: w.driven(board.LEDBlue), Amber: w.driven(board.LEDAmber),
		Holding: f.armed && f.holds(w.now), Leg: f.leg + 1,
		Faults: len(w.faults) + len(w.chaos.live),
	}
	for _, m := range w.motors {
		s.MotorC = append(s.MotorC, m.heat.at(w.now))
	}
	if w.fc.asked {
		s.HoldS = float64(w.now-w.fc.askedAt) / second
	}
	return s
}

// mode is the flight controller's mode in the words of State.
func (w *World) mode() string {
	if !w.fly.armed {
		return "DISARMED"
	}
	return w.fly.mode
}

func (w *World) driven(name string) bool {
	l := w.lines[name]
	return l != nil && l.driven
}

// tidy takes the last bits' noise off a figure.
func tidy(v float64) float64 { return math.Round(v*1e6) / 1e6 }
