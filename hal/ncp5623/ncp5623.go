// Package ncp5623 drives the onsemi NCP5623, an RGB LED driver in GPS modules.
//
// A transfer is one byte, three bits of command and five of value (data sheets
// NCP5623/D and NCP5623C/D; Linux leds-ncp5623.c): 0 shut down, 1 the current
// of all LEDs, 2 to 4 the duty of LED 1 to 3, which are red, green and blue as
// ArduPilot and PX4 expect them. The chip cannot be read. At power-up
// everything is off.
package ncp5623

import (
	"fmt"

	"periph.io/x/conn/v3/i2c"
)

// The two variants' addresses.
const (
	Addr  = 0x38 // NCP5623, NCP5623B
	AddrC = 0x39 // NCP5623C
)

const (
	current = 1 << 5
	red     = 2 << 5
	green   = 3 << 5
	blue    = 4 << 5

	full = 31 // what the resistor on the board allows
)

// Dev is one chip. It does not own its bus. One goroutine at a time uses it.
type Dev struct {
	bus  i2c.Bus
	addr uint16
	w    [4]byte // transfers live here: nothing is allocated
}

// New returns the chip at addr, Addr or AddrC. It does not touch the bus.
func New(bus i2c.Bus, addr uint16) (*Dev, error) {
	if addr != Addr && addr != AddrC {
		return nil, fmt.Errorf("ncp5623: no such chip has address 0x%02x; use 0x%02x or, for the NCP5623C, 0x%02x", addr, Addr, AddrC)
	}
	return &Dev{bus: bus, addr: addr}, nil
}

// String returns the chip and its address: "ncp5623(0x38)".
func (d *Dev) String() string { return fmt.Sprintf("ncp5623(0x%02x)", d.addr) }

// Set shows a colour; 255 is full, and 32 steps are told apart. It takes four
// transfers and writes everything each time: the chip cannot say that it was
// without power, but the next Set mends that. The colour is complete before
// the current is switched on. A failure of the bus keeps its cause, ends it,
// and leaves a mixed colour until the next Set.
func (d *Dev) Set(r, g, b uint8) error {
	d.w = [4]byte{red | five(r), green | five(g), blue | five(b), current | full}
	for i := range d.w {
		if err := d.bus.Tx(d.addr, d.w[i:i+1], nil); err != nil {
			return fmt.Errorf("ncp5623: 0x%02x: command 0x%02x: %w", d.addr, d.w[i], err)
		}
	}
	return nil
}

// five rounds a brightness to five bits.
func five(v uint8) byte { return byte((uint(v)*31 + 127) / 255) }
