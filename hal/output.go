package hal

import (
	"errors"
	"fmt"

	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/physic"
)

// writer is the requested line behind an output: *gpiocdev.Line.
type writer interface {
	SetValue(int) error
	Close() error
}

// output is a push-pull line. It is never read back: on some drivers that
// would turn it into an input.
type output struct {
	name string
	num  int
	line writer
}

var _ gpio.PinOut = (*output)(nil)

// Out sets the level: one ioctl.
func (p *output) Out(l gpio.Level) error {
	v := 0
	if l {
		v = 1
	}
	if err := p.line.SetValue(v); err != nil {
		return fmt.Errorf("hal: drive %s %v: %w", p.name, l, err)
	}
	return nil
}

// PWM always fails.
func (p *output) PWM(gpio.Duty, physic.Frequency) error {
	return fmt.Errorf("hal: %s: PWM: %w", p.name, errors.ErrUnsupported)
}

// Halt drives the line off.
func (p *output) Halt() error { return p.Out(gpio.Low) }

// Close gives the line back. Its level may stay as it was driven last.
func (p *output) Close() error {
	if err := p.line.Close(); err != nil {
		return fmt.Errorf("hal: close %s: %w", p.name, err)
	}
	return nil
}

func (p *output) String() string   { return p.name }
func (p *output) Name() string     { return p.name }
func (p *output) Number() int      { return p.num }
func (p *output) Function() string { return "Out" }
