// Package board says how a board is wired: which bus carries which sensor,
// which line goes where. It is data only; package hal opens what it names.
package board

import (
	"fmt"
	"sort"
	"strings"
	"time"
)

// Names of the lines, as every board table and every log line calls them.
// All are active high: an input that reads high says what its name says, and
// a wire that breaks reads low, which is the safe answer for each of them.
const (
	Disarmed  = "DISARMED"     // in: the flight controller is disarmed
	Holding   = "HOLDING"      // in: the flight controller holds the drone still
	Heartbeat = "FC_HEARTBEAT" // in: changes level while the flight controller's script runs
	Button    = "BUTTON"       // in: the technician's button is pressed
	PauseReq  = "PAUSE_REQ"    // out: please hold
	LEDBlue   = "LED_BLUE"     // out: blue status LED
	LEDAmber  = "LED_AMBER"    // out: amber status LED
)

// Bus is one I²C bus.
type Bus struct {
	Name string // ours, "motors"
	Dev  string // the kernel's, "/dev/i2c-1"
}

// Line is one GPIO line.
type Line struct {
	Name     string        // ours, one of the constants above
	Chip     string        // the chip's label; a pattern of path.Match, "pinctrl-bcm2*"
	Line     string        // the line's name on that chip; empty: Offset decides
	Offset   int           // the line's offset on that chip, when Line is empty
	PullUp   bool          // inputs: the chip's own pull-up
	PullDown bool          // inputs: the chip's own pull-down
	Debounce time.Duration // inputs: a level must stand this long to count; 0: none
}

// Sensor is one chip on a bus that measures: a temperature if it stands in
// Motors ("tmp102", "tmp105", "lm75"; "ina228": its own die's), a supply if it
// stands in Supplies ("ina226", "ina228").
type Sensor struct {
	Name string // ours, "motor1", "battery"
	Chip string
	Bus  string // Bus.Name
	Addr uint16 // 7-bit address
	// Supplies: the shunt resistor in µΩ, and the highest current that it
	// shall measure in A.
	ShuntMicroOhm uint32
	MaxAmps       uint16
}

// RGB is a chip that shows both status LEDs in the colours of one lamp, in
// place of two lines: "tca62724" (ArduPilot's ToshibaLED) or "ncp5623".
type RGB struct {
	Chip string // empty: the LEDs are lines
	Bus  string // Bus.Name
	Addr uint16 // 7-bit address
}

// LEDs are LEDs of the kernel's LED class, in place of two lines: folders like
// /sys/class/leds/ACT.
type LEDs struct {
	Blue, Amber string
	RGB         string // a multi-colour LED, which shows both
}

func (l *LEDs) none() bool { return l.Blue+l.Amber+l.RGB == "" }

// Board is the wiring of one board.
type Board struct {
	Name      string
	Buses     []Bus
	Motors    []Sensor
	Supplies  []Sensor // power monitors
	RGB       RGB      // a board that has one needs no lines LED_BLUE and LED_AMBER
	LEDs      LEDs     // as well
	Companion string   // file with the companion computer's temperature in milli-°C; empty: none
	Inputs    []Line
	Outputs   []Line
	Watchdog  string // the watchdog's device; empty: none
}

// Lookup returns the built-in board of that name, or with a path, anything that
// has a slash, what Load makes of it. The error lists the boards there are. The
// Board is the caller's own.
func Lookup(nameOrPath string) (*Board, error) {
	if table, ok := boards[nameOrPath]; ok {
		return table(), nil
	}
	if strings.Contains(nameOrPath, "/") {
		return Load(nameOrPath)
	}
	return nil, fmt.Errorf("board: no board is called %q; choose one of: %s; or name the path of a board.toml", nameOrPath, strings.Join(Names(), ", "))
}

// Names returns the names of all built-in boards, sorted.
func Names() []string {
	names := make([]string, 0, len(boards))
	for name := range boards {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

// Line returns the line of that name, input or output.
func (b *Board) Line(name string) (Line, bool) {
	for _, lines := range [][]Line{b.Inputs, b.Outputs} {
		for _, l := range lines {
			if l.Name == name {
				return l, true
			}
		}
	}
	return Line{}, false
}

// What shows the status LEDs in place of the lines LED_BLUE and LED_AMBER: the
// table of a board.toml.
const (
	LampRGB  = "rgb"
	LampLEDs = "leds"
)

// Lamp returns LampRGB or LampLEDs; empty: the LEDs are lines.
func (b *Board) Lamp() string {
	switch {
	case b.RGB.Chip != "":
		return LampRGB
	case !b.LEDs.none():
		return LampLEDs
	}
	return ""
}

// Bus returns the bus of that name.
func (b *Board) Bus(name string) (Bus, bool) {
	for _, bus := range b.Buses {
		if bus.Name == name {
			return bus, true
		}
	}
	return Bus{}, false
}
