package sim

import (
	"math"
	"time"
)

// tmp102 is the register map of a TMP102 (TI SBOS397): four 16-bit registers,
// most significant byte first, behind a pointer that stays where the last
// write put it.
//
// Where the data sheet is silent: a byte read past a register's second is 0xFF
// (the chip releases the bus), a byte written past it is ignored, pointer bits
// 7 to 2 are ignored.
type tmp102 struct {
	heat    *temperature
	pointer byte
	config  uint16 // as last written; OS, resolution and AL are made up at reads
	low     uint16
	high    uint16

	raw    int16 // result of the newest conversion, 1/16 °C
	wide   bool  // that result is in 13-bit format
	began  int64 // when the present series of conversions began
	done   int64 // conversions of that series that are in raw
	shot   int64 // when the one-shot conversion ends; never: none runs
	alert  bool
	faults int // conversions in a row that speak against alert
}

const (
	regTemperature = 0
	regConfig      = 1
	regLow         = 2
	regHigh        = 3

	confOneShot    = 0x8000
	confResolution = 0x6000 // read only, always both set
	confFaults     = 0x1800
	confPolarity   = 0x0400
	confThermostat = 0x0200
	confShutdown   = 0x0100
	confRate       = 0x00C0
	confAlert      = 0x0020 // read only
	confExtended   = 0x0010

	confWritable = confFaults | confPolarity | confThermostat | confShutdown | confRate | confExtended

	conversion = int64(26 * time.Millisecond) // typical
)

// newTMP102 powers a chip up.
func newTMP102(heat *temperature, now int64) *tmp102 {
	c := &tmp102{heat: heat}
	c.reset(now)
	return c
}

// hearsReset: a general call with 0x06 resets it.
func (c *tmp102) hearsReset() {}

// reset gives every register its power-up value: temperature 0 °C until the
// first conversion ends, 12 bits, 4 Hz, limits 75 and 80 °C.
func (c *tmp102) reset(now int64) {
	*c = tmp102{heat: c.heat, config: 0x0080, low: 75 * 256, high: 80 * 256, began: now, shot: never}
}

// period is the time between conversions: 0.25, 1, 4 or 8 Hz.
func (c *tmp102) period() int64 {
	return int64([...]time.Duration{4 * time.Second, time.Second, time.Second / 4, time.Second / 8}[c.config&confRate>>6])
}

// convert makes up for the conversions that ended since the last call. The
// course of the temperature must not have changed in between.
func (c *tmp102) convert(now int64) {
	if c.shot <= now {
		c.result(c.shot)
		c.shot = never
	}
	if c.config&confShutdown != 0 {
		return
	}
	for period := c.period(); ; c.done++ {
		at := c.began + conversion + c.done*period
		if at > now {
			return
		}
		c.result(at)
	}
}

// result stores the conversion that ended at a time.
func (c *tmp102) result(at int64) {
	// Conversions before the present course cannot be due: setLoads converts.
	c.wide = c.config&confExtended != 0
	lowest, highest := -55.0, 127.9375
	if c.wide {
		highest = 150
	}
	celsius := min(max(c.heat.at(max(at, c.heat.since)), lowest), highest)
	c.raw = int16(math.Round(celsius * 16))
	c.compare()
}

// compare is the comparator behind the AL bit, with its fault queue.
func (c *tmp102) compare() {
	against := c.raw >= c.limit(c.high)
	if c.alert {
		against = c.raw < c.limit(c.low)
	}
	if !against {
		c.faults = 0
		return
	}
	if c.faults++; c.faults >= [...]int{1, 2, 4, 6}[c.config&confFaults>>11] {
		c.alert, c.faults = !c.alert, 0
	}
}

// limit reads a limit register in the present format, in 1/16 °C.
func (c *tmp102) limit(reg uint16) int16 {
	if c.config&confExtended != 0 {
		return int16(reg) >> 3
	}
	return int16(reg) >> 4
}

// register returns what a register reads.
func (c *tmp102) register(pointer byte) uint16 {
	switch pointer & 3 {
	case regTemperature:
		if c.wide {
			return uint16(c.raw)<<3 | 1 // bit 0 tells the format
		}
		return uint16(c.raw) << 4
	case regConfig:
		v := c.config | confResolution
		if c.config&confShutdown != 0 && c.shot == never {
			v |= confOneShot // no conversion runs
		}
		if c.alert == (c.config&confPolarity != 0) {
			v |= confAlert // low means alert, or high with POL
		}
		return v
	case regLow:
		return c.low
	}
	return c.high
}

// read fills r from the register behind the pointer.
func (c *tmp102) read(now int64, r []byte) {
	c.convert(now)
	v := c.register(c.pointer)
	for i := range r {
		switch i {
		case 0:
			r[i] = byte(v >> 8)
		case 1:
			r[i] = byte(v)
		default:
			r[i] = 0xFF
		}
	}
}

// write takes a pointer byte and up to two bytes for its register. Registers
// change byte by byte: one byte changes the upper half only.
func (c *tmp102) write(now int64, data []byte) {
	if len(data) == 0 {
		return
	}
	c.convert(now)
	c.pointer = data[0] & 3
	if len(data) < 2 {
		return
	}
	mask, v := uint16(0xFF00), uint16(data[1])<<8
	if len(data) > 2 {
		mask, v = 0xFFFF, v|uint16(data[2])
	}
	switch c.pointer {
	case regConfig:
		c.configure(now, c.config&^mask|v&mask, mask)
	case regLow:
		c.low = c.low&^mask | v&mask
	case regHigh:
		c.high = c.high&^mask | v&mask
	}
}

// configure takes a written configuration. A change of what governs the
// conversions begins a new series, whose first result takes its 26 ms: until
// then the register keeps the old one, in the old format.
func (c *tmp102) configure(now int64, v, mask uint16) {
	const governs = confShutdown | confRate | confExtended
	restart := (c.config^v)&governs&mask != 0
	c.config = v & confWritable
	if restart {
		c.began, c.done = now, 0
	}
	switch {
	case c.config&confShutdown == 0:
		c.shot = never
	case v&mask&confOneShot != 0 && c.shot == never:
		c.shot = now + conversion
	}
}
