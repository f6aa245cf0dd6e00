package board

import "time"

var boards = map[string]func() *Board{
	"ast2600-evb":     ast2600,
	"beaglebone-blue": beagleboneBlue,
	"navqplus":        navqplus,
	"orin-nano":       orinNano,
	"rpi":             rpi,
	"sim":             sim,
}

// motorsTMP102 is one TMP102 a motor: the chip has four addresses.
func motorsTMP102(bus string) []Sensor {
	return []Sensor{
		{Name: "motor1", Chip: "tmp102", Bus: bus, Addr: 0x48},
		{Name: "motor2", Chip: "tmp102", Bus: bus, Addr: 0x49},
		{Name: "motor3", Chip: "tmp102", Bus: bus, Addr: 0x4A},
		{Name: "motor4", Chip: "tmp102", Bus: bus, Addr: 0x4B},
	}
}

// sim is the simulated board of package hal/sim. It has no watchdog device:
// a simulated drone must never reset the machine it runs on.
func sim() *Board {
	const chip = "aimsim"
	return &Board{
		Name:      "sim",
		Buses:     []Bus{{Name: "motors", Dev: "/dev/i2c-1"}},
		Motors:    motorsTMP102("motors"),
		Supplies:  []Sensor{{Name: "battery", Chip: "ina226", Bus: "motors", Addr: 0x40, ShuntMicroOhm: 500, MaxAmps: 100}},
		Companion: "/sys/class/thermal/thermal_zone0/temp",
		Inputs: []Line{
			{Name: Disarmed, Chip: chip, Line: Disarmed, Offset: 0, PullDown: true, Debounce: 5 * time.Millisecond},
			{Name: Holding, Chip: chip, Line: Holding, Offset: 1, PullDown: true, Debounce: 5 * time.Millisecond},
			{Name: Heartbeat, Chip: chip, Line: Heartbeat, Offset: 2, PullDown: true},
			{Name: Button, Chip: chip, Line: Button, Offset: 3, PullDown: true, Debounce: 20 * time.Millisecond},
		},
		Outputs: []Line{
			{Name: PauseReq, Chip: chip, Line: PauseReq, Offset: 4},
			{Name: LEDBlue, Chip: chip, Line: LEDBlue, Offset: 5},
			{Name: LEDAmber, Chip: chip, Line: LEDAmber, Offset: 6},
		},
	}
}

// rpi is the Raspberry Pi Zero 2 W, 3, 4 and CM4. Their GPIO chip is labelled
// pinctrl-bcm2835 or pinctrl-bcm2711 and its offsets are the BCM numbers; line
// names differ between the vendor's and the mainline device tree, so offsets
// decide. GPIO0 and 1 belong to the ID EEPROM, 2 and 3 are I2C1, 14 and 15 the
// MAVLink UART.
//
// DISARMED also has an external pull-down, so that a broken wire reads armed;
// the chip's own pull-downs stand behind it and behind the other inputs. The
// button closes to 3.3 V. Debounce 5 ms keeps an edge well within a turn; the
// heartbeat has none: bounce there only looks alive for a moment.
//
// Sources: labels, drivers/pinctrl/bcm/pinctrl-bcm2835.c; the wiring is this
// project's own. From memory: GPIO9 to 27 boot with pull-downs; the watchdog,
// bcm2835_wdt, is /dev/watchdog0 and allows 15 s at most; the first thermal
// zone is the SoC's.
func rpi() *Board {
	const chip = "pinctrl-bcm2*"
	return &Board{
		Name:      "rpi",
		Buses:     []Bus{{Name: "motors", Dev: "/dev/i2c-1"}},
		Motors:    motorsTMP102("motors"),
		Companion: "/sys/class/thermal/thermal_zone0/temp",
		Inputs: []Line{
			{Name: Disarmed, Chip: chip, Offset: 17, PullDown: true, Debounce: 5 * time.Millisecond},
			{Name: Holding, Chip: chip, Offset: 27, PullDown: true, Debounce: 5 * time.Millisecond},
			{Name: Heartbeat, Chip: chip, Offset: 5, PullDown: true},
			{Name: Button, Chip: chip, Offset: 22, PullDown: true, Debounce: 20 * time.Millisecond},
		},
		Outputs: []Line{
			{Name: PauseReq, Chip: chip, Offset: 23},
			{Name: LEDBlue, Chip: chip, Offset: 24},
			{Name: LEDAmber, Chip: chip, Offset: 25},
		},
		Watchdog: "/dev/watchdog0",
	}
}
