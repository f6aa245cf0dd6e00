package agent

import (
	"time"

	"golang.org/x/sys/unix"
)

// kernelClock is the wall clock, and whether it may be trusted: the kernel says
// that it is synchronised (adjtimex(2), as timedatectl shows it).
func kernelClock() (now time.Time, trusted bool) {
	var t unix.Timex
	state, err := unix.Adjtimex(&t)
	return time.Now(), err == nil && state != unix.TIME_ERROR && t.Status&unix.STA_UNSYNC == 0
}
