package locksmith

import (
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// waker sleeps until the holder dies, its deadline passes, somebody wakes it,
// or a time is over. Its descriptors are raw; one goroutine uses it, but wake
// may be called from any.
type waker struct {
	event  int // eventfd: wake
	timer  int // timerfd of CLOCK_BOOTTIME: the holder's deadline
	holder int // pidfd; -1 without one
	whose  Process
	gone   Process // seen to die: not watched again
}

func newWaker() (*waker, error) {
	event, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return nil, fmt.Errorf("locksmith: eventfd: %w", err)
	}
	timer, err := unix.TimerfdCreate(unix.CLOCK_BOOTTIME, unix.TFD_CLOEXEC|unix.TFD_NONBLOCK)
	if err != nil {
		_ = unix.Close(event)
		return nil, fmt.Errorf("locksmith: timerfd: %w", err)
	}
	return &waker{event: event, timer: timer, holder: -1}, nil
}

func (w *waker) close() {
	w.forget()
	_ = unix.Close(w.timer)
	_ = unix.Close(w.event)
}

// wake ends the current or the next sleep.
func (w *waker) wake() {
	one := [8]byte{7: 1, 0: 1} // not zero in either byte order
	_, _ = unix.Write(w.event, one[:])
}

func (w *waker) forget() {
	if w.holder >= 0 {
		_ = unix.Close(w.holder)
	}
	w.holder, w.whose = -1, Process{}
}

// follow watches the process p from now on; alive is asked after the pidfd is
// open, because the pid may be another's by then. It returns false when p has
// died already. Where the kernel gives no pidfd the looks must do.
func (w *waker) follow(p Process, alive func(Process) bool) bool {
	if p == w.whose || p == w.gone {
		return true
	}
	w.forget()
	fd, err := unix.PidfdOpen(p.PID, 0)
	if err != nil && !errors.Is(err, unix.ESRCH) {
		return true
	}
	if err != nil || !alive(p) {
		if err == nil {
			_ = unix.Close(fd)
		}
		w.gone = p
		return false
	}
	w.holder, w.whose = fd, p
	return true
}

// deadline sets the timer to fire d from now, or not at all.
func (w *waker) deadline(d time.Duration, on bool) error {
	if !on {
		return unix.TimerfdSettime(w.timer, 0, &unix.ItimerSpec{}, nil)
	}
	return arm(w.timer, d)
}

// sleep waits at most d.
func (w *waker) sleep(d time.Duration) error {
	fds := []unix.PollFd{
		{Fd: int32(w.event), Events: unix.POLLIN},
		{Fd: int32(w.timer), Events: unix.POLLIN},
		{Fd: int32(w.holder), Events: unix.POLLIN}, // a negative one is ignored
	}
	ms := (max(d, 0) + time.Millisecond - 1) / time.Millisecond
	if _, err := unix.Poll(fds, int(ms)); err != nil && !errors.Is(err, unix.EINTR) {
		return fmt.Errorf("locksmith: poll: %w", err)
	}
	var n [8]byte
	_, _ = unix.Read(w.event, n[:])
	_, _ = unix.Read(w.timer, n[:])
	if fds[2].Revents != 0 {
		w.gone = w.whose
		w.forget()
	}
	return nil
}
