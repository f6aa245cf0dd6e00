package ncp5623

import (
	"errors"
	"syscall"
	"testing"

	"periph.io/x/conn/v3/i2c/i2ctest"
)

// Transfers by the table of commands of NCP5623/D.
func TestRecorded(t *testing.T) {
	one := func(b byte) i2ctest.IO { return i2ctest.IO{Addr: 0x39, W: []byte{b}} }
	bus := &i2ctest.Playback{DontPanic: true, Ops: []i2ctest.IO{
		one(0x40), one(0x60), one(0x9F), one(0x3F), // blue
		one(0x5F), one(0x6C), one(0x80), one(0x3F), // amber
		one(0x40), one(0x60), one(0x80), one(0x3F), // dark
	}}
	d, err := New(bus, AddrC)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range [][3]uint8{{0, 0, 255}, {255, 96, 0}, {0, 0, 0}} {
		if err := d.Set(c[0], c[1], c[2]); err != nil {
			t.Errorf("%v: %v", c, err)
		}
	}
	if err := bus.Close(); err != nil {
		t.Error(err)
	}
	for addr := range uint16(0x80) {
		if _, err := New(bus, addr); (err == nil) != (addr == 0x38 || addr == 0x39) {
			t.Errorf("0x%02x: %v", addr, err)
		}
	}
}

// failing fails one transfer and counts.
type failing struct {
	i2ctest.Playback
	n, fails int
}

func (f *failing) Tx(uint16, []byte, []byte) error {
	if f.n++; f.n == f.fails {
		return syscall.ENXIO
	}
	return nil
}

func TestErrorsKeepTheirCause(t *testing.T) {
	for fails := 1; fails <= 4; fails++ {
		bus := &failing{fails: fails}
		d, _ := New(bus, Addr)
		if err := d.Set(1, 2, 3); !errors.Is(err, syscall.ENXIO) || bus.n != fails {
			t.Errorf("transfer %d: %v, %d made", fails, err, bus.n)
		}
	}
}

// Every brightness rounds to the nearest step; 0 stays dark, 255 is full.
func TestBrightness(t *testing.T) {
	for v := range 256 {
		got := int(five(uint8(v)))
		if diff := got*255 - v*31; diff > 128 || diff < -128 || got > 31 {
			t.Errorf("%d became %d of 31", v, got)
		}
	}
}

func TestSetAllocatesNothing(t *testing.T) {
	d, _ := New(&failing{}, Addr)
	if n := testing.AllocsPerRun(1000, func() { _ = d.Set(1, 2, 3) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
