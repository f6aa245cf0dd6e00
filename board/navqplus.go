package board

import "time"

// navqplus is NXP's NavQ+ (i.MX 8M Plus). I2C1 carries the PMIC and is never
// touched, I2C4 the USB controllers and a secure element at 0x48; sensors go on
// I2C2, the kernel's i2c-1, or I2C3, i2c-2.
//
// No source says which lines of the SoC reach a connector for all that the
// agent needs: the connector AUX has two pins, GPT1_CAPTURE1 and
// GPT1_CAPTURE2, and mainline names no line at all. So this table takes no pin
// for granted: it looks for lines that have the agent's own names. Give them
// those in the drone's device tree, with the pads set to GPIO and pulled down:
//
//	&gpio5 { gpio-line-names = …, "DISARMED", "HOLDING", "FC_HEARTBEAT", "PAUSE_REQ"; };
//
// Sources: buses and the status LED on gpio3 16 (not ours),
// arch/arm64/boot/dts/freescale/imx8mp-navqp.dts; bus numbers, GPIO addresses
// and thermal zones, imx8mp.dtsi; what is on which bus and the connector AUX,
// NXP's NavQPlus hardware pages; labels like 30200000.gpio, gpiodetect on other
// i.MX 8M Plus boards.
//
// From memory, check before you rely on it: the first thermal zone is the
// CPU's; wdog1 is /dev/watchdog0. The TMP102 addresses are this project's
// choice, not the board's.
func navqplus() *Board {
	const chip = "302?0000.gpio"
	return &Board{
		Name:      "navqplus",
		Buses:     []Bus{{Name: "motors", Dev: "/dev/i2c-1"}},
		Motors:    motorsTMP102("motors"),
		Companion: "/sys/class/thermal/thermal_zone0/temp",
		Inputs: []Line{
			{Name: Disarmed, Chip: chip, Line: Disarmed, PullDown: true, Debounce: 5 * time.Millisecond},
			{Name: Holding, Chip: chip, Line: Holding, PullDown: true, Debounce: 5 * time.Millisecond},
			{Name: Heartbeat, Chip: chip, Line: Heartbeat, PullDown: true},
			{Name: Button, Chip: chip, Line: Button, PullDown: true, Debounce: 20 * time.Millisecond},
		},
		Outputs: []Line{
			{Name: PauseReq, Chip: chip, Line: PauseReq},
			{Name: LEDBlue, Chip: chip, Line: LEDBlue},
			{Name: LEDAmber, Chip: chip, Line: LEDAmber},
		},
		Watchdog: "/dev/watchdog0",
	}
}
