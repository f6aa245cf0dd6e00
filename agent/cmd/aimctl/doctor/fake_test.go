package doctor_test

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
	"periph.io/x/conn/v3/i2c"
	"periph.io/x/conn/v3/physic"

	"github.com/aim-control/aimlock/agent/cmd/aimctl/doctor"
	"github.com/aim-control/aimlock/agent/config"
	"github.com/aim-control/aimlock/board"
)

// drone is a drone of files: its folders, and a root for /dev, /sys and /proc.
type drone struct {
	t       *testing.T
	dir     string
	id      config.Identity
	m       doctor.Machine
	volumes map[string]doctor.Volume
	bus     *bus
	runs    bool
	floor   time.Time // that has certainly passed
}

// healthy is a Raspberry Pi with nothing to complain about.
func healthy(t *testing.T) *drone {
	t.Helper()
	d := &drone{t: t, dir: t.TempDir(), bus: newBus(t), runs: true}
	if err := os.Chmod(d.dir, 0o755); err != nil {
		t.Fatal(err)
	}
	d.write("drone.toml", "")
	d.write(config.LiveName, string(config.Default()))
	d.write("checks/10-nav", "#!/bin/sh\n")
	d.write("reload", "#!/bin/sh\n")
	d.write("state/x", "")
	d.write("run/x", "")
	d.id = config.Identity{Drone: "patrol-03", Fleet: "north", Board: "rpi",
		MQTT:  config.MQTT{Broker: "mqtt://127.0.0.1:1883"},
		Paths: config.Paths{Config: d.path(config.LiveName), State: d.path("state"), Run: d.path("run")},
		Hooks: config.Hooks{Reload: []string{d.path("reload")}, Checks: d.path("checks")},
	}
	d.write("root/dev/i2c-1", "")
	d.write("root/dev/watchdog0", "")
	d.write("root/sys/class/thermal/thermal_zone0/temp", "48312\n")
	d.write("root/proc/meminfo", "MemTotal: 500000 kB\nMemAvailable: 400000 kB\n")
	d.holds("17", "aimd", "/dev/watchdog0")
	d.volumes = map[string]doctor.Volume{
		d.dir:            {Magic: unix.EXT4_SUPER_MAGIC},
		d.id.Paths.State: {Magic: unix.EXT4_SUPER_MAGIC, Free: 1 << 30, Size: 8 << 30, Files: 1e6},
		d.id.Paths.Run:   {Magic: unix.TMPFS_MAGIC, Free: 1 << 30, Size: 8 << 30, Files: 1e6},
	}
	lines := make([]doctor.Line, 54)
	b, err := board.Lookup("rpi")
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range slices.Concat(b.Inputs, b.Outputs) {
		lines[l.Offset] = doctor.Line{Used: true, Consumer: "aimlock " + l.Name}
	}
	d.m = doctor.Machine{
		Root: d.path("root"), User: os.Geteuid(), Buses: d.bus,
		GPIO: func() ([]doctor.GPIO, error) {
			return []doctor.GPIO{{Dev: "gpiochip0", Label: "pinctrl-bcm2835", Lines: lines}}, nil
		},
		Volume:   func(path string) (doctor.Volume, error) { return d.volumes[path], nil },
		Synced:   func() (bool, error) { return true, nil },
		Features: func() []doctor.Feature { return []doctor.Feature{{Name: "pidfd"}} },
		Dial: func(context.Context, string, string) (net.Conn, error) {
			one, _ := net.Pipe()
			return one, nil
		},
	}
	return d
}

// sysfs writes an attribute of the watchdog.
func (d *drone) sysfs(name, text string) { d.write("root/sys/class/watchdog/watchdog0/"+name, text) }

func (d *drone) path(name string) string { return filepath.Join(d.dir, name) }

func (d *drone) write(name, data string) {
	d.t.Helper()
	if err := os.MkdirAll(filepath.Dir(d.path(name)), 0o755); err != nil {
		d.t.Fatal(err)
	}
	if err := os.WriteFile(d.path(name), []byte(data), 0o755); err != nil {
		d.t.Fatal(err)
	}
}

func (d *drone) remove(name string) {
	d.t.Helper()
	if err := os.RemoveAll(d.path(name)); err != nil {
		d.t.Fatal(err)
	}
}

func (d *drone) chmod(name string, mode os.FileMode) {
	d.t.Helper()
	if err := os.Chmod(d.path(name), mode); err != nil {
		d.t.Fatal(err)
	}
}

// holds makes a process that has a device open.
func (d *drone) holds(pid, comm, dev string) {
	d.t.Helper()
	d.remove("root/proc/" + pid)
	d.write("root/proc/"+pid+"/comm", comm+"\n")
	d.write("root/proc/"+pid+"/fd/0", "")
	if err := os.Symlink(dev, d.path("root/proc/"+pid+"/fd/3")); err != nil {
		d.t.Fatal(err)
	}
}

// examine returns what each check found, by name.
func (d *drone) examine() map[string]doctor.Check {
	d.t.Helper()
	s := doctor.Subject{File: d.path("drone.toml"), Identity: &d.id, Floor: d.floor,
		Lock: func() doctor.Check { return doctor.Check{Name: "lock", Grade: doctor.OK} },
		Agent: func(context.Context) (doctor.Check, bool) {
			return doctor.Check{Name: "agent", Grade: doctor.OK}, d.runs
		},
	}
	found := map[string]doctor.Check{}
	for _, c := range doctor.Examine(d.t.Context(), d.m, s) {
		if _, twice := found[c.Name]; twice {
			d.t.Errorf("two checks are called %s", c.Name)
		}
		if c.Grade == doctor.Wrong && len(c.Do) == 0 {
			d.t.Errorf("%s: wrong, but what to do? %s", c.Name, c.Found)
		}
		found[c.Name] = c
	}
	return found
}

// bus is a bus of registers, 16 bit each, which refuses every write.
type bus struct {
	t     *testing.T
	chips map[uint16]map[byte]uint16
	fail  error // of each transfer, and how many there were
	count int
	open  error
}

// newBus is a bus with four TMP102 at power-up, 25 °C.
func newBus(t *testing.T) *bus {
	b := &bus{t: t, chips: map[uint16]map[byte]uint16{}}
	for addr := uint16(0x48); addr <= 0x4B; addr++ {
		b.chips[addr] = map[byte]uint16{0: 0x1900, 1: 0x60A0, 2: 0x4B00, 3: 0x5000}
	}
	return b
}

func (b *bus) Bus(board.Bus) (i2c.BusCloser, error) { return b, b.open }
func (b *bus) String() string                       { return "fake" }
func (b *bus) SetSpeed(physic.Frequency) error      { return nil }
func (b *bus) Close() error                         { return nil }

func (b *bus) Tx(addr uint16, w, r []byte) error {
	if b.count++; b.fail != nil {
		return b.fail
	}
	if len(w) > 1 || len(r) == 0 || len(w) > 0 && (addr < 0x40 || addr > 0x4F) {
		b.t.Errorf("wrote % x to 0x%02x", w, addr)
	}
	if addr != 0x55 && (addr < 0x40 || addr > 0x4F) {
		b.t.Errorf("touched 0x%02x", addr)
	}
	regs, there := b.chips[addr]
	if !there {
		return unix.ENXIO
	}
	var reg byte
	if len(w) > 0 {
		reg = w[0]
	}
	for i := range r {
		r[i] = byte(regs[reg] >> (8 * (1 - i%2)))
	}
	return nil
}

func contains(texts []string, part string) bool {
	return slices.ContainsFunc(texts, func(s string) bool { return strings.Contains(s, part) })
}
