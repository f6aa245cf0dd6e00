package agent

import "periph.io/x/conn/v3/gpio"

// pin is an output that is driven on change only, and again after a failure.
type pin struct {
	out    gpio.PinOut
	level  gpio.Level
	failed bool
	mended bool // the last drive ended a failure
	known  bool
}

// drive sets the level; it is the loop's only blocking call, one ioctl.
func (p *pin) drive(level gpio.Level) error {
	p.mended = false
	if p.known && level == p.level && !p.failed {
		return nil
	}
	if err := p.out.Out(level); err != nil {
		p.failed = true
		return err
	}
	p.mended, p.failed = p.failed, false
	p.level, p.known = level, true
	return nil
}
