package hal

import (
	"errors"
	"fmt"

	"periph.io/x/conn/v3/i2c"

	"github.com/aim-control/aimlock/hal/ina226"
	"github.com/aim-control/aimlock/hal/ina228"
	"github.com/aim-control/aimlock/hal/tca62724"
	"github.com/aim-control/aimlock/hal/tmp102"
)

// ErrUnknownChip: something answers, and it is none of the chips that have a
// driver here.
var ErrUnknownChip = errors.New("a chip that is not known here")

// Identify says which chips the one at addr may be, by the names of the board
// tables, likeliest first, for whoever compares a bus with a board table. It
// reads where one of the known chips can be and touches no other address: to
// some chips even the number of a register to be read is a command. So the
// NCP5623, which cannot be read, is never found. An error is a transfer's, or
// ErrUnknownChip.
func Identify(bus i2c.Bus, addr uint16) ([]string, error) {
	switch {
	case addr == tca62724.Addr:
		return identifyLamp(bus)
	case addr < 0x40 || addr > 0x4F:
		return nil, fmt.Errorf("hal: 0x%02x: no chip with a driver can be told there: %w", addr, ErrUnknownChip)
	}
	for _, try := range [...]struct {
		name  string
		test  func(i2c.Bus, uint16) error
		other error
	}{{"ina226", ina226.Identify, ina226.ErrWrongChip}, {"ina228", ina228.Identify, ina228.ErrWrongChip}} {
		if err := try.test(bus, addr); err == nil {
			return []string{try.name}, nil
		} else if !errors.Is(err, try.other) {
			return nil, fmt.Errorf("hal: %w", err)
		}
	}
	if addr < 0x48 {
		return nil, fmt.Errorf("hal: 0x%02x: no INA226 and no INA228: %w", addr, ErrUnknownChip)
	}
	names, err := tmp102.Identify(bus, addr)
	if errors.Is(err, tmp102.ErrImplausible) {
		return nil, fmt.Errorf("hal: %w: %w", ErrUnknownChip, err)
	}
	return names, err
}

// identifyLamp reads the TCA62724's two bytes: two bits are always 0.
func identifyLamp(bus i2c.Bus) ([]string, error) {
	var r [2]byte
	if err := bus.Tx(tca62724.Addr, nil, r[:]); err != nil {
		return nil, fmt.Errorf("hal: identify: %w", err)
	}
	if r[0]&0xC0 != 0 {
		return nil, fmt.Errorf("hal: 0x%02x: reads % x, which a TCA62724FMG does not: %w", tca62724.Addr, r, ErrUnknownChip)
	}
	return []string{"tca62724"}, nil
}
