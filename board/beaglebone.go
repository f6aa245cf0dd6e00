package board

import "time"

// beagleboneBlue is the BeagleBone Blue: four lines on the connector GP0 (pins
// 3 to 6: GPIO1_25, GPIO1_17, GPIO3_20, GPIO3_17), two on GP1 (pins 3 and 4:
// GPIO3_2, GPIO3_1). Lines go by name, because the bank of a label like
// gpio-32-63 is that of the order in which the kernel probed them
// (drivers/gpio/gpio-omap.c). GP1's other two pins are LED_RED and LED_GREEN
// of leds-gpio; so no line is left for a technician's button. Those two, red and
// green in /sys/class/leds, have the autopilot's colours and stay its own; a
// board.toml whose table leds names others gains GP1's two lines.
//
// Sources: line names, leds-gpio and what is on which bus,
// arch/arm/boot/dts/ti/omap/am335x-boneblue.dts; bus numbers, the aliases of
// am33xx.dtsi; connector pins, the table "BBBlue pin or usage" of the board's
// community, which agrees with the schematic's net names.
//
// The I2C connector is I2C1, which the mainline tree leaves off: switch it on
// in an overlay. I2C0 has the PMIC and I2C2 the board's own sensors.
//
// From memory, check before you rely on it: the pads of GP0 and GP1 are GPIOs
// after a reset; the GPIO driver cannot pull, so that external pull-downs do it
// alone; the kernel has no thermal zone for this chip; the OMAP watchdog is
// /dev/watchdog0. The TMP102 addresses are this project's choice, not the
// board's.
func beagleboneBlue() *Board {
	const chip = "gpio-*"
	return &Board{
		Name:   "beaglebone-blue",
		Buses:  []Bus{{Name: "motors", Dev: "/dev/i2c-1"}},
		Motors: motorsTMP102("motors"),
		Inputs: []Line{
			{Name: Disarmed, Chip: chip, Line: "GPIO1_25", PullDown: true, Debounce: 5 * time.Millisecond},
			{Name: Holding, Chip: chip, Line: "GPIO1_17", PullDown: true, Debounce: 5 * time.Millisecond},
			{Name: Heartbeat, Chip: chip, Line: "GPIO3_20", PullDown: true},
		},
		Outputs: []Line{
			{Name: PauseReq, Chip: chip, Line: "GPIO3_17"},
			{Name: LEDBlue, Chip: chip, Line: "GPIO3_2"},
			{Name: LEDAmber, Chip: chip, Line: "GPIO3_1"},
		},
		Watchdog: "/dev/watchdog0",
	}
}
