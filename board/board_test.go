package board

import (
	"path"
	"strings"
	"testing"
	"time"
)

func all(t *testing.T) []*Board {
	var bs []*Board
	for _, name := range Names() {
		b, err := Lookup(name)
		if err != nil {
			t.Fatal(err)
		}
		if b.Name != name {
			t.Errorf("Lookup(%q) gave %q", name, b.Name)
		}
		bs = append(bs, b)
	}
	return bs
}

func TestLookup(t *testing.T) {
	if got := strings.Join(Names(), " "); !strings.HasPrefix(got, "ast2600-evb beaglebone-blue navqplus orin-nano rpi sim") {
		t.Errorf("boards %s", got)
	}
	_, err := Lookup("jetson")
	if err == nil || !strings.Contains(err.Error(), `"jetson"`) || !strings.Contains(err.Error(), "rpi, sim") {
		t.Errorf("error %v; it must list the boards", err)
	}
	a, _ := Lookup("sim")
	a.Motors[0].Addr = 0
	if b, _ := Lookup("sim"); b.Motors[0].Addr != 0x48 {
		t.Error("callers share a table")
	}
}

// A table is held to the rules of a board.toml.
func TestTablesAreValid(t *testing.T) {
	for _, b := range all(t) {
		if err := b.Check(); err != nil {
			t.Error(err)
		}
	}
}

// Every board has every line that the agent needs, each on a line of its own.
func TestLines(t *testing.T) {
	for _, b := range all(t) {
		type place struct {
			chip, line string
			offset     int
		}
		names, places := map[string]bool{}, map[place]string{}
		for _, lines := range [][]Line{b.Inputs, b.Outputs} {
			for _, l := range lines {
				if names[l.Name] {
					t.Errorf("%s: two lines are called %s", b.Name, l.Name)
				}
				names[l.Name] = true
				p := place{l.Chip, l.Line, l.Offset}
				if other, taken := places[p]; taken {
					t.Errorf("%s: %s and %s share a line", b.Name, l.Name, other)
				}
				places[p] = l.Name
				if _, err := path.Match(l.Chip, "x"); err != nil || l.Chip == "" || l.Offset < 0 {
					t.Errorf("%s: %s: chip %q offset %d", b.Name, l.Name, l.Chip, l.Offset)
				}
				if got, ok := b.Line(l.Name); !ok || got != l {
					t.Errorf("%s: Line(%s) = %+v", b.Name, l.Name, got)
				}
			}
		}
		for _, l := range b.Inputs {
			if !l.PullDown || l.PullUp {
				t.Errorf("%s: %s: a broken wire must read low", b.Name, l.Name)
			}
			if l.Debounce > 20*time.Millisecond {
				t.Errorf("%s: %s: debounce %v delays the loop", b.Name, l.Name, l.Debounce)
			}
		}
		for _, l := range b.Outputs {
			if l.PullUp || l.PullDown || l.Debounce != 0 {
				t.Errorf("%s: %s: an output is push-pull and nothing else", b.Name, l.Name)
			}
		}
		for _, name := range []string{Disarmed, Holding, Heartbeat, Button, PauseReq, LEDBlue, LEDAmber} {
			if !names[name] && (name != Button || b.Name != "beaglebone-blue") {
				t.Errorf("%s has no line %s", b.Name, name)
			}
		}
		if _, ok := b.Line("ESTOP"); ok {
			t.Errorf("%s has a line ESTOP", b.Name)
		}
	}
}

func TestSensors(t *testing.T) {
	for _, b := range all(t) {
		type place struct {
			bus  string
			addr uint16
		}
		names, places := map[string]bool{}, map[place]bool{}
		for _, m := range b.Motors {
			if names[m.Name] || places[place{m.Bus, m.Addr}] {
				t.Errorf("%s: %s: its name or its address is taken", b.Name, m.Name)
			}
			names[m.Name], places[place{m.Bus, m.Addr}] = true, true
			if m.Addr < 0x48 || m.Addr > 0x4B || m.Chip != map[bool]string{true: "tmp105", false: "tmp102"}[b.Name == "ast2600-evb"] {
				t.Errorf("%s: %s: %s at 0x%02x", b.Name, m.Name, m.Chip, m.Addr)
			}
			if bus, ok := b.Bus(m.Bus); !ok || bus.Dev == "" {
				t.Errorf("%s: %s: no bus %q", b.Name, m.Name, m.Bus)
			}
		}
		for _, name := range []string{"motor1", "motor2", "motor3", "motor4"} {
			if !names[name] {
				t.Errorf("%s has no %s", b.Name, name)
			}
		}
		if b.Companion == "" && b.Name != "ast2600-evb" && b.Name != "beaglebone-blue" {
			t.Errorf("%s has no companion temperature", b.Name)
		}
	}
}

// The Raspberry Pi's header, as wired, and the pins that are somebody else's.
func TestRaspberryPi(t *testing.T) {
	b, _ := Lookup("rpi")
	for name, offset := range map[string]int{
		Disarmed: 17, Holding: 27, Button: 22, Heartbeat: 5, PauseReq: 23, LEDBlue: 24, LEDAmber: 25,
	} {
		l, _ := b.Line(name)
		if l.Offset != offset || l.Line != "" {
			t.Errorf("%s is on GPIO%d (line %q), want GPIO%d", name, l.Offset, l.Line, offset)
		}
		for _, label := range []string{"pinctrl-bcm2835", "pinctrl-bcm2711"} {
			if ok, _ := path.Match(l.Chip, label); !ok {
				t.Errorf("%s: %q does not match %s", name, l.Chip, label)
			}
		}
		for _, label := range []string{"raspberrypi-exp-gpio", "brcmvirt-gpio", "pinctrl-rp1"} {
			if ok, _ := path.Match(l.Chip, label); ok {
				t.Errorf("%s: %q matches %s", name, l.Chip, label)
			}
		}
		switch l.Offset {
		case 0, 1, 2, 3, 14, 15:
			t.Errorf("%s: GPIO%d belongs to EEPROM, I2C1 or UART", name, l.Offset)
		}
	}
	if bus, _ := b.Bus("motors"); bus.Dev != "/dev/i2c-1" {
		t.Errorf("bus %+v", bus)
	}
	sim, _ := Lookup("sim")
	if b.Watchdog == "" || sim.Watchdog != "" {
		t.Error("rpi has a watchdog; a simulated drone must never have one")
	}
}
