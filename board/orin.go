package board

import "time"

// orinNano is the Jetson Orin Nano developer kit, by pins of its 40-pin header:
// 7 DISARMED, 11 HOLDING, 13 heartbeat, 15 button; 16 PAUSE_REQ, 18 blue, 22
// amber. Pins 3 and 5 are the kernel's i2c-7.
//
// Sources: label and line names (P, port, two digits),
// drivers/gpio/gpio-tegra186.c, where the port AC belongs to tegra234-gpio;
// header pins, Blinka's jetson_orin_nx.py; i2c-7, Blinka's t234/pin.py. Kernels
// that know several sockets may put a prefix before the names: then use a
// board.toml.
//
// From memory, check before you rely on it: the header's pads must be set to
// GPIO, and the outputs to output, with jetson-io or an overlay; the GPIO
// driver cannot pull, so that external pull-downs do it alone; the first
// thermal zone is the CPU's; the watchdog is /dev/watchdog0. The TMP102
// addresses are this project's choice, not the board's.
func orinNano() *Board {
	const chip = "tegra234-gpio"
	return &Board{
		Name:      "orin-nano",
		Buses:     []Bus{{Name: "motors", Dev: "/dev/i2c-7"}},
		Motors:    motorsTMP102("motors"),
		Companion: "/sys/class/thermal/thermal_zone0/temp",
		Inputs: []Line{
			{Name: Disarmed, Chip: chip, Line: "PAC.06", PullDown: true, Debounce: 5 * time.Millisecond},
			{Name: Holding, Chip: chip, Line: "PR.04", PullDown: true, Debounce: 5 * time.Millisecond},
			{Name: Heartbeat, Chip: chip, Line: "PY.00", PullDown: true},
			{Name: Button, Chip: chip, Line: "PN.01", PullDown: true, Debounce: 20 * time.Millisecond},
		},
		Outputs: []Line{
			{Name: PauseReq, Chip: chip, Line: "PY.04"},
			{Name: LEDBlue, Chip: chip, Line: "PY.03"},
			{Name: LEDAmber, Chip: chip, Line: "PY.01"},
		},
		Watchdog: "/dev/watchdog0",
	}
}
