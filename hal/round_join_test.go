package hal_test

import (
	"fmt"
	"math"
	"syscall"
	"testing"
	"time"

	"periph.io/x/conn/v3/physic"

	"github.com/aim-control/aimlock/hal"
	"github.com/aim-control/aimlock/hal/sim"
)

// An adapter that cannot join, or fails without a chip at fault, is found out;
// nobody misses a sample for longer than that takes.
func TestRoundOnAdaptersThatCannotJoin(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		refuse error
		most   int
	}{{syscall.EOPNOTSUPP, 1}, {syscall.EIO, 6}, {syscall.ENXIO, 6}, {syscall.ETIMEDOUT, 3}} {
		rig(t, func(k *counted) { k.refuse = fmt.Errorf("joined transfer: %w", c.refuse) }, func(k *counted, w *watcher) {
			w.run(20 * time.Second)
			if k.joined > c.most || k.joined == 0 {
				t.Errorf("%v: joined transfers were tried %d times, want at most %d", c.refuse, k.joined, c.most)
			}
			w.within(230 * time.Millisecond)
		})
	}
}

// A bus that keeps to the first chip of a joined transfer must never be
// believed: each motor has its own temperature.
func TestRoundOnBusThatMisleads(t *testing.T) {
	t.Parallel()
	rig(t, func(c *counted) { c.astray = true }, func(c *counted, w *watcher) {
		for i := range 8 {
			if err := c.HeatMotor(i+1, 40+0.7*float64(i)); err != nil {
				t.Fatal(err)
			}
		}
		w.run(time.Minute)
		for i, want := range c.Snapshot().MotorC {
			if math.Abs(w.celsius[i]-want) > 0.51 {
				t.Errorf("motor %d: %.2f °C, has %.2f", i+1, w.celsius[i], want)
			}
		}
		w.within(130 * time.Millisecond)
		if c.joined != 1 {
			t.Errorf("joined transfers were tried %d times, want once", c.joined)
		}
	})
}

// A chip of somebody else where the proof looks for nobody does not spoil it.
func TestRoundBesideNeighbour(t *testing.T) {
	t.Parallel()
	rig(t, func(c *counted) { c.neighbour = true }, func(c *counted, w *watcher) {
		joined := c.joined
		w.run(5 * time.Second)
		if c.joined-joined != w.rounds {
			t.Errorf("%d joined transfers in %d rounds", c.joined-joined, w.rounds)
		}
	})
}

// Noise and brown-outs of one chip are its own as well.
func TestRoundWithNoiseAndBrownOuts(t *testing.T) {
	t.Parallel()
	rig(t, nil, func(c *counted, w *watcher) {
		w.breaks(c, "motor1", "garbage")
		w.breaks(c, "servos", "garbage")
		for range 50 {
			w.breaks(c, "motor4", "reset")
			w.breaks(c, "battery", "reset")
			w.run(time.Second)
			if s := w.supply[0]; w.err[8] != nil || math.Abs(float64(s.Voltage)/1e9-15.2) > 0.002 {
				t.Fatalf("the battery after a brown-out: %v, %v", s, w.err[8])
			}
			if want := c.Snapshot().MotorC[3]; w.err[3] != nil || math.Abs(w.celsius[3]-want) > 0.5 {
				t.Fatalf("motor4 after a brown-out: %v, %v", w.celsius[3], w.err[3])
			}
		}
		w.within(150*time.Millisecond, 0, 3, 8, 9)
		if w.err[0] == nil || w.err[9] == nil {
			t.Errorf("random bytes are no error: %v, %v", w.err[0], w.err[9])
		}
	})
}

// A steady round allocates nothing, joined or not.
func TestRoundAllocatesNothing(t *testing.T) {
	for _, plain := range []bool{false, true} {
		b := crowded(t)
		h, err := hal.Open(b, &counted{World: sim.New(b, 1), plain: plain})
		if err != nil {
			t.Fatal(err)
		}
		failed := 0
		sensor := func(_ int, _ physic.Temperature, err error) {
			if err != nil {
				failed++
			}
		}
		supply := func(_ int, _ hal.Supply, err error) {
			if err != nil {
				failed++
			}
		}
		for began := time.Now(); ; {
			failed = 0
			if h.Buses[0].Round(sensor, supply); failed == 0 {
				break
			}
			if time.Since(began) > 10*time.Second {
				t.Fatal("the chips never settled")
			}
		}
		if n := testing.AllocsPerRun(20, func() { h.Buses[0].Round(sensor, supply) }); n != 0 || failed != 0 {
			t.Errorf("plain %v: %v allocations a round, %d errors", plain, n, failed)
		}
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	}
}
