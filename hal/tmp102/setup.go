package tmp102

import "time"

// setUp makes sure of the configuration. A chip that has ours already, because
// only the agent restarted, is not disturbed and needs no time to settle.
func (d *Dev) setUp() error {
	if ours, err := d.configured(); ours || err != nil {
		return err
	}
	// Even a write that fails may have changed the mode of what comes next.
	d.since = time.Now()
	d.w = [3]byte{regConfig, byte(d.chip.config >> 8), byte(d.chip.config)}
	if err := d.bus.Tx(d.addr, d.w[:1+d.chip.configLen], nil); err != nil {
		return d.errorf("write configuration: %w", err)
	}
	ours, err := d.configured()
	if err != nil {
		return err
	}
	if !ours {
		return d.errorf("configuration reads 0x%02x%02x after it was set; is it a %s? %w", d.r[0], d.r[1], d.chip.name, ErrImplausible)
	}
	return nil
}

// configured reads the configuration and says whether it is ours.
func (d *Dev) configured() (bool, error) {
	d.w[0], d.r = regConfig, [2]byte{}
	if err := d.bus.Tx(d.addr, d.w[:1], d.r[:d.chip.configLen]); err != nil {
		return false, d.errorf("read configuration: %w", err)
	}
	got := uint16(d.r[0])<<8 | uint16(d.r[1])
	return got&d.chip.mask == d.chip.config, nil
}
