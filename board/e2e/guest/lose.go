package main

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/aim-control/aimlock/board/e2e/generation"
)

// The disk's driver is loaded only when a life begins: before that this machine
// has never seen the disk, so that nothing of it can be in its memory.
const diskDriver = "/modules/late/virtio_blk.ko"

const (
	liveFile = data + "/etc/aim_lock_config.conf"
	stateDir = data + "/state"
)

// losing is a machine that has nothing but a disk, and whose power is cut again
// and again. It is started once, up to "waits"; each of its lives goes on there,
// in the memory of that moment, with what one line of the console orders.
func losing() {
	quiet()
	err := mount()
	if err == nil {
		err = modules()
	}
	if err == nil {
		tell("waits")
		var line string
		if line, err = bufio.NewReader(os.Stdin).ReadString('\n'); err == nil {
			err = life(line)
		}
	}
	tell("failed %v", err)
	rest()
}

// rest does nothing until the power goes: an init that ends panics the kernel.
func rest() {
	for {
		time.Sleep(time.Hour)
	}
}

// tell is say, and returns once the last byte has left the machine: what is
// told has happened before anything that follows.
func tell(format string, args ...any) {
	say(format, args...)
	_ = unix.IoctlSetInt(1, unix.TCSBRK, 1) // tcdrain
}

// life goes through one life: KIND MODE FIRST SEED are the file system, what to
// do, the first version that was never written, and randomness for the kernel,
// which would have the same in each life.
func life(order string) error {
	var kind, mode string
	var first int64
	var seed uint64
	if _, err := fmt.Sscan(order, &kind, &mode, &first, &seed); err != nil {
		return fmt.Errorf("order %q: %w", order, err)
	}
	if err := errors.Join(stir(seed), load(diskDriver)); err != nil {
		return err
	}
	dev, err := drive("/sys/block/vd*")
	if err != nil {
		return err
	}
	options := "errors=remount-ro"
	switch mode {
	case "unsynced":
		options += ",commit=1" // what is never synced gets to the disk in time for a test
	case "unhelped": // and ext4 does not sync by itself what others forgot to
		options += ",commit=1,noauto_da_alloc"
	}
	if err := errors.Join(os.MkdirAll(data, 0o755), unix.Mount(dev, data, kind, unix.MS_NOATIME, options)); err != nil {
		return fmt.Errorf("mount %s: %w", kind, err)
	}
	if mode == "prepare" {
		return prepare()
	}
	tell("raw %s", holds(liveFile))
	if mode == "store" {
		return generations(first)
	}
	return replacements(mode, first)
}

// holds is the version that a file is, byte for byte; else what it is instead.
func holds(path string) string {
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "missing"
	}
	if err != nil {
		return "unreadable: " + err.Error()
	}
	if v, ok := generation.Version(b); ok {
		return fmt.Sprint(v)
	}
	return fmt.Sprintf("torn: %d bytes, %q…", len(b), b[:min(len(b), 40)])
}

// stir gives the kernel's random numbers another beginning.
func stir(seed uint64) error {
	f, err := os.OpenFile("/dev/urandom", os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := fmt.Fprint(f, seed); err != nil {
		return err
	}
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, f.Fd(), unix.RNDRESEEDCRNG, 0)
	if errno != 0 {
		return fmt.Errorf("RNDRESEEDCRNG: %w", errno)
	}
	return nil
}

func load(module string) error {
	f, err := os.Open(module)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := unix.FinitModule(int(f.Fd()), "", 0); err != nil && err != unix.EEXIST {
		return fmt.Errorf("%s: %w", module, err)
	}
	return nil
}
