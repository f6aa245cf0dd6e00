package hal

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"
	"periph.io/x/conn/v3/gpio"

	"github.com/aim-control/aimlock/board"
)

// wire stands for the kernel's line.
type wire struct {
	level  int
	err    error
	closed int
}

func (w *wire) Value() (int, error)  { return w.level, w.err }
func (w *wire) SetValue(v int) error { w.level = v; return w.err }
func (w *wire) Close() error         { w.closed++; return nil }

func holding(w *wire) *input {
	p := newInput(board.Line{Name: board.Holding, PullDown: true}, 27)
	p.line = w
	return p
}

func TestSenseTellsFailuresFromLow(t *testing.T) {
	w := &wire{}
	p := holding(w)
	for level, want := range []gpio.Level{gpio.Low, gpio.High} {
		w.level = level
		if got, err := p.Sense(); got != want || err != nil {
			t.Errorf("level %d: %v, %v", level, got, err)
		}
		if got := p.Read(); got != want {
			t.Errorf("Read of level %d: %v", level, got)
		}
	}
	w.err = unix.EIO
	if _, err := p.Sense(); !errors.Is(err, unix.EIO) || !strings.Contains(err.Error(), "HOLDING") {
		t.Errorf("a failed read: %v", err)
	}
}

func TestWaitForEdge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := holding(&wire{})
		began := time.Now()
		took := func() time.Duration { d := time.Since(began); began = time.Now(); return d }

		if p.WaitForEdge(time.Second) || took() != time.Second {
			t.Error("without an edge it must run into its time-out")
		}
		if p.WaitForEdge(0) || took() != 0 {
			t.Error("0 must only look")
		}
		p.edge(1)
		p.edge(1) // edges collapse: the level is what counts
		if !p.WaitForEdge(0) || took() != 0 {
			t.Error("an edge before the wait is lost")
		}
		if p.WaitForEdge(0) {
			t.Error("an edge counts twice")
		}
		for _, timeout := range []time.Duration{time.Minute, -1} {
			time.AfterFunc(3*time.Second, func() { p.edge(1) })
			if !p.WaitForEdge(timeout) || took() != 3*time.Second {
				t.Errorf("timeout %v: an edge during the wait is lost", timeout)
			}
		}
	})
}

// An edge's age counts from the kernel's stamp, not from when it is asked for.
func TestEdgeAge(t *testing.T) {
	t.Parallel()
	p := holding(&wire{})
	if age, ok := p.EdgeAge(); ok {
		t.Errorf("without an edge it is %v old", age)
	}
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		t.Fatal(err)
	}
	const old = 3 * time.Second
	p.edge(time.Duration(now.Nano()) - old)
	if age, ok := p.EdgeAge(); !ok || age < old || age > old+time.Minute {
		t.Errorf("an edge of 3 s ago is %v old, %v", age, ok)
	}
	p.edge(time.Duration(now.Nano()))
	if age, ok := p.EdgeAge(); !ok || age < 0 || age > time.Minute {
		t.Errorf("the newest edge is %v old, %v", age, ok)
	}
}

func TestHaltFreesTheWaiter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := holding(&wire{})
		began := time.Now()
		time.AfterFunc(2*time.Second, func() { p.Halt() })
		if p.WaitForEdge(-1) || time.Since(began) != 2*time.Second {
			t.Error("Halt did not free the waiter")
		}
		p.edge(1)
		if p.WaitForEdge(-1) || p.WaitForEdge(time.Hour) || time.Since(began) != 2*time.Second {
			t.Error("a wait that begins after Halt must be freed too")
		}
		if err := errors.Join(p.Halt(), p.In(gpio.PullDown, gpio.BothEdges)); err != nil {
			t.Fatal(err)
		}
		if p.WaitForEdge(time.Second) {
			t.Error("In must forget edges from before it")
		}
		p.edge(1)
		if !p.WaitForEdge(time.Second) {
			t.Error("In must end the Halt")
		}
		w := p.line.(*wire)
		if err := p.Close(); err != nil || w.closed != 1 || p.WaitForEdge(-1) {
			t.Errorf("Close: %v, line closed %d×", err, w.closed)
		}
	})
}

func TestInRefusesAnotherWiring(t *testing.T) {
	p := holding(&wire{})
	for _, c := range []struct {
		pull gpio.Pull
		edge gpio.Edge
		ok   bool
	}{
		{gpio.PullDown, gpio.BothEdges, true},
		{gpio.PullNoChange, gpio.NoEdge, true},
		{gpio.PullUp, gpio.BothEdges, false},
		{gpio.Float, gpio.BothEdges, false},
		{gpio.PullDown, gpio.RisingEdge, false},
	} {
		if err := p.In(c.pull, c.edge); (err == nil) != c.ok {
			t.Errorf("In(%v, %v): %v", c.pull, c.edge, err)
		}
	}
}

func TestInputAllocatesNothing(t *testing.T) {
	p := holding(&wire{level: 1})
	if n := testing.AllocsPerRun(1000, func() {
		if l, err := p.Sense(); !l || err != nil {
			t.Fatal(l, err)
		}
		p.edge(1)
		if !p.WaitForEdge(time.Hour) {
			t.Fatal("no edge")
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestOutput(t *testing.T) {
	w := &wire{}
	p := &output{name: board.PauseReq, num: 23, line: w}
	if err := p.Out(gpio.High); err != nil || w.level != 1 {
		t.Errorf("Out(High): %v, level %d", err, w.level)
	}
	if err := p.Halt(); err != nil || w.level != 0 {
		t.Errorf("Halt: %v, level %d; it must drive the line off", err, w.level)
	}
	if err := p.PWM(gpio.DutyHalf, 0); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("PWM: %v", err)
	}
	w.err = unix.ENODEV
	if err := p.Out(gpio.High); !errors.Is(err, unix.ENODEV) || !strings.Contains(err.Error(), "PAUSE_REQ") {
		t.Errorf("a failed Out: %v", err)
	}
}

// No machine has this chip: the error names line, chip and what there is.
func TestLineWithoutChip(t *testing.T) {
	l := board.Line{Name: board.Disarmed, Chip: "no-such-chip"}
	if p, err := (Kernel{}).Input(l); p != nil || err == nil || !strings.Contains(err.Error(), `line DISARMED: no chip "no-such-chip"`) {
		t.Errorf("Input: %v, %v", p, err)
	}
	if p, err := (Kernel{}).Output(l, gpio.Low); p != nil || err == nil || !strings.Contains(err.Error(), "no-such-chip") {
		t.Errorf("Output: %v, %v", p, err)
	}
}
