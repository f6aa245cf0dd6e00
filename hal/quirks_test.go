package hal

import (
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
	"periph.io/x/conn/v3/gpio"

	"github.com/aim-control/aimlock/board"
)

// What periph's host drivers (host v3.8.5, gpioioctl and sysfs) do that a drone
// must never meet, and the test that drives ours through it:
//
//   - a board that nobody knows is no error: TestUnknownBoard
//   - lines are had by names that are often missing, or by numbers that move:
//     TestUnknownBoard, TestLineWithoutChip; TestHardwareLines on a machine
//   - Read or Func of an output makes it an input: TestOutputIsNeverRead
//   - the first Out(High) goes low first: TestHighIsOneWrite
//   - a failed first Out leaves descriptor 0 behind: TestFailureLeavesNothing
//   - WaitForEdge takes 0 for ever and −1 for now, and only Halt frees it:
//     TestWaitForEdge, TestHaltFreesTheWaiter
//   - a failed Read is Low: TestSenseTellsFailuresFromLow
//   - errors lose their number: TestErrnoIsKept, TestOutput
//   - buses do I2C_RDWR only, and no speed: TestBusThatIsNone
//   - what the kernel writes to lies on a stack that moves: TestBuffersSurviveMovingStacks

// nowhere is a board that no machine is.
func nowhere(t *testing.T) *board.Board {
	t.Helper()
	b, err := board.Lookup("sim")
	if err != nil {
		t.Fatal(err)
	}
	for _, lines := range [][]board.Line{b.Inputs, b.Outputs} {
		for i := range lines {
			lines[i].Chip = "no-such-chip"
		}
	}
	b.Buses[0].Dev = "/dev/i2c-no-such-bus"
	return b
}

func TestUnknownBoard(t *testing.T) {
	h, err := Open(nowhere(t), Kernel{})
	if h != nil || !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), "is this the board that the identity names?") {
		t.Errorf("Open: %v, %v", h, err)
	}
	err = Release(nowhere(t), Kernel{})
	for _, name := range []string{board.PauseReq, board.LEDBlue, board.LEDAmber} {
		if err == nil || !strings.Contains(err.Error(), "line "+name) {
			t.Errorf("Release does not speak of %s: %v", name, err)
		}
	}
}

// noted is a kernel's line that notes what is written to it.
type noted struct{ wrote []int }

func (n *noted) SetValue(v int) error { n.wrote = append(n.wrote, v); return nil }
func (n *noted) Close() error         { return nil }

func TestOutputIsNeverRead(t *testing.T) {
	t.Parallel()
	n := &noted{}
	p := &output{name: board.PauseReq, line: n}
	if _, ok := any(p).(gpio.PinIn); ok {
		t.Error("an output can be read, which may make it an input")
	}
	if p.Function() != "Out" || p.Name() != board.PauseReq || p.String() != board.PauseReq || len(n.wrote) != 0 {
		t.Errorf("to ask what it is touches the line: %v", n.wrote)
	}
}

// Open asks for outputs that start low, in the request itself, which bench
// holds it to; from then on a level is one ioctl.
func TestHighIsOneWrite(t *testing.T) {
	t.Parallel()
	n := &noted{}
	p := &output{name: board.PauseReq, line: n}
	for _, l := range []gpio.Level{gpio.High, gpio.High, gpio.Low} {
		if err := p.Out(l); err != nil {
			t.Error(err)
		}
	}
	if !slices.Equal(n.wrote, []int{1, 1, 0}) {
		t.Errorf("high, high, low is written as %v", n.wrote)
	}
}

// What could not be had is nil, holds no descriptor, and leaves standard input
// alone. Not parallel: it counts the process's descriptors.
func TestFailureLeavesNothing(t *testing.T) {
	open := func() (n int) {
		for fd := range 256 {
			if _, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err == nil {
				n++
			}
		}
		return n
	}
	var was, is unix.Stat_t
	if err := unix.Fstat(0, &was); err != nil {
		t.Fatal(err)
	}
	before, b := open(), nowhere(t)
	for range 3 {
		if p, err := (Kernel{}).Output(b.Outputs[0], gpio.High); p != nil || err == nil {
			t.Errorf("Output: %v, %v", p, err)
		}
		if p, err := (Kernel{}).Input(b.Inputs[0]); p != nil || err == nil {
			t.Errorf("Input: %v, %v", p, err)
		}
		if p, err := (Kernel{}).Bus(b.Buses[0]); p != nil || err == nil {
			t.Errorf("Bus: %v, %v", p, err)
		}
		if p, err := (Kernel{}).Bus(board.Bus{Name: "null", Dev: "/dev/null"}); p != nil || err == nil {
			t.Errorf("Bus: %v, %v", p, err)
		}
	}
	if after := open(); after != before {
		t.Errorf("%d descriptors before, %d after", before, after)
	}
	if err := unix.Fstat(0, &is); err != nil || is.Ino != was.Ino || is.Dev != was.Dev {
		t.Errorf("standard input is another file now: %v", err)
	}
}
