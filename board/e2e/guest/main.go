// Command guest is /init of the emulated board: it mounts, loads the modules
// that it was given, brings the network up, starts aimd and starts it again
// after every end, with aimd -release in between. The test speaks to it over
// the console, a line a command; what it says itself begins with "@e2e".
//
// On a real machine it refuses to run.
package main

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	aimd     = "/bin/aimd"
	identity = "/etc/aimlock/drone.toml"
	data     = "/data"
)

func say(format string, args ...any) {
	fmt.Fprintf(os.Stdout, "@e2e "+format+"\n", args...)
}

func main() {
	switch {
	case len(os.Args) == 3 && os.Args[1] == "hold":
		hold(os.Args[2])
	case os.Getpid() != 1:
		fmt.Fprintln(os.Stderr, "guest: this is the init of an emulated board; run make e2e")
		os.Exit(2)
	case exists(diskDriver):
		losing()
	default:
		boot()
	}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// boot ends the machine if something is missing: the test sees what it was.
func boot() {
	quiet()
	for _, step := range []struct {
		name string
		do   func() error
	}{{"mount", mount}, {"seed", seed}, {"modules", modules}, {"network", network}, {"disk", disk}} {
		say("%s at %d", step.name, uptime().Milliseconds())
		if err := step.do(); err != nil {
			say("failed %s: %v", step.name, err)
			unix.Sync()
			_ = unix.Reboot(unix.LINUX_REBOOT_CMD_POWER_OFF)
		}
	}
	say("live %s", live()) // as the last boot left it
	say("up %d", uptime().Milliseconds())
	a := &agent{}
	go a.supervise()
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		if f := strings.Fields(in.Text()); len(f) > 0 {
			say("did %s: %s", f[0], a.obey(f))
		}
	}
	say("failed console: %v", in.Err())
	select {} // an init that ends panics the kernel
}

func uptime() time.Duration {
	var ts unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts)
	return time.Duration(ts.Nano())
}

// quiet keeps what the test types out of what the test reads.
func quiet() {
	t, err := unix.IoctlGetTermios(0, unix.TCGETS)
	if err != nil {
		return
	}
	t.Lflag &^= unix.ECHO
	_ = unix.IoctlSetTermios(0, unix.TCSETS, t)
}

func mount() error {
	for _, m := range [][2]string{{"proc", "/proc"}, {"sysfs", "/sys"}, {"devtmpfs", "/dev"}, {"tmpfs", "/run"}, {"tmpfs", "/tmp"}} {
		if err := os.MkdirAll(m[1], 0o755); err != nil {
			return err
		}
		if err := unix.Mount(m[0], m[1], m[0], 0, ""); err != nil {
			return fmt.Errorf("%s: %w", m[1], err)
		}
	}
	return nil
}

// seed gives the kernel the randomness that an image's init keeps from one boot
// to the next. This board's generator has no driver in Debian's kernel, and
// without either the first who asks waits until the kernel has gathered enough.
func seed() error {
	b, err := os.ReadFile("/etc/seed")
	if err != nil {
		return err
	}
	f, err := os.OpenFile("/dev/urandom", os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	// struct rand_pool_info: bits, bytes, the bytes (include/uapi/linux/random.h).
	info := binary.NativeEndian.AppendUint32(nil, uint32(8*len(b)))
	info = append(binary.NativeEndian.AppendUint32(info, uint32(len(b))), b...)
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, f.Fd(), unix.RNDADDENTROPY, uintptr(unsafe.Pointer(&info[0]))); errno != 0 {
		return fmt.Errorf("RNDADDENTROPY: %w", errno)
	}
	return nil
}

// modules loads what /modules/order names, one file a line, in that order.
func modules() error {
	order, err := os.ReadFile("/modules/order")
	if err != nil {
		return err
	}
	for _, name := range strings.Fields(string(order)) {
		f, err := os.Open(filepath.Join("/modules", name))
		if err != nil {
			return err
		}
		began := uptime()
		err = unix.FinitModule(int(f.Fd()), "", 0)
		if took := uptime() - began; took > 200*time.Millisecond {
			say("module %s took %d ms", name, took.Milliseconds())
		}
		f.Close()
		if err != nil && err != unix.EEXIST {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

// network gives the interface that /etc/nic finds the address that QEMU's user
// network has for it; everything is on that link. The name alone would not do:
// which of a board's interfaces is eth0 differs from boot to boot.
func network() error {
	pattern, err := os.ReadFile("/etc/nic")
	if err != nil {
		return err
	}
	name, err := appears(string(pattern), filepath.Base)
	if err != nil {
		return err
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	for _, step := range []struct {
		iface string
		req   uint
		set   func(*unix.Ifreq) error
	}{
		{"lo", unix.SIOCSIFFLAGS, flagsUp},
		{name, unix.SIOCSIFADDR, func(r *unix.Ifreq) error { return r.SetInet4Addr([]byte{10, 0, 2, 15}) }},
		{name, unix.SIOCSIFNETMASK, func(r *unix.Ifreq) error { return r.SetInet4Addr([]byte{255, 255, 255, 0}) }},
		{name, unix.SIOCSIFFLAGS, flagsUp},
	} {
		r, err := unix.NewIfreq(step.iface)
		if err != nil {
			return err
		}
		if err := step.set(r); err != nil {
			return err
		}
		if err := unix.IoctlIfreq(fd, step.req, r); err != nil {
			return fmt.Errorf("%s: %w", step.iface, err)
		}
	}
	return nil
}

func flagsUp(r *unix.Ifreq) error { r.SetUint16(unix.IFF_UP); return nil }

// disk mounts the one disk: what survives a reboot.
func disk() error {
	dev, err := drive("/sys/block/[mv][md][ca]*") // mmcblk0 or vda
	if err != nil {
		return err
	}
	if err := os.MkdirAll(data, 0o755); err != nil {
		return err
	}
	return unix.Mount(dev, data, "ext4", unix.MS_NOATIME, "errors=remount-ro")
}

// drive waits for a disk, and until it can be opened: the kernel shows it in
// sysfs a moment before (ENXIO until then).
func drive(pattern string) (dev string, err error) {
	name, err := appears(pattern, filepath.Base)
	if err != nil {
		return "", err
	}
	dev = "/dev/" + name
	for range 400 {
		var fd int
		if fd, err = unix.Open(dev, unix.O_RDONLY|unix.O_CLOEXEC, 0); err == nil {
			return dev, unix.Close(fd)
		}
		if err != unix.ENXIO && err != unix.ENOENT {
			break
		}
		time.Sleep(25 * time.Millisecond) // as in appears
	}
	return "", fmt.Errorf("%s: %w", dev, err)
}

// appears waits for a device that the kernel finds in its own time.
func appears(pattern string, name func(string) string) (string, error) {
	for range 400 {
		if found, err := filepath.Glob(pattern); err != nil || len(found) > 0 {
			if err != nil {
				return "", err
			}
			return name(found[0]), nil
		}
		time.Sleep(25 * time.Millisecond) // no event to wait for without udev
	}
	return "", fmt.Errorf("no %s within 10 s", pattern)
}
