package doctor_test

import (
	"os"
	"strings"
	"testing"

	"github.com/aim-control/aimlock/agent/cmd/aimctl/doctor"
)

// ledBoard is a Raspberry Pi whose status LEDs are the kernel's.
const ledBoard = `name = "led-pi"
watchdog = "/dev/watchdog0"
bus.motors = "/dev/i2c-1"
[motor]
motor1 = { chip = "tmp102", bus = "motors", addr = 0x48 }
motor2 = { chip = "tmp102", bus = "motors", addr = 0x49 }
motor3 = { chip = "tmp102", bus = "motors", addr = 0x4A }
motor4 = { chip = "tmp102", bus = "motors", addr = 0x4B }
[line]
DISARMED     = { chip = "pinctrl-bcm2*", offset = 17 }
HOLDING      = { chip = "pinctrl-bcm2*", offset = 27 }
FC_HEARTBEAT = { chip = "pinctrl-bcm2*", offset = 5 }
PAUSE_REQ    = { chip = "pinctrl-bcm2*", offset = 23 }
[leds]
`

const leds = "root/sys/class/leds/"

// lit makes the drone one with kernel LEDs, in order.
func lit(d *drone, table string) {
	d.write("board.toml", ledBoard+table)
	d.id.Board = d.path("board.toml")
	for _, name := range []string{"blue:status", "ACT"} {
		d.write(leds+name+"/brightness", "0\n")
		d.write(leds+name+"/trigger", "[none] timer mmc0\n")
	}
	d.write(leds+"rgb:status/brightness", "0\n")
	d.write(leds+"rgb:status/multi_index", "red green blue\n")
	for _, offset := range []int{22, 24, 25} {
		d.lines()[offset] = doctor.Line{}
	}
}

const (
	twoLEDs = "blue = '/sys/class/leds/blue:status'\namber = '/sys/class/leds/ACT'\n"
	oneLED  = "rgb = '/sys/class/leds/rgb:status'\n"
)

func TestLEDs(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		table               string
		break_              func(*drone)
		check, grade        string
		foundHas, remedyHas string
	}{
		"well":          {twoLEDs, func(*drone) {}, "LED amber", doctor.OK, "ACT, driven by the agent", ""},
		"well, one":     {oneLED, func(*drone) {}, "LED rgb", doctor.OK, "driven by the agent", ""},
		"not there":     {twoLEDs, func(d *drone) { d.remove(leds + "ACT") }, "LED amber", doctor.Wrong, "/sys/class/leds/ACT is not there", "LEDs here: blue:status, rgb:status"},
		"no class":      {oneLED, func(d *drone) { d.remove(leds) }, "LED rgb", doctor.Wrong, "is not there", "LEDs here: none"},
		"taken":         {twoLEDs, func(d *drone) { d.write(leds+"ACT/trigger", "none timer [mmc0]\n") }, "LED amber", doctor.Wrong, "the kernel's trigger mmc0 although the agent runs", "restart aimd"},
		"one colour":    {oneLED, func(d *drone) { d.write(leds+"rgb:status/multi_index", "white\n") }, "LED rgb", doctor.Wrong, `colours ["white"]`, "red and blue"},
		"no colours":    {oneLED, func(d *drone) { d.remove(leds + "rgb:status/multi_index") }, "LED rgb", doctor.Wrong, "no such file", "red and blue"},
		"free, trigger": {twoLEDs, func(d *drone) { stopped(d); d.write(leds+"ACT/trigger", "[mmc0]\n") }, "LED amber", doctor.OK, `KERNEL=="ACT"`, ""},
		"free, group's": {twoLEDs, func(d *drone) { stopped(d); d.chmod(leds+"ACT/brightness", 0o664) }, "LED amber", doctor.OK, "ACT, free", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := healthy(t)
			lit(d, tt.table)
			tt.break_(d)
			found := d.examine()
			c := found[tt.check]
			if c.Grade != tt.grade || !strings.Contains(c.Found, tt.foundHas) || tt.remedyHas != "" && !contains(c.Do, tt.remedyHas) {
				t.Errorf("%+v; want %s with %q and the remedy %q", c, tt.grade, tt.foundHas, tt.remedyHas)
			}
			if name == "free, group's" && strings.Contains(c.Found, "udev") {
				t.Errorf("its group may switch it, and yet: %s", c.Found)
			}
			for other, c := range found {
				if other != tt.check && c.Grade != doctor.OK {
					t.Errorf("%s as well: %s", other, c.Found)
				}
			}
			if data, err := os.ReadFile(d.path(leds + "ACT/brightness")); err == nil && string(data) != "0\n" {
				t.Errorf("it was switched: %q", data)
			}
		})
	}
}

// stopped is a drone whose agent does not run.
func stopped(d *drone) {
	d.runs = false
	clear(d.lines())
	d.remove("root/proc/17")
}
