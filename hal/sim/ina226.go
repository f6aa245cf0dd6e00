package sim

import (
	"math"
	"time"
)

// ina226 is the register map of an INA226 (TI SBOS547): 16-bit registers, most
// significant byte first, behind a pointer that stays where the last write put
// it.
//
// Where the data sheet is silent: registers that do not exist read 0, a byte
// read past a register's second is 0xFF, a write of one byte alone changes
// nothing. An average is taken for the value at its end.
type ina226 struct {
	rail    *rail
	pointer byte
	config  uint16
	cal     uint16
	mask    uint16 // functions, polarity and latch; the flags are apart
	limit   uint16

	shunt, current int16
	bus, power     uint16
	ready          bool  // CVRF
	overflow       bool  // OVF
	began          int64 // when the present series of conversions began
	done           int64 // of that series
	shots          int64 // conversions that are to be made: 1 triggered, never: continuous
}

func newINA226(r *rail, now int64) *ina226 {
	c := &ina226{rail: r}
	c.reset(now)
	return c
}

// hearsReset: a general call with 0x06 resets it.
func (c *ina226) hearsReset() {}

// reset gives every register its power-up value: 1.1 ms for bus and shunt, no
// average, continuous, no calibration.
func (c *ina226) reset(now int64) {
	*c = ina226{rail: c.rail}
	c.configure(now, 0x4127)
}

// averages is common to INA226 and INA228.
var averages = [...]int64{1, 4, 16, 64, 128, 256, 512, 1024}

var ina226Times = [...]time.Duration{140, 204, 332, 588, 1100, 2116, 4156, 8244} // µs

// period is the time of one average over what the mode converts; 0: shut down.
func (c *ina226) period() int64 {
	var t time.Duration
	if c.config&1 != 0 {
		t += ina226Times[c.config>>3&7]
	}
	if c.config&2 != 0 {
		t += ina226Times[c.config>>6&7]
	}
	return averages[c.config>>9&7] * int64(t*time.Microsecond)
}

// configure takes a written configuration and begins anew.
func (c *ina226) configure(now int64, v uint16) {
	c.config = v&0x0FFF | 0x4000
	c.began, c.done = now, 0
	switch {
	case v&7 == 0 || v&7 == 4:
		c.shots = 0
		return // shutting down leaves the flag
	case v&4 != 0:
		c.shots = never
	default:
		c.shots = 1
	}
	c.ready = false
}

// convert makes up for the conversions that ended since the last call; of many
// only the last one matters.
func (c *ina226) convert(now int64) {
	period := c.period()
	if period == 0 || c.shots == 0 {
		return
	}
	due := min((now-c.began)/period, c.shots)
	if due <= c.done {
		return
	}
	c.done = due
	if c.config&1 != 0 {
		c.shunt = int16(math.Round(min(max(c.rail.amps*c.rail.ohm/2.5e-6, -32768), 32767)))
	}
	if c.config&2 != 0 {
		c.bus = uint16(math.Round(min(max(c.rail.volts/1.25e-3, 0), 32767)))
	}
	c.calculate()
	c.ready = true
}

// calculate is the arithmetic behind current and power.
func (c *ina226) calculate() {
	current := int64(c.shunt) * int64(c.cal) / 2048
	power := max(current, -current) * int64(c.bus) / 20000
	c.overflow = current > 32767 || current < -32768 || power > 65535
	c.current = int16(min(max(current, -32768), 32767))
	c.power = uint16(min(power, 65535))
}

func (c *ina226) register() uint16 {
	switch c.pointer {
	case 0x00:
		return c.config
	case 0x01:
		return uint16(c.shunt)
	case 0x02:
		return c.bus
	case 0x03:
		return c.power
	case 0x04:
		return uint16(c.current)
	case 0x05:
		return c.cal
	case 0x06:
		v := c.mask
		if c.ready {
			v |= 0x0008
		}
		if c.overflow {
			v |= 0x0004
		}
		c.ready = false // a read clears the flag
		return v
	case 0x07:
		return c.limit
	case 0xFE:
		return 0x5449
	case 0xFF:
		return 0x2260
	}
	return 0
}

func (c *ina226) read(now int64, r []byte) {
	c.convert(now)
	fill(r, uint64(c.register()), 2)
}

// fill puts the lowest n bytes of v into r, the most significant first, and
// 0xFF behind them.
func fill(r []byte, v uint64, n int) {
	for i := range r {
		r[i] = 0xFF
		if i < n {
			r[i] = byte(v >> (8 * (n - 1 - i)))
		}
	}
}

func (c *ina226) write(now int64, data []byte) {
	c.convert(now)
	c.pointer = data[0]
	if len(data) < 3 {
		return
	}
	v := uint16(data[1])<<8 | uint16(data[2])
	switch c.pointer {
	case 0x00:
		if v&0x8000 != 0 {
			c.reset(now)
			return
		}
		c.configure(now, v)
	case 0x05:
		c.cal = v & 0x7FFF
	case 0x06:
		c.mask = v & 0xFC03
	case 0x07:
		c.limit = v
	}
}
