// Package ina226 reads the Texas Instruments INA226 power monitor: the voltage
// of a supply and the current through a shunt resistor.
//
// Registers (data sheet SBOS547), 16 bits, big-endian: 0x00 configuration,
// 0x01 shunt voltage, 0x02 bus voltage, 0x06 mask/enable with the flags, 0xFE
// and 0xFF identification. The chip averages 16 conversions of 1.1 ms each of
// shunt and bus, 35 ms in all.
//
// Current and power are computed here, from the shunt's voltage and its
// resistance (the data sheet's "simple current shunt monitor usage"). The
// chip's own current and power need the calibration register, which a
// brown-out clears: from then on they read 0 without a sign of it. What is not
// used cannot be lost, nor can it overflow: so the flag OVF does not matter.
//
// A brown-out is noticed at once all the same. The latch of the alert pin is
// switched on as a mark, which does nothing while no alert function is; it is
// read with every sample, behind the values, in the register that also says
// whether a conversion has been completed since the last look.
package ina226

import (
	"errors"
	"fmt"
	"time"

	"periph.io/x/conn/v3/i2c"
	"periph.io/x/conn/v3/physic"
)

var (
	// ErrNotReady: the chip has just been set up, or has just lost its
	// configuration. A sample comes by itself within a quarter of a second.
	ErrNotReady = errors.New("no conversion since the chip was set up; sample again")
	// ErrImplausible: the bytes are not what the chip can report.
	ErrImplausible = errors.New("implausible reading; check wiring and supply")
	// ErrOverflow: the current is beyond what the shunt resistor can show.
	ErrOverflow = errors.New("the current is out of range; fit a smaller shunt resistor")
	// ErrWrongChip: something else answers at this address.
	ErrWrongChip = errors.New("another chip; correct the board table")
)

const (
	regConfig       = 0x00
	regShunt        = 0x01
	regBus          = 0x02
	regMask         = 0x06
	regManufacturer = 0xFE
	regDie          = 0xFF

	manufacturer = 0x5449 // "TI"
	die          = 0x2260 // the lowest four bits are the revision
	dieMask      = 0xFFF0

	config = 0x4527 // 16 averages, 1.1 ms each, bus and shunt continuously

	// In mask/enable: of everything but the flags CVRF and OVF only the alert
	// latch is set.
	maskMark  = 0x0001
	maskKnown = 0xFFF3
	maskReady = 0x0008 // CVRF; a read clears it

	shuntFull = 32767 // ×2.5 µV: 81.92 mV; the register stops there
	busMax    = 36000 * 100 / 125
)

// maxAge is how long the latest conversion may be in the registers: a few
// times what one takes. The chip has stopped if it is older.
const maxAge = 300 * time.Millisecond

// Reading is one sample.
type Reading struct {
	Voltage physic.ElectricPotential // 0 to 36 V in steps of 1.25 mV
	Current physic.ElectricCurrent   // either sign, in steps of 2.5 µV over the shunt
	Power   physic.Power             // their product
}

// Dev is one chip. It does not own its bus. One goroutine at a time uses it.
type Dev struct {
	bus     i2c.Bus
	addr    uint16
	shunt   int64     // µΩ
	ready   bool      // configured, as far as we know
	settled bool      // a conversion has been completed since
	again   bool      // it stopped: configure it though it has our configuration
	fresh   time.Time // when the last one was seen to be
	w       [3]byte   // transfers live here: nothing is allocated for a sample
	r       [2]byte
	regs    [3]byte // what a sample reads, in this order
	raw     [6]byte
}

// New returns the INA226 at addr, 0x40 to 0x4F, whose shunt resistor is shunt,
// 10 µΩ to 10 Ω; most is the highest current that it shall measure, 81.92 mV
// over the shunt at the most. It does not touch the bus: a chip that is
// missing fails in Sense, and works once it answers.
func New(bus i2c.Bus, addr uint16, shunt physic.ElectricResistance, most physic.ElectricCurrent) (*Dev, error) {
	if addr < 0x40 || addr > 0x4F {
		return nil, fmt.Errorf("ina226: no such chip has address 0x%02x; use 0x40 to 0x4f", addr)
	}
	if shunt < 10*physic.MicroOhm || shunt > 10*physic.Ohm {
		return nil, fmt.Errorf("ina226: 0x%02x: a shunt of %v; use 10 µΩ to 10 Ω", addr, shunt)
	}
	micro := int64(shunt / physic.MicroOhm)
	if reach := current(shuntFull, micro); most <= 0 || most > reach {
		return nil, fmt.Errorf("ina226: 0x%02x: a shunt of %v shows up to %v, not %v; fit a smaller one", addr, shunt, reach, most)
	}
	return &Dev{bus: bus, addr: addr, shunt: micro, regs: [3]byte{regShunt, regBus, regMask}}, nil
}

// String returns the chip and its address: "ina226(0x40)".
func (d *Dev) String() string { return fmt.Sprintf("ina226(0x%02x)", d.addr) }

// Sense reads the latest conversion, at most 0.3 s old. The first call, and
// the first after any error, checks identity and configuration and sets the
// chip up if it must; then ErrNotReady stands in for samples until the chip
// has converted. A failure of the bus keeps its cause.
func (d *Dev) Sense() (Reading, error) {
	if !d.ready {
		if err := d.setUp(); err != nil {
			return Reading{}, err
		}
		d.ready, d.settled, d.again = true, false, false
	}
	for i := range d.regs {
		if err := d.bus.Tx(d.addr, d.regs[i:i+1], d.raw[2*i:2*i+2]); err != nil {
			d.ready = false
			return Reading{}, d.errorf("read register 0x%02x: %w", d.regs[i], err)
		}
	}
	v, err := d.decode(time.Now())
	if err != nil {
		// A chip that is converting, or out of its range, is well.
		d.ready = err == errNotYet || err == errRange
		d.again = err == errStale
		return Reading{}, d.errorf("%w, read % x", err, d.raw[:])
	}
	return v, nil
}

// Queue hands to add what the next sample needs transferred, so that samples
// of several chips can share one transaction; Take then gives the sample out.
// False: the chip has to be set up or is settling, which Sense does. The
// buffers are the Dev's own, good until Take.
func (d *Dev) Queue(add func(addr uint16, w, r []byte)) bool {
	if !d.ready || !d.settled {
		return false
	}
	for i := range d.regs {
		add(d.addr, d.regs[i:i+1], d.raw[2*i:2*i+2])
	}
	return true
}

// Take decodes what Queue asked for, after the transfers have succeeded.
// False: something is wrong, which Sense finds again and explains.
func (d *Dev) Take() (Reading, bool) {
	v, err := d.decode(time.Now())
	return v, err == nil
}

func word(b []byte) uint16 { return uint16(b[0])<<8 | uint16(b[1]) }

var (
	errNotYet = fmt.Errorf("settling: %w", ErrNotReady)
	errRange  = fmt.Errorf("shunt at its end: %w", ErrOverflow)
	errReset  = fmt.Errorf("lost its configuration (brown-out?): %w", ErrNotReady)
	errStale  = fmt.Errorf("stopped converting: %w", ErrNotReady)
)

// decode says what the bytes in raw prove: shunt, bus, mask/enable.
func (d *Dev) decode(now time.Time) (Reading, error) {
	shunt, bus, mask := int16(word(d.raw[0:])), word(d.raw[2:]), word(d.raw[4:])
	switch {
	case mask&maskKnown == 0:
		return Reading{}, errReset
	case mask&maskKnown != maskMark, bus > busMax:
		return Reading{}, ErrImplausible
	}
	if err := d.age(mask, now); err != nil {
		return Reading{}, err
	}
	if shunt >= shuntFull || shunt <= -shuntFull {
		return Reading{}, errRange
	}
	v := Reading{Voltage: physic.ElectricPotential(bus) * 1250 * physic.MicroVolt, Current: current(int64(shunt), d.shunt)}
	v.Power = physic.Power(int64(v.Voltage/physic.MicroVolt) * int64(v.Current/physic.MicroAmpere) / 1000) // nW
	return v, nil
}

// age keeps track of when the chip was last seen to have converted.
func (d *Dev) age(mask uint16, now time.Time) error {
	if mask&maskReady != 0 {
		d.fresh = now
		if !d.settled { // the values may have been read before it was completed
			d.settled = true
			return errNotYet
		}
	}
	if !d.settled && d.fresh.IsZero() {
		d.fresh = now // it has maxAge to complete the first
	}
	switch {
	case now.Sub(d.fresh) > maxAge:
		return errStale
	case !d.settled:
		return errNotYet
	}
	return nil
}

// current is what a shunt of micro µΩ carries at raw × 2.5 µV: nA are mV/µΩ.
func current(raw, micro int64) physic.ElectricCurrent {
	return physic.ElectricCurrent(raw * 2500 * 1_000_000 / micro)
}

func (d *Dev) errorf(format string, args ...any) error {
	return fmt.Errorf("ina226: 0x%02x: "+format, append([]any{d.addr}, args...)...)
}
