package locksmith

import (
	"context"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// start runs the lease's own guard, which ends its context at the deadline or
// when another was granted the lease. It counts on CLOCK_BOOTTIME, because a Go
// timer stands still in suspend. Without a descriptor left for that the lease
// still checks at each use.
func (l *Lease) start() {
	if l.s.check == 0 {
		return
	}
	fd, err := unix.TimerfdCreate(unix.CLOCK_BOOTTIME, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC)
	if err != nil {
		return
	}
	// No lock hangs on this descriptor, so the runtime's poller may have it.
	timer := os.NewFile(uintptr(fd), "timerfd")
	context.AfterFunc(l.ctx, func() { timer.Close() })
	go func() {
		var fired [8]byte
		for l.ctx.Err() == nil {
			left := time.Duration(Deadline(l.Record(), l.s.longest()) - l.s.host.Now())
			if armFile(timer, min(left, l.s.check)) != nil {
				return
			}
			if _, err := timer.Read(fired[:]); err != nil {
				return // closed: the lease has ended
			}
			if l.valid() == nil { // cancels the context if the lease has ended
				l.keep()
			}
		}
	}()
}

func armFile(timer *os.File, d time.Duration) error {
	raw, err := timer.SyscallConn()
	if err != nil {
		return err
	}
	ctlErr := raw.Control(func(fd uintptr) { err = arm(int(fd), d) })
	if ctlErr != nil {
		return ctlErr
	}
	return err
}

// arm lets a timerfd fire once after d. 0 would disarm it: at least 1 ns.
func arm(fd int, d time.Duration) error {
	spec := unix.ItimerSpec{Value: unix.NsecToTimespec(max(int64(d), 1))}
	return unix.TimerfdSettime(fd, 0, &spec, nil)
}
