// Package ina228 reads the Texas Instruments INA228 power monitor: the voltage
// of a supply and the current through a shunt resistor, or, on a chip that is
// glued to a motor, the temperature of its die.
//
// Registers (data sheet SLYS021), big-endian: 0x00 configuration, 0x01 ADC
// configuration, 0x0B flags, 0x3E and 0x3F identification, 16 bits; 0x04 shunt
// voltage and 0x05 bus voltage, 24 bits of which the lowest four read 0; 0x06
// die temperature, 16 bits. The chip averages 16 conversions of 1.052 ms each
// of bus, shunt and temperature, 50 ms in all.
//
// Current and power are computed here, from the shunt's voltage and its
// resistance. The chip's own would need SHUNT_CAL, which a brown-out sets back
// to a value that looks right. What is not used cannot be wrong: so the flags
// MATHOF, CHARGEOF and ENERGYOF and the limits' do not matter.
//
// A brown-out is noticed at once all the same: the latch of the alert pin,
// which is off at power-up, is switched on and read with every sample, behind
// the values. Only with the latch, too, does the flag of a completed
// conversion stay until it is read.
package ina228

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
	// ErrBroken: the chip says that the memory of its calibration is damaged.
	ErrBroken = errors.New("the chip reports a damaged calibration; replace it")
)

const (
	regConfig       = 0x00
	regADC          = 0x01
	regShunt        = 0x04
	regBus          = 0x05
	regDie          = 0x06
	regDiag         = 0x0B
	regManufacturer = 0x3E
	regDevice       = 0x3F

	manufacturer = 0x5449 // "TI"
	device       = 0x2280 // the lowest four bits are the revision
	deviceMask   = 0xFFF0

	configFine = 0x0010 // ADCRANGE: ±40.96 mV instead of ±163.84 mV
	configMask = 0xBFF0 // what reads back; RSTACC is left out
	adc        = 0xFB6A // 16 averages, 1.052 ms each, all three continuously

	// In the flags: of what is set by us only the alert latch; bit 8 is
	// reserved.
	diagMark  = 0x8000
	diagKnown = 0xF100
	diagReady = 0x0002 // CNVRF; a read clears it
	diagSound = 0x0001 // MEMSTAT

	shuntFull = 1<<19 - 1 // the register stops there
	busMax    = 435200    // 85 V
)

// maxAge is how long the latest conversion may be in the registers: a few
// times what one takes. The chip has stopped if it is older.
const maxAge = 300 * time.Millisecond

// The die's temperature in its register's 1/128 °C, as far as it works.
const dieMin, dieMax = -40 * 128, 150 * 128

// Reading is one sample.
type Reading struct {
	Voltage physic.ElectricPotential // 0 to 85 V in steps of 195.3125 µV
	Current physic.ElectricCurrent   // either sign, in steps of 312.5 nV over the shunt, or 78.125 nV
	Power   physic.Power             // their product
	Die     physic.Temperature       // −40 to 150 °C in steps of 1/128 °C
}

// Dev is one chip. It does not own its bus. One goroutine at a time uses it.
type Dev struct {
	bus     i2c.Bus
	addr    uint16
	shunt   int64 // µΩ; 0: only the die is read
	lsb     int64 // of the shunt's voltage, in fV
	config  uint16
	ready   bool      // configured, as far as we know
	settled bool      // a conversion has been completed since
	again   bool      // it stopped: configure it though it has our configuration
	fresh   time.Time // when the last one was seen to be
	w       [3]byte   // transfers live here: nothing is allocated for a sample
	r       [2]byte
	parts   []part // what a sample reads, in this order
	raw     [10]byte
}

// part is a register and where its bytes lie in raw.
type part struct{ reg, from, to byte }

// The flags come last, so that they vouch for what was read before them.
var (
	power = []part{{regShunt, 0, 3}, {regBus, 3, 6}, {regDie, 6, 8}, {regDiag, 8, 10}}
	heat  = []part{{regDie, 6, 8}, {regDiag, 8, 10}}
)

// New returns the INA228 at addr, 0x40 to 0x4F, whose shunt resistor is shunt,
// 10 µΩ to 10 Ω; most is the highest current that it shall measure, 163.84 mV
// over the shunt at the most. It does not touch the bus: a chip that is
// missing fails in Sense, and works once it answers.
func New(bus i2c.Bus, addr uint16, shunt physic.ElectricResistance, most physic.ElectricCurrent) (*Dev, error) {
	d, err := NewThermometer(bus, addr)
	if err != nil {
		return nil, err
	}
	if shunt < 10*physic.MicroOhm || shunt > 10*physic.Ohm {
		return nil, fmt.Errorf("ina228: 0x%02x: a shunt of %v; use 10 µΩ to 10 Ω", addr, shunt)
	}
	d.parts, d.shunt, d.lsb, d.config = power, int64(shunt/physic.MicroOhm), 78_125_000, configFine
	if most > d.current(shuntFull) {
		d.lsb, d.config = 312_500_000, 0
	}
	if reach := d.current(shuntFull); most <= 0 || most > reach {
		return nil, fmt.Errorf("ina228: 0x%02x: a shunt of %v shows up to %v, not %v; fit a smaller one", addr, shunt, reach, most)
	}
	return d, nil
}

// NewThermometer returns the INA228 at addr, 0x40 to 0x4F, of which only the
// die's temperature is read. It does not touch the bus.
func NewThermometer(bus i2c.Bus, addr uint16) (*Dev, error) {
	if addr < 0x40 || addr > 0x4F {
		return nil, fmt.Errorf("ina228: no such chip has address 0x%02x; use 0x40 to 0x4f", addr)
	}
	return &Dev{bus: bus, addr: addr, parts: heat}, nil
}

// String returns the chip and its address: "ina228(0x40)".
func (d *Dev) String() string { return fmt.Sprintf("ina228(0x%02x)", d.addr) }

// Temperature is Sense's Die.
func (d *Dev) Temperature() (physic.Temperature, error) {
	v, err := d.Sense()
	return v.Die, err
}

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
	for i := range d.parts {
		p := &d.parts[i]
		d.w[0] = p.reg
		if err := d.bus.Tx(d.addr, d.w[:1], d.raw[p.from:p.to]); err != nil {
			d.ready = false
			return Reading{}, d.errorf("read register 0x%02x: %w", p.reg, err)
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

func (d *Dev) errorf(format string, args ...any) error {
	return fmt.Errorf("ina228: 0x%02x: "+format, append([]any{d.addr}, args...)...)
}
