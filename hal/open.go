package hal

import (
	"errors"

	"periph.io/x/conn/v3/gpio"

	"github.com/aim-control/aimlock/board"
)

// Hardware is an opened board. It belongs to whoever opened it; the inputs
// and outputs may be used by different goroutines, Close by one.
type Hardware struct {
	Buses     []SensorBus
	Companion Sensor // Sense is nil on a board that has none

	Disarmed, Holding, Heartbeat Input
	Button                       Input // nil on a board that has none

	Request, Blue, Amber gpio.PinOut

	closers []func() error
}

// Open opens every bus and line that the board names, outputs off. A chip that
// does not answer is no error: its Sense fails until it does. A missing bus or
// line is one, and says what to do.
func Open(b *board.Board, o Opener) (*Hardware, error) {
	return nil, errors.New("hal: not written yet")
}

// Close drives request, blue and amber off, then frees every waiting
// goroutine and closes lines and buses. It returns all errors, joined.
func (h *Hardware) Close() error { return nil }

// Release drives request, blue and amber off and lets them go: what
// aimd -release does after every exit of the agent.
func Release(b *board.Board, o Opener) error { return errors.New("hal: not written yet") }
