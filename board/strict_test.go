package board

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

// Whatever is wrong with a board.toml is said with its file, its line and what
// would be right. A case swaps one text of the example for another.
func TestStrict(t *testing.T) {
	t.Parallel()
	const m2 = `motor2 = { chip = "tmp102", bus = "motors", addr = 0x49 }`
	const pause = `PAUSE_REQ    = { chip = "pinctrl-bcm2*", offset = 23 }`
	for name, c := range map[string]struct{ old, new, want string }{
		"unknown key":         {"watchdog ", "watchcat ", `f:4: watchcat: is unknown; known here: name, companion, watchdog and the tables`},
		"unknown table":       {"[supply]", "[supplies]", `f:15: supplies: is unknown; known here: name`},
		"unknown motor key":   {m2, `motor2 = { chip = "tmp102", bus = "motors", address = 0x49 }`, `f:11: motor.motor2.address: is unknown; known here: chip, bus, addr`},
		"unknown line key":    {"offset = 23 }", "offset = 23, active_low = true }", `f:28: line.PAUSE_REQ.active_low: is unknown; known here: chip, line or offset`},
		"debounced output":    {"offset = 23 }", `offset = 23, debounce = "5ms" }`, `f:28: line.PAUSE_REQ.debounce: is unknown`},
		"pull":                {"offset = 17 }", `offset = 17, pull = "up" }`, `f:24: line.DISARMED.pull: cannot be chosen; leave it out: inputs are pulled down`},
		"too deep":            {"addr = 0x55", "addr.x = 0x55", `f:21: rgb.addr.x: is unknown; known here: chip, bus, addr`},
		"bus as table":        {`motors = "/dev/i2c-1"`, `motors = { dev = "/dev/i2c-1" }`, `f:7: bus.motors: is a table; write a string`},
		"string for int":      {"addr = 0x49", `addr = "0x49"`, `f:11: motor.motor2.addr: is a string; write an integer`},
		"int for string":      {`name      = "quad-pi"`, `name = 4`, `f:2: name: is an integer; write a string`},
		"float":               {"offset = 23", "offset = 23.0", `f:28: line.PAUSE_REQ.offset: is neither text nor a whole number; write an integer`},
		"table for value":     {m2, `motor2 = "tmp102"`, `f:11: motor.motor2: is a string; write a table`},
		"value for table":     {"[bus] ", "[bus_]\n[watchdog.x]\n#", `f:6: bus_: is unknown`},
		"duration for int":    {`debounce = "10ms"`, `debounce = 10`, `f:25: line.HOLDING.debounce: is an integer; write a string`},
		"no duration":         {`debounce = "10ms"`, `debounce = "10"`, `f:25: line.HOLDING.debounce: is "10"; write a time like 5ms`},
		"long debounce":       {`debounce = "10ms"`, `debounce = "21ms"`, `f:25: line.HOLDING.debounce: is 21ms; write 0s to 20ms`},
		"negative debounce":   {`debounce = "10ms"`, `debounce = "-1ms"`, `f:25: line.HOLDING.debounce: is -1ms; write 0s to 20ms`},
		"negative":            {"offset = 23", "offset = -1", `f:28: line.PAUSE_REQ.offset: is "-1"; write 0 to 1023`},
		"far offset":          {"offset = 23", "offset = 1024", `f:28: line.PAUSE_REQ.offset: is "1024"; write 0 to 1023`},
		"octal":               {"offset = 23", "offset = 023", `f:28: is no TOML: `},
		"underscore":          {"offset = 23", "offset = 2_3", `f:28: line.PAUSE_REQ.offset: is "2_3"; write 0 to 1023, like 17 or 0x11`},
		"overflow":            {"addr = 0x49", "addr = 0x100000049", `f:11: motor.motor2.addr: is "0x100000049"; write 0 to 65535`},
		"address":             {"addr = 0x49", "addr = 0x4C", `f:11: motor.motor2.addr: is 0x4c; write 0x48 to 0x4b, the addresses of a tmp102`},
		"supply address":      {"addr = 0x40", "addr = 0x50", `f:16: supply.battery.addr: is 0x50; write 0x40 to 0x4f`},
		"one address":         {"addr = 0x49", "addr = 0x4A", `f:12: motor.motor3.addr: 0x4a is the address of motor.motor2; set the address pins`},
		"supply and motor":    {"addr = 0x40", "addr = 0x44", `f:16: supply.battery.addr: 0x44 is the address of motor.motor4;`},
		"unknown chip":        {m2, strings.Replace(m2, "tmp102", "blueesc", 1), `f:11: motor.motor2.chip: is "blueesc", for which there is no driver; use tmp102, tmp105, lm75, ina228`},
		"chip in wrong role":  {`"ina226"`, `"tmp102"`, `f:16: supply.battery.chip: is "tmp102", for which there is no driver; use ina226, ina228`},
		"lamp":                {`"tca62724"`, `"ws2812"`, `f:19: rgb.chip: is "ws2812", for which there is no driver; use tca62724, ncp5623`},
		"no chip":             {m2, `motor2 = { bus = "motors", addr = 0x49 }`, `f:11: motor.motor2.chip: is missing, for which`},
		"no bus":              {m2, `motor2 = { chip = "tmp102", addr = 0x49 }`, `f:11: motor.motor2.bus: is missing, no bus of this board`},
		"no address":          {m2, `motor2 = { chip = "tmp102", bus = "motors" }`, `f:11: motor.motor2.addr: is missing; write 0x48 to 0x4b`},
		"empty sensor":        {m2, `motor2 = {}`, `f:11: motor.motor2.chip: is missing`},
		"other bus":           {m2, strings.Replace(m2, `"motors"`, `"tail"`, 1), `f:11: motor.motor2.bus: is "tail", no bus of this board; name one of the table bus`},
		"device":              {`"/dev/i2c-1"`, `"i2c-1"`, `f:7: bus.motors: is "i2c-1"; write the kernel's device, like /dev/i2c-1`},
		"device number":       {`"/dev/i2c-1"`, `"/dev/i2c-01"`, `f:7: bus.motors: is "/dev/i2c-01"`},
		"one device":          {`motors = "/dev/i2c-1"`, "motors = '/dev/i2c-1'\ntail = '/dev/i2c-1'", `f:8: bus.tail: is the device of bus.motors; give each bus`},
		"idle bus":            {`motors = "/dev/i2c-1"`, "motors = '/dev/i2c-1'\ntail = '/dev/i2c-2'", `f:8: bus.tail: carries nothing; write what is on it`},
		"shunt":               {"shunt_uohm = 500, ", "", `f:16: supply.battery.shunt_uohm: is 0 µΩ; write the shunt's resistance`},
		"amps":                {"max_amps = 120", "max_amps = 164", `f:16: supply.battery.max_amps: is 164 A; write 1 to 163`},
		"motor with shunt":    {m2, strings.Replace(m2, " }", ", max_amps = 3 }", 1), `f:11: motor.motor2.max_amps: is unknown`},
		"no request":          {pause, "", `f:23: line.PAUSE_REQ: is missing; say where it is wired`},
		"no heartbeat":        {"FC_HEARTBEAT", "#", `f:23: line.FC_HEARTBEAT: is missing`},
		"LEDs nowhere":        {"[rgb] ", "[rgb]\n[motor5]\n#", `f:19: motor5: is unknown`},
		"line twice":          {pause, pause + "\n" + pause, `f:29: line.PAUSE_REQ: is already there; keep one of the two`},
		"LED beside the lamp": {pause, pause + "\n" + `LED_BLUE = { chip = "x", offset = 1 }`, `f:29: line.LED_BLUE: is shown by the table rgb too`},
		"leds and rgb":        {"[rgb] ", "[leds]\nrgb = '/sys/class/leds/x'\n[rgb] ", `f:18: leds: is there beside the table rgb; keep one of the two`},
		"empty leds":          {pause, pause + "\n[leds]", `f:29: leds: is empty; write blue and amber, or rgb, or take it out`},
		"no such line":        {pause, pause + "\n" + `ESTOP = { chip = "x", offset = 1 }`, `f:29: line.ESTOP: is no line of the agent's; use DISARMED, HOLDING`},
		"no such empty line":  {pause, pause + "\n[line.ESTOP]", `f:29: line.ESTOP: is no line of the agent's`},
		"one place":           {"offset = 23", "offset = 17", `f:28: line.PAUSE_REQ: is the line of DISARMED; give each`},
		"one place by label":  {pause, `PAUSE_REQ = { chip = "pinctrl-bcm2711", offset = 17 }`, `f:28: line.PAUSE_REQ: is the line of DISARMED`},
		"one place by name":   {"offset = 23", `line = "GPIO5"`, `f:28: line.PAUSE_REQ: is the line of FC_HEARTBEAT`},
		"line and offset":     {"offset = 23", `offset = 23, line = "GPIO23"`, `f:28: line.PAUSE_REQ: has both a line and an offset`},
		"no place":            {", offset = 23", "", `f:28: line.PAUSE_REQ.offset: is missing or out of range`},
		"any chip":            {pause, `PAUSE_REQ = { chip = "*", offset = 23 }`, `f:28: line.PAUSE_REQ.chip: is "*"; write the GPIO chip's label`},
		"bad pattern":         {pause, `PAUSE_REQ = { chip = "a[", offset = 23 }`, `f:28: line.PAUSE_REQ.chip: is "a["`},
		"long line name":      {`"GPIO5"`, `"` + strings.Repeat("x", 32) + `"`, `f:26: line.FC_HEARTBEAT.line: is "xxx`},
		"name":                {"quad-pi", "Quad Pi", `f:2: name: is "Quad Pi"; write a to z`},
		"no name":             {`name      = "quad-pi"`, "", `f:1: name: is missing`},
		"empty name":          {"quad-pi", "", `f:2: name: is empty`},
		"built-in name":       {"quad-pi", "sim", `f:2: name: "sim" is a built-in board`},
		"sensor name":         {"motor2 =", "Motor =", `f:11: motor.Motor: is no name`},
		"sensor twice":        {"motor2 =", "motor1 =", `f:11: motor.motor1: is already there`},
		"supply as motor":     {"battery =", "motor1 =", `f:16: supply.motor1: has the name of motor.motor1`},
		"companion":           {"/sys/class/thermal/thermal_zone0/temp", "/sys/../etc/passwd", `f:3: companion: is "/sys/../etc/passwd"; write the file of a thermal zone`},
		"watchdog":            {"/dev/watchdog0", "/dev/sda", `f:4: watchdog: is "/dev/sda"; write /dev/watchdog0`},
		"array of tables":     {"[rgb] ", "[[rgb]] ", `f:18: rgb: is an array of tables; write it with one pair of brackets`},
		"table twice":         {"[supply] ", "[motor] ", `f:15: motor: is already there`},
		"inline reopened":     {"[supply] ", "[motor.motor1]\nx = 1\n[supply] ", `f:15: motor.motor1: is already there`},
		"header reopened":     {"[line] ", "[line.DISARMED]\n[line] ", `f:25: line.DISARMED: is already there`},
		"dotted reopened":     {m2, "motor2.chip = 'lm75'\n[motor.motor2]", `f:12: motor.motor2: is already there`},
		"key with a dot":      {"watchdog ", `"a.b" `, `f:4: "a.b" is no key of a board; use letters`},
		"empty table":         {"chip = \"tca62724\"\nbus  = \"motors\"\naddr = 0x55", "", `f:18: rgb: is empty`},
		"no TOML":             {pause, "PAUSE_REQ = GPIO23", `f:28: is no TOML: incomplete number; write key = value`},
	} {
		text := strings.Replace(example(t), c.old, c.new, 1)
		if text == example(t) {
			t.Errorf("%s: the case changes nothing", name)
		}
		b, err := Parse("f", []byte(text))
		if b != nil || err == nil || !strings.Contains("\n"+err.Error(), "\n"+c.want) {
			t.Errorf("%s: got\n%v\nwant\n%s", name, err, c.want)
		}
	}
}

// The kernel's LEDs stand where the example has its RGB chip, from line 18 on.
func TestStrictLEDs(t *testing.T) {
	t.Parallel()
	with := func(leds string) []byte {
		text := example(t)
		from, to := strings.Index(text, "[rgb]"), strings.Index(text, "[line]")
		return []byte(text[:from] + "[leds]\n" + leds + "\n" + text[to:])
	}
	const dir = "/sys/class/leds/"
	for leds, want := range map[string]LEDs{
		`blue = "/sys/class/leds/blue:status"` + "\n" + `amber = "/sys/class/leds/ACT"`: {Blue: dir + "blue:status", Amber: dir + "ACT"},
		`rgb = "/sys/class/leds/rgb:indicator-0"`:                                       {RGB: dir + "rgb:indicator-0"},
	} {
		b, err := Parse("f", with(leds))
		if err != nil || b.LEDs != want || b.Lamp() != LampLEDs {
			t.Errorf("%s: %+v, %v", leds, b, err)
		}
	}
	const blue, amber = `blue = "/sys/class/leds/b"` + "\n", `amber = "/sys/class/leds/a"` + "\n"
	for leds, want := range map[string]string{
		blue:                                  `f:18: leds.amber: is missing; write the LED's folder as ls -d /sys/class/leds/* shows it`,
		amber:                                 `f:18: leds.blue: is missing;`,
		blue + `amber = "ACT"`:                `f:20: leds.amber: is "ACT"; write the LED's folder`,
		blue + `amber = "/sys/class/leds/"`:   `f:20: leds.amber: is "/sys/class/leds/"; write the LED's folder`,
		blue + `amber = "/sys/class/leds/.."`: `f:20: leds.amber: is "/sys/class/leds/.."; write the LED's folder`,
		blue + `amber = "/sys/class/leds/a/brightness"`:            `f:20: leds.amber: is "/sys/class/leds/a/brightness"; write the LED's folder`,
		blue + `amber = "/sys/class/leds/b"`:                       `f:20: leds.amber: is the LED of leds.blue; give each an LED of its own`,
		blue + amber + `rgb = "/sys/class/leds/c"`:                 `f:21: leds.rgb: is there beside blue or amber; keep rgb alone`,
		blue + amber + `red = "/sys/class/leds/c"`:                 `f:21: leds.red: is unknown; known here: blue and amber, or rgb`,
		blue + `amber = 25`:                                        `f:20: leds.amber: is an integer; write a string`,
		blue + `amber = { name = "a" }`:                            `f:20: leds.amber: is a table; write a string`,
		blue + amber + "[line.LED_BLUE]\nchip = \"x\"\noffset = 1": `f:21: line.LED_BLUE: is shown by the table leds too; take out the line or that table`,
	} {
		b, err := Parse("f", with(leds))
		if b != nil || err == nil || !strings.Contains("\n"+err.Error(), "\n"+want) {
			t.Errorf("%s: got\n%v\nwant\n%s", leds, err, want)
		}
	}
}

// A table with a header is complete: no dotted key adds to it.
func TestReopened(t *testing.T) {
	t.Parallel()
	_, err := Parse("f", []byte("[line.DISARMED]\nchip = 'a'\n[line]\nDISARMED.offset = 1\n"))
	if err == nil || !strings.HasPrefix(err.Error(), "f:4: line.DISARMED: is already there") {
		t.Errorf("got %v", err)
	}
}

// At most eight buses and motors, and the first problems only of many.
func TestBounds(t *testing.T) {
	t.Parallel()
	var text strings.Builder
	for i := range 30 {
		fmt.Fprintf(&text, "bus.b%d = \"/dev/i2c-%d\"\nmotor.m%d = { chip = \"tmp102\", bus = \"b%d\", addr = 0x48 }\n", i, i, i, i)
	}
	_, err := Parse("f", []byte(text.String()))
	for _, want := range []string{"f:1: bus: has 30 entries; write at most 8", "f:2: motor: has 30 entries; write at most 8"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	_, err = Parse("f", []byte(strings.Repeat("x = 1\n", 100)))
	var ps Problems
	if !errors.As(err, &ps) || len(ps) != maxProblems || ps[0].Line != 1 {
		t.Errorf("got %v", err)
	}
}
