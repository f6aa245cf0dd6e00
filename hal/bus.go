package hal

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"
	"periph.io/x/conn/v3/i2c"
	"periph.io/x/conn/v3/physic"

	"github.com/aim-control/aimlock/board"
)

// maxTransfer bounds one message, in bytes: no chip here needs more than a
// handful, and a bus is busy for 90 µs a byte. The kernel allows 8192.
const maxTransfer = 256

// maxMessages bounds one transaction, I2C_RDWR_IOCTL_MAX_MSGS of the kernel.
const maxMessages = 42

// From linux/i2c-dev.h and linux/i2c.h.
const (
	ioctlFuncs = 0x0705
	ioctlRDWR  = 0x0707
	funcI2C    = 0x00000001
	flagRead   = 0x0001
)

// message is struct i2c_msg, and messages struct i2c_rdwr_ioctl_data. Both hold
// real pointers, so that the garbage collector sees what the kernel will write
// to; they live in the bus, on the heap, which does not move as stacks do.
type message struct {
	addr, flags, length uint16
	buf                 *byte
}

type messages struct {
	first *message
	count uint32
}

// kernelBus is an i2c-dev bus. It is safe for concurrent use; transfers follow
// one another. The kernel ends a stuck one after the adapter's time-out, one
// second unless somebody changed it, and we leave that setting alone because
// it belongs to everyone on the bus.
type kernelBus struct {
	bus board.Bus
	dev string

	mu     sync.Mutex
	fd     int // −1: not open
	closed bool
	msgs   [maxMessages]message
	set    messages
	// rdwr hands a set to the kernel and returns how many messages it
	// carried out: the seam of the tests.
	rdwr func(fd int, set *messages) (int, error)
}

var _ i2c.BusCloser = (*kernelBus)(nil)

func openBus(b board.Bus) (*kernelBus, error) {
	fd, err := openDev(b)
	if err != nil {
		return nil, err
	}
	return &kernelBus{bus: b, dev: b.Dev, fd: fd, rdwr: rdwr}, nil
}

// openDev opens the character device and makes sure of what it is.
func openDev(b board.Bus) (int, error) {
	fd, err := unix.Open(b.Dev, unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("hal: bus %s: open %s: %w%s", b.Name, b.Dev, err, busRemedy(err))
	}
	var funcs uintptr // unsigned long
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), ioctlFuncs, uintptr(unsafe.Pointer(&funcs)))
	if errno == 0 && funcs&funcI2C != 0 {
		return fd, nil
	}
	unix.Close(fd)
	if errno != 0 {
		return -1, fmt.Errorf("hal: bus %s: %s is no i2c-dev bus: %w; correct the board table", b.Name, b.Dev, errno)
	}
	return -1, fmt.Errorf("hal: bus %s: the adapter of %s does SMBus only: %w; wire the sensors to another", b.Name, b.Dev, errors.ErrUnsupported)
}

func busRemedy(err error) string {
	switch {
	case errors.Is(err, unix.ENOENT):
		return "; enable the bus in the device tree (Raspberry Pi: dtparam=i2c_arm=on) and load the module i2c-dev"
	case errors.Is(err, unix.EACCES):
		return "; run as root or as a member of the group that owns it (often i2c)"
	}
	return ""
}

func rdwr(fd int, set *messages) (int, error) {
	n, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), ioctlRDWR, uintptr(unsafe.Pointer(set)))
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}

// String returns the device: "/dev/i2c-1".
func (b *kernelBus) String() string { return b.dev }

// Tx writes w, then reads r, as one transaction with a repeated start; either
// may be empty. addr is a 7-bit address outside the reserved ones, 0x08 to
// 0x77. Its errors keep the kernel's number: unix.ENXIO for a chip that does
// not answer (some adapters: EREMOTEIO), unix.ETIMEDOUT for a stuck bus.
// Nothing is tried again: a write may have got through.
func (b *kernelBus) Tx(addr uint16, w, r []byte) error {
	if err := b.check(addr, w, r); err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.ready(); err != nil {
		return err
	}
	if err := b.carryOut(b.append(0, addr, w, r)); err != nil {
		return fmt.Errorf("hal: %s: 0x%02x: %w", b.dev, addr, err)
	}
	return nil
}

func (b *kernelBus) check(addr uint16, w, r []byte) error {
	switch {
	case addr < 0x08 || addr > 0x77:
		return fmt.Errorf("hal: %s: address 0x%02x is not in 0x08 to 0x77: %w", b.dev, addr, unix.EINVAL)
	case len(w) > maxTransfer || len(r) > maxTransfer:
		return fmt.Errorf("hal: %s: transfer of %d and %d bytes, at most %d each: %w", b.dev, len(w), len(r), maxTransfer, unix.EMSGSIZE)
	}
	return nil
}

// ready opens a bus that Reopen let go. mu is held.
func (b *kernelBus) ready() error {
	if b.closed {
		return fmt.Errorf("hal: %s: %w", b.dev, os.ErrClosed)
	}
	if b.fd >= 0 {
		return nil
	}
	fd, err := openDev(b.bus)
	b.fd = fd
	return err
}

// append adds a transfer's messages after the first n and returns how many
// there are now. mu is held.
func (b *kernelBus) append(n int, addr uint16, w, r []byte) int {
	if len(w) > 0 {
		b.msgs[n] = message{addr: addr, length: uint16(len(w)), buf: unsafe.SliceData(w)}
		n++
	}
	if len(r) > 0 {
		b.msgs[n] = message{addr: addr, flags: flagRead, length: uint16(len(r)), buf: unsafe.SliceData(r)}
		n++
	}
	return n
}

// carryOut makes one transaction of the first n messages. mu is held.
func (b *kernelBus) carryOut(n int) error {
	if n == 0 {
		return nil
	}
	b.set = messages{first: &b.msgs[0], count: uint32(n)}
	done, err := b.rdwr(b.fd, &b.set)
	b.set = messages{}
	clear(b.msgs[:n]) // keep nobody's memory alive
	if err == nil && done != n {
		err = io.ErrUnexpectedEOF
	}
	return err
}

// SetSpeed always fails: the device tree sets the speed, for everyone.
func (b *kernelBus) SetSpeed(physic.Frequency) error {
	return fmt.Errorf("hal: %s: the device tree sets the speed: %w", b.dev, errors.ErrUnsupported)
}

// Close waits for a transfer that is under way and closes the bus.
func (b *kernelBus) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	return b.letGo()
}

// Reopen lets the device go until the next transfer opens it again. A bus that
// is wedged can be brought back by binding its adapter's driver anew, and the
// kernel waits with that until nobody has the device open.
func (b *kernelBus) Reopen() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.letGo()
}

// letGo closes the descriptor. mu is held.
func (b *kernelBus) letGo() error {
	if b.fd < 0 {
		return nil
	}
	fd := b.fd
	b.fd = -1
	if err := unix.Close(fd); err != nil {
		return fmt.Errorf("hal: close %s: %w", b.dev, err)
	}
	return nil
}
