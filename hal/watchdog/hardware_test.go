//go:build hardware

package watchdog

import (
	"os"
	"testing"
	"time"
)

// The real watchdog, named by AIM_HW_WATCHDOG=/dev/watchdog0: it is fed beyond
// its time-out and disarmed. If that fails, the machine is reset.
func TestHardwareWatchdog(t *testing.T) {
	path := os.Getenv("AIM_HW_WATCHDOG")
	if path == "" {
		t.Fatal("set AIM_HW_WATCHDOG, for example AIM_HW_WATCHDOG=/dev/watchdog0: a failure resets the machine")
	}
	d, err := Open(path, 2*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	cause, err := d.LastReset()
	if err != nil {
		t.Error(err)
	}
	if sys, err := LastReset("/sys", path); err == nil && sys != cause {
		t.Errorf("the last reset: sysfs says %q, the device %q", sys, cause)
	}
	t.Logf("time-out %v, pretimeout %v, the last reset %q", d.Timeout(), d.Pretimeout(), cause)
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	for range 10 { // 5 s
		<-tick.C
		if err := d.Feed(); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	for range 8 { // 4 s without a feed: disarmed, or we would not see the end
		<-tick.C
	}
}
