// Package tmp102 reads the Texas Instruments TMP102 temperature sensor, and
// the older TMP105 and LM75 that share its registers.
//
// Registers (data sheet SBOS397): 0x00 temperature, 0x01 configuration, both
// 16 bits, big-endian. The TMP102 runs in its extended mode, which reaches
// 150 °C, and at 8 conversions a second.
//
// A brown-out must not pass for a temperature: after power-up the temperature
// register reads 0 °C until the first conversion, in the default mode. The
// TMP102 marks each extended reading with bit D0, so a reading without the
// mark proves that the chip lost its configuration. The others have no mark;
// they carry a fault queue that is not their default, and it is looked at
// whenever they read 0 °C and at every hundredth sample: a chip that lost it
// unseen still measures, if more coarsely.
//
// Noise must not pass for a temperature either: one random word in twenty
// looks like one. So a reading that is far from the last one, or has none
// before it, is believed only when the configuration reads back as ours and a
// second reading agrees. That costs two transfers when it happens, none in
// flight as usual; of random words one in five hundred passes then, and
// differs from the truth by no more than a motor may change between samples.
package tmp102

import (
	"errors"
	"fmt"
	"time"

	"periph.io/x/conn/v3/i2c"
	"periph.io/x/conn/v3/physic"
)

var (
	// ErrNotReady: the chip has just been set up, or has just lost its
	// configuration. A sample comes by itself within half a second.
	ErrNotReady = errors.New("no conversion since the chip was set up; sample again")
	// ErrImplausible: the bytes are not a temperature that the chip can report.
	ErrImplausible = errors.New("implausible reading; check wiring and supply")
)

// settle is how long a chip needs before its temperature register can be
// trusted after a write of its configuration: one conversion that was under
// way at the default 4 Hz, then one of at most 35 ms (data sheet).
const settle = 300 * time.Millisecond

// jump is how far a reading may be from the last one, in 1/16 °C, without
// being looked at twice: 4 °C, what no motor does within a tenth of a second.
const jump = 4 * 16

// lookAfter is how many samples of a chip without a mark are taken before its
// configuration is looked at again.
const lookAfter = 100

const (
	regTemperature = 0x00
	regConfig      = 0x01
)

// Dev is one chip. It does not own its bus. One goroutine at a time uses it.
type Dev struct {
	bus   i2c.Bus
	addr  uint16
	chip  *chip
	ready bool      // configured, as far as we know
	since time.Time // of the last write of the configuration; zero: settled
	based bool      // last is a reading that was believed since the last error
	last  int       // 1/16 °C
	taken int       // samples since the configuration was looked at
	w     [3]byte   // transfers live here: nothing is allocated for a sample
	r     [2]byte
}

// New returns the TMP102 at addr, 0x48 to 0x4B. It does not touch the bus: a
// chip that is missing fails in Temperature, and works once it answers.
func New(bus i2c.Bus, addr uint16) (*Dev, error) { return open(bus, addr, &tmp102) }

// NewTMP105 returns the TMP105 (or TMP75) at addr, 0x48 to 0x4F, as New does.
func NewTMP105(bus i2c.Bus, addr uint16) (*Dev, error) { return open(bus, addr, &tmp105) }

// NewLM75 returns the LM75 at addr, 0x48 to 0x4F, as New does.
func NewLM75(bus i2c.Bus, addr uint16) (*Dev, error) { return open(bus, addr, &lm75) }

func open(bus i2c.Bus, addr uint16, c *chip) (*Dev, error) {
	if addr < 0x48 || addr > c.addrMax {
		return nil, fmt.Errorf("%s: no such chip has address 0x%02x; use 0x48 to 0x%02x", c.name, addr, c.addrMax)
	}
	return &Dev{bus: bus, addr: addr, chip: c}, nil
}

// String returns the chip and its address: "tmp102(0x48)".
func (d *Dev) String() string { return fmt.Sprintf("%s(0x%02x)", d.chip.name, d.addr) }

// Sense puts the temperature into e, as Temperature returns it.
func (d *Dev) Sense(e *physic.Env) error {
	t, err := d.Temperature()
	if err != nil {
		return err
	}
	e.Temperature = t
	return nil
}

// Temperature reads the latest conversion, −55 to 150 °C in steps of 1/16 °C
// (LM75: 127.5 °C, 1/2 °C), at most 125 ms old. The first call, and the first
// after any error, checks the configuration and sets the chip up if it must;
// then ErrNotReady stands in for samples until the chip has converted. A
// failure of the bus keeps its cause.
func (d *Dev) Temperature() (physic.Temperature, error) {
	checked := false
	if !d.ready || d.due() {
		d.ready, d.taken = false, 0
		if err := d.setUp(); err != nil {
			return 0, err
		}
		d.ready, checked = true, d.since.IsZero()
	}
	if !d.since.IsZero() {
		if time.Since(d.since) < settle {
			return 0, d.errorf("%w", ErrNotReady)
		}
		d.since = time.Time{}
	}
	sixteenths, err := d.sample(checked)
	if err != nil {
		d.ready, d.based = false, false
		return 0, err
	}
	return d.keep(sixteenths), nil
}

func (d *Dev) errorf(format string, args ...any) error {
	return fmt.Errorf("%s: 0x%02x: "+format, append([]any{d.chip.name, d.addr}, args...)...)
}
