package hal

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/aim-control/aimlock/board"
)

// Several transfers become one set of messages, in their order, and what was
// read lies where it was asked for.
func TestJoinedMessages(t *testing.T) {
	t.Parallel()
	k := &fakeKernel{}
	b := fakeBus(k)
	addrs := []uint16{0x48, 0x40, 0x38, 0x55}
	w := [][]byte{{0}, {6}, {0x3F}, nil}
	r := [][]byte{make([]byte, 2), make([]byte, 3), nil, make([]byte, 2)}
	if err := b.TxAll(addrs, w, r); err != nil {
		t.Fatal(err)
	}
	want := []seen{{0x48, 0, "\x00"}, {0x48, 1, ".."}, {0x40, 0, "\x06"}, {0x40, 1, "..."}, {0x38, 0, "\x3F"}, {0x55, 1, ".."}}
	if len(k.sets) != 1 || !equal(k.sets[0], want) {
		t.Errorf("messages %v, want one set %v", k.sets, want)
	}
	for i, got := range r {
		for j := range got {
			if got[j] != byte(0xA0+j) {
				t.Errorf("transfer %d read % x", i, got)
			}
		}
	}
	if b.set != (messages{}) || b.msgs != [maxMessages]message{} {
		t.Error("the bus keeps the caller's memory")
	}
}

// The kernel takes 42 messages at a time: more are several transactions, and
// none is torn apart.
func TestJoinedInParts(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 1, 21, 22, 43, 100} {
		k := &fakeKernel{}
		var addrs []uint16
		var w, r [][]byte
		for i := range n {
			addrs, w, r = append(addrs, uint16(0x40+i%8)), append(w, []byte{byte(i)}), append(r, make([]byte, 2))
		}
		if err := fakeBus(k).TxAll(addrs, w, r); err != nil {
			t.Fatal(err)
		}
		got := 0
		for _, set := range k.sets {
			if len(set) > 42 || len(set)%2 != 0 || len(set) == 0 {
				t.Errorf("%d transfers: a set of %d messages", n, len(set))
			}
			for i := 0; i < len(set); i += 2 {
				if set[i].data != string(byte(got)) && set[i].data != string([]byte{byte(got)}) || set[i+1].flags != flagRead {
					t.Errorf("%d transfers: transfer %d became %v", n, got, set[i:i+2])
				}
				got++
			}
		}
		if got != n || len(k.sets) != (n+20)/21 {
			t.Errorf("%d transfers became %d in %d sets", n, got, len(k.sets))
		}
	}
}

// Transfers of one message and of two share a transaction to the last place.
func TestJoinedOfAllSizes(t *testing.T) {
	t.Parallel()
	for first := range 4 {
		k := &fakeKernel{}
		var addrs []uint16
		var w, r [][]byte
		for i := range 50 {
			addrs, w = append(addrs, 0x40), append(w, []byte{byte(i)})
			if i < first {
				r = append(r, nil)
			} else {
				r = append(r, make([]byte, 2))
			}
		}
		if err := fakeBus(k).TxAll(addrs, w, r); err != nil {
			t.Fatal(err)
		}
		total := 0
		for _, set := range k.sets {
			if total += len(set); len(set) > 42 || set[0].flags != 0 {
				t.Errorf("%d single messages first: a set of %d that begins with flags %d", first, len(set), set[0].flags)
			}
		}
		if total != 100-first {
			t.Errorf("%d messages, want %d", total, 100-first)
		}
	}
}

func TestJoinedErrors(t *testing.T) {
	t.Parallel()
	two := []uint16{0x48, 0x49}
	w, r := [][]byte{{0}, {0}}, [][]byte{make([]byte, 2), make([]byte, 2)}
	for _, errno := range []unix.Errno{unix.ENXIO, unix.EREMOTEIO, unix.ETIMEDOUT, unix.EOPNOTSUPP} {
		err := fakeBus(&fakeKernel{err: errno}).TxAll(two, w, r)
		if !errors.Is(err, errno) || errors.Is(err, errors.ErrUnsupported) != (errno == unix.EOPNOTSUPP) {
			t.Errorf("%v became %v", errno, err)
		}
	}
	if err := fakeBus(&fakeKernel{done: 3}).TxAll(two, w, r); err == nil {
		t.Error("three messages of four are no error")
	}
	k := &fakeKernel{}
	for name, c := range map[string]struct {
		addrs []uint16
		w, r  [][]byte
		want  error
	}{
		"lengths": {two, w[:1], r, unix.EINVAL},
		"address": {[]uint16{0x48, 0x00}, w, r, unix.EINVAL},
		"size":    {two, [][]byte{{0}, make([]byte, 257)}, r, unix.EMSGSIZE},
	} {
		if err := fakeBus(k).TxAll(c.addrs, c.w, c.r); !errors.Is(err, c.want) || len(k.sets) != 0 {
			t.Errorf("%s: %v, %d sets made", name, err, len(k.sets))
		}
	}
}

func TestTxAllAllocatesNothing(t *testing.T) {
	b := fakeBus(nil)
	b.rdwr = func(_ int, set *messages) (int, error) { return int(set.count), nil }
	addrs := make([]uint16, 30)
	w, r := make([][]byte, 30), make([][]byte, 30)
	for i := range addrs {
		addrs[i], w[i], r[i] = 0x48, []byte{0}, make([]byte, 2)
	}
	if n := testing.AllocsPerRun(1000, func() {
		if err := b.TxAll(addrs, w, r); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// Reopen lets the device go, the next transfer opens it again, and a bus that
// was closed stays closed.
func TestReopen(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "bus")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	fd, err := unix.Open(path, unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	k := &fakeKernel{}
	b := &kernelBus{bus: board.Bus{Name: "motors", Dev: path}, dev: path, fd: fd, rdwr: k.rdwr}
	if err := b.Tx(0x48, []byte{0}, nil); err != nil {
		t.Fatal(err)
	}
	if err := b.Reopen(); err != nil || b.fd != -1 {
		t.Errorf("Reopen: %v, descriptor %d", err, b.fd)
	}
	for _, tx := range []func() error{func() error { return b.Tx(0x48, []byte{0}, nil) }, func() error { return b.TxAll([]uint16{0x48}, [][]byte{{0}}, [][]byte{nil}) }} {
		if err := tx(); !errors.Is(err, unix.ENOTTY) || !strings.Contains(err.Error(), "motors") {
			t.Errorf("a transfer on what is no bus any more: %v", err)
		}
	}
	if err := b.Close(); err != nil {
		t.Error(err)
	}
	if err := b.Tx(0x48, []byte{0}, nil); !errors.Is(err, os.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
	if len(k.sets) != 1 {
		t.Errorf("%d transactions reached the kernel, want the first alone", len(k.sets))
	}
}
