package ardupilot_test

import (
	"errors"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"periph.io/x/conn/v3/gpio"

	"github.com/aim-control/aimlock/board"
	"github.com/aim-control/aimlock/hal/sim"
)

// simulated is the flight controller of hal/sim, on virtual time.
type simulated struct {
	w     *sim.World
	board *board.Board
	beats atomic.Int64 // counted by the world's own goroutine
}

func newSimulated(t *testing.T) *simulated {
	t.Helper()
	b, err := board.Lookup("sim")
	if err != nil {
		t.Fatal(err)
	}
	s := &simulated{w: sim.New(b, 1), board: b}
	s.w.Observe(func(line string, _ bool, _ time.Duration) {
		if line == board.Heartbeat {
			s.beats.Add(1)
		}
	})
	return s
}

func (s *simulated) do(t *testing.T, what string) bool {
	t.Helper()
	verb, arg, _ := strings.Cut(what, " ")
	var err error
	switch verb {
	case "arm":
		err = s.w.Arm()
	case "disarm":
		err = s.w.Disarm()
	case "takeoff":
		err = s.w.TakeOff()
	case "land":
		err = s.w.Land()
	case "pilot":
		err = s.w.PilotTake()
	case "back":
		err = s.w.PilotRelease()
	case "request":
		s.request(t, arg == "on")
	case "companion":
		s.w.ReleaseOutputs()
	case "stop":
		err = s.w.Break("fc", "stop")
	case "go":
		err = s.w.Fix("fc")
	case "rtl":
		m := s.w.Model()
		m.RTLAfter = seconds(t, arg)
		s.w.SetModel(m)
	default:
		t.Fatalf("the simulated flight controller knows no %q", what)
	}
	if err != nil && !errors.Is(err, sim.ErrRefused) {
		t.Fatal(err)
	}
	return err == nil
}

func seconds(t *testing.T, text string) time.Duration {
	t.Helper()
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return time.Duration(n) * time.Second
}

func (s *simulated) request(t *testing.T, on bool) {
	t.Helper()
	l, _ := s.board.Line(board.PauseReq)
	if _, err := s.w.Output(l, gpio.Level(on)); err != nil {
		t.Fatal(err)
	}
}

// wait lets virtual time pass. The lines are what the flight controller means:
// the board's own debouncing comes on top.
func (s *simulated) wait(t *testing.T, d time.Duration) seen {
	t.Helper()
	s.beats.Store(0)
	<-time.After(d)
	synctest.Wait()
	now := s.w.Snapshot()
	return seen{mode: now.Mode, disarmed: s.level(t, board.Disarmed), holding: s.level(t, board.Holding), beats: int(s.beats.Load())}
}

func (s *simulated) level(t *testing.T, name string) bool {
	t.Helper()
	l, _ := s.board.Line(name)
	l.Debounce = 0
	in, err := s.w.Input(l)
	if err != nil {
		t.Fatal(err)
	}
	pin, ok := in.(*sim.Input)
	if !ok {
		t.Fatalf("%T is no *sim.Input", in)
	}
	level, err := pin.Sense()
	if err != nil {
		t.Fatal(err)
	}
	if err := pin.Close(); err != nil {
		t.Fatal(err)
	}
	return level == gpio.High
}

// The simulated flight controller does what the table says; the script on the
// real one is held against the same table (TestPeersLua).
func TestSimulatedFlightController(t *testing.T) {
	t.Parallel()
	for _, s := range table(t, "transitions.txt") {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				fc := newSimulated(t)
				go fc.w.Run(t.Context())
				s.fly(t, fc)
			})
		})
	}
}
