//go:build hardware

package hal

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/i2c"
	"periph.io/x/conn/v3/i2c/i2creg"
	"periph.io/x/host/v3"
	"periph.io/x/host/v3/gpioioctl"

	"github.com/aim-control/aimlock/board"
)

// These tests hold hal and periph host against each other on a machine that
// has the hardware. They touch only what they are told:
//
//	AIM_HW_BUS=/dev/i2c-1 AIM_HW_ADDR=0x48    where there is
//	AIM_HW_CHIP=tmp102                        a tmp102, tmp105 or lm75
//	AIM_HW_OUT=pinctrl-bcm2711:26             a free line, joined by a wire to
//	AIM_HW_IN=pinctrl-bcm2711:16              another free line
//	go test -tags hardware -run Hardware ./hal

func setting(t *testing.T, name, example string) string {
	v := os.Getenv(name)
	if v == "" {
		t.Fatalf("set %s, for example %s=%s: these tests touch only what they are told", name, name, example)
	}
	return v
}

func settingAddr(t *testing.T) uint16 {
	n, err := strconv.ParseUint(setting(t, "AIM_HW_ADDR", "0x48"), 0, 7)
	if err != nil {
		t.Fatalf("AIM_HW_ADDR: %v", err)
	}
	return uint16(n)
}

func settingLine(t *testing.T, name string) board.Line {
	v := setting(t, name, "pinctrl-bcm2711:26")
	chip, number, ok := strings.Cut(v, ":")
	offset, err := strconv.Atoi(number)
	if !ok || err != nil {
		t.Fatalf("%s=%s: write the chip's label, a colon and the offset", name, v)
	}
	return board.Line{Name: name, Chip: chip, Offset: offset}
}

// startPeriph loads periph's drivers. One that fails is not fatal: it is the
// one for a board that this is not.
func startPeriph(t *testing.T) {
	state, err := host.Init()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range state.Failed {
		t.Logf("periph: %v", f)
	}
}

func TestHardwareBus(t *testing.T) {
	dev := setting(t, "AIM_HW_BUS", "/dev/i2c-1")
	addr := settingAddr(t)
	ours, err := Kernel{}.Bus(board.Bus{Name: "motors", Dev: dev})
	if err != nil {
		t.Fatal(err)
	}
	defer ours.Close()
	startPeriph(t)
	theirs, err := i2creg.Open(dev)
	if err != nil {
		t.Fatal(err)
	}
	defer theirs.Close()

	for _, c := range []struct {
		name string
		w    []byte
		n    int
	}{
		{"configuration", []byte{1}, 1},
		{"T-low", []byte{2}, 2},
		{"T-high", []byte{3}, 2},
		{"T-high again, without a pointer", nil, 2},
		{"pointer alone", []byte{0}, 0},
	} {
		a, b := make([]byte, c.n), make([]byte, c.n)
		if err := ours.Tx(addr, c.w, a); err != nil {
			t.Fatalf("%s: ours: %v", c.name, err)
		}
		if err := theirs.Tx(addr, c.w, b); err != nil {
			t.Fatalf("%s: periph's: %v", c.name, err)
		}
		t.Logf("%s: % x", c.name, a)
		if !bytes.Equal(a, b) {
			t.Errorf("%s: ours % x, periph's % x", c.name, a, b)
		}
	}
	noChip(t, ours, theirs, addr)
}

// noChip finds an address where nobody answers: both fail, ours with a number.
func noChip(t *testing.T, ours, theirs i2c.Bus, addr uint16) {
	r := make([]byte, 1)
	for free := uint16(0x48); free < 0x50; free++ {
		if free == addr {
			continue
		}
		a, b := ours.Tx(free, []byte{1}, r), theirs.Tx(free, []byte{1}, r)
		if (a == nil) != (b == nil) {
			t.Errorf("0x%02x: ours: %v, periph's: %v", free, a, b)
		}
		var errno unix.Errno
		if a != nil {
			if !errors.As(a, &errno) {
				t.Errorf("0x%02x: the error number is lost: %v", free, a)
			}
			t.Logf("nobody at 0x%02x: %v (periph: %v)", free, a, b)
			return
		}
	}
	t.Error("a chip answers at every address from 0x48 to 0x4f")
}

// end is one end of the wire, driven or read by ours or by periph.
type end struct {
	who   string
	out   func(gpio.Level) error
	read  func() (gpio.Level, error)
	edge  func(time.Duration) bool
	age   func() (time.Duration, bool) // nil: periph's edges have no time
	close func()
}

func oursOut(t *testing.T, l board.Line) end {
	p, err := Kernel{}.Output(l, gpio.Low)
	if err != nil {
		t.Fatal(err)
	}
	return end{who: "ours", out: p.Out, close: func() { p.(*output).Close() }}
}

func oursIn(t *testing.T, l board.Line) end {
	p, err := Kernel{}.Input(l)
	if err != nil {
		t.Fatal(err)
	}
	in := p.(*input)
	return end{who: "ours", read: in.Sense, edge: in.WaitForEdge, age: in.EdgeAge, close: func() { in.Close() }}
}

func periphLine(t *testing.T, l board.Line) *gpioioctl.GPIOLine {
	for _, c := range gpioioctl.Chips {
		if c.Label() == l.Chip {
			if p := c.ByNumber(l.Offset); p != nil {
				return p
			}
		}
	}
	t.Fatalf("periph has no line %s:%d", l.Chip, l.Offset)
	return nil
}

func periphOut(t *testing.T, l board.Line) end {
	p := periphLine(t, l)
	if err := p.Out(gpio.Low); err != nil {
		t.Fatal(err)
	}
	return end{who: "periph", out: p.Out, close: p.Close}
}

func periphIn(t *testing.T, l board.Line) end {
	p := periphLine(t, l)
	if err := p.In(gpio.PullNoChange, gpio.BothEdges); err != nil {
		t.Fatal(err)
	}
	read := func() (gpio.Level, error) { return p.Read(), nil }
	return end{who: "periph", read: read, edge: p.WaitForEdge, close: p.Close}
}

// Ours and periph's, in all four pairs, see the same levels and edges.
func TestHardwareLines(t *testing.T) {
	out, in := settingLine(t, "AIM_HW_OUT"), settingLine(t, "AIM_HW_IN")
	startPeriph(t)
	type opener func(*testing.T, board.Line) end
	for _, openOut := range []opener{oursOut, periphOut} {
		for _, openIn := range []opener{oursIn, periphIn} {
			o, i := openOut(t, out), openIn(t, in)
			t.Run(fmt.Sprintf("%s drives, %s reads", o.who, i.who), func(t *testing.T) { follow(t, o, i) })
			o.close()
			i.close()
		}
	}
}

func follow(t *testing.T, o, i end) {
	awaits(t, i, gpio.Low)
	for round := range 10 {
		want := gpio.Level(round%2 == 0)
		if err := o.out(want); err != nil {
			t.Fatal(err)
		}
		if !i.edge(2 * time.Second) {
			t.Fatalf("round %d: no edge within 2 s of %v", round, want)
		}
		awaits(t, i, want)
		if i.age == nil {
			continue
		}
		if age, ok := i.age(); !ok || age < 0 || age > 2*time.Second {
			t.Errorf("round %d: the kernel stamped the edge %v ago, %v", round, age, ok)
		}
	}
}

// awaits waits until the input reads want, over the bounce of a first use.
func awaits(t *testing.T, i end, want gpio.Level) {
	for deadline := time.Now().Add(2 * time.Second); ; i.edge(10 * time.Millisecond) {
		got, err := i.read()
		if err != nil {
			t.Fatal(err)
		}
		if got == want {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("reads %v, want %v", got, want)
		}
	}
}

// A line that is held is refused with the holder's name; a bias and a debounce
// are taken; a wait is freed by Halt.
func TestHardwareLineRequests(t *testing.T) {
	l := settingLine(t, "AIM_HW_IN")
	l.PullDown, l.Debounce = true, 5*time.Millisecond
	p, err := Kernel{}.Input(l)
	if err != nil {
		t.Fatal(err)
	}
	defer p.(*input).Close()
	if _, err := (Kernel{}).Input(l); !errors.Is(err, unix.EBUSY) || !strings.Contains(err.Error(), "aimlock AIM_HW_IN") {
		t.Errorf("a line that is held: %v", err)
	}
	freed := make(chan bool)
	go func() { freed <- p.WaitForEdge(-1) }()
	p.Halt()
	if <-freed {
		t.Error("Halt gave an edge")
	}
	l.Offset = 1 << 20
	if _, err := (Kernel{}).Input(l); err == nil || !strings.Contains(err.Error(), "lines") {
		t.Errorf("an offset that is not there: %v", err)
	}
	if n := testing.AllocsPerRun(1000, func() { p.(*input).Sense() }); n != 0 {
		t.Errorf("%v allocations a read", n)
	}
}
