package sim

import (
	"math"
	"time"
)

// lm75 is the register map of an LM75 and of a TMP105 (TI SBOS648, TMP75 is
// the same): temperature and two limits of 16 bits, a configuration of 8. The
// LM75 converts to 9 bits and leaves the others undefined, here alternating;
// the TMP105 has 9 to 12 bits by its configuration.
//
// Where the data sheets are silent: a byte past a register's last is 0xFF on
// the LM75, the configuration again on the TMP105.
type lm75 struct {
	heat     *temperature
	tmp105   bool
	pointer  byte
	config   byte
	low      uint16
	high     uint16
	raw      int16 // result of the newest conversion, 1/256 °C, resolution as converted
	began    int64
	done     int64
	shot     int64 // when the one-shot ends; never: none runs
	flickers uint8
}

func newLM75(heat *temperature, now int64, tmp105 bool) *lm75 {
	c := &lm75{heat: heat, tmp105: tmp105}
	c.reset(now)
	return c
}

func (c *lm75) hearsReset() {}

func (c *lm75) reset(now int64) {
	*c = lm75{heat: c.heat, tmp105: c.tmp105, low: 75 << 8, high: 80 << 8, began: now, shot: never}
}

// bits is the resolution in force.
func (c *lm75) bits() int {
	if c.tmp105 {
		return 9 + int(c.config>>5&3)
	}
	return 9
}

// period is the time of a conversion.
func (c *lm75) period() int64 {
	if !c.tmp105 {
		return int64(100 * time.Millisecond)
	}
	return int64(27500*time.Microsecond) << (c.bits() - 9)
}

func (c *lm75) convert(now int64) {
	if c.shot <= now {
		c.result(c.shot)
		c.shot = never
	}
	if c.config&1 != 0 { // shut down
		return
	}
	period := c.period()
	if due := (now - c.began) / period; due > c.done {
		c.done = due
		c.result(c.began + due*period)
	}
}

func (c *lm75) result(at int64) {
	celsius := min(max(c.heat.at(max(at, c.heat.since)), -55), 127.9375)
	step := 1 << (16 - c.bits())
	c.raw = int16(min(math.Floor(celsius*256/float64(step))*float64(step), 32767))
}

func (c *lm75) read(now int64, r []byte) {
	c.convert(now)
	switch c.pointer {
	case 0:
		v := uint16(c.raw)
		if !c.tmp105 {
			c.flickers++
			v = v&0xFF80 | uint16(c.flickers&1)*0x55 | 0x2A
		}
		fill(r, uint64(v), 2)
	case 1:
		fill(r, uint64(c.config), 1)
		if c.tmp105 && len(r) > 1 {
			r[1] = c.config
		}
	case 2:
		fill(r, uint64(c.low), 2)
	default:
		fill(r, uint64(c.high), 2)
	}
}

func (c *lm75) write(now int64, data []byte) {
	c.convert(now)
	c.pointer = data[0] & 3
	if len(data) < 2 {
		return
	}
	if c.pointer == 1 {
		c.configure(now, data[1])
		return
	}
	if len(data) < 3 {
		return
	}
	v := uint16(data[1])<<8 | uint16(data[2])
	switch c.pointer {
	case 2:
		c.low = v
	case 3:
		c.high = v
	}
}

// configure takes a written configuration. A change of what governs the
// conversions begins a new series.
func (c *lm75) configure(now int64, v byte) {
	governs, writable := byte(0x01), byte(0x1F)
	if c.tmp105 {
		governs, writable = 0x61, 0x7F // bit 7 starts a one-shot and reads 0
	}
	if (c.config^v)&governs != 0 {
		c.began, c.done = now, 0
	}
	c.config = v & writable
	c.shot = never
	if c.tmp105 && v&0x81 == 0x81 {
		c.shot = now + c.period()
	}
}
