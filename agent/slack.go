package agent

import (
	"errors"
	"os"
	"strconv"
	"time"
)

// slack is how much later than asked for a thread may be woken, so that the
// kernel can wake several at once. The default is 50 µs.
const slack = 500 * time.Microsecond

// TuneTimers sets the timer slack of the program's threads, and so of those
// that they will make. Go's runtime has one that looks every 20 µs whether a
// thread hangs in a system call, for as long as any does, and a bus transfer
// hangs for milliseconds: with the default slack these looks alone are half of
// the CPU that an agent needs. It needs CAP_SYS_NICE and Linux 4.6; without it,
// let the service manager set it (systemd: TimerSlackNSec=500us).
func TuneTimers() error {
	for range 2 { // the second time those that were made meanwhile
		threads, err := os.ReadDir("/proc/self/task")
		if err != nil {
			return err
		}
		for _, t := range threads {
			// A thread has this file like a process, though it is not listed.
			err := os.WriteFile("/proc/"+t.Name()+"/timerslack_ns", strconv.AppendInt(nil, int64(slack), 10), 0)
			if err != nil && !errors.Is(err, os.ErrNotExist) { // it may have ended
				return err
			}
		}
	}
	return nil
}
