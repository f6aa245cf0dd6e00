// Package hal opens a board: its buses behind i2c.Bus, its lines behind
// gpio.PinIn and gpio.PinOut, its sensors as functions that return a
// temperature. Chip drivers have a folder each; none of them knows a board.
//
// Kernel is the real board. The simulated one satisfies Opener as well, below
// the drivers, so that one and the same driver code runs on both.
package hal

import (
	"time"

	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/i2c"
	"periph.io/x/conn/v3/physic"

	"github.com/aim-control/aimlock/board"
)

// Opener gives access to a board. Whatever it returns belongs to the caller;
// a pin that is also an io.Closer is closed when it is no longer needed.
type Opener interface {
	// Bus opens an I²C bus. Its Tx keeps the kernel's error number.
	Bus(board.Bus) (i2c.BusCloser, error)
	// Input requests a line as input with edges. What it returns must also
	// be an Input.
	Input(board.Line) (gpio.PinIn, error)
	// Output requests a line as output that starts at the initial level,
	// without a glitch.
	Output(l board.Line, initial gpio.Level) (gpio.PinOut, error)
	// ReadFile reads a small file, such as a temperature of sysfs.
	ReadFile(path string) ([]byte, error)
}

// Input is a line whose failed reads show.
//
// WaitForEdge returns true on an edge and false on a time-out, or when Halt
// frees it; one goroutine at a time waits. After Halt it returns false at once
// until In is called again, so that a wait that begins too late is freed too.
type Input interface {
	gpio.PinIn
	// Sense reads the level. A failed read is an error, never Low.
	Sense() (gpio.Level, error)
}

// Stamped is an Input whose edges carry the kernel's time, taken in the
// interrupt: they tell when something happened, however late it is looked at.
type Stamped interface {
	// EdgeAge says how long ago the newest edge was; false: there was none.
	EdgeAge() (time.Duration, bool)
}

// Sensor is one temperature.
type Sensor struct {
	Name string
	// Sense takes a fresh sample. It blocks for the transfer, about a
	// millisecond, or a second on a stuck bus. It allocates nothing unless it
	// fails, sets its chip up again by itself after errors, and is for one
	// goroutine at a time. An error is UNKNOWN and says why; a sample without
	// one was converted by the chip at most 0.3 s ago.
	Sense func() (physic.Temperature, error)

	// The two halves of a sample whose transfers are joined with others';
	// nil: its driver has none.
	queue func(add func(addr uint16, w, r []byte)) bool
	take  func() (physic.Temperature, bool)
}

// Supply is what a power monitor measures.
type Supply struct {
	Voltage physic.ElectricPotential
	Current physic.ElectricCurrent // positive: out of the supply
	Power   physic.Power
}

// SupplySensor is one power monitor.
type SupplySensor struct {
	Name string
	// Sense is as Sensor's.
	Sense func() (Supply, error)

	queue func(add func(addr uint16, w, r []byte)) bool
	take  func() (Supply, bool)
}

// SensorBus is the sensors of one bus: one sampler goroutine serves it, so
// that a stuck bus delays its own sensors only. Each Sense may be called on
// its own; Round reads all of them, as cheaply as the bus allows.
type SensorBus struct {
	Name     string
	Sensors  []Sensor
	Supplies []SupplySensor

	bus  i2c.Bus // what Round joins transfers on; nil: it does not
	plan *plan   // made by the first Round
}
