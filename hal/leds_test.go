package hal

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"
	"periph.io/x/conn/v3/gpio"

	"github.com/aim-control/aimlock/board"
)

// ledTree is a /sys/class/leds with LEDs of which each attribute is a file; a
// write replaces its beginning only, so that its first line counts.
type ledTree struct {
	t   *testing.T
	dir string
}

func newLEDTree(t *testing.T, leds map[string]map[string]string) ledTree {
	t.Helper()
	tree := ledTree{t, t.TempDir()}
	for name, attributes := range leds {
		if err := os.Mkdir(tree.led(name), 0o755); err != nil {
			t.Fatal(err)
		}
		for attribute, content := range attributes {
			tree.put(name, attribute, content)
		}
	}
	return tree
}

func (tree ledTree) led(name string) string { return filepath.Join(tree.dir, name) }

func (tree ledTree) put(name, attribute, content string) {
	tree.t.Helper()
	if err := os.WriteFile(filepath.Join(tree.led(name), attribute), []byte(content), 0o644); err != nil {
		tree.t.Fatal(err)
	}
}

func (tree ledTree) get(name, attribute string) string {
	tree.t.Helper()
	data, err := os.ReadFile(filepath.Join(tree.led(name), attribute))
	if err != nil {
		tree.t.Fatal(err)
	}
	line, _, _ := bytes.Cut(data, []byte("\n"))
	return string(line)
}

// twoLEDs are a GPIO's, which knows on and off, and one with 255 steps that the
// kernel lets flash with the disk.
func twoLEDs(t *testing.T) (ledTree, board.LEDs) {
	tree := newLEDTree(t, map[string]map[string]string{
		"blue:status": {"max_brightness": "1\n", "brightness": "1\n"}, // a kernel without triggers
		"ACT":         {"max_brightness": "255\n", "brightness": "255\n", "trigger": "none [mmc0] timer\n"},
	})
	return tree, board.LEDs{Blue: tree.led("blue:status"), Amber: tree.led("ACT")}
}

// ledBoard is a board whose status LEDs are the kernel's.
func ledBoard(t *testing.T, l board.LEDs) *board.Board {
	t.Helper()
	b, err := board.Lookup("sim")
	if err != nil {
		t.Fatal(err)
	}
	b.LEDs, b.Outputs, b.Companion = l, b.Outputs[:1], ""
	return b
}

// An opened board's LEDs are dark and nobody else's; they shine as driven, and
// are dark after Close and after Release.
func TestKernelLEDs(t *testing.T) {
	t.Parallel()
	tree, leds := twoLEDs(t)
	b := ledBoard(t, leds)
	synctest.Test(t, func(t *testing.T) {
		h, err := Open(b, newBench())
		if err != nil {
			t.Fatal(err)
		}
		shines := func(when, blue, amber string) {
			t.Helper()
			synctest.Wait()
			if b, a := tree.get("blue:status", "brightness"), tree.get("ACT", "brightness"); b != blue || a != amber {
				t.Errorf("%s: blue %q, amber %q; want %q, %q", when, b, a, blue, amber)
			}
		}
		shines("opened", "0", "0")
		if got := tree.get("ACT", "trigger"); got != "none" {
			t.Errorf("the trigger is %q", got)
		}
		if h.Blue.Name() != board.LEDBlue || h.Amber.Name() != board.LEDAmber {
			t.Error("the LEDs are mixed up")
		}
		drive := func(p gpio.PinOut, l gpio.Level) {
			t.Helper()
			if err := p.Out(l); err != nil {
				t.Error(err)
			}
		}
		drive(h.Blue, gpio.High)
		shines("blue", "1", "0")
		drive(h.Amber, gpio.High)
		shines("both", "1", "255")
		drive(h.Blue, gpio.Low)
		shines("amber", "0", "255")
		tree.put("ACT", "brightness", "0\n") // a chip behind it had a brown-out
		time.Sleep(lampRefresh)
		shines("refreshed", "0", "255")
		if err := h.Close(); err != nil {
			t.Error(err)
		}
		shines("closed", "0", "0")
		if got := tree.get("ACT", "trigger"); got != "none" {
			t.Errorf("closed, %q flashes it", got)
		}
		tree.put("ACT", "brightness", "255\n") // the agent was killed
		if err := Release(b, newBench()); err != nil {
			t.Error(err)
		}
		shines("released", "0", "0")
	})
}

// Each colour stands where multi_index has it.
func TestMulticolourLED(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ index, blue, amber, both, dark string }{
		{"red green blue\n", "0 0 100", "100 37 0", "100 37 100", "0 0 0"},
		{"blue white red green\n", "100 0 0 0", "0 0 100 37", "100 0 100 37", "0 0 0 0"},
		{"red blue\n", "0 100", "100 0", "100 100", "0 0"},
	} {
		tree := newLEDTree(t, map[string]map[string]string{"rgb": {
			"max_brightness": "100\n", "brightness": "7\n", "trigger": "[heartbeat] none\n", "multi_index": c.index, "multi_intensity": "9 9 9 9 9 9 9 9\n",
		}})
		k, err := openLEDs(board.LEDs{RGB: tree.led("rgb")})
		if err != nil {
			t.Fatal(err)
		}
		look := func(intensity, brightness string) {
			t.Helper()
			if i, b := tree.get("rgb", "multi_intensity"), tree.get("rgb", "brightness"); i != intensity || b != brightness {
				t.Errorf("%q: intensity %q, brightness %q; want %q, %q", c.index, i, b, intensity, brightness)
			}
		}
		look(c.dark, "0")
		for picture, want := range map[uint32]string{lampBlue: c.blue, lampAmber: c.amber, lampBoth: c.both} {
			if err := k.show(picture); err != nil {
				t.Error(err)
			}
			look(want, "100")
		}
		if err := errors.Join(k.show(0), k.Close()); err != nil {
			t.Error(err)
		}
		look(c.dark, "0")
	}
}

// A change writes the LED that changes; the same again, and what follows a
// failure, writes both. Nothing is allocated.
func TestLEDsWriteChangesOnly(t *testing.T) {
	tree, leds := twoLEDs(t)
	k, err := openLEDs(leds)
	if err != nil {
		t.Fatal(err)
	}
	defer k.Close()
	blueWas := func(want string) {
		t.Helper()
		if got := tree.get("blue:status", "brightness"); got != want {
			t.Errorf("blue is %q, want %q", got, want)
		}
	}
	show := func(picture uint32) {
		t.Helper()
		if err := k.show(picture); err != nil {
			t.Error(err)
		}
	}
	tree.put("blue:status", "brightness", "x\n")
	show(lampAmber)
	blueWas("x")
	show(lampAmber)
	blueWas("0")
	tree.put("blue:status", "brightness", "x\n")
	amber := &k.files[1]
	path := amber.path
	amber.Close()
	amber.path = "/dev/full"
	if err := k.show(0); !errors.Is(err, unix.ENOSPC) || !strings.Contains(err.Error(), "write /dev/full") {
		t.Errorf("a write that failed: %v", err)
	}
	blueWas("x")
	amber.path = path
	show(lampAmber)
	blueWas("0")
	picture := uint32(0)
	if n := testing.AllocsPerRun(100, func() { picture ^= lampBoth; show(picture) }); n != 0 {
		t.Errorf("%v allocations a change", n)
	}
}

// An LED that cannot be had says which file, why and what to do; nothing stays
// open, and the request is off.
func TestOpenRefusesLEDs(t *testing.T) {
	t.Parallel()
	multi := map[string]string{"max_brightness": "255\n", "brightness": "0\n", "multi_intensity": "0\n"}
	tree := newLEDTree(t, map[string]map[string]string{
		"good": {"max_brightness": "1\n", "brightness": "0\n"}, "mute": {"max_brightness": "1\n"}, "plain": multi,
		"white": {"multi_index": "white\n", "max_brightness": "255\n", "brightness": "0\n", "multi_intensity": "0\n"},
		"odd":   {"multi_index": "red green blue\n", "max_brightness": "full\n", "brightness": "0\n", "multi_intensity": "0\n"},
	})
	for _, c := range []struct {
		leds board.LEDs
		want string
	}{
		{board.LEDs{Blue: tree.led("good"), Amber: tree.led("none")}, "none/max_brightness: no such file"},
		{board.LEDs{Blue: tree.led("mute"), Amber: tree.led("good")}, "mute/brightness: no such file"},
		{board.LEDs{RGB: tree.led("plain")}, "multi_index: no such file"},
		{board.LEDs{RGB: tree.led("white")}, `the colours "white\n" up to "255\n"; it needs red and blue`},
		{board.LEDs{RGB: tree.led("odd")}, `up to "full\n"`},
	} {
		o := newBench()
		h, err := Open(ledBoard(t, c.leds), o)
		if h != nil || err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "run as root, or with the udev rule") {
			t.Errorf("%+v: %v; want %s", c.leds, err, c.want)
		}
		if o.open != 0 || o.wires[board.PauseReq].level != 0 {
			t.Errorf("%+v: %d things still open", c.leds, o.open)
		}
		if err := Release(ledBoard(t, c.leds), o); err == nil {
			t.Errorf("%+v: Release says nothing", c.leds)
		}
	}
}

// Driving the LEDs costs the loop no system call, however long a write takes.
func TestSlowLEDsHoldUpNobody(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := slowFace{end: make(chan error)}
		l := newLamp(f)
		blue := &lampPin{l, board.LEDBlue, lampBlue}
		synctest.Wait() // the first picture is under way, and goes on
		began := time.Now()
		for i := range 1000 {
			if err := blue.Out(i%2 == 0); err != nil {
				t.Fatal(err)
			}
		}
		f.end <- unix.ENODEV
		synctest.Wait()
		if err := blue.Out(gpio.High); !errors.Is(err, unix.ENODEV) || !strings.Contains(err.Error(), board.LEDBlue) {
			t.Errorf("the failure shows as %v", err)
		}
		if took := time.Since(began); took != 0 {
			t.Errorf("it took %v", took)
		}
		close(f.end) // from now on it is quick
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
}

// slowFace is under way until the test ends it.
type slowFace struct{ end chan error }

func (f slowFace) show(uint32) error { return <-f.end }
