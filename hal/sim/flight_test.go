package sim

import (
	"errors"
	"strings"
	"testing"
	"time"

	"periph.io/x/conn/v3/gpio"

	"github.com/aim-control/aimlock/board"
)

func level(t *testing.T, p *Input) bool {
	t.Helper()
	l, err := p.Sense()
	must(t, err)
	return bool(l)
}

// expect compares mode and the two lines.
func expect(t *testing.T, w *World, mode string, disarmed, holding bool) {
	t.Helper()
	if s := w.Snapshot(); s.Mode != mode {
		t.Errorf("mode %s, want %s: %+v", s.Mode, mode, s)
	}
	if got := level(t, openInput(t, w, board.Disarmed)); got != disarmed {
		t.Errorf("DISARMED %v in %s, want %v", got, mode, disarmed)
	}
	if got := level(t, openInput(t, w, board.Holding)); got != holding {
		t.Errorf("HOLDING %v in %s, want %v", got, mode, holding)
	}
}

func TestFlight(t *testing.T) {
	bubble(t, func(t *testing.T, w *World) {
		expect(t, w, "DISARMED", true, false)
		must(t, w.Arm())
		must(t, w.Arm()) // armed already: fine
		expect(t, w, modeAuto, false, false)
		must(t, w.TakeOff())
		pass(time.Second)
		if s := w.Snapshot(); s.Alt != 8 || s.Speed != 0 || !s.Flying {
			t.Errorf("a second after take-off: %+v, want 8 m up and no way over ground", s)
		}
		pass(5 * time.Second)
		// Height at 2.5 s, cruising speed 2 s and 8 m later.
		if s := w.Snapshot(); s.Alt != 20 || s.Speed != 8 || !near(s.X, 20, 0.001) || s.Y != 0 {
			t.Errorf("six seconds after take-off: %+v, want 20 m up, 20 m along", s)
		}
		legs := map[int]bool{}
		for range 30 {
			pass(time.Second)
			s := w.Snapshot()
			legs[s.Leg] = true
			onSide := near(s.X, 0, 0.01) || near(s.X, 60, 0.01) || near(s.Y, 0, 0.01) || near(s.Y, 40, 0.01)
			if !onSide || s.X < -0.01 || s.X > 60.01 || s.Y < -0.01 || s.Y > 40.01 {
				t.Fatalf("off the patrol: %+v", s)
			}
		}
		if len(legs) != 4 {
			t.Errorf("flew the legs %v, want all four", legs)
		}
		must(t, w.Land())
		pass(3 * time.Second)
		expect(t, w, modeLand, false, false)
		pass(2 * time.Second)
		expect(t, w, "DISARMED", true, false)
		if s := w.Snapshot(); s.Alt != 0 || s.Speed != 0 || s.Flying {
			t.Errorf("landed, but %+v", s)
		}
	})
}

func TestRequestHoldsAndResumes(t *testing.T) {
	bubble(t, func(t *testing.T, w *World) {
		airborne(t, w)
		request, holding := openOutput(t, w, board.PauseReq), openInput(t, w, board.Holding)
		must(t, request.Out(gpio.High))
		began := time.Now()
		pass(49 * time.Millisecond)
		expect(t, w, modeAuto, false, false)
		pass(2 * time.Millisecond)
		expect(t, w, modeBrake, false, false)
		if !holding.WaitForEdge(10 * time.Second) {
			t.Fatal("no edge of HOLDING")
		}
		// 50 ms of debouncing, (8 − 0.5) m/s at 8 m/s in 1.5 s, 5 ms of debouncing here.
		want := 50*time.Millisecond + 1406250*time.Microsecond + 5*time.Millisecond
		if took := time.Since(began); took < want || took > want+time.Microsecond {
			t.Errorf("HOLDING after %v, want %v", took, want)
		}
		expect(t, w, modeBrake, false, true)
		pass(time.Second)
		s := w.Snapshot()
		if s.Speed != 0 || s.HoldS < 2.4 || s.HoldS > 2.5 || !s.Request {
			t.Errorf("holding: %+v", s)
		}
		pass(time.Minute)
		if later := w.Snapshot(); later.X != s.X || later.Y != s.Y || later.Alt != s.Alt {
			t.Errorf("moved while holding: %+v then %+v", s, later)
		}
		must(t, request.Out(gpio.Low))
		pass(60 * time.Millisecond)
		expect(t, w, modeAuto, false, false)
		pass(2 * time.Second)
		if s := w.Snapshot(); s.Speed != 8 || s.HoldS != 0 {
			t.Errorf("two seconds after the release: %+v", s)
		}
	})
}

func TestRequestDuringClimb(t *testing.T) {
	bubble(t, func(t *testing.T, w *World) {
		request := openOutput(t, w, board.PauseReq)
		must(t, w.Arm())
		must(t, w.TakeOff())
		pass(time.Second)
		must(t, request.Out(gpio.High))
		pass(3 * time.Second)
		expect(t, w, modeBrake, false, true)
		if s := w.Snapshot(); !near(s.Alt, 8.4, 0.01) {
			t.Errorf("holds at %v m, want where the request met it", s.Alt)
		}
		must(t, request.Out(gpio.Low))
		pass(3 * time.Second)
		if s := w.Snapshot(); s.Alt != 20 || s.Speed == 0 {
			t.Errorf("after the release: %+v, want the climb to go on", s)
		}
	})
}

func TestShortPulseIsNoRequest(t *testing.T) {
	bubble(t, func(t *testing.T, w *World) {
		airborne(t, w)
		request := openOutput(t, w, board.PauseReq)
		must(t, request.Out(gpio.High))
		pass(40 * time.Millisecond)
		must(t, request.Out(gpio.Low))
		pass(time.Second)
		expect(t, w, modeAuto, false, false)
	})
}

func TestArmingRefusedWhileRequested(t *testing.T) {
	bubble(t, func(t *testing.T, w *World) {
		request := openOutput(t, w, board.PauseReq)
		must(t, request.Out(gpio.High))
		if err := w.Arm(); !errors.Is(err, ErrRefused) {
			t.Errorf("arming at once: %v", err)
		}
		pass(time.Minute)
		if err := w.Arm(); !errors.Is(err, ErrRefused) {
			t.Errorf("arming a minute later: %v", err)
		}
		expect(t, w, "DISARMED", true, false)
		must(t, request.Out(gpio.Low))
		pass(60 * time.Millisecond)
		must(t, w.Arm())
	})
}

func TestArmedOnGround(t *testing.T) {
	bubble(t, func(t *testing.T, w *World) {
		request := openOutput(t, w, board.PauseReq)
		if err := w.TakeOff(); !errors.Is(err, ErrRefused) {
			t.Errorf("take-off disarmed: %v", err)
		}
		must(t, w.Arm())
		must(t, request.Out(gpio.High))
		pass(time.Hour) // on the ground a long request is no RTL
		expect(t, w, modeBrake, false, true)
		if err := w.TakeOff(); !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), "pause") {
			t.Errorf("take-off while requested: %v", err)
		}
		must(t, w.Disarm())
		expect(t, w, "DISARMED", true, false)
		must(t, request.Out(gpio.Low))
		pass(time.Second)
		must(t, w.Arm())
		must(t, w.TakeOff())
		if err := w.TakeOff(); !errors.Is(err, ErrRefused) {
			t.Errorf("second take-off: %v", err)
		}
		if err := w.Disarm(); !errors.Is(err, ErrRefused) {
			t.Errorf("disarming in the air: %v", err)
		}
	})
}
