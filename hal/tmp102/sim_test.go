package tmp102_test

import (
	"errors"
	"math"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"periph.io/x/conn/v3/i2c"
	"periph.io/x/conn/v3/physic"

	"github.com/aim-control/aimlock/board"
	"github.com/aim-control/aimlock/hal/sim"
	"github.com/aim-control/aimlock/hal/tmp102"
)

var family = []struct {
	name string
	addr uint16
	open func(i2c.Bus, uint16) (*tmp102.Dev, error)
	step float64 // °C
}{
	{"tmp102", 0x48, tmp102.New, 0.0625},
	{"tmp105", 0x4C, tmp102.NewTMP105, 0.0625},
	{"lm75", 0x4D, tmp102.NewLM75, 0.5},
}

// world is a simulated board with one chip of each kind, and its bus.
func world(t *testing.T) (*sim.World, i2c.Bus) {
	t.Helper()
	b, err := board.Lookup("sim")
	if err != nil {
		t.Fatal(err)
	}
	b.Motors = nil
	for _, c := range family {
		b.Motors = append(b.Motors, board.Sensor{Name: c.name, Chip: c.name, Bus: "motors", Addr: c.addr})
	}
	w := sim.New(b, 1)
	bus, err := w.Bus(b.Buses[0])
	if err != nil {
		t.Fatal(err)
	}
	return w, bus
}

func celsius(v physic.Temperature) float64 {
	return float64(v-physic.ZeroCelsius) / float64(physic.Kelvin)
}

// Each driver on registers that were written from the data sheet alone, over
// the whole range, and through brown-outs at any moment.
func TestSimulatedFamily(t *testing.T) {
	t.Parallel()
	for i, c := range family {
		synctest.Test(t, func(t *testing.T) {
			w, bus := world(t)
			d, err := c.open(bus, c.addr)
			if err != nil {
				t.Fatal(err)
			}
			sample := func() float64 {
				for range 20 {
					v, err := d.Temperature()
					if err == nil {
						return celsius(v)
					}
					if !errors.Is(err, tmp102.ErrNotReady) {
						t.Fatal(err)
					}
					time.Sleep(100 * time.Millisecond)
				}
				t.Fatalf("%s: no sample in two seconds", c.name)
				return 0
			}
			for _, want := range []float64{-55, -12.3, 0, 0.25, 25, 70, 95, 105, 127} {
				if err := w.HeatMotor(i+1, want); err != nil {
					t.Fatal(err)
				}
				time.Sleep(10 * time.Minute)
				if got := sample(); math.Abs(got-want) > c.step {
					t.Errorf("%s: %v °C at %v", c.name, got, want)
				}
			}
			for dip := range 200 {
				if err := w.Break(c.name, "reset"); err != nil {
					t.Fatal(err)
				}
				time.Sleep(time.Duration(dip) * 2 * time.Millisecond)
				if v, err := d.Temperature(); err == nil && math.Abs(celsius(v)-127) > c.step {
					t.Fatalf("%s: %v after a brown-out, the motor has 127 °C", c.name, v)
				}
				sample()
			}
		})
	}
}

// A TMP105 that fell back to nine bits unseen has its twelve again soon.
func TestUnseenBrownOut(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, bus := world(t)
		d, err := tmp102.NewTMP105(bus, 0x4C)
		if err != nil {
			t.Fatal(err)
		}
		if err := w.HeatMotor(2, 60.3); err != nil {
			t.Fatal(err)
		}
		for range 6000 { // ten minutes: it is as warm as it gets
			d.Temperature()
			time.Sleep(100 * time.Millisecond)
		}
		if err := w.Break("tmp105", "reset"); err != nil {
			t.Fatal(err)
		}
		var coarse, failed, fine int
		time.Sleep(100 * time.Millisecond) // it has converted when we look
		for range 150 {
			v, err := d.Temperature()
			switch got := celsius(v); {
			case err != nil:
				failed++
			case got == 60:
				coarse++
			case got == 60.25:
				fine++
			default:
				t.Fatalf("%v °C", got)
			}
			time.Sleep(100 * time.Millisecond)
		}
		if coarse > 100 || fine < 30 || failed > 4 {
			t.Errorf("%d coarse, %d failed, %d fine", coarse, failed, fine)
		}
	})
}

// Identify tells the chips apart as far as they can be, before and after the
// driver has set them up, and changes nothing.
func TestIdentifySimulatedFamily(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, bus := world(t)
		for _, c := range family {
			d, err := c.open(bus, c.addr)
			if err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
			if got, err := tmp102.Identify(bus, c.addr); err != nil || !slices.Contains(got, c.name) || slices.Contains(got, "tmp102") != (c.name == "tmp102") {
				t.Errorf("%s at power-up: %v, %v", c.name, got, err)
			}
			for range 10 {
				d.Temperature()
				time.Sleep(100 * time.Millisecond)
			}
			if got, err := tmp102.Identify(bus, c.addr); err != nil || !slices.Equal(got, []string{c.name}) {
				t.Errorf("%s as we set it: %v, %v", c.name, got, err)
			}
			if _, err := d.Temperature(); err != nil {
				t.Errorf("%s after Identify: %v", c.name, err)
			}
		}
		if got, err := tmp102.Identify(bus, 0x4E); err == nil {
			t.Errorf("nobody there: %v", got)
		}
	})
}
