package hal_test

import (
	"errors"
	"strings"
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

// lampBoards are boards whose LEDs are an RGB chip on the sensors' bus.
func lampBoards(t *testing.T) map[string]*board.Board {
	t.Helper()
	boards := map[string]*board.Board{}
	for chip, addr := range map[string]uint16{"tca62724": 0x55, "ncp5623": 0x39} {
		b, err := board.Lookup("sim")
		if err != nil {
			t.Fatal(err)
		}
		b.Outputs = b.Outputs[:1]
		b.RGB = board.RGB{Chip: chip, Bus: "motors", Addr: addr}
		boards[chip] = b
	}
	return boards
}

func shows(w *sim.World) [3]uint8 {
	r, g, b, _ := w.RGB()
	return [3]uint8{r, g, b}
}

// Blue and amber are the colours of the lamp, through the driver, on registers
// that were written from the data sheet alone.
func TestLampColours(t *testing.T) {
	t.Parallel()
	for name, b := range lampBoards(t) {
		synctest.Test(t, func(t *testing.T) {
			w := sim.New(b, 1)
			h, err := hal.Open(b, w)
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range []struct {
				blue, amber gpio.Level
				r, g, b     bool
			}{{true, false, false, false, true}, {false, true, true, true, false}, {true, true, true, true, true}, {false, false, false, false, false}} {
				if err := errors.Join(h.Blue.Out(c.blue), h.Amber.Out(c.amber)); err != nil {
					t.Error(err)
				}
				time.Sleep(10 * time.Millisecond)
				got := shows(w)
				if (got[0] == 255) != c.r || (got[1] > 80 && got[1] < 120) != c.g || (got[2] == 255) != c.b {
					t.Errorf("%s: blue %v, amber %v shows %v", name, c.blue, c.amber, got)
				}
			}
			if err := w.Break("rgb", "reset"); err != nil {
				t.Fatal(err)
			}
			h.Blue.Out(gpio.High)
			time.Sleep(10 * time.Millisecond)
			w.Break("rgb", "reset")
			time.Sleep(1100 * time.Millisecond)
			if got := shows(w); got != [3]uint8{0, 0, 255} {
				t.Errorf("%s: a second after a brown-out it shows %v", name, got)
			}
			if err := h.Close(); err != nil {
				t.Error(err)
			}
			if got := shows(w); got != [3]uint8{} {
				t.Errorf("%s: after Close it shows %v", name, got)
			}
		})
	}
}

// A lamp that holds up the bus never holds up who drives it, says what is
// wrong, leaves the sensors most of the bus, and comes back.
func TestStuckLamp(t *testing.T) {
	t.Parallel()
	for name, b := range lampBoards(t) {
		synctest.Test(t, func(t *testing.T) {
			w := sim.New(b, 1)
			h, err := hal.Open(b, w)
			if err != nil {
				t.Fatal(err)
			}
			defer h.Close()
			if err := w.Break("rgb", "stuck"); err != nil {
				t.Fatal(err)
			}
			var samples int
			failed := false
			for began := time.Now(); time.Since(began) < 30*time.Second; {
				before := time.Now()
				err := h.Amber.Out(time.Now().UnixMilli()/125%2 == 0)
				if took := time.Since(before); took > 0 {
					t.Fatalf("%s: Out took %v", name, took)
				}
				failed = failed || errors.Is(err, syscall.ETIMEDOUT) && strings.Contains(err.Error(), board.LEDAmber)
				h.Buses[0].Round(func(_ int, _ physic.Temperature, err error) {
					if err == nil {
						samples++
					}
				}, nil)
				time.Sleep(100 * time.Millisecond)
			}
			if !failed || samples < 800 {
				t.Errorf("%s: failed %v, %d samples in 30 s", name, failed, samples)
			}
			if err := w.Fix("rgb"); err != nil {
				t.Fatal(err)
			}
			if err := h.Amber.Out(gpio.High); err == nil {
				t.Errorf("%s: the last error is forgotten before the next attempt", name)
			}
			time.Sleep(10 * time.Second)
			if err := h.Amber.Out(gpio.High); err != nil || shows(w)[0] != 255 {
				t.Errorf("%s: mended, but %v, shows %v", name, err, shows(w))
			}
		})
	}
}

// Release makes the lamp dark; what is wrong with its bus does not keep the
// request on.
func TestReleaseLamp(t *testing.T) {
	t.Parallel()
	for name, b := range lampBoards(t) {
		synctest.Test(t, func(t *testing.T) {
			w := sim.New(b, 1)
			h, err := hal.Open(b, w)
			if err != nil {
				t.Fatal(err)
			}
			h.Request.Out(gpio.High)
			h.Blue.Out(gpio.High)
			time.Sleep(10 * time.Millisecond)
			if err := hal.Release(b, w); err != nil || shows(w) != [3]uint8{} || w.Snapshot().Request {
				t.Errorf("%s: %v, shows %v, request %v", name, err, shows(w), w.Snapshot().Request)
			}
			h.Request.Out(gpio.High)
			if err := w.Break("bus:motors", "nack"); err != nil {
				t.Fatal(err)
			}
			if err := hal.Release(b, w); !errors.Is(err, syscall.ENXIO) || w.Snapshot().Request {
				t.Errorf("%s: %v, request %v", name, err, w.Snapshot().Request)
			}
			h.Close()
		})
	}
}

// Boards that cannot be wired so are refused with the chip's name.
func TestOpenRefusesImpossibleChips(t *testing.T) {
	t.Parallel()
	supply := func(s board.Sensor) func(*board.Board) {
		return func(b *board.Board) { b.Supplies = []board.Sensor{s} }
	}
	for name, c := range map[string]struct {
		breaks func(*board.Board)
		want   string
	}{
		"address taken":  {supply(board.Sensor{Name: "battery", Chip: "ina226", Bus: "motors", Addr: 0x48, ShuntMicroOhm: 500, MaxAmps: 10}), "motor1 and battery are both at 0x48"},
		"no shunt":       {supply(board.Sensor{Name: "battery", Chip: "ina226", Bus: "motors", Addr: 0x40, MaxAmps: 10}), "shunt"},
		"shunt too big":  {supply(board.Sensor{Name: "battery", Chip: "ina228", Bus: "motors", Addr: 0x40, ShuntMicroOhm: 2000, MaxAmps: 100}), "battery: ina228"},
		"no driver":      {supply(board.Sensor{Name: "battery", Chip: "ina219", Bus: "motors", Addr: 0x40, ShuntMicroOhm: 500, MaxAmps: 10}), `"ina219"`},
		"no supply bus":  {supply(board.Sensor{Name: "battery", Chip: "ina226", Bus: "tail", Addr: 0x40}), `battery: board sim has no bus "tail"`},
		"no lamp driver": {func(b *board.Board) { b.RGB = board.RGB{Chip: "ws2812", Bus: "motors", Addr: 0x55} }, `"ws2812"`},
		"lamp address":   {func(b *board.Board) { b.RGB = board.RGB{Chip: "tca62724", Bus: "motors", Addr: 0x54} }, "0x54"},
		"lamp bus":       {func(b *board.Board) { b.RGB = board.RGB{Chip: "tca62724", Bus: "tail", Addr: 0x55} }, `no bus "tail"`},
	} {
		b, err := board.Lookup("sim")
		if err != nil {
			t.Fatal(err)
		}
		c.breaks(b)
		if h, err := hal.Open(b, sim.New(b, 1)); h != nil || err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v; want %q", name, err, c.want)
		}
	}
}
