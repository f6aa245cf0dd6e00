package ina226_test

import (
	"errors"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"periph.io/x/conn/v3/physic"

	"github.com/aim-control/aimlock/board"
	"github.com/aim-control/aimlock/hal/ina226"
	"github.com/aim-control/aimlock/hal/sim"
)

// powered is the simulated board with a power monitor on its bus.
func powered(t *testing.T) *board.Board {
	t.Helper()
	b, err := board.Lookup("sim")
	if err != nil {
		t.Fatal(err)
	}
	b.Supplies = []board.Sensor{{Name: "battery", Chip: "ina226", Bus: "motors", Addr: 0x40, ShuntMicroOhm: 500, MaxAmps: 160}}
	return b
}

func open(t *testing.T, w *sim.World, b *board.Board) *ina226.Dev {
	t.Helper()
	bus, err := w.Bus(b.Buses[0])
	if err != nil {
		t.Fatal(err)
	}
	d, err := ina226.New(bus, 0x40, 500*physic.MicroOhm, 160*physic.Ampere)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// eventually samples ten times a second for up to a second.
func eventually(t *testing.T, d *ina226.Dev) ina226.Reading {
	t.Helper()
	var err error
	for range 10 {
		var v ina226.Reading
		if v, err = d.Sense(); err == nil {
			return v
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Fatalf("no sample in a second: %v", err)
	return ina226.Reading{}
}

// The driver on registers that were written from the data sheet alone.
func TestSimulatedChip(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := powered(t)
		w := sim.New(b, 1)
		d := open(t, w, b)
		for _, c := range []struct{ volts, amps float64 }{{15.2, 0.6}, {14.6, 18.5}, {0, 0}, {36, 160}, {12, -3.3}, {3.3, -160}} {
			if err := w.SetSupply(1, c.volts, c.amps); err != nil {
				t.Fatal(err)
			}
			time.Sleep(100 * time.Millisecond)
			v := eventually(t, d)
			volts, amps, watts := float64(v.Voltage)/1e9, float64(v.Current)/1e9, float64(v.Power)/1e9
			if math.Abs(volts-c.volts) > 0.001 || math.Abs(amps-c.amps) > 0.003 || math.Abs(watts-volts*amps) > 0.001 {
				t.Errorf("%v V, %v A: read %v V, %v A, %v W", c.volts, c.amps, volts, amps, watts)
			}
		}
		if err := w.SetSupply(1, 12, 200); err != nil {
			t.Fatal(err)
		}
		time.Sleep(100 * time.Millisecond)
		if v, err := d.Sense(); !errors.Is(err, ina226.ErrOverflow) {
			t.Errorf("200 A: %v, %v", v, err)
		}
	})
}

// Supply dips at any moment: what comes out is the truth or an error, never
// the 0 V and 0 A of registers that were just reset.
func TestSimulatedBrownOuts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := powered(t)
		w := sim.New(b, 2)
		go w.Run(t.Context())
		d := open(t, w, b)
		eventually(t, d)
		var good, failed int
		for dip := range 300 {
			// The dip comes while transfers are under way, every 10 µs later.
			go func() {
				time.Sleep(time.Duration(dip) * 10 * time.Microsecond)
				if err := w.Break("battery", "reset"); err != nil {
					t.Error(err)
				}
			}()
			for range 12 {
				v, err := d.Sense()
				if err != nil {
					failed++
				} else if good++; v.Voltage < 15*physic.Volt || v.Current < 500*physic.MilliAmpere {
					t.Fatalf("dip %d: %v; the battery has 15.2 V, 0.6 A", dip, v)
				}
				time.Sleep(25 * time.Millisecond)
			}
		}
		if failed < 300 || good < 1000 {
			t.Errorf("%d samples, %d errors in 300 dips", good, failed)
		}
	})
}

// Faults show as what they are, and heal.
func TestSimulatedFaults(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := powered(t)
		w := sim.New(b, 3)
		d := open(t, w, b)
		for _, kind := range []string{"nack", "stuck", "garbage"} {
			eventually(t, d)
			if err := w.Break("battery", kind); err != nil {
				t.Fatal(err)
			}
			for range 200 {
				if v, err := d.Sense(); err == nil {
					t.Errorf("%s: %v", kind, v)
				}
			}
			if err := w.Fix("battery"); err != nil {
				t.Fatal(err)
			}
			if v := eventually(t, d); v.Voltage != 15200*physic.MilliVolt {
				t.Errorf("after %s: %v", kind, v)
			}
		}
		if err := ina226.Identify(must(w.Bus(b.Buses[0])), 0x48); !errors.Is(err, ina226.ErrWrongChip) {
			t.Errorf("a TMP102 is not told apart: %v", err)
		}
	})
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
