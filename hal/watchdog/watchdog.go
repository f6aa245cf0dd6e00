// Package watchdog feeds the kernel's watchdog device. Once opened, the
// machine is reset unless it is fed in time: the control loop feeds it at the
// bottom of a completed turn, never a goroutine of its own.
//
// # Pretimeout
//
// A driver that can tells the kernel a few seconds before it resets
// (Documentation/watchdog/watchdog-api.rst); Open asks for that wherever it is
// to be had. What the kernel does then is its pretimeout governor's business,
// which Aimlock reads and does not set (/sys/class/watchdog/watchdogN/
// pretimeout_governor): noop writes "watchdog0: pretimeout event" to the kernel's
// log, panic dumps the kernel's state as well (drivers/watchdog/
// pretimeout_*.c). The reset comes either way. Where pstore keeps a dump over a
// reset, panic serves a drone better: it costs the last seconds of a machine
// that is lost, and shows on what it hung. Without pstore nothing would be left
// of it, and noop is right.
package watchdog

import (
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// Dev is an opened watchdog. One goroutine at a time uses it.
type Dev struct {
	path    string
	fd      int
	timeout time.Duration
	pre     time.Duration
	fed     [1]byte // written from here: a feed allocates nothing
}

// MinTimeout and MaxTimeout bound what Open takes. The kernel counts in whole
// seconds; drivers may allow less, the Raspberry Pi's at most 15 s.
const (
	MinTimeout = time.Second
	MaxTimeout = 10 * time.Minute
)

// preShare is the part of the time-out that the pretimeout leaves: 3 of 15 s,
// enough to write a dump, and long after a healthy loop's last feed.
const preShare = 5

// Open opens the device and sets its time-out, rounded down to whole seconds,
// and its pretimeout if it has one. From here on it must be fed. On an error it
// is disarmed again where the kernel allows that.
func Open(path string, timeout time.Duration) (*Dev, error) {
	return open(path, timeout, setTimeout, setPretimeout)
}

// open takes the ioctls as arguments: they need a watchdog behind them, and
// everything else works on any file.
func open(path string, timeout time.Duration, set, setPre func(fd int, seconds int) (int, error)) (*Dev, error) {
	if timeout < MinTimeout || timeout > MaxTimeout {
		return nil, fmt.Errorf("watchdog: time-out %v; choose %v to %v", timeout, MinTimeout, MaxTimeout)
	}
	fd, err := ignoringEINTR(func() (int, error) {
		return unix.Open(path, unix.O_WRONLY|unix.O_CLOEXEC, 0)
	})
	if err != nil {
		return nil, fmt.Errorf("watchdog: open %s: %w%s", path, err, remedy(err))
	}
	d := &Dev{path: path, fd: fd}
	seconds, err := set(fd, int(timeout/time.Second))
	if err != nil {
		err = fmt.Errorf("watchdog: %s: set a time-out of %d s: %w; the driver may allow less (Raspberry Pi: 15 s)", path, int(timeout/time.Second), err)
		return nil, errors.Join(err, d.Close())
	}
	d.timeout = time.Duration(seconds) * time.Second
	if pre := seconds / preShare; pre > 0 { // 0 would switch off what the machine's owner has set
		if pre, err = setPre(fd, pre); err == nil { // most drivers have none
			d.pre = time.Duration(pre) * time.Second
		}
	}
	return d, nil
}

func remedy(err error) string {
	switch {
	case errors.Is(err, unix.EBUSY):
		return "; another program feeds it: set RuntimeWatchdogSec=0 in systemd's system.conf, or stop that program"
	case errors.Is(err, unix.ENOENT):
		return "; the kernel has no watchdog driver loaded (Raspberry Pi: dtparam=watchdog=on)"
	case errors.Is(err, unix.EACCES):
		return "; it needs root"
	}
	return ""
}

// Timeout is the time-out that the driver set, which may be shorter than what
// was asked for.
func (d *Dev) Timeout() time.Duration { return d.timeout }

// Pretimeout is how long before the time-out the kernel is told; 0: never.
func (d *Dev) Pretimeout() time.Duration { return d.pre }

// Feed starts the time-out anew.
func (d *Dev) Feed() error { return d.write(0) }

// Close disarms the watchdog and closes it. A kernel built with nowayout, or a
// failed write, leaves it armed: then the machine is reset.
func (d *Dev) Close() error {
	if d.fd < 0 {
		return nil
	}
	err := d.write('V') // the "magic close"
	fd := d.fd
	d.fd = -1
	if e := unix.Close(fd); e != nil {
		err = errors.Join(err, fmt.Errorf("watchdog: close %s: %w", d.path, e))
	}
	return err
}

func (d *Dev) write(c byte) error {
	if d.fd < 0 {
		return fmt.Errorf("watchdog: %s: %w", d.path, unix.EBADF)
	}
	d.fed[0] = c
	if _, err := ignoringEINTR(func() (int, error) { return unix.Write(d.fd, d.fed[:]) }); err != nil {
		return fmt.Errorf("watchdog: feed %s: %w", d.path, err)
	}
	return nil
}

func setTimeout(fd int, seconds int) (int, error) {
	if err := unix.IoctlSetPointerInt(fd, unix.WDIOC_SETTIMEOUT, seconds); err != nil {
		return 0, err
	}
	got, err := unix.IoctlGetUint32(fd, unix.WDIOC_GETTIMEOUT)
	return int(got), err
}

// setPretimeout asks without looking for WDIOF_PRETIMEOUT first: the kernel can
// make up for a driver without one by a timer of its own, which the flag does
// not say (CONFIG_WATCHDOG_HRTIMER_PRETIMEOUT), and refuses where it does not.
func setPretimeout(fd int, seconds int) (int, error) {
	if err := unix.IoctlSetPointerInt(fd, unix.WDIOC_SETPRETIMEOUT, seconds); err != nil {
		return 0, err
	}
	got, err := unix.IoctlGetUint32(fd, unix.WDIOC_GETPRETIMEOUT)
	return int(got), err
}

func ignoringEINTR(f func() (int, error)) (int, error) {
	for {
		n, err := f()
		if err != unix.EINTR {
			return n, err
		}
	}
}
