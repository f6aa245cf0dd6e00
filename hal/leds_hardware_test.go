//go:build hardware

package hal

import (
	"bytes"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/aim-control/aimlock/board"
)

// TestHardwareLEDs drives LEDs of a real kernel and reads back what it has of
// them, and measures what a write takes. They are dark afterwards, without a
// trigger.
//
//	AIM_HW_LED_BLUE=/sys/class/leds/blue:status AIM_HW_LED_AMBER=/sys/class/leds/ACT
//	go test -tags hardware -run HardwareLEDs ./hal
func TestHardwareLEDs(t *testing.T) {
	leds := board.LEDs{Blue: setting(t, "AIM_HW_LED_BLUE", "/sys/class/leds/blue:status"), Amber: setting(t, "AIM_HW_LED_AMBER", "/sys/class/leds/ACT")}
	get := func(file string) string {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		return string(bytes.TrimSpace(data))
	}
	var full [2]string
	for i, dir := range []string{leds.Blue, leds.Amber} {
		full[i] = get(dir + "/max_brightness")
		t.Logf("%s: up to %s, trigger %s", dir, full[i], get(dir+"/trigger"))
	}
	k, err := openLEDs(leds)
	if err != nil {
		t.Fatal(err)
	}
	defer k.Close()
	var took time.Duration
	for _, picture := range []uint32{0, lampBlue, lampBoth, lampAmber, lampAmber, lampBlue, 0} {
		began := time.Now()
		if err := k.show(picture); err != nil {
			t.Fatal(err)
		}
		took = max(took, time.Since(began))
		for i, dir := range []string{leds.Blue, leds.Amber} {
			want := "0"
			if picture>>i&1 != 0 {
				want = full[i]
			}
			if got := get(dir + "/brightness"); got != want {
				t.Errorf("picture %d: %s has brightness %s, want %s", picture, dir, got, want)
			}
			if got := get(dir + "/trigger"); !strings.Contains(got, "[none]") {
				t.Errorf("picture %d: %s has a trigger: %s", picture, dir, got)
			}
		}
	}
	const times = 200
	for bit, dir := range map[uint32]string{lampBlue: leds.Blue, lampAmber: leds.Amber} {
		began := time.Now()
		for i := range times {
			if err := k.show(uint32(i%2) * bit); err != nil {
				t.Fatal(err)
			}
		}
		t.Logf("%s: %v a change", dir, time.Since(began)/times)
	}
	t.Logf("both, at most: %v", took)
	if err := k.show(0); err != nil {
		t.Error(err)
	}
}
