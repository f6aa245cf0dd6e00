package hal

import (
	"errors"
	"fmt"
	"io"

	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/physic"

	"github.com/aim-control/aimlock/board"
	"github.com/aim-control/aimlock/hal/thermal"
)

// Hardware is an opened board. It belongs to whoever opened it; the inputs
// and outputs may be used by different goroutines, Close by one, after the
// samplers of Buses and Companion have ended.
type Hardware struct {
	Buses     []SensorBus
	Companion Sensor // Sense is nil on a board that has none

	Disarmed, Holding, Heartbeat Input
	Button                       Input // nil on a board that has none

	Request, Blue, Amber gpio.PinOut // none of them blocks for longer than an ioctl

	lamp    *lamp       // nil: the LEDs are lines
	closers []io.Closer // in the order of opening
	closed  bool
}

// Open opens every bus and line that the board names, outputs off. A chip that
// does not answer is no error: its Sense fails until it does. A missing bus or
// line is one, and says what to do.
func Open(b *board.Board, o Opener) (*Hardware, error) {
	h := &Hardware{}
	for _, step := range []func(*board.Board, Opener) error{h.openOutputs, h.openInputs, h.openBuses, h.openCompanion} {
		if err := step(b, o); err != nil {
			return nil, errors.Join(err, h.Close())
		}
	}
	return h, nil
}

func (h *Hardware) openOutputs(b *board.Board, o Opener) error {
	for _, out := range []struct {
		name string
		pin  *gpio.PinOut
	}{{board.PauseReq, &h.Request}, {board.LEDBlue, &h.Blue}, {board.LEDAmber, &h.Amber}} {
		if b.Lamp() != "" && out.name != board.PauseReq {
			continue
		}
		l, ok := b.Line(out.name)
		if !ok {
			return fmt.Errorf("hal: board %s has no line %s; add it to the board table", b.Name, out.name)
		}
		p, err := o.Output(l, gpio.Low)
		if err != nil {
			return err
		}
		*out.pin = p
		h.closes(p)
	}
	if b.Lamp() == board.LampLEDs {
		leds, err := openLEDs(b.LEDs)
		if err != nil {
			return err
		}
		h.closes(leds)
		h.use(newLamp(leds))
	}
	return nil
}

func (h *Hardware) openInputs(b *board.Board, o Opener) error {
	for _, in := range []struct {
		name     string
		pin      *Input
		optional bool
	}{{board.Disarmed, &h.Disarmed, false}, {board.Holding, &h.Holding, false}, {board.Heartbeat, &h.Heartbeat, false}, {board.Button, &h.Button, true}} {
		l, ok := b.Line(in.name)
		if !ok && in.optional {
			continue
		}
		if !ok {
			return fmt.Errorf("hal: board %s has no line %s; add it to the board table", b.Name, in.name)
		}
		p, err := o.Input(l)
		if err != nil {
			return err
		}
		h.closes(p)
		sensed, ok := p.(Input)
		if !ok {
			return fmt.Errorf("hal: line %s: %T cannot tell a failed read from low; it needs Sense", in.name, p)
		}
		*in.pin = sensed
	}
	return nil
}

func (h *Hardware) openCompanion(b *board.Board, o Opener) error {
	if b.Companion == "" {
		return nil
	}
	h.Companion = Sensor{Name: "companion", Sense: func() (physic.Temperature, error) {
		data, err := o.ReadFile(b.Companion)
		if err != nil {
			return 0, err
		}
		return thermal.Parse(data)
	}}
	if _, ok := o.(Kernel); ok { // the same without an allocation a sample
		f := &sysFile{path: b.Companion, fd: -1}
		buf := make([]byte, thermal.MaxSize+1)
		h.closers = append(h.closers, f)
		h.Companion.Sense = func() (physic.Temperature, error) {
			n, err := f.read(buf)
			if err != nil {
				return 0, err
			}
			return thermal.Parse(buf[:n])
		}
	}
	return nil
}

func (h *Hardware) closes(opened any) {
	if c, ok := opened.(io.Closer); ok {
		h.closers = append(h.closers, c)
	}
}

// Close drives request, blue and amber off, then frees every waiting goroutine
// and closes lines and buses. It tries everything and returns all errors,
// joined. Closing again does nothing.
func (h *Hardware) Close() error {
	if h.closed {
		return nil
	}
	h.closed = true
	var errs []error
	for _, p := range []gpio.PinOut{h.Request, h.Blue, h.Amber} {
		if p != nil {
			errs = append(errs, p.Out(gpio.Low))
		}
	}
	for _, p := range []Input{h.Disarmed, h.Holding, h.Heartbeat, h.Button} {
		if p != nil {
			errs = append(errs, p.Halt())
		}
	}
	if h.lamp != nil { // while its bus is open
		errs = append(errs, h.lamp.Close())
	}
	for _, c := range h.closers {
		errs = append(errs, c.Close())
	}
	return errors.Join(errs...)
}

// Release drives request, blue and amber off and lets them go: what
// aimd -release does after every exit of the agent, because a released output
// may keep its level. It tries all three, the request first and whatever
// becomes of a lamp's bus, and returns all errors, joined.
func Release(b *board.Board, o Opener) error {
	var errs []error
	for _, name := range []string{board.PauseReq, board.LEDBlue, board.LEDAmber} {
		if b.Lamp() != "" && name != board.PauseReq {
			continue
		}
		l, ok := b.Line(name)
		if !ok {
			errs = append(errs, fmt.Errorf("hal: board %s has no line %s; add it to the board table", b.Name, name))
			continue
		}
		p, err := o.Output(l, gpio.Low)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		errs = append(errs, p.Out(gpio.Low))
		if c, ok := p.(io.Closer); ok {
			errs = append(errs, c.Close())
		}
	}
	return errors.Join(append(errs, releaseLamp(b, o))...)
}

// releaseLamp makes an RGB chip or the kernel's LEDs dark, if the board has them.
func releaseLamp(b *board.Board, o Opener) error {
	switch b.Lamp() {
	case "":
		return nil
	case board.LampLEDs:
		leds, err := openLEDs(b.LEDs)
		if err == nil {
			err = leds.Close()
		}
		return err
	}
	bb, ok := b.Bus(b.RGB.Bus)
	if !ok {
		return fmt.Errorf("hal: RGB lamp: board %s has no bus %q; add it to the board table", b.Name, b.RGB.Bus)
	}
	bus, err := o.Bus(bb)
	if err != nil {
		return err
	}
	chip, err := openRGB(bus, b.RGB)
	if err == nil {
		err = chip.Set(0, 0, 0)
	}
	return errors.Join(err, bus.Close())
}
