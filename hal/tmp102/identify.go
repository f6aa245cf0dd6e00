package tmp102

import (
	"fmt"

	"periph.io/x/conn/v3/i2c"
)

// Identify says which chips of this family the one at addr may be, by the
// names of the board tables, likeliest first. It reads registers and writes
// none. None of these chips has an identification register; what tells them
// apart is which bits of the configuration exist:
//
//   - TMP102 (SBOS397): 16 bits, the resolution bits 0x6000 always set, the
//     lowest four always clear.
//   - TMP105 (SBOS648): 8 bits, bit 7 reads 0; resolution bits 0x60, 0 at power-up.
//   - LM75: 8 bits, the upper three always clear.
//
// A chip with one byte may repeat it or release the bus when two are read, so
// two names can be left. An error is a transfer's, or ErrImplausible for
// answers that no chip of the family gives.
func Identify(bus i2c.Bus, addr uint16) ([]string, error) {
	d := &Dev{bus: bus, addr: addr, chip: &tmp102}
	var config [2]uint16
	for i := range config {
		d.w[0], d.r = regConfig, [2]byte{}
		if err := bus.Tx(addr, d.w[:1], d.r[:2]); err != nil {
			return nil, fmt.Errorf("tmp102: 0x%02x: identify: %w", addr, err)
		}
		config[i] = uint16(d.r[0])<<8 | uint16(d.r[1])
	}
	if _, _, err := d.read(); err != nil {
		return nil, err
	}
	raw := uint16(d.r[0])<<8 | uint16(d.r[1])
	const reports = 0x8020 // OS and AL change by themselves
	names := family(config[0], raw)
	if names == nil || (config[0]^config[1])&0x7F00&^reports != 0 || raw == 0xFFFF {
		return nil, fmt.Errorf("tmp102: 0x%02x: configuration 0x%04x, then 0x%04x, temperature 0x%04x is no chip of this family: %w",
			addr, config[0], config[1], raw, ErrImplausible)
	}
	return names, nil
}

// family returns whose configuration register this may be.
func family(config, temperature uint16) (names []string) {
	upper, lower := byte(config>>8), byte(config)
	oneByte := upper&0x80 == 0 && (lower == 0xFF || lower == 0 || lower == upper)
	if config&0x600F == 0x6000 && temperature&0x0006 == 0 {
		names = append(names, tmp102.name)
	}
	if oneByte && upper&0xE0 == 0 {
		names = append(names, lm75.name)
	}
	if oneByte && temperature&0x000F == 0 {
		names = append(names, tmp105.name)
	}
	return names
}
