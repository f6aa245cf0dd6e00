package hal_test

import (
	"errors"
	"math"
	"syscall"
	"testing"
	"time"
)

// All is well: a round is one transaction, but for the looks at the
// configuration of the chips that need it, and every value is the truth.
func TestRoundIsOneTransaction(t *testing.T) {
	t.Parallel()
	rig(t, nil, func(c *counted, w *watcher) {
		if err := c.HeatMotor(8, 90); err != nil {
			t.Fatal(err)
		}
		if err := c.SetSupply(2, 5, 7); err != nil {
			t.Fatal(err)
		}
		w.run(time.Minute)
		single, joined := c.single, c.joined
		w.fresh()
		w.run(10 * time.Second)
		// Three chips have no mark: one look at their configuration each.
		if c.single-single > 6 || c.joined-joined != w.rounds || w.rounds < 99 {
			t.Errorf("%d rounds: %d transfers, %d joined ones", w.rounds, c.single-single, c.joined-joined)
		}
		w.within(110 * time.Millisecond)
		for i, want := range c.Snapshot().MotorC {
			if math.Abs(w.celsius[i]-want) > 0.6 {
				t.Errorf("motor %d: %.2f °C, has %.2f", i+1, w.celsius[i], want)
			}
		}
		for i, want := range [][2]float64{{15.2, 0.6}, {5, 7}} {
			if s := w.supply[i]; math.Abs(float64(s.Voltage)/1e9-want[0]) > 0.002 || math.Abs(float64(s.Current)/1e9-want[1]) > 0.01 {
				t.Errorf("supply %d: %v; has %v", i, s, want)
			}
		}
	})
}

// A chip that is gone costs the others nothing, and its error is its own.
func TestRoundWithDeadChips(t *testing.T) {
	t.Parallel()
	for _, plain := range []bool{false, true} {
		rig(t, func(c *counted) { c.plain = plain }, func(c *counted, w *watcher) {
			w.breaks(c, "motor3", "nack")
			w.breaks(c, "battery", "nack")
			w.run(20 * time.Second)
			w.within(130*time.Millisecond, 2, 8)
			for _, i := range []int{2, 8} {
				if !errors.Is(w.err[i], syscall.ENXIO) {
					t.Errorf("entry %d: %v", i, w.err[i])
				}
			}
			w.fixes(c, "motor3")
			w.fixes(c, "battery")
			w.run(2 * time.Second)
			w.fresh()
			w.run(5 * time.Second)
			w.within(130 * time.Millisecond)
		})
	}
}

// A chip that holds the clock takes a second whenever it is tried. The others
// are read in between, whatever the bus can join.
func TestRoundWithStuckChips(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name          string
		plain         bool
		stuck         []string
		entries       []int
		onset, steady time.Duration
	}{
		{"one", false, []string{"motor2"}, []int{1}, 2300 * time.Millisecond, 1250 * time.Millisecond},
		{"one, not joined", true, []string{"motor2"}, []int{1}, 1250 * time.Millisecond, 1250 * time.Millisecond},
		{"the last", false, []string{"servos"}, []int{9}, 2300 * time.Millisecond, 1250 * time.Millisecond},
		{"three", false, []string{"motor2", "motor7", "battery"}, []int{1, 6, 8}, 4500 * time.Millisecond, 1250 * time.Millisecond},
		{"three, not joined", true, []string{"motor2", "motor7", "battery"}, []int{1, 6, 8}, 3400 * time.Millisecond, 1250 * time.Millisecond},
	} {
		rig(t, func(k *counted) { k.plain = c.plain }, func(k *counted, w *watcher) {
			for _, s := range c.stuck {
				w.breaks(k, s, "stuck")
			}
			w.run(20 * time.Second)
			w.within(c.onset, c.entries...)
			w.fresh()
			w.run(2 * time.Minute)
			w.within(c.steady, c.entries...)
			if most := 16 * len(c.stuck); w.slow > most || w.slow == 0 {
				t.Errorf("%s: %d slow rounds in two minutes, want 1 to %d", c.name, w.slow, most)
			}
			for _, i := range c.entries {
				if !errors.Is(w.err[i], syscall.ETIMEDOUT) {
					t.Errorf("%s: entry %d: %v", c.name, i, w.err[i])
				}
			}
			for _, s := range c.stuck {
				w.fixes(k, s)
			}
			w.run(12 * time.Second)
			w.fresh()
			w.run(5 * time.Second)
			w.within(130 * time.Millisecond)
		})
	}
}

// A chip that sticks every other moment is not trusted in between.
func TestRoundWithFlappingChip(t *testing.T) {
	t.Parallel()
	rig(t, nil, func(c *counted, w *watcher) {
		stop := make(chan struct{})
		go func() {
			for on := true; ; on = !on {
				select {
				case <-stop:
					return
				case <-time.After(350 * time.Millisecond):
				}
				if on {
					c.Break("motor2", "stuck")
				} else {
					c.Fix("motor2")
				}
			}
		}()
		w.run(20 * time.Second)
		w.within(2300*time.Millisecond, 1)
		w.fresh()
		w.run(2 * time.Minute)
		close(stop)
		w.within(1250*time.Millisecond, 1)
		if w.slow > 20 {
			t.Errorf("%d slow rounds in two minutes", w.slow)
		}
		w.fixes(c, "motor2")
		w.run(12 * time.Second)
		w.fresh()
		single := c.single
		w.run(5 * time.Second)
		w.within(110 * time.Millisecond)
		if c.single-single > 6 {
			t.Errorf("%d transfers apart once it is well", c.single-single)
		}
	})
}

// A wedged bus is tried about once a second, is reopened each time, and comes
// back with all its chips at once.
func TestRoundOnWedgedBus(t *testing.T) {
	t.Parallel()
	rig(t, nil, func(c *counted, w *watcher) {
		w.breaks(c, "bus:motors", "stuck")
		w.run(time.Minute)
		for i, err := range w.err {
			if !errors.Is(err, syscall.ETIMEDOUT) {
				t.Errorf("entry %d: %v", i, err)
			}
		}
		if c.reopened < 20 || c.reopened > 60 {
			t.Errorf("reopened %d times in a minute", c.reopened)
		}
		w.fixes(c, "bus:motors")
		began := time.Now()
		for well := false; !well; {
			w.run(100 * time.Millisecond)
			well = true
			for _, err := range w.err {
				well = well && err == nil
			}
			if time.Since(began) > 4*time.Second {
				t.Fatalf("not back after %v: %v", time.Since(began), w.err)
			}
		}
		t.Logf("back after %v", time.Since(began))
		reopened := c.reopened
		w.run(5 * time.Second)
		if c.reopened != reopened {
			t.Error("a bus that is well is reopened")
		}
	})
}
