package ina226

import (
	"fmt"
	"time"

	"periph.io/x/conn/v3/i2c"
)

// setUp makes sure of identity and configuration. A chip that has ours
// already, because only the agent restarted, is not disturbed.
func (d *Dev) setUp() error {
	if err := d.identify(); err != nil {
		return err
	}
	ours, err := d.configured()
	if ours && !d.again || err != nil {
		d.fresh = time.Time{}
		return err
	}
	for _, set := range [...]struct {
		reg   byte
		value uint16
	}{{regMask, maskMark}, {regConfig, config}} {
		d.w = [3]byte{set.reg, byte(set.value >> 8), byte(set.value)}
		if err := d.bus.Tx(d.addr, d.w[:], nil); err != nil {
			return d.errorf("write register 0x%02x: %w", set.reg, err)
		}
	}
	d.fresh = time.Time{}
	ours, err = d.configured()
	if err == nil && !ours {
		return d.errorf("the configuration does not stay, last read 0x%04x: %w", word(d.r[:]), ErrImplausible)
	}
	return err
}

// identify reads the two registers that say what it is.
func (d *Dev) identify() error {
	maker, err := d.read(regManufacturer)
	if err != nil {
		return err
	}
	kind, err := d.read(regDie)
	if err != nil {
		return err
	}
	if maker != manufacturer || kind&dieMask != die {
		return d.errorf("manufacturer 0x%04x, die 0x%04x; an INA226 has 0x%04x, 0x%04x: %w", maker, kind, manufacturer, die, ErrWrongChip)
	}
	return nil
}

// configured tells whether configuration and mark are ours.
func (d *Dev) configured() (bool, error) {
	v, err := d.read(regConfig)
	if err != nil || v != config {
		return false, err
	}
	v, err = d.read(regMask)
	return v&maskKnown == maskMark, err
}

func (d *Dev) read(reg byte) (uint16, error) {
	d.w[0] = reg
	if err := d.bus.Tx(d.addr, d.w[:1], d.r[:]); err != nil {
		return 0, d.errorf("read register 0x%02x: %w", reg, err)
	}
	return word(d.r[:]), nil
}

// Identify tells whether the chip at addr is an INA226; ErrWrongChip if it is
// another. It reads registers and writes none.
func Identify(bus i2c.Bus, addr uint16) error {
	d := &Dev{bus: bus, addr: addr}
	if err := d.identify(); err != nil {
		return fmt.Errorf("identify: %w", err)
	}
	return nil
}
