package sim

import "github.com/aim-control/aimlock/board"

// lampTarget is what Break calls the RGB chip.
const lampTarget = "rgb"

// lamp is an RGB chip: its brightness in 1/255.
type lamp interface {
	chip
	shows() (r, g, b uint8)
}

func (w *World) addLamp(l board.RGB) {
	switch l.Chip {
	case "tca62724":
		w.lamp = &tca62724{}
	case "ncp5623":
		w.lamp = &ncp5623{}
	default:
		return
	}
	w.fit(l.Bus, l.Addr, lampTarget, w.lamp)
}

// RGB returns what the lamp of the RGB chip shows, 0 to 255 a colour; false on
// a board that has none.
func (w *World) RGB() (r, g, b uint8, ok bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.advance()
	if w.lamp == nil {
		return 0, 0, 0, false
	}
	r, g, b = w.lamp.shows()
	return r, g, b, true
}

// tca62724 is a Toshiba TCA62724FMG: sub-addresses 1 to 3 are the brightness
// of blue, green and red in 4 bits, 4 is enable (0x02) and not shut down
// (0x01). Bit 7 of a sub-address says that the next byte is a sub-address
// again; without it sub-addresses count up. A read has no sub-address: enable,
// shut down and red, then green and blue. At power-up everything is 0.
type tca62724 struct {
	pwm      [3]uint8 // blue, green, red
	settings uint8
}

func (c *tca62724) reset(int64)   { *c = tca62724{} }
func (c *tca62724) convert(int64) {}

func (c *tca62724) write(_ int64, data []byte) {
	for i := 0; i+1 < len(data); {
		sub, again := data[i]&0x7F, data[i]&0x80 != 0
		for i++; i < len(data); i++ {
			switch {
			case sub >= 1 && sub <= 3:
				c.pwm[sub-1] = data[i] & 0x0F
			case sub == 4:
				c.settings = data[i] & 0x03
			}
			sub++
			if again {
				i++
				break
			}
		}
	}
}

func (c *tca62724) read(_ int64, r []byte) {
	fill(r, uint64(c.settings)<<12|uint64(c.pwm[2])<<8|uint64(c.pwm[1])<<4|uint64(c.pwm[0]), 2)
}

func (c *tca62724) shows() (r, g, b uint8) {
	if c.settings != 0x03 {
		return 0, 0, 0
	}
	return c.pwm[2] * 17, c.pwm[1] * 17, c.pwm[0] * 17
}

// ncp5623 is an onsemi NCP5623: a byte is a command of 3 bits and a value of
// 5: 0 shut down, 1 current, 2 to 4 the duty of LED 1 to 3 (red, green, blue),
// 5 to 7 dimming, which is not simulated. A transfer is one command; what
// follows its first byte is ignored. It cannot be read. At power-up everything
// is off.
type ncp5623 struct {
	on      bool
	current uint8
	pwm     [3]uint8 // red, green, blue
}

func (c *ncp5623) writeOnly()         {}
func (c *ncp5623) reset(int64)        { *c = ncp5623{} }
func (c *ncp5623) convert(int64)      {}
func (c *ncp5623) read(int64, []byte) {}
func (c *ncp5623) write(_ int64, data []byte) {
	switch command, v := data[0]>>5, data[0]&0x1F; command {
	case 0:
		c.on = false
	case 1:
		c.on, c.current = true, v
	case 2, 3, 4:
		c.pwm[command-2] = v
	}
}

// shows ignores how the current grows with its value, 2400/(31−n) times the
// reference: 31 is full.
func (c *ncp5623) shows() (r, g, b uint8) {
	if !c.on || c.current == 0 {
		return 0, 0, 0
	}
	scale := func(v uint8) uint8 { return uint8(uint(v) * uint(c.current) * 255 / (31 * 31)) }
	return scale(c.pwm[0]), scale(c.pwm[1]), scale(c.pwm[2])
}
