package sim

import (
	"errors"
	"os"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/aim-control/aimlock/board"
)

func TestBusChargesItsBits(t *testing.T) {
	bubble(t, func(t *testing.T, w *World) {
		bus := openBusOf(t, w)
		for _, row := range []struct {
			w, r int
			bits time.Duration
		}{{1, 0, 20}, {0, 2, 29}, {1, 2, 48}, {3, 0, 38}} {
			began := time.Now()
			must(t, bus.Tx(0x48, make([]byte, row.w), make([]byte, row.r)))
			if took := time.Since(began); took != row.bits*10*time.Microsecond {
				t.Errorf("%d bytes out, %d in: took %v, want %d bits of 10 µs", row.w, row.r, took, row.bits)
			}
		}
	})
}

func TestBusTakesTurns(t *testing.T) {
	bubble(t, func(t *testing.T, w *World) {
		began := time.Now()
		var wg sync.WaitGroup
		for range 4 {
			bus := openBusOf(t, w)
			wg.Go(func() {
				if err := bus.Tx(0x48, []byte{0}, make([]byte, 2)); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if took := time.Since(began); took != 4*480*time.Microsecond {
			t.Errorf("four transfers took %v, want four times 480 µs", took)
		}
	})
}

func TestBusErrors(t *testing.T) {
	bubble(t, func(t *testing.T, w *World) {
		bus := openBusOf(t, w)
		var r [2]byte
		for name, row := range map[string]struct {
			addr  uint16
			w, r  []byte
			errno error
		}{
			"nobody there": {0x50, []byte{0}, r[:], syscall.ENXIO},
			"10 bits":      {0x80, []byte{0}, r[:], syscall.EINVAL},
			"no bytes":     {0x48, nil, nil, syscall.EINVAL},
			"too long":     {0x48, make([]byte, MaxTransfer+1), nil, syscall.EINVAL},
			"general read": {0x00, nil, r[:], syscall.ENXIO},
		} {
			if err := bus.Tx(row.addr, row.w, row.r); !errors.Is(err, row.errno) {
				t.Errorf("%s: %v, want %v", name, err, row.errno)
			}
		}
		if err := bus.SetSpeed(1); !errors.Is(err, syscall.EOPNOTSUPP) {
			t.Errorf("SetSpeed: %v", err)
		}
		must(t, bus.Close())
		if err := bus.Tx(0x48, []byte{0}, r[:]); !errors.Is(err, os.ErrClosed) {
			t.Errorf("Tx after Close: %v", err)
		}
		if _, err := w.Bus(board.Bus{Name: "power"}); !errors.Is(err, syscall.ENOENT) {
			t.Errorf("a bus the board lacks: %v", err)
		}
	})
}

func TestGeneralCallResets(t *testing.T) {
	bubble(t, func(t *testing.T, w *World) {
		bus := openBusOf(t, w)
		must(t, bus.Tx(0x4B, []byte{3, 1, 2}, nil))
		must(t, bus.Tx(0, []byte{0x04}, nil))
		var r [2]byte
		must(t, bus.Tx(0x4B, nil, r[:]))
		if r != [2]byte{1, 2} {
			t.Fatalf("T-high is % x before the reset, want 01 02", r)
		}
		must(t, bus.Tx(0, []byte{0x06}, nil))
		must(t, bus.Tx(0x4B, []byte{3}, r[:]))
		if r != [2]byte{0x50, 0} {
			t.Errorf("T-high is % x after a general-call reset, want 50 00", r)
		}
	})
}

func TestBusFaults(t *testing.T) {
	for _, row := range []struct {
		target, kind string
		addr         uint16
		errno        error
		took         time.Duration
	}{
		{"motor1", nack, 0x48, syscall.ENXIO, 110 * time.Microsecond},
		{"motor1", nack, 0x49, nil, 480 * time.Microsecond},
		{"motor2", stuck, 0x49, syscall.ETIMEDOUT, 1040 * time.Millisecond},
		{"motor2", stuck, 0x48, nil, 480 * time.Microsecond},
		{"bus:motors", nack, 0x4A, syscall.ENXIO, 110 * time.Microsecond},
		{"bus:motors", stuck, 0x4B, syscall.ETIMEDOUT, 1040 * time.Millisecond},
	} {
		t.Run(row.target+" "+row.kind, func(t *testing.T) {
			bubble(t, func(t *testing.T, w *World) {
				bus := openBusOf(t, w)
				must(t, w.Break(row.target, row.kind))
				var r [2]byte
				began := time.Now()
				err := bus.Tx(row.addr, []byte{0}, r[:])
				if took := time.Since(began); !errors.Is(err, row.errno) || took != row.took {
					t.Errorf("chip %#x: %v after %v, want %v after %v", row.addr, err, took, row.errno, row.took)
				}
				must(t, w.Fix(row.target))
				if err := bus.Tx(row.addr, []byte{0}, r[:]); err != nil {
					t.Errorf("after Fix: %v", err)
				}
			})
		})
	}
}

func TestGarbage(t *testing.T) {
	read := func(target string) (got [8][2]byte) {
		bubble(t, func(t *testing.T, w *World) {
			must(t, w.Break(target, garbage))
			bus := openBusOf(t, w)
			for i := range got {
				must(t, bus.Tx(0x48, []byte{1}, got[i][:]))
			}
		})
		return got
	}
	for _, target := range []string{"motor1", "bus:motors"} {
		first, second := read(target), read(target)
		if first != second {
			t.Errorf("%s: the same seed gave % x and % x", target, first, second)
		}
		if first[0] == first[1] && first[1] == first[2] {
			t.Errorf("%s: % x is not garbage", target, first)
		}
	}
}

func TestBrownOut(t *testing.T) {
	bubble(t, func(t *testing.T, w *World) {
		bus := openBusOf(t, w)
		pass(time.Second)
		must(t, bus.Tx(0x48, []byte{1, 0x60, 0xF0}, nil))
		must(t, w.Break("motor1", reset))
		var r [2]byte
		must(t, bus.Tx(0x48, nil, r[:]))
		if r != [2]byte{0, 0} {
			t.Errorf("just after a brown-out the pointer's register is % x, want the temperature's 00 00", r)
		}
		must(t, bus.Tx(0x48, []byte{1}, r[:]))
		if r != [2]byte{0x60, 0xA0} {
			t.Errorf("configuration is % x after a brown-out, want 60 a0", r)
		}
	})
}

func TestTxAllocatesNothing(t *testing.T) {
	w := New(simBoard(t), 1)
	bus := openBusOf(t, w)
	out, r := []byte{0}, make([]byte, 2)
	if n := testing.AllocsPerRun(20, func() {
		if bus.Tx(0x48, out, r) != nil {
			t.Error("transfer failed")
		}
	}); n != 0 {
		t.Errorf("%v allocations a transfer", n)
	}
}
