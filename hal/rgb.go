package hal

import (
	"fmt"

	"periph.io/x/conn/v3/i2c"

	"github.com/aim-control/aimlock/board"
	"github.com/aim-control/aimlock/hal/ncp5623"
	"github.com/aim-control/aimlock/hal/tca62724"
)

// rgbChip is a driver of an RGB chip.
type rgbChip interface {
	Set(r, g, b uint8) error
}

func openRGB(bus i2c.Bus, l board.RGB) (rgbChip, error) {
	switch l.Chip {
	case "tca62724":
		return tca62724.New(bus, l.Addr)
	case "ncp5623":
		return ncp5623.New(bus, l.Addr)
	}
	return nil, fmt.Errorf("no driver for chip %q; use tca62724 or ncp5623", l.Chip)
}

// colours shows the two status LEDs as colours of one RGB chip.
type colours struct{ chip rgbChip }

func (c colours) show(picture uint32) error {
	var r, g, b uint8
	if picture&lampBlue != 0 {
		b = 255
	}
	if picture&lampAmber != 0 {
		r, g = 255, amberGreen
	}
	return c.chip.Set(r, g, b)
}

// amberGreen is the green of amber, of 255, beside a full red.
const amberGreen = 96
