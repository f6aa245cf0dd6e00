package tca62724

import (
	"errors"
	"syscall"
	"testing"

	"periph.io/x/conn/v3/i2c/i2ctest"
)

// Transfers as PX4's and ArduPilot's drivers make them.
func TestRecorded(t *testing.T) {
	bus := &i2ctest.Playback{DontPanic: true, Ops: []i2ctest.IO{
		{Addr: 0x55, W: []byte{0x81, 15, 0x82, 0, 0x83, 0, 0x84, 3}},
		{Addr: 0x55, R: []byte{0x30, 0x0F}},
		{Addr: 0x55, W: []byte{0x81, 0, 0x82, 6, 0x83, 15, 0x84, 3}},
		{Addr: 0x55, R: []byte{0x3F, 0x60}},
		{Addr: 0x55, R: []byte{0x00, 0x00}},
		{Addr: 0x55, W: []byte{0x81, 0, 0x82, 0, 0x83, 0, 0x84, 3}},
	}}
	d, err := New(bus, 0x55)
	if err != nil {
		t.Fatal(err)
	}
	for i, step := range []func() error{
		func() error { return d.Set(0, 0, 255) }, d.Check,
		func() error { return d.Set(255, 96, 0) }, d.Check, d.Check,
		func() error { return d.Set(0, 0, 0) },
	} {
		if err := step(); errors.Is(err, ErrDark) != (i == 4) || (err != nil) != (i == 4) {
			t.Errorf("step %d: %v", i, err)
		}
	}
	if err := bus.Close(); err != nil {
		t.Error(err)
	}
	if err := d.Set(1, 2, 3); err == nil {
		t.Error("a transfer that fails is no error")
	}
	if _, err := New(bus, 0x54); err == nil {
		t.Error("took address 0x54")
	}
}

// failing does not answer.
type failing struct{ i2ctest.Playback }

func (*failing) Tx(uint16, []byte, []byte) error { return syscall.ENXIO }

func TestErrorsKeepTheirCause(t *testing.T) {
	d, _ := New(&failing{}, Addr)
	for _, err := range []error{d.Set(1, 2, 3), d.Check()} {
		if !errors.Is(err, syscall.ENXIO) {
			t.Error(err)
		}
	}
}

// Every brightness rounds to the nearest step; 0 stays dark, 255 is full.
func TestBrightness(t *testing.T) {
	for v := range 256 {
		got := int(four(uint8(v)))
		if diff := got*17 - v; diff > 8 || diff < -8 || got > 15 {
			t.Errorf("%d became %d of 15", v, got)
		}
	}
}

// quiet takes everything.
type quiet struct{ i2ctest.Playback }

func (*quiet) Tx(uint16, []byte, []byte) error { return nil }

func TestSetAllocatesNothing(t *testing.T) {
	d, _ := New(&quiet{}, Addr)
	if n := testing.AllocsPerRun(1000, func() { _ = d.Set(1, 2, 3) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
