package board

import "time"

// ast2600 is the ASPEED AST2600 evaluation board, which QEMU emulates closely
// enough that the kernel's own drivers run on it: the board of the end-to-end
// test in board/e2e. Its GPIO group G, offsets 48 to 55, is entirely free. It
// has no thermal zone, so no companion temperature.
func ast2600() *Board {
	const chip = "1e780000.gpio"
	return &Board{
		Name:  "ast2600-evb",
		Buses: []Bus{{Name: "motors", Dev: "/dev/i2c-0"}},
		Motors: []Sensor{
			{Name: "motor1", Chip: "tmp105", Bus: "motors", Addr: 0x48},
			{Name: "motor2", Chip: "tmp105", Bus: "motors", Addr: 0x49},
			{Name: "motor3", Chip: "tmp105", Bus: "motors", Addr: 0x4A},
			{Name: "motor4", Chip: "tmp105", Bus: "motors", Addr: 0x4B},
		},
		Inputs: []Line{
			{Name: Disarmed, Chip: chip, Offset: 48, PullDown: true, Debounce: 5 * time.Millisecond},
			{Name: Holding, Chip: chip, Offset: 49, PullDown: true, Debounce: 5 * time.Millisecond},
			{Name: Heartbeat, Chip: chip, Offset: 50, PullDown: true},
			{Name: Button, Chip: chip, Offset: 51, PullDown: true, Debounce: 20 * time.Millisecond},
		},
		Outputs: []Line{
			{Name: PauseReq, Chip: chip, Offset: 52},
			{Name: LEDBlue, Chip: chip, Offset: 53},
			{Name: LEDAmber, Chip: chip, Offset: 54},
		},
		Watchdog: "/dev/watchdog0",
	}
}
