package doctor

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"

	"github.com/warthog618/go-gpiocdev"
	"golang.org/x/sys/unix"
	"periph.io/x/conn/v3/i2c"

	"github.com/aim-control/aimlock/board"
	"github.com/aim-control/aimlock/hal"
)

// Machine is all that is asked of the computer. Kernel is the one that this
// program runs on.
type Machine struct {
	Root string // before every path of /dev, /sys and /proc; empty: theirs
	User int    // whom folders may belong to beside root

	Buses    Buses
	GPIO     func() ([]GPIO, error)
	Volume   func(path string) (Volume, error)
	Synced   func() (bool, error) // whether the kernel calls its clock synchronised
	Features func() []Feature
	// Dial reaches the broker; nil: the network is left alone.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
}

// Buses opens a bus of a board; hal's Openers do.
type Buses interface {
	Bus(board.Bus) (i2c.BusCloser, error)
}

// GPIO is a chip with lines. Err: it could not be looked at.
type GPIO struct {
	Dev, Label string
	Lines      []Line // by offset
	Old        bool   // the kernel's interface of before Linux 5.10: it cannot debounce
	Err        error  `json:"-"`
}

// Line is a line of a chip.
type Line struct {
	Name, Consumer string
	Used           bool
}

// Volume is the file system that a folder lies on.
type Volume struct {
	Magic      int64 // statfs(2)'s f_type
	Free, Size uint64
	Files      uint64 // inodes that are free
	NoInodes   bool   // the file system does not count inodes
	ReadOnly   bool
}

// Feature is something that the kernel must be able to do; Err is nil where it is.
type Feature struct {
	Name, Remedy string
	Err          error
}

// Kernel is the computer that this program runs on.
func Kernel() Machine {
	return Machine{
		User: os.Geteuid(), Buses: hal.Kernel{}, GPIO: kernelGPIO, Volume: kernelVolume, Synced: kernelSynced,
		Features: kernelFeatures, Dial: new(net.Dialer).DialContext,
	}
}

// path is where a file of /dev, /sys or /proc is.
func (m Machine) path(name string) string { return filepath.Join(m.Root, name) }

// Bounds of a look at the lines.
const (
	maxChips = 32
	maxLines = 1024 // a chip
)

// kernelGPIO asks each chip for its lines: information only, none is requested.
func kernelGPIO() ([]GPIO, error) {
	var list []GPIO
	for _, dev := range gpiocdev.Chips() {
		if len(list) == maxChips {
			return list, fmt.Errorf("more than %d GPIO chips", maxChips)
		}
		list = append(list, look(dev))
	}
	return list, nil
}

func look(dev string) GPIO {
	chip, err := gpiocdev.NewChip(dev)
	if err != nil {
		return GPIO{Dev: dev, Err: err}
	}
	defer chip.Close()
	g := GPIO{Dev: dev, Label: chip.Label, Old: chip.UapiAbiVersion() < 2}
	for offset := range min(chip.Lines(), maxLines) {
		info, err := chip.LineInfo(offset)
		if err != nil {
			g.Err = err
			break
		}
		g.Lines = append(g.Lines, Line{Name: info.Name, Consumer: info.Consumer, Used: info.Used})
	}
	return g
}

func kernelVolume(path string) (Volume, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(path, &st); err != nil {
		return Volume{}, err
	}
	unit := uint64(st.Bsize)
	return Volume{Magic: int64(uint32(st.Type)), Free: st.Bavail * unit, Size: st.Blocks * unit,
		Files: st.Ffree, NoInodes: st.Files == 0, ReadOnly: st.Flags&unix.ST_RDONLY != 0}, nil
}

// kernelSynced asks adjtimex(2), as timedatectl does; it sets nothing.
func kernelSynced() (bool, error) {
	var t unix.Timex
	state, err := unix.Adjtimex(&t)
	return err == nil && state != unix.TIME_ERROR && t.Status&unix.STA_UNSYNC == 0, err
}

// kernelFeatures tries what the agent needs, on this very process.
func kernelFeatures() []Feature {
	fd, err := unix.PidfdOpen(os.Getpid(), 0)
	if err == nil {
		unix.Close(fd)
	}
	return []Feature{
		{"pidfd", "It needs Linux 5.3 or later: update the kernel.", err},
		{"OFD locks", "They need Linux 3.15 or later: update the kernel.", askOFD()},
		{"inotify", "Build the kernel with CONFIG_INOTIFY_USER, or raise fs.inotify.max_user_instances; without it a local edit is noticed only by looking twice a second.", askInotify()},
	}
}

// askOFD asks who has a lock on the running program: nothing is taken.
func askOFD() error {
	f, err := os.Open("/proc/self/exe")
	if err != nil {
		return err
	}
	defer f.Close()
	return unix.FcntlFlock(f.Fd(), unix.F_OFD_GETLK, &unix.Flock_t{Type: unix.F_RDLCK})
}

func askInotify() error {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC)
	if err == nil {
		unix.Close(fd)
	}
	return err
}

func denied(err error) bool { return errors.Is(err, os.ErrPermission) }
