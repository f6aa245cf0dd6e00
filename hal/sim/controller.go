package sim

import (
	"errors"
	"fmt"
	"time"

	"github.com/aim-control/aimlock/board"
)

const (
	beatTime   = int64(250 * time.Millisecond) // between level changes: 2 Hz
	fcDebounce = int64(50 * time.Millisecond)  // of the request at the script
)

// ErrRefused is what the flight controller's refusals are.
var ErrRefused = errors.New("the flight controller refuses")

// controller is the script on the flight controller: it reads the request,
// asks the autopilot to brake, and drives the lines to the board.
type controller struct {
	stopped bool // the script hangs: nothing below changes
	beat    bool // level of the heartbeat
	beatAt  int64

	pin      bool // request as the pin has it
	pinSince int64
	seen     bool // request after debouncing; refuses arming

	asked   bool // the present BRAKE is by request
	askedAt int64
}

func (c *controller) init(w *World) {
	c.beatAt = beatTime
	c.step(w)
}

// next returns the time of the script's next deed.
func (c *controller) next(w *World) int64 {
	if c.stopped {
		return never
	}
	at := c.beatAt
	if c.pin != c.seen {
		at = min(at, c.pinSince+fcDebounce)
	}
	if c.asked && w.fly.flying {
		at = min(at, c.askedAt+int64(w.model.RTLAfter))
	}
	return at
}

// step is one pass of the script: mu is held, flight and faults are up to date.
func (c *controller) step(w *World) {
	if pin := w.wire(board.PauseReq); pin != c.pin {
		c.pin, c.pinSince = pin, w.now
	}
	if c.stopped {
		return
	}
	if c.pin != c.seen && w.now >= c.pinSince+fcDebounce {
		c.seen = c.pin
	}
	c.decide(w)
	if w.now >= c.beatAt {
		missed := (w.now - c.beatAt) / beatTime
		c.beat = c.beat != (missed%2 == 0)
		c.beatAt += (missed + 1) * beatTime
	}
	w.drive(board.Heartbeat, c.beat)
	w.drive(board.Disarmed, !w.fly.armed)
	w.drive(board.Holding, w.fly.armed && w.fly.holds(w.now))
}

// decide is the script's rule: brake on request in AUTO; give back only a
// BRAKE of its own; a hold too long becomes RTL; pilot and failsafe win.
func (c *controller) decide(w *World) {
	f := &w.fly
	if c.asked && (!f.armed || f.mode != modeBrake) {
		c.asked = false
	}
	switch {
	case !f.armed:
	case c.asked && !c.seen:
		c.asked = false
		f.enter(w.now, modeAuto)
	case c.asked && f.flying && w.now-c.askedAt >= int64(w.model.RTLAfter):
		c.asked = false
		f.enter(w.now, modeRTL)
	case c.seen && f.mode == modeAuto:
		c.asked, c.askedAt = true, w.now
		f.enter(w.now, modeBrake)
	}
}

// Arm arms the motors on the ground. Refused while a pause is requested.
func (w *World) Arm() error {
	return w.change(func() error {
		switch {
		case w.fly.armed:
			return nil
		case w.fc.pin || w.fc.seen:
			return fmt.Errorf("sim: arm: a pause is requested (auxiliary authorisation): %w", ErrRefused)
		}
		w.fly.armed = true
		w.fly.enter(w.now, modeAuto)
		return nil
	})
}

// Disarm stops the motors. Refused in the air: nothing here falls down.
func (w *World) Disarm() error {
	return w.change(func() error {
		if w.fly.flying {
			return fmt.Errorf("sim: disarm: in the air, land first: %w", ErrRefused)
		}
		w.fly.armed = false
		w.fly.enter(w.now, modeAuto)
		return nil
	})
}

// TakeOff climbs to the patrol's height and flies the patrol.
func (w *World) TakeOff() error {
	return w.change(func() error {
		switch f := &w.fly; {
		case !f.armed:
			return fmt.Errorf("sim: take-off: disarmed, arm first: %w", ErrRefused)
		case f.flying:
			return fmt.Errorf("sim: take-off: already in the air: %w", ErrRefused)
		case f.mode != modeAuto:
			return fmt.Errorf("sim: take-off: in %s, a pause is requested: %w", f.mode, ErrRefused)
		default:
			f.flying = true
			f.enter(w.now, modeAuto)
			return nil
		}
	})
}

// Land lands where the drone is; touching down disarms.
func (w *World) Land() error {
	return w.inAir("land", func() { w.fly.enter(w.now, modeLand) })
}

// PilotTake is the pilot's switch to LOITER: it wins in every mode.
func (w *World) PilotTake() error {
	return w.inAir("pilot take-over", func() { w.fly.enter(w.now, modeLoiter) })
}

// PilotRelease is the pilot's switch back to AUTO. Only what the pilot took is
// given back.
func (w *World) PilotRelease() error {
	return w.change(func() error {
		if w.fly.mode != modeLoiter {
			return fmt.Errorf("sim: pilot release: in %s, the pilot has not taken over: %w", w.mode(), ErrRefused)
		}
		w.fly.enter(w.now, modeAuto)
		return nil
	})
}

func (w *World) inAir(what string, f func()) error {
	return w.change(func() error {
		if !w.fly.flying {
			return fmt.Errorf("sim: %s: on the ground, take off first: %w", what, ErrRefused)
		}
		f()
		return nil
	})
}
