package sim

import (
	"math"
	"time"
)

// ina228 is the register map of an INA228 (TI SLYS021): registers of 16, 24 and
// 40 bits, most significant byte first, behind a pointer that stays where the
// last write put it. Energy and charge do not count, limits never trip.
//
// Where the data sheet is silent: registers that do not exist read 0, a byte
// past a register's last is 0xFF, a write of one byte alone changes nothing.
type ina228 struct {
	rail    *rail
	die     *temperature
	pointer byte
	words   [0x12]uint16 // what was written, by address

	shunt, bus, current int32 // 20 bits
	power               uint32
	dieRaw              int16
	ready, overflow     bool // CNVRF, MATHOF
	began, done, shots  int64
}

const (
	ina228Config, ina228ADC, ina228Cal, ina228TempCo, ina228Diag = 0x00, 0x01, 0x02, 0x03, 0x0B
)

// ina228POR is the power-up values of what can be written.
var ina228POR = [0x12]uint16{ina228ADC: 0xFB68, ina228Cal: 0x1000, ina228Diag: 0x0001,
	0x0C: 0x7FFF, 0x0D: 0x8000, 0x0E: 0x7FFF, 0x10: 0x7FFF, 0x11: 0xFFFF}

// ina228Writable is the bits that a write changes.
var ina228Writable = [0x12]uint16{ina228Config: 0x3FF0, ina228ADC: 0xFFFF, ina228Cal: 0x7FFF, ina228TempCo: 0x3FFF,
	ina228Diag: 0xF001, 0x0C: 0xFFFF, 0x0D: 0xFFFF, 0x0E: 0x7FFF, 0x0F: 0x7FFF, 0x10: 0xFFFF, 0x11: 0xFFFF}

func newINA228(r *rail, die *temperature, now int64) *ina228 {
	c := &ina228{rail: r, die: die}
	c.reset(now)
	return c
}

func (c *ina228) reset(now int64) {
	*c = ina228{rail: c.rail, die: c.die, words: ina228POR}
	c.start(now)
}

// start begins a series of conversions.
func (c *ina228) start(now int64) {
	c.began, c.done, c.shots, c.ready = now, 0, 1, false
	switch mode := c.words[ina228ADC] >> 12; {
	case mode&7 == 0:
		c.shots = 0
	case mode&8 != 0:
		c.shots = never
	}
}

var ina228Times = [...]time.Duration{50, 84, 150, 280, 540, 1052, 2074, 4120} // µs

// period is the time of one average over bus, shunt and temperature as far as
// the mode has them; 0: shut down.
func (c *ina228) period() int64 {
	adc := c.words[ina228ADC]
	var t time.Duration
	for bit, shift := range [...]int{9, 6, 3} { // bus, shunt, temperature
		if adc>>12&(1<<bit) != 0 {
			t += ina228Times[adc>>shift&7]
		}
	}
	return averages[adc&7] * int64(t*time.Microsecond)
}

func (c *ina228) convert(now int64) {
	period := c.period()
	if period == 0 || c.shots == 0 {
		return
	}
	due := min((now-c.began)/period, c.shots)
	if due <= c.done {
		return
	}
	at := c.began + due*period
	c.done = due
	mode := c.words[ina228ADC] >> 12
	if mode&1 != 0 {
		c.bus = clamp20(c.rail.volts / 195.3125e-6)
	}
	if mode&2 != 0 {
		lsb := 312.5e-9
		if c.words[ina228Config]&0x0010 != 0 {
			lsb = 78.125e-9
		}
		c.shunt = clamp20(c.rail.amps * c.rail.ohm / lsb)
	}
	if mode&4 != 0 {
		c.dieRaw = int16(math.Round(c.die.at(max(at, c.die.since)) / 7.8125e-3))
	}
	c.calculate()
	c.ready = true
}

func clamp20(v float64) int32 { return int32(math.Round(min(max(v, -1<<19), 1<<19-1))) }

// calculate is the arithmetic behind current and power: equations 2 to 4.
func (c *ina228) calculate() {
	cal := int64(c.words[ina228Cal])
	c.current, c.power, c.overflow = 0, 0, true
	if cal == 0 {
		return
	}
	current := int64(c.shunt) * 4096 / cal
	power := max(current, -current) * int64(c.bus) / 16384
	c.overflow = current >= 1<<19 || current < -1<<19 || power >= 1<<24
	c.current = int32(min(max(current, -1<<19), 1<<19-1))
	c.power = uint32(min(power, 1<<24-1))
}

// register returns what the pointer's register reads, and its length in bytes.
func (c *ina228) register() (v uint64, n int) {
	switch c.pointer {
	case 0x04:
		return uint64(c.shunt<<4) & 0xFFFFFF, 3
	case 0x05:
		return uint64(c.bus<<4) & 0xFFFFFF, 3
	case 0x06:
		return uint64(uint16(c.dieRaw)), 2
	case 0x07:
		return uint64(c.current<<4) & 0xFFFFFF, 3
	case 0x08:
		return uint64(c.power), 3
	case 0x09, 0x0A:
		return 0, 5
	case ina228Diag:
		return uint64(c.diag()), 2
	case 0x3E:
		return 0x5449, 2
	case 0x3F:
		return 0x2281, 2
	}
	if int(c.pointer) < len(c.words) {
		return uint64(c.words[c.pointer]), 2
	}
	return 0, 2
}

// diag reads the flags. With the latch the conversion flag stays until it is
// read; without, it is gone before anybody can see it.
func (c *ina228) diag() uint16 {
	v := c.words[ina228Diag]
	if c.ready && v&0x8000 != 0 {
		v |= 0x0002
	}
	c.ready = false
	if c.overflow {
		v |= 0x0200
	}
	return v
}

func (c *ina228) read(now int64, r []byte) {
	c.convert(now)
	v, n := c.register()
	fill(r, v, n)
}

func (c *ina228) write(now int64, data []byte) {
	c.convert(now)
	c.pointer = data[0]
	if len(data) < 3 || int(c.pointer) >= len(c.words) {
		return
	}
	v := uint16(data[1])<<8 | uint16(data[2])
	if c.pointer == ina228Config && v&0x8000 != 0 {
		c.reset(now)
		return
	}
	mask := ina228Writable[c.pointer]
	c.words[c.pointer] = c.words[c.pointer]&^mask | v&mask
	if c.pointer <= ina228ADC {
		c.start(now)
	}
}
