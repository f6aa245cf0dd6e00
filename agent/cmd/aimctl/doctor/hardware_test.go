package doctor_test

import (
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/aim-control/aimlock/agent/cmd/aimctl/doctor"
)

func TestHardware(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		break_              func(*drone)
		check, grade        string
		foundHas, remedyHas string
	}{
		"no bus":        {func(d *drone) { d.remove("root/dev/i2c-1") }, "bus motors", doctor.Wrong, "not there", "dtparam=i2c_arm=on"},
		"not allowed":   {func(d *drone) { d.bus.open = unix.EACCES }, "bus motors", doctor.Wrong, "permission", "group i2c"},
		"stuck bus":     {func(d *drone) { d.bus.fail = unix.ETIMEDOUT }, "bus motors", doctor.Wrong, "stuck", "SDA"},
		"missing chip":  {func(d *drone) { delete(d.bus.chips, 0x49) }, "chip motor2", doctor.Wrong, "0x49: nothing answers", "address pins"},
		"other chip":    {func(d *drone) { d.bus.chips[0x4A] = ina226() }, "chip motor3", doctor.Wrong, "ina226 answers; the board has a tmp102", "Fit the chip"},
		"more chips":    {func(d *drone) { d.bus.chips[0x40] = ina226() }, "chip 0x40", doctor.Note, "ina226 answers", ""},
		"unknown chip":  {func(d *drone) { d.bus.chips[0x44] = map[byte]uint16{} }, "chip 0x44", doctor.Note, "not known here", ""},
		"taken line":    {func(d *drone) { d.lines()[23] = doctor.Line{Used: true, Consumer: "spi0 CS1"} }, "line PAUSE_REQ", doctor.Wrong, `line 23 is taken by "spi0 CS1"`, "device tree"},
		"free line":     {func(d *drone) { d.lines()[24] = doctor.Line{} }, "line LED_BLUE", doctor.Wrong, "although the agent runs", "restart aimd"},
		"twice":         {func(d *drone) { d.lines()[25].Consumer = "aimlock LED_BLUE" }, "line LED_AMBER", doctor.Wrong, "as LED_BLUE", "table"},
		"no GPIO":       {func(d *drone) { d.m.GPIO = func() ([]doctor.GPIO, error) { return nil, nil } }, "lines", doctor.Wrong, "no GPIO", "CONFIG_GPIO_CDEV"},
		"no thermal":    {func(d *drone) { d.remove("root/sys/class/thermal") }, "companion", doctor.Wrong, "no such file", "CONFIG_THERMAL"},
		"sensor is off": {func(d *drone) { d.write("root/sys/class/thermal/thermal_zone0/temp", "-273150\n") }, "companion", doctor.Wrong, "no plausible temperature", "thermal_zone*"},
		"no watchdog":   {func(d *drone) { d.remove("root/dev/watchdog0") }, "watchdog", doctor.Wrong, "not there", "dtparam=watchdog=on"},
		"systemd's dog": {func(d *drone) { d.holds("17", "systemd", "/dev/watchdog") }, "watchdog", doctor.Wrong, "held by systemd (pid 17)", "RuntimeWatchdogSec=0"},
		"other's dog":   {func(d *drone) { d.holds("17", "watchdogd", "/dev/watchdog0") }, "watchdog", doctor.Wrong, "held by watchdogd", "Stop"},
		"by the dog":    {func(d *drone) { d.sysfs("bootstatus", "32\n") }, "last reset", doctor.Note, "BY WATCHDOG", "journalctl -b -1 -e"},
		"crashed":       {func(d *drone) { d.write("root/sys/fs/pstore/dmesg-ramoops-0", "") }, "last reset", doctor.Note, "dmesg-ramoops-0 in /sys/fs/pstore", "ls -l"},
		"crashed, kept": {func(d *drone) { d.write("root/var/lib/systemd/pstore/7312/dmesg.txt", "") }, "last reset", doctor.Note, "7312 in /var/lib/systemd/pstore", "ls -l"},
		"nobody's dog":  {func(d *drone) { d.remove("root/proc/17") }, "watchdog", doctor.Wrong, "fed by nobody", "journalctl"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := healthy(t)
			tt.break_(d)
			found := d.examine()
			c := found[tt.check]
			if c.Grade != tt.grade || !contains([]string{c.Found}, tt.foundHas) || tt.remedyHas != "" && !contains(c.Do, tt.remedyHas) {
				t.Errorf("%+v; want %s with %q and the remedy %q", c, tt.grade, tt.foundHas, tt.remedyHas)
			}
			for other, c := range found {
				if other != tt.check && c.Grade != doctor.OK {
					t.Errorf("%s as well: %s", other, c.Found)
				}
			}
			if d.bus.fail != nil && d.bus.count != 1 {
				t.Errorf("a stuck bus was asked %d times, a second each", d.bus.count)
			}
		})
	}
}

// What the kernel does before the watchdog resets is said beside it.
func TestPretimeout(t *testing.T) {
	t.Parallel()
	for governor, want := range map[string]string{
		"noop\n": "; 3 s before it resets, the kernel logs it", "panic\n": "the kernel panics, for a dump in pstore", "odd\n": "governor odd",
	} {
		d := healthy(t)
		d.sysfs("pretimeout", "3\n")
		d.sysfs("pretimeout_governor", governor)
		if c := d.examine()["watchdog"]; c.Grade != doctor.OK || !strings.Contains(c.Found, want) {
			t.Errorf("%q: %+v, want %q", governor, c, want)
		}
	}
	d := healthy(t)
	d.sysfs("pretimeout", "0\n")
	if c := d.examine()["watchdog"]; strings.Contains(c.Found, "before") {
		t.Errorf("none: %+v", c)
	}
}

// A kernel that cannot debounce is told of at each line.
func TestOldKernel(t *testing.T) {
	t.Parallel()
	d := healthy(t)
	chips, err := d.m.GPIO()
	if err != nil {
		t.Fatal(err)
	}
	chips[0].Old = true
	d.m.GPIO = func() ([]doctor.GPIO, error) { return chips, nil }
	for name, c := range d.examine() {
		if _, isLine := strings.CutPrefix(name, "line "); !isLine {
			if c.Grade != doctor.OK {
				t.Errorf("%s as well: %s", name, c.Found)
			}
		} else if c.Grade != doctor.Wrong || !strings.Contains(c.Found, "first version") || !contains(c.Do, "Linux 5.10") {
			t.Errorf("%s: %+v", name, c)
		}
	}
}

// Without an agent, lines and watchdog are free, and that is right.
func TestAgentStopped(t *testing.T) {
	t.Parallel()
	d := healthy(t)
	d.runs = false
	clear(d.lines())
	d.remove("root/proc/17")
	for name, c := range d.examine() {
		if c.Grade != doctor.OK {
			t.Errorf("%s: %+v", name, c)
		}
	}
}

// lines are those of the chip, to be changed.
func (d *drone) lines() []doctor.Line {
	chips, err := d.m.GPIO()
	if err != nil {
		d.t.Fatal(err)
	}
	return chips[0].Lines
}

// ina226 is an INA226 at power-up.
func ina226() map[byte]uint16 {
	return map[byte]uint16{0x00: 0x4127, 0xFE: 0x5449, 0xFF: 0x2260}
}
