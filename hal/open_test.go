package hal

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/physic"

	"github.com/aim-control/aimlock/board"
)

func TestOpenEveryBoard(t *testing.T) {
	for _, name := range board.Names() {
		b, err := board.Lookup(name)
		if err != nil {
			t.Fatal(err)
		}
		o := newBench()
		o.tmp105 = b.Motors[0].Chip == "tmp105"
		o.absent[0x4A] = true
		o.files[b.Companion] = "48312\n"
		h, err := Open(b, o)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if len(h.Buses) != len(b.Buses) || len(h.Buses[0].Sensors) != 4 {
			t.Fatalf("%s: buses %v", name, h.Buses)
		}
		for i, s := range h.Buses[0].Sensors {
			v, err := s.Sense()
			switch {
			case s.Name != b.Motors[i].Name:
				t.Errorf("%s: sensor %d is %q", name, i, s.Name)
			case i == 2 && !errors.Is(err, unix.ENXIO):
				t.Errorf("%s: a missing chip: %v, %v", name, v, err)
			case i != 2 && (err != nil || v != physic.ZeroCelsius+25*physic.Kelvin):
				t.Errorf("%s: %s: %v, %v", name, s.Name, v, err)
			}
		}
		o.absent[0x4A] = false // plugged in again
		if v, err := h.Buses[0].Sensors[2].Sense(); err != nil {
			t.Errorf("%s: the chip is back: %v, %v", name, v, err)
		}
		if b.Companion == "" {
			if h.Companion.Sense != nil {
				t.Errorf("%s: a companion's temperature from nowhere", name)
			}
		} else if v, err := h.Companion.Sense(); err != nil || v != physic.ZeroCelsius+48312*physic.MilliKelvin {
			t.Errorf("%s: companion: %v, %v", name, v, err)
		}
		if h.Disarmed.Name() != board.Disarmed || h.Holding.Name() != board.Holding || h.Heartbeat.Name() != board.Heartbeat {
			t.Errorf("%s: inputs are mixed up", name)
		}
		if _, ok := b.Line(board.Button); ok != (h.Button != nil) || ok && h.Button.Name() != board.Button {
			t.Errorf("%s: button %v", name, h.Button)
		}
		if h.Request.Name() != board.PauseReq || h.Blue.Name() != board.LEDBlue || h.Amber.Name() != board.LEDAmber {
			t.Errorf("%s: outputs are mixed up", name)
		}
		if err := h.Close(); err != nil || o.open != 0 {
			t.Errorf("%s: Close: %v, %d things still open", name, err, o.open)
		}
	}
}

// However far Open comes, what it cannot finish it closes again, with the
// request off; and the error is the cause.
func TestOpenIsAllOrNothing(t *testing.T) {
	b, _ := board.Lookup("sim")
	for _, gone := range []string{board.PauseReq, board.LEDBlue, board.LEDAmber, board.Disarmed, board.Holding, board.Heartbeat, board.Button, "motors"} {
		o := newBench()
		o.missing[gone] = true
		if h, err := Open(b, o); h != nil || !errors.Is(err, errMissing) || o.open != 0 {
			t.Errorf("without %s: %v, %v, %d things still open", gone, h, err, o.open)
		}
		for name, w := range o.wires {
			if w.level != 0 {
				t.Errorf("without %s: %s is left on", gone, name)
			}
		}
	}
	o := newBench()
	o.blind = true
	if _, err := Open(b, o); err == nil || !strings.Contains(err.Error(), "Sense") || o.open != 0 {
		t.Errorf("an input without Sense: %v, %d things still open", err, o.open)
	}
}

func TestOpenRefusesWrongTables(t *testing.T) {
	for name, c := range map[string]struct {
		breaks func(*board.Board)
		want   string
	}{
		"no request": {func(b *board.Board) { b.Outputs = b.Outputs[1:] }, "no line PAUSE_REQ"},
		"no holding": {func(b *board.Board) { b.Inputs = b.Inputs[:1] }, "no line HOLDING"},
		"no driver":  {func(b *board.Board) { b.Motors[1].Chip = "blueesc" }, `no driver for chip "blueesc"`},
		"no bus":     {func(b *board.Board) { b.Motors[1].Bus = "tail" }, `no bus "tail"`},
		"address":    {func(b *board.Board) { b.Motors[1].Addr = 0x50 }, "motor2"},
	} {
		b, _ := board.Lookup("sim")
		c.breaks(b)
		if _, err := Open(b, newBench()); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v; want %q", name, err, c.want)
		}
	}
	b, _ := board.Lookup("sim")
	b.Inputs, b.Companion = b.Inputs[:3], ""
	h, err := Open(b, newBench())
	if err != nil || h.Button != nil || h.Companion.Sense != nil {
		t.Errorf("without button and companion: %v, %v", h, err)
	}
}

// Close drives the request off before anything else, and goes on over errors.
func TestCloseReleasesFirst(t *testing.T) {
	b, _ := board.Lookup("sim")
	o := newBench()
	h, err := Open(b, o)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range []gpio.PinOut{h.Request, h.Blue, h.Amber} {
		if err := p.Out(gpio.High); err != nil {
			t.Fatal(err)
		}
	}
	freed := make(chan bool)
	go func() { freed <- h.Heartbeat.WaitForEdge(-1) }()
	o.log = nil
	o.wires[board.LEDBlue].err = unix.EIO
	if err := h.Close(); !errors.Is(err, unix.EIO) {
		t.Errorf("Close: %v, want what failed", err)
	}
	if <-freed {
		t.Error("the waiter was given an edge")
	}
	want := []string{"PAUSE_REQ off", "LED_BLUE off", "LED_AMBER off", "close bus"}
	if !slices.Equal(o.log, want) || o.open != 0 {
		t.Errorf("Close did %q with %d things left open, want %q", o.log, o.open, want)
	}
	if err := h.Close(); err != nil || len(o.log) != len(want) {
		t.Errorf("second Close: %v, %q", err, o.log)
	}
}

func TestRelease(t *testing.T) {
	b, _ := board.Lookup("rpi")
	o := newBench()
	o.wires[board.PauseReq] = &wire{level: 1} // a released output kept its level
	o.missing[board.LEDBlue] = true
	if err := Release(b, o); !errors.Is(err, errMissing) {
		t.Errorf("Release: %v, want what failed", err)
	}
	if !slices.Equal(o.log, []string{"PAUSE_REQ off", "LED_AMBER off"}) || o.wires[board.PauseReq].level != 0 || o.open != 0 {
		t.Errorf("Release did %q, %d things left open", o.log, o.open)
	}
}

// The kernel's companion sensor keeps its file open, follows its content, and
// finds a file that comes late.
func TestKernelCompanion(t *testing.T) {
	path := filepath.Join(t.TempDir(), "temp")
	h := &Hardware{}
	if err := h.openCompanion(&board.Board{Companion: path}, Kernel{}); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Companion.Sense(); !errors.Is(err, unix.ENOENT) {
		t.Errorf("no file: %v", err)
	}
	write := func(s string) {
		if err := os.WriteFile(path, []byte(s), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		content string
		milliC  physic.Temperature
	}{{"48312\n", 48312}, {"9000\n", 9000}, {"-1000\n", -1000}} {
		write(c.content)
		if v, err := h.Companion.Sense(); err != nil || v != physic.ZeroCelsius+c.milliC*physic.MilliKelvin {
			t.Errorf("%q: %v, %v", c.content, v, err)
		}
	}
	if n := testing.AllocsPerRun(100, func() { h.Companion.Sense() }); n != 0 {
		t.Errorf("%v allocations a sample", n)
	}
	write(strings.Repeat("0", 33))
	if v, err := h.Companion.Sense(); err == nil {
		t.Errorf("a file that is too long gave %v", v)
	}
	if err := h.Close(); err != nil {
		t.Error(err)
	}
}

func TestKernelReadFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	for size, want := range map[int]error{0: nil, 4096: nil, 4097: unix.EFBIG} {
		if err := os.WriteFile(path, make([]byte, size), 0o600); err != nil {
			t.Fatal(err)
		}
		data, err := Kernel{}.ReadFile(path)
		if !errors.Is(err, want) || err == nil && len(data) != size {
			t.Errorf("%d bytes: %d, %v", size, len(data), err)
		}
	}
	if _, err := (Kernel{}).ReadFile(path + "-none"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
}
