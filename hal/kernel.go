package hal

import (
	"errors"

	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/i2c"

	"github.com/aim-control/aimlock/board"
)

// Kernel is the board that this program runs on: i2c-dev buses and GPIO
// character devices.
type Kernel struct{}

var _ Opener = Kernel{}

// Bus opens an i2c-dev bus such as /dev/i2c-1.
func (Kernel) Bus(board.Bus) (i2c.BusCloser, error) { return nil, errors.New("hal: not written yet") }

// Input requests a line as input.
func (Kernel) Input(board.Line) (gpio.PinIn, error) { return nil, errors.New("hal: not written yet") }

// Output requests a line as output.
func (Kernel) Output(board.Line, gpio.Level) (gpio.PinOut, error) {
	return nil, errors.New("hal: not written yet")
}

// ReadFile reads a small file.
func (Kernel) ReadFile(string) ([]byte, error) { return nil, errors.New("hal: not written yet") }
