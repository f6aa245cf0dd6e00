// Package tca62724 drives the Toshiba TCA62724FMG, the RGB LED driver in the
// GPS and safety-switch modules that ArduPilot calls ToshibaLED.
//
// Sub-addresses (data sheet of the TCA62724FMG; PX4 rgbled.cpp and ArduPilot
// ToshibaLED_I2C.cpp drive it so): 1 to 3 brightness of blue, green and red in
// 4 bits, 4 enable (0x02) and not shut down (0x01). With bit 7 a sub-address
// takes one byte, and another may follow. A read gives two bytes: the settings
// and red, then green and blue. At power-up everything is 0: dark.
package tca62724

import (
	"errors"
	"fmt"

	"periph.io/x/conn/v3/i2c"
)

// Addr is the only address that the chip has.
const Addr = 0x55

// ErrDark: the chip does not show what it was told last; it was without power
// in between. Set it again.
var ErrDark = errors.New("the lamp has lost its setting (brown-out?)")

const (
	blue, green, red, settings = 0x81, 0x82, 0x83, 0x84

	lit = 0x03 // enabled, not shut down
)

// Dev is one chip. It does not own its bus. One goroutine at a time uses it.
type Dev struct {
	bus i2c.Bus
	w   [8]byte // transfers live here: nothing is allocated
	r   [2]byte
}

// New returns the chip at addr, which must be Addr. It does not touch the bus.
func New(bus i2c.Bus, addr uint16) (*Dev, error) {
	if addr != Addr {
		return nil, fmt.Errorf("tca62724: no such chip has address 0x%02x; use 0x%02x", addr, Addr)
	}
	return &Dev{bus: bus, w: [8]byte{blue, 0, green, 0, red, 0, settings, lit}}, nil
}

// String returns the chip and its address.
func (d *Dev) String() string { return fmt.Sprintf("tca62724(0x%02x)", Addr) }

// Set shows a colour; 255 is full, and 16 steps are told apart. Everything is
// written each time, so that the next Set mends what a brown-out did. A
// failure of the bus keeps its cause.
func (d *Dev) Set(r, g, b uint8) error {
	d.w[1], d.w[3], d.w[5] = four(b), four(g), four(r)
	if err := d.bus.Tx(Addr, d.w[:], nil); err != nil {
		return fmt.Errorf("tca62724: 0x%02x: set: %w", Addr, err)
	}
	return nil
}

// Check reads back what Set was told last; ErrDark if the chip shows something
// else. Before the first Set it is as if black had been set.
func (d *Dev) Check() error {
	if err := d.bus.Tx(Addr, nil, d.r[:]); err != nil {
		return fmt.Errorf("tca62724: 0x%02x: check: %w", Addr, err)
	}
	if want := [2]byte{lit<<4 | d.w[5], d.w[3]<<4 | d.w[1]}; d.r != want {
		return fmt.Errorf("tca62724: 0x%02x: reads % x instead of % x: %w", Addr, d.r[:], want[:], ErrDark)
	}
	return nil
}

// four rounds a brightness to four bits.
func four(v uint8) byte { return byte((uint(v)*15 + 127) / 255) }
