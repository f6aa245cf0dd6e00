package hal

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/aim-control/aimlock/board"
)

// The kernel's layout, of 32 and 64 bits alike: these do not compile otherwise.
var (
	_ [8]struct{}                             = [unsafe.Offsetof(message{}.buf)]struct{}{}
	_ [8 + unsafe.Sizeof(uintptr(0))]struct{} = [unsafe.Sizeof(message{})]struct{}{}
	_ [unsafe.Sizeof(uintptr(0))]struct{}     = [unsafe.Offsetof(messages{}.count)]struct{}{}
	_ [2 * unsafe.Sizeof(uintptr(0))]struct{} = [unsafe.Sizeof(messages{})]struct{}{}
)

// seen is one message as it came to the ioctl.
type seen struct {
	addr, flags uint16
	data        string // written; for a read, its length in dots
}

// fakeKernel answers reads with 0xA0, 0xA1, … and notes every message.
type fakeKernel struct {
	sets [][]seen
	err  error
	done int // messages reported as carried out; 0: all
}

func (k *fakeKernel) take(first *message, count uint32) {
	var set []seen
	for _, m := range unsafe.Slice(first, count) {
		data := unsafe.Slice(m.buf, m.length)
		if m.flags&flagRead != 0 {
			for i := range data {
				data[i] = byte(0xA0 + i)
			}
			set = append(set, seen{m.addr, m.flags, strings.Repeat(".", len(data))})
			continue
		}
		set = append(set, seen{m.addr, m.flags, string(data)})
	}
	k.sets = append(k.sets, set)
}

func (k *fakeKernel) rdwr(_ int, set *messages) (int, error) {
	if k.err != nil {
		return 0, k.err
	}
	k.take(set.first, set.count)
	if k.done != 0 {
		return k.done, nil
	}
	return int(set.count), nil
}

func fakeBus(k *fakeKernel) *kernelBus { return &kernelBus{dev: "fake", fd: 99, rdwr: k.rdwr} }

// transfers are what the drivers and a probe do, and the edges of the limits.
var transfers = []struct {
	name string
	addr uint16
	w    []byte
	r    int
	want []seen
}{
	{"pointer, then read", 0x48, []byte{0}, 2, []seen{{0x48, 0, "\x00"}, {0x48, 1, ".."}}},
	{"write", 0x4B, []byte{1, 0x60, 0xD0}, 0, []seen{{0x4B, 0, "\x01\x60\xD0"}}},
	{"read", 0x29, nil, 3, []seen{{0x29, 1, "..."}}},
	{"longest", 0x77, make([]byte, 256), 256, []seen{{0x77, 0, strings.Repeat("\x00", 256)}, {0x77, 1, strings.Repeat(".", 256)}}},
	{"lowest address", 0x08, []byte{7}, 1, []seen{{0x08, 0, "\x07"}, {0x08, 1, "."}}},
}

func TestMessages(t *testing.T) {
	for _, c := range transfers {
		k := &fakeKernel{}
		b := fakeBus(k)
		r := make([]byte, c.r)
		if err := b.Tx(c.addr, c.w, r); err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		if len(k.sets) != 1 || !equal(k.sets[0], c.want) {
			t.Errorf("%s: messages %v, want one set %v", c.name, k.sets, c.want)
		}
		for i := range r {
			if r[i] != byte(0xA0+i) {
				t.Fatalf("%s: read % x", c.name, r)
			}
		}
		if b.set != (messages{}) || b.msgs != [maxMessages]message{} {
			t.Errorf("%s: the bus keeps the caller's memory", c.name)
		}
	}
}

func equal(a, b []seen) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

func TestErrnoIsKept(t *testing.T) {
	for _, errno := range []unix.Errno{unix.ENXIO, unix.EREMOTEIO, unix.ETIMEDOUT, unix.EAGAIN, unix.EIO} {
		err := fakeBus(&fakeKernel{err: errno}).Tx(0x48, []byte{0}, make([]byte, 2))
		if !errors.Is(err, errno) || !strings.Contains(err.Error(), "0x48") {
			t.Errorf("%v became %v", errno, err)
		}
	}
	err := fakeBus(&fakeKernel{done: 1}).Tx(0x48, []byte{0}, make([]byte, 2))
	if !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("half a transfer: %v", err)
	}
}

func TestTransfersAreBounded(t *testing.T) {
	k := &fakeKernel{}
	b := fakeBus(k)
	for _, c := range []struct {
		addr uint16
		w, r int
		want error
	}{
		{0x48, 257, 0, unix.EMSGSIZE},
		{0x48, 1, 257, unix.EMSGSIZE},
		{0x48, 65537, 0, unix.EMSGSIZE}, // its length would wrap to 1
		{0x07, 1, 1, unix.EINVAL},
		{0x78, 1, 1, unix.EINVAL},
		{0x148, 1, 1, unix.EINVAL},
		{0x48, 0, 0, nil}, // nothing to do
	} {
		if err := b.Tx(c.addr, make([]byte, c.w), make([]byte, c.r)); !errors.Is(err, c.want) {
			t.Errorf("0x%02x, %d, %d bytes: %v, want %v", c.addr, c.w, c.r, err, c.want)
		}
	}
	if len(k.sets) != 0 {
		t.Errorf("%d of these transfers reached the kernel", len(k.sets))
	}
}

// The kernel may take its time while stacks move and garbage is collected; the
// caller's buffers, even on its stack, must stay where the kernel was told.
func TestBuffersSurviveMovingStacks(t *testing.T) {
	t.Parallel()
	k := &fakeKernel{}
	b := fakeBus(k)
	b.rdwr = func(fd int, set *messages) (int, error) {
		deep(400)
		runtime.GC()
		return k.rdwr(fd, set)
	}
	done := make(chan string)
	go func() { // a fresh goroutine's stack is small
		w, r := [1]byte{0x5A}, [2]byte{}
		if err := b.Tx(0x48, w[:], r[:]); err != nil {
			done <- err.Error()
			return
		}
		done <- string(r[:])
	}()
	if got := <-done; got != "\xA0\xA1" {
		t.Errorf("read %q", got)
	}
	if k.sets[0][0].data != "\x5A" {
		t.Errorf("wrote %q", k.sets[0][0].data)
	}
}

//go:noinline
func deep(n int) byte {
	var pad [256]byte
	if n > 0 {
		pad[n%256] = deep(n - 1)
	}
	return pad[n%256] + 1
}

func TestTransfersTakeTurns(t *testing.T) {
	t.Parallel()
	var running, calls int // guarded by the bus, if it guards anything
	b := fakeBus(nil)
	b.rdwr = func(_ int, set *messages) (int, error) {
		running++
		calls++
		runtime.Gosched()
		if running != 1 {
			t.Errorf("%d transfers at once", running)
		}
		running--
		return int(set.count), nil
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 100 {
				if err := b.Tx(0x48, []byte{0}, make([]byte, 2)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if calls != 800 {
		t.Errorf("%d transfers, want 800", calls)
	}
}

func TestTxAllocatesNothing(t *testing.T) {
	b := fakeBus(nil)
	b.rdwr = func(_ int, set *messages) (int, error) { return int(set.count), nil }
	w, r := []byte{0}, make([]byte, 2)
	if n := testing.AllocsPerRun(1000, func() {
		if err := b.Tx(0x48, w, r); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations a transfer", n)
	}
}

// On a real descriptor: /dev/null is no bus, a file that is missing is named
// with the remedy, and a closed bus says so.
func TestBusThatIsNone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "bus")
	if err := os.WriteFile(path, bytes.Repeat([]byte{1}, 100), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := (Kernel{}).Bus(board.Bus{Name: "motors", Dev: path}); !errors.Is(err, unix.ENOTTY) || !strings.Contains(err.Error(), "motors") {
		t.Errorf("a plain file: %v", err)
	}
	bus, err := Kernel{}.Bus(board.Bus{Name: "motors", Dev: path + "-none"})
	if !errors.Is(err, unix.ENOENT) || !strings.Contains(err.Error(), "i2c-dev") || bus != nil {
		t.Errorf("no file: %v, %v", bus, err)
	}
	fd, err := unix.Open(path, unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	b := &kernelBus{dev: path, fd: fd, rdwr: rdwr}
	if err := b.Tx(0x48, []byte{0}, make([]byte, 2)); !errors.Is(err, unix.ENOTTY) {
		t.Errorf("the real ioctl on a plain file: %v", err)
	}
	if err := b.SetSpeed(100); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("SetSpeed: %v", err)
	}
	for range 2 {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	}
	if err := b.Tx(0x48, []byte{0}, nil); !errors.Is(err, os.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}
