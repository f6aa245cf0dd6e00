package sim

import (
	"errors"
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"periph.io/x/conn/v3/gpio"

	"github.com/aim-control/aimlock/board"
)

func TestEdgesComeAtTheirTime(t *testing.T) {
	bubble(t, func(t *testing.T, w *World) {
		beat := openInput(t, w, board.Heartbeat)
		began := time.Now()
		for i := 1; i <= 40; i++ {
			if !beat.WaitForEdge(-1) {
				t.Fatal("no edge")
			}
			if at := time.Since(began); at != time.Duration(i)*250*time.Millisecond {
				t.Fatalf("edge %d at %v", i, at)
			}
			if level(t, beat) != (i%2 == 1) {
				t.Fatalf("edge %d: level %v", i, level(t, beat))
			}
		}
	})
}

func TestWaitForEdge(t *testing.T) {
	bubble(t, func(t *testing.T, w *World) {
		button := openInput(t, w, board.Button)
		began := time.Now()
		if button.WaitForEdge(3*time.Second) || time.Since(began) != 3*time.Second {
			t.Errorf("no edge, but it took %v", time.Since(began))
		}
		if button.WaitForEdge(0) {
			t.Error("0 polls: there is no edge")
		}
		w.Press(true)
		w.Press(true)
		pass(time.Second)
		if !button.WaitForEdge(0) || button.WaitForEdge(0) {
			t.Error("an edge before the wait counts once")
		}
		must(t, button.In(gpio.PullNoChange, gpio.FallingEdge))
		w.Press(false)
		pass(time.Second)
		must(t, button.In(gpio.PullNoChange, gpio.FallingEdge))
		if button.WaitForEdge(0) {
			t.Error("In forgets edges")
		}
		w.Press(true)
		if button.WaitForEdge(time.Second) {
			t.Error("a rising edge, but falling ones are asked for")
		}
		w.Press(false)
		if !button.WaitForEdge(time.Second) {
			t.Error("no falling edge")
		}
		must(t, button.In(gpio.PullNoChange, gpio.RisingEdge))
		w.Press(true)
		if !button.WaitForEdge(time.Second) {
			t.Error("no rising edge")
		}
	})
}

func TestDebounce(t *testing.T) {
	bubble(t, func(t *testing.T, w *World) {
		button := openInput(t, w, board.Button) // 20 ms
		for range 10 {
			w.Press(true)
			pass(10 * time.Millisecond)
			w.Press(false)
			pass(10 * time.Millisecond)
		}
		if button.WaitForEdge(0) || level(t, button) {
			t.Error("bounces of 10 ms came through a debounce of 20 ms")
		}
		w.Press(true)
		began := time.Now()
		if !button.WaitForEdge(time.Second) || time.Since(began) != 20*time.Millisecond {
			t.Errorf("a press came through after %v, want 20 ms", time.Since(began))
		}
		if !level(t, button) {
			t.Error("pressed reads low")
		}
	})
}

func TestHaltFreesTheWaiter(t *testing.T) {
	bubble(t, func(t *testing.T, w *World) {
		button := openInput(t, w, board.Button)
		freed := make(chan bool, 1)
		go func() { freed <- button.WaitForEdge(-1) }()
		pass(time.Minute)
		must(t, button.Halt())
		must(t, button.Halt())
		if <-freed {
			t.Error("a halted wait returned true")
		}
		if button.WaitForEdge(-1) {
			t.Error("a wait after Halt returned true")
		}
		must(t, button.In(gpio.PullNoChange, gpio.BothEdges))
		w.Press(true)
		if !button.WaitForEdge(time.Second) {
			t.Error("no edge after In")
		}
		go func() { freed <- button.WaitForEdge(-1) }()
		synctest.Wait()
		must(t, button.Close())
		if <-freed {
			t.Error("a closed pin's wait returned true")
		}
		if _, err := button.Sense(); !errors.Is(err, os.ErrClosed) {
			t.Errorf("Sense after Close: %v", err)
		}
		if n := len(button.l.pins); n != 0 {
			t.Errorf("%d pins left on the line after Close", n)
		}
	})
}

func TestUnknownLines(t *testing.T) {
	w := New(simBoard(t), 1)
	if _, err := w.Input(board.Line{Name: "NOISE"}); !errors.Is(err, syscall.ENOENT) {
		t.Errorf("unknown input: %v", err)
	}
	if _, err := w.Input(lineOf(t, w, board.PauseReq)); !errors.Is(err, syscall.ENOENT) {
		t.Errorf("an output as input: %v", err)
	}
	if _, err := w.Output(lineOf(t, w, board.Holding), gpio.Low); !errors.Is(err, syscall.ENOENT) {
		t.Errorf("an input as output: %v", err)
	}
}

func TestOutputStartsAtItsLevel(t *testing.T) {
	w := New(simBoard(t), 1)
	var changes []bool
	w.Observe(func(line string, high bool, _ time.Duration) {
		if line == board.LEDBlue {
			changes = append(changes, high)
		}
	})
	o, err := w.Output(lineOf(t, w, board.LEDBlue), gpio.High)
	must(t, err)
	must(t, o.Out(gpio.High))
	if len(changes) != 1 || !changes[0] || !w.Snapshot().Blue {
		t.Errorf("levels %v, want one step to high: no glitch", changes)
	}
	must(t, o.(*Output).Close())
	if err := o.Out(gpio.Low); !errors.Is(err, os.ErrClosed) || !w.Snapshot().Blue {
		t.Errorf("a closed output: %v, and the level must stay", err)
	}
}

func TestFloatingLine(t *testing.T) {
	run := func(seed uint64) (edges []time.Duration) {
		synctest.Test(t, func(t *testing.T) {
			w := New(simBoard(t), seed)
			w.Observe(func(line string, _ bool, at time.Duration) {
				if line == board.Holding {
					edges = append(edges, at)
				}
			})
			go w.Run(t.Context())
			must(t, w.Break("line:HOLDING", float))
			pass(10 * time.Second)
			must(t, w.Fix("line:HOLDING"))
			n := len(edges)
			if level(t, openInput(t, w, board.Holding)) {
				t.Error("a mended line does not read its driver's level")
			}
			pass(10 * time.Second)
			if len(edges) > n+1 {
				t.Error("a mended line toggles")
			}
		})
		return edges
	}
	a, b, c := run(7), run(7), run(8)
	if len(a) < 50 || len(a) > 500 {
		t.Errorf("%d edges in 10 s of floating", len(a))
	}
	if len(a) != len(b) || a[len(a)/2] != b[len(b)/2] {
		t.Error("the same seed floats in two ways")
	}
	if len(a) == len(c) && a[0] == c[0] {
		t.Error("two seeds float in the same way")
	}
}

func TestLineFaults(t *testing.T) {
	bubble(t, func(t *testing.T, w *World) {
		disarmed := openInput(t, w, board.Disarmed)
		must(t, w.Break("line:DISARMED", cut))
		pass(10 * time.Millisecond)
		if level(t, disarmed) {
			t.Error("a broken wire reads disarmed: the pull-down must win")
		}
		must(t, w.Break("line:DISARMED", nack))
		if _, err := disarmed.Sense(); !errors.Is(err, syscall.EIO) {
			t.Errorf("a read that fails: %v, want EIO", err)
		}
		if disarmed.Read() != gpio.Low {
			t.Error("Read of a failing line")
		}
		must(t, w.Fix("line:DISARMED"))
		pass(10 * time.Millisecond)
		must(t, w.Break("line:DISARMED", stuck))
		must(t, w.Arm())
		pass(time.Second)
		if !level(t, disarmed) {
			t.Error("a stuck line moved")
		}
		must(t, w.Fix("line:DISARMED"))
		pass(10 * time.Millisecond)
		if level(t, disarmed) {
			t.Error("a mended line does not show that the drone is armed")
		}
	})
}

func TestOutputFaults(t *testing.T) {
	bubble(t, func(t *testing.T, w *World) {
		airborne(t, w)
		request := openOutput(t, w, board.PauseReq)
		for _, kind := range []string{cut, float, stuck} {
			must(t, w.Break("line:PAUSE_REQ", kind))
			must(t, request.Out(gpio.High))
			pass(time.Minute)
			if s := w.Snapshot(); s.Mode != modeAuto || !s.Request {
				t.Errorf("%s: %+v, want a request that does not arrive", kind, s)
			}
			must(t, request.Out(gpio.Low))
			pass(time.Second)
			must(t, w.Fix("line:PAUSE_REQ"))
		}
		must(t, request.Out(gpio.High))
		pass(3 * time.Second)
		expect(t, w, modeBrake, false, true)
		must(t, w.Break("line:PAUSE_REQ", nack))
		if err := request.Out(gpio.Low); !errors.Is(err, syscall.EIO) {
			t.Errorf("driving a broken line: %v, want EIO", err)
		}
		if _, err := w.Output(lineOf(t, w, board.PauseReq), gpio.Low); !errors.Is(err, syscall.EIO) {
			t.Errorf("opening a broken line: %v, want EIO", err)
		}
		pass(time.Second)
		expect(t, w, modeBrake, false, true)
	})
}

func TestPinsAllocateNothing(t *testing.T) {
	w := New(simBoard(t), 1)
	button, blue := openInput(t, w, board.Button), openOutput(t, w, board.LEDBlue)
	high := gpio.Low
	if n := testing.AllocsPerRun(100, func() {
		high = !high
		if blue.Out(high) != nil {
			t.Error("Out failed")
		}
		if _, err := button.Sense(); err != nil {
			t.Error(err)
		}
		button.WaitForEdge(time.Microsecond)
	}); n != 0 {
		t.Errorf("%v allocations a turn", n)
	}
}
