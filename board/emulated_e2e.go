//go:build e2e

package board

import "time"

// The second board of the end-to-end test: QEMU's "virt" for arm64. It has a
// PL061 with eight lines, of which the fourth is its power key, and no I²C.
func init() {
	boards["virt"] = func() *Board {
		const chip = "9030000.pl061"
		return &Board{
			Name: "virt",
			Inputs: []Line{
				{Name: Disarmed, Chip: chip, Offset: 0, PullDown: true, Debounce: 5 * time.Millisecond},
				{Name: Holding, Chip: chip, Offset: 1, PullDown: true, Debounce: 5 * time.Millisecond},
				{Name: Heartbeat, Chip: chip, Offset: 2, PullDown: true},
			},
			Outputs: []Line{
				{Name: PauseReq, Chip: chip, Offset: 4},
				{Name: LEDBlue, Chip: chip, Offset: 5},
				{Name: LEDAmber, Chip: chip, Offset: 6},
			},
		}
	}
}
