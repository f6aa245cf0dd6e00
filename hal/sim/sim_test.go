package sim

import (
	"testing"
	"testing/synctest"
	"time"

	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/i2c"

	"github.com/aim-control/aimlock/board"
)

// opener is hal.Opener by shape: this package must not import hal.
type opener interface {
	Bus(board.Bus) (i2c.BusCloser, error)
	Input(board.Line) (gpio.PinIn, error)
	Output(board.Line, gpio.Level) (gpio.PinOut, error)
	ReadFile(string) ([]byte, error)
}

var _ opener = (*World)(nil)

// simBoard is the board of these tests.
func simBoard(t testing.TB) *board.Board {
	t.Helper()
	b, err := board.Lookup("sim")
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// bubble runs f on virtual time with a running world.
func bubble(t *testing.T, f func(t *testing.T, w *World)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := New(simBoard(t), 1)
		go w.Run(t.Context())
		f(t, w)
	})
}

// pass lets virtual time pass.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func openInput(t *testing.T, w *World, name string) *Input {
	t.Helper()
	p, err := w.Input(lineOf(t, w, name))
	must(t, err)
	return p.(*Input)
}

func openOutput(t *testing.T, w *World, name string) gpio.PinOut {
	t.Helper()
	o, err := w.Output(lineOf(t, w, name), gpio.Low)
	must(t, err)
	return o
}

func lineOf(t *testing.T, w *World, name string) board.Line {
	t.Helper()
	l, ok := w.board.Line(name)
	if !ok {
		t.Fatalf("the board has no line %s", name)
	}
	return l
}

func openBusOf(t *testing.T, w *World) i2c.BusCloser {
	t.Helper()
	b, err := w.Bus(w.board.Buses[0])
	must(t, err)
	return b
}

// airborne puts a drone on patrol at cruising speed and height.
func airborne(t *testing.T, w *World) {
	t.Helper()
	must(t, w.Arm())
	must(t, w.TakeOff())
	pass(6 * time.Second)
	if s := w.Snapshot(); s.Mode != modeAuto || s.Speed != w.Model().Speed || s.Alt != w.Model().Altitude {
		t.Fatalf("not on patrol: %+v", s)
	}
}
