package hal_test

import (
	"context"
	"errors"
	"math"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/physic"

	"github.com/aim-control/aimlock/board"
	"github.com/aim-control/aimlock/hal"
	"github.com/aim-control/aimlock/hal/sim"
)

var _ hal.Opener = (*sim.World)(nil)

// celsius samples as the agent does, ten times a second, until a sample comes.
func celsius(t *testing.T, s hal.Sensor) float64 {
	t.Helper()
	for range 20 {
		v, err := s.Sense()
		if err == nil {
			return float64(v-physic.ZeroCelsius) / float64(physic.Kelvin)
		}
		time.Sleep(100 * time.Millisecond)
	}
	_, err := s.Sense()
	t.Fatalf("%s: no sample in 2 s: %v", s.Name, err)
	return 0
}

// The drivers on the simulated board, which was written from the data sheets
// alone: temperatures agree, faults show and heal, lines lead where they should.
func TestSimulatedBoard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, err := board.Lookup("sim")
		if err != nil {
			t.Fatal(err)
		}
		w := sim.New(b, 1)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go w.Run(ctx)
		h, err := hal.Open(b, w)
		if err != nil {
			t.Fatal(err)
		}
		if err := w.HeatMotor(2, 131); err != nil { // beyond the chip's normal mode
			t.Fatal(err)
		}
		time.Sleep(10 * time.Minute)
		for i, s := range h.Buses[0].Sensors {
			if got, want := celsius(t, s), w.Snapshot().MotorC[i]; math.Abs(got-want) > 0.5 {
				t.Errorf("%s: %.2f °C, the motor has %.2f", s.Name, got, want)
			}
		}
		if got, want := celsius(t, h.Companion), w.Snapshot().CompanionC; math.Abs(got-want) > 0.5 {
			t.Errorf("companion: %.2f °C, is %.2f", got, want)
		}
		testFaults(t, w, h)
		testLines(t, w, h)
		if err := h.Close(); err != nil {
			t.Error(err)
		}
		if s := w.Snapshot(); s.Request || s.Blue || s.Amber {
			t.Errorf("after Close: %+v", s)
		}
	})
}

func testFaults(t *testing.T, w *sim.World, h *hal.Hardware) {
	motor2 := h.Buses[0].Sensors[1]
	for _, kind := range []string{"nack", "stuck"} {
		if err := w.Break("motor2", kind); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			began := time.Now()
			v, err := motor2.Sense()
			var errno syscall.Errno
			if err == nil || !errors.As(err, &errno) {
				t.Errorf("%s: %v, %v; want an error with its number", kind, v, err)
			}
			if took := time.Since(began); took > 1100*time.Millisecond {
				t.Errorf("%s: a sample took %v; one transfer must be the limit", kind, took)
			}
		}
		if err := w.Fix("motor2"); err != nil {
			t.Fatal(err)
		}
		if got := celsius(t, motor2); math.Abs(got-131) > 0.5 {
			t.Errorf("after %s: %.2f °C, the motor has 131", kind, got)
		}
	}
}

// Supply dips at any moment of a conversion: what comes out is the temperature
// or an error, never the 0 °C of a chip that has just been powered up.
func TestSimulatedBrownOuts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, _ := board.Lookup("sim")
		w := sim.New(b, 2)
		go w.Run(t.Context())
		h, err := hal.Open(b, w)
		if err != nil {
			t.Fatal(err)
		}
		defer h.Close()
		if err := w.HeatMotor(2, 60); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Minute)
		motor2 := h.Buses[0].Sensors[1]
		celsius(t, motor2)
		var good, failed int
		for dip := range 200 {
			if err := w.Break("motor2", "reset"); err != nil {
				t.Fatal(err)
			}
			for range 20 {
				time.Sleep(time.Duration(1+dip/2) * time.Millisecond)
				v, err := motor2.Sense()
				if err != nil {
					failed++
				} else if good++; math.Abs(float64(v-physic.ZeroCelsius)/float64(physic.Kelvin)-60) > 0.5 {
					t.Fatalf("dip %d: %v, the motor has 60 °C", dip, v)
				}
			}
		}
		celsius(t, motor2)
		if failed < 200 || good < 200 {
			t.Errorf("%d samples, %d errors in 200 dips", good, failed)
		}
	})
}

func testLines(t *testing.T, w *sim.World, h *hal.Hardware) {
	if l, err := h.Disarmed.Sense(); err != nil || l != gpio.High {
		t.Errorf("on the ground, disarmed: %v, %v", l, err)
	}
	for range 4 {
		if !h.Heartbeat.WaitForEdge(time.Second) {
			t.Error("no heartbeat within a second")
		}
	}
	for _, level := range []gpio.Level{gpio.High, gpio.Low, gpio.High} {
		for _, p := range []gpio.PinOut{h.Request, h.Blue, h.Amber} {
			if err := p.Out(level); err != nil {
				t.Fatal(err)
			}
		}
		if s := w.Snapshot(); gpio.Level(s.Request) != level || gpio.Level(s.Blue) != level || gpio.Level(s.Amber) != level {
			t.Errorf("driven %v: %+v", level, s)
		}
	}
	if err := w.Arm(); err == nil {
		t.Error("armed although a pause was requested")
	}
}
