package tmp102

import (
	"periph.io/x/conn/v3/physic"
)

// Queue hands to add what the next sample needs transferred, so that samples
// of several chips can share one transaction; Take then gives the sample out.
// False: the chip has to be set up or is settling, which Temperature does. The
// buffers are the Dev's own, good until Take.
func (d *Dev) Queue(add func(addr uint16, w, r []byte)) bool {
	if !d.ready || !d.since.IsZero() || d.due() {
		return false
	}
	d.w[0] = regTemperature
	add(d.addr, d.w[:1], d.r[:2])
	return true
}

// Take decodes what Queue asked for, after the transfer has succeeded. False:
// the reading has to be looked at twice; Temperature does that, and says what
// is wrong if something is.
func (d *Dev) Take() (physic.Temperature, bool) {
	sixteenths, v := d.decode()
	if v != good || !d.near(sixteenths) {
		return 0, false
	}
	return d.keep(sixteenths), true
}

// near tells whether a reading needs no second look.
func (d *Dev) near(sixteenths int) bool {
	return d.based && sixteenths >= d.last-jump && sixteenths <= d.last+jump
}

// due tells whether the configuration has to be looked at.
func (d *Dev) due() bool { return !d.chip.marked && d.taken >= lookAfter }

func (d *Dev) keep(sixteenths int) physic.Temperature {
	d.based, d.last = true, sixteenths
	d.taken++
	return physic.ZeroCelsius + physic.Temperature(sixteenths)*(physic.Kelvin/16)
}

// sample reads the temperature, twice and with the configuration if it must;
// checked: the configuration was seen to be ours just now.
func (d *Dev) sample(checked bool) (sixteenths int, err error) {
	s, v, err := d.read()
	if err != nil {
		return 0, err
	}
	if v == suspect || v == good && !d.near(s) && !checked {
		ours, err := d.configured()
		if err != nil {
			return 0, err
		}
		switch {
		case ours:
		case d.r[0] == 0xFF:
			return 0, d.errorf("configuration reads 0xff, nobody drives the bus: %w", ErrImplausible)
		default:
			return 0, d.errorf("configuration reads 0x%02x%02x, which is not ours (brown-out?): %w", d.r[0], d.r[1], ErrNotReady)
		}
	}
	switch {
	case v == reset:
		return 0, d.errorf("lost its configuration (brown-out?), read 0x%02x%02x: %w", d.r[0], d.r[1], ErrNotReady)
	case v == garbage:
		return 0, d.errorf("read 0x%02x%02x: %w", d.r[0], d.r[1], ErrImplausible)
	case d.near(s):
		return s, nil
	}
	again, v, err := d.read()
	if err != nil {
		return 0, err
	}
	if v == reset || v == garbage || again < s-jump || again > s+jump {
		return 0, d.errorf("read %d, then %d sixteenths of a degree: %w", s, again, ErrImplausible)
	}
	return again, nil
}

// read reads the temperature register.
func (d *Dev) read() (sixteenths int, v verdict, err error) {
	d.w[0] = regTemperature
	if err := d.bus.Tx(d.addr, d.w[:1], d.r[:2]); err != nil {
		return 0, garbage, d.errorf("read temperature: %w", err)
	}
	sixteenths, v = d.decode()
	return sixteenths, v, nil
}

// decode says what the two bytes in r prove.
func (d *Dev) decode() (sixteenths int, v verdict) {
	sixteenths, v = d.chip.decode(uint16(d.r[0])<<8 | uint16(d.r[1]))
	if (v == good || v == suspect) && (sixteenths < d.chip.min || sixteenths > d.chip.max) {
		v = garbage
	}
	return sixteenths, v
}
