package sim

import (
	"fmt"
	"os"
	"syscall"

	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/physic"

	"github.com/aim-control/aimlock/board"
)

// Output is an opened output line.
type Output struct {
	w        *World
	l        *line
	released uint64 // World.released when it was opened
	closed   bool   // guarded by the world's mu
}

// Output opens an output line at its initial level. Any number may be open;
// the last Out wins. The result is an *Output.
func (w *World) Output(l board.Line, initial gpio.Level) (gpio.PinOut, error) {
	var o *Output
	err := w.change(func() error {
		ln := w.lines[l.Name]
		if ln == nil || !ln.out {
			return fmt.Errorf("sim: board %s has no output %q: %w", w.board.Name, l.Name, syscall.ENOENT)
		}
		o = &Output{w: w, l: ln, released: w.released}
		if ln.fault == nack {
			return o.errorf(syscall.EIO)
		}
		w.drive(l.Name, bool(initial))
		return nil
	})
	if err != nil {
		return nil, err
	}
	return o, nil
}

// Out drives the line. It fails once the outputs were released: the process
// that opened it is dead, as far as the board knows.
func (o *Output) Out(l gpio.Level) error {
	o.w.mu.Lock()
	defer o.w.mu.Unlock()
	o.w.advance()
	switch {
	case o.closed || o.released != o.w.released:
		return o.errorf(os.ErrClosed)
	case o.l.fault == nack:
		return o.errorf(syscall.EIO)
	}
	if o.l.driven != bool(l) {
		o.w.drive(o.l.name, bool(l))
		o.w.settle()
		o.w.wake()
	}
	return nil
}

// PWM is not supported.
func (o *Output) PWM(gpio.Duty, physic.Frequency) error { return o.errorf(syscall.EOPNOTSUPP) }

// Halt does nothing: an output has no waiting goroutine.
func (o *Output) Halt() error { return nil }

// Close gives the line back, at its present level: a released output may keep
// it.
func (o *Output) Close() error {
	o.w.mu.Lock()
	defer o.w.mu.Unlock()
	o.closed = true
	return nil
}

func (o *Output) errorf(err error) error { return fmt.Errorf("sim: line %s: %w", o.l.name, err) }

func (o *Output) String() string   { return o.l.name }
func (o *Output) Name() string     { return o.l.name }
func (o *Output) Number() int      { return -1 }
func (o *Output) Function() string { return "Out" }

// ReleaseOutputs is the death of the process that drives the outputs: the
// external pull-downs win, every output is off. Outputs opened before are of
// no more use; new ones can be opened.
func (w *World) ReleaseOutputs() {
	w.change(func() error {
		w.released++
		for _, l := range w.board.Outputs {
			w.drive(l.Name, false)
		}
		return nil
	})
}
