package doctor

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
	"periph.io/x/conn/v3/i2c"

	"github.com/aim-control/aimlock/board"
	"github.com/aim-control/aimlock/hal"
)

// places are the addresses where hal.Identify can tell a chip by reading it.
// No other address is touched, not even one that the board names.
var places = []uint16{0x40, 0x41, 0x42, 0x43, 0x44, 0x45, 0x46, 0x47, 0x48, 0x49, 0x4A, 0x4B, 0x4C, 0x4D, 0x4E, 0x4F, 0x55}

// expected is a chip of the board's table.
type expected struct{ name, chip string }

func onBus(b *board.Board, bus string) map[uint16]expected {
	want := map[uint16]expected{}
	for _, s := range slices.Concat(b.Motors, b.Supplies) {
		if s.Bus == bus {
			want[s.Addr] = expected{s.Name, s.Chip}
		}
	}
	if b.RGB.Chip != "" && b.RGB.Bus == bus {
		want[b.RGB.Addr] = expected{"LEDs", b.RGB.Chip}
	}
	return want
}

// bus looks whether a bus is there, and which chips are on it.
func (m Machine) bus(b *board.Board, bus board.Bus) []Check {
	name := "bus " + bus.Name
	if _, err := os.Stat(m.path(bus.Dev)); errors.Is(err, fs.ErrNotExist) {
		return []Check{wrong(name, missingBus(b.Name, bus.Dev), "%s is not there", bus.Dev)}
	}
	dev, err := m.Buses.Bus(bus)
	if err != nil {
		do := []string{"Run aimctl as root, or as a member of the group i2c."}
		if !denied(err) {
			do = []string{"See that the board in the identity is this one."}
		}
		return []Check{wrong(name, do, "%v", err)}
	}
	defer dev.Close()
	found, err := chips(dev)
	if err != nil {
		return []Check{wrong(name, []string{
			"Something holds SDA or SCL low, or the pull-ups are missing: unplug the sensors one by one, power the drone off and on between.",
		}, "%s is stuck: %v", bus.Dev, err)}
	}
	list := []Check{ok(name, "%s is there", bus.Dev)}
	return append(list, compare(bus, onBus(b, bus.Name), found)...)
}

func missingBus(board, dev string) []string {
	switch board {
	case "rpi":
		return []string{"Switch it on in /boot/firmware/config.txt, load its module, and reboot:", "\tdtparam=i2c_arm=on", "\techo i2c-dev > /etc/modules-load.d/i2c-dev.conf"}
	case "beaglebone-blue":
		return []string{"Switch the bus on in the device tree, and load its module:", "\tmodprobe i2c-dev"}
	}
	return []string{"Load the module; if " + dev + " does not come, switch the bus on in the device tree:", "\tmodprobe i2c-dev"}
}

// answer is what stands at an address.
type answer struct {
	names []string // what it may be; empty: something unknown, or err
	err   error
}

// chips asks at each place. An error is a bus that is stuck: each further
// question would take a second and say the same.
func chips(bus i2c.Bus) (map[uint16]answer, error) {
	found := map[uint16]answer{}
	for _, addr := range places {
		names, err := hal.Identify(bus, addr)
		switch {
		case err == nil, errors.Is(err, hal.ErrUnknownChip):
			found[addr] = answer{names: names}
		case errors.Is(err, unix.ENXIO), errors.Is(err, unix.EREMOTEIO):
		case errors.Is(err, unix.ETIMEDOUT):
			return nil, err
		default:
			found[addr] = answer{err: err}
		}
	}
	return found, nil
}

// compare holds what was found against the board's table, by address.
func compare(bus board.Bus, want map[uint16]expected, found map[uint16]answer) (list []Check) {
	for addr := range uint16(0x80) {
		w, wanted := want[addr]
		f, answers := found[addr]
		name := "chip " + w.name
		switch {
		case !wanted && !answers:
		case !wanted:
			list = append(list, note(fmt.Sprintf("chip 0x%02x", addr), nil, "%s 0x%02x: %s, which the board's table does not name", bus.Dev, addr, f))
		case !slices.Contains(places, addr):
			list = append(list, note(name, nil, "%s 0x%02x: a %s cannot be told by reading; see whether it works: aimctl status", bus.Dev, addr, w.chip))
		case !answers:
			list = append(list, wrong(name, []string{"See to its power, its two wires and its address pins."}, "%s 0x%02x: nothing answers; the board has a %s there", bus.Dev, addr, w.chip))
		case f.err != nil:
			list = append(list, wrong(name, []string{"See to its two wires; try again."}, "%s 0x%02x: %v", bus.Dev, addr, f.err))
		case !slices.Contains(f.names, w.chip):
			list = append(list, wrong(name, []string{"Fit the chip that the board's table names, or correct the table."}, "%s 0x%02x: %s; the board has a %s there", bus.Dev, addr, f, w.chip))
		default:
			list = append(list, ok(name, "%s 0x%02x: %s", bus.Dev, addr, w.chip))
		}
	}
	return list
}

func (a answer) String() string {
	switch {
	case a.err != nil:
		return a.err.Error()
	case len(a.names) == 0:
		return "a chip that is not known here answers"
	}
	return strings.Join(a.names, " or ") + " answers"
}
