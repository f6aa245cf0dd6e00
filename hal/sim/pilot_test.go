package sim

import (
	"errors"
	"testing"
	"time"

	"periph.io/x/conn/v3/gpio"

	"github.com/aim-control/aimlock/board"
)

func TestPilotWins(t *testing.T) {
	bubble(t, func(t *testing.T, w *World) {
		for _, err := range []error{w.PilotTake(), w.PilotRelease(), w.Land()} {
			if !errors.Is(err, ErrRefused) {
				t.Errorf("on the ground: %v", err)
			}
		}
		airborne(t, w)
		request := openOutput(t, w, board.PauseReq)
		must(t, request.Out(gpio.High))
		pass(3 * time.Second)
		expect(t, w, modeBrake, false, true)
		must(t, w.PilotTake())
		pass(10 * time.Millisecond)
		expect(t, w, modeLoiter, false, false)
		// The request goes, comes again: nothing of it matters now.
		must(t, request.Out(gpio.Low))
		pass(time.Second)
		must(t, request.Out(gpio.High))
		pass(10 * time.Minute)
		expect(t, w, modeLoiter, false, false)
		if s := w.Snapshot(); s.HoldS != 0 {
			t.Errorf("HoldS %v without a hold by request", s.HoldS)
		}
		must(t, w.PilotRelease())
		pass(10 * time.Millisecond)
		expect(t, w, modeBrake, false, true) // a level: still requested
		must(t, request.Out(gpio.Low))
		pass(time.Second)
		expect(t, w, modeAuto, false, false)
		if err := w.PilotRelease(); !errors.Is(err, ErrRefused) {
			t.Errorf("release of what was not taken: %v", err)
		}
	})
}

func TestLongHoldReturns(t *testing.T) {
	bubble(t, func(t *testing.T, w *World) {
		m := w.Model()
		m.RTLAfter = 20 * time.Second
		w.SetModel(m)
		airborne(t, w)
		request := openOutput(t, w, board.PauseReq)
		must(t, request.Out(gpio.High))
		pass(20 * time.Second)
		expect(t, w, modeBrake, false, true)
		pass(60 * time.Millisecond)
		expect(t, w, modeRTL, false, false)
		must(t, request.Out(gpio.Low)) // too late: not BRAKE any more
		pass(time.Second)
		expect(t, w, modeRTL, false, false)
		must(t, request.Out(gpio.High))
		pass(time.Minute)
		expect(t, w, "DISARMED", true, false)
		if s := w.Snapshot(); !near(s.X, 0, 0.01) || !near(s.Y, 0, 0.01) || s.Alt != 0 {
			t.Errorf("not home: %+v", s)
		}
		if err := w.Arm(); !errors.Is(err, ErrRefused) {
			t.Errorf("arming at home, still requested: %v", err)
		}
	})
}

func TestPilotTakesReturnAndLanding(t *testing.T) {
	bubble(t, func(t *testing.T, w *World) {
		m := w.Model()
		m.RTLAfter = 2 * time.Second
		w.SetModel(m)
		airborne(t, w)
		request := openOutput(t, w, board.PauseReq)
		must(t, request.Out(gpio.High))
		pass(3 * time.Second)
		expect(t, w, modeRTL, false, false)
		must(t, w.PilotTake())
		expect(t, w, modeLoiter, false, false)
		must(t, request.Out(gpio.Low))
		pass(time.Second)
		must(t, w.Land())
		pass(time.Second)
		must(t, w.PilotTake())
		pass(time.Second)
		if s := w.Snapshot(); s.Mode != modeLoiter || s.Alt <= 0 || s.Alt >= 20 {
			t.Errorf("pilot in the landing: %+v", s)
		}
		must(t, w.PilotRelease())
		pass(4 * time.Second)
		if s := w.Snapshot(); s.Mode != modeAuto || s.Alt != 20 {
			t.Errorf("back to the patrol: %+v", s)
		}
	})
}

func TestReleaseOutputsEndsRequest(t *testing.T) {
	bubble(t, func(t *testing.T, w *World) {
		airborne(t, w)
		request, blue, amber := openOutput(t, w, board.PauseReq), openOutput(t, w, board.LEDBlue), openOutput(t, w, board.LEDAmber)
		for _, o := range []gpio.PinOut{request, blue, amber} {
			must(t, o.Out(gpio.High))
		}
		pass(3 * time.Second)
		expect(t, w, modeBrake, false, true)
		if s := w.Snapshot(); !s.Blue || !s.Amber {
			t.Errorf("LEDs are off: %+v", s)
		}
		w.ReleaseOutputs()
		if s := w.Snapshot(); s.Request || s.Blue || s.Amber {
			t.Errorf("outputs are on after their release: %+v", s)
		}
		pass(60 * time.Millisecond)
		expect(t, w, modeAuto, false, false)
		if err := request.Out(gpio.High); err == nil {
			t.Error("a dead process drives the line")
		}
		pass(time.Second)
		again := openOutput(t, w, board.PauseReq)
		must(t, again.Out(gpio.High))
		pass(60 * time.Millisecond)
		expect(t, w, modeBrake, false, false)
	})
}

func TestHungScript(t *testing.T) {
	bubble(t, func(t *testing.T, w *World) {
		airborne(t, w)
		request, beat := openOutput(t, w, board.PauseReq), openInput(t, w, board.Heartbeat)
		beats := func() (n int) {
			for beat.WaitForEdge(2 * time.Second) {
				if n++; n == 8 {
					return n
				}
			}
			return n
		}
		began := time.Now()
		if n := beats(); n != 8 || time.Since(began) > 2*time.Second {
			t.Errorf("%d heartbeats in %v, want 8 in 2 s", n, time.Since(began))
		}
		must(t, w.Break("fc", stop))
		if n := beats(); n != 0 {
			t.Errorf("%d heartbeats of a hung script", n)
		}
		must(t, request.Out(gpio.High))
		pass(time.Minute)
		expect(t, w, modeAuto, false, false) // it flies on
		must(t, w.Land())
		pass(time.Minute)
		expect(t, w, "DISARMED", false, false) // the line froze
		must(t, w.Fix("fc"))
		pass(5 * time.Millisecond)
		expect(t, w, "DISARMED", true, false)
		if n := beats(); n != 8 {
			t.Errorf("%d heartbeats after the script runs again", n)
		}
	})
}
