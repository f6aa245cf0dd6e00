package hal_test

import (
	"errors"
	"slices"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"periph.io/x/conn/v3/i2c"

	"github.com/aim-control/aimlock/board"
	"github.com/aim-control/aimlock/hal"
	"github.com/aim-control/aimlock/hal/sim"
)

// readsOnly fails the test at a write to a register: more than its number.
type readsOnly struct {
	i2c.Bus
	t *testing.T
}

func (b readsOnly) Tx(addr uint16, w, r []byte) error {
	if len(w) > 1 || len(r) == 0 {
		b.t.Errorf("wrote % x to 0x%02x", w, addr)
	}
	if len(w) > 0 && (addr < 0x40 || addr > 0x4F) {
		b.t.Errorf("sent % x to 0x%02x, to which that may be a command", w, addr)
	}
	return b.Bus.Tx(addr, w, r)
}

// Every chip on the bus is found for what it is, at power-up and as the
// drivers leave it, nothing is written, and nothing else is found.
func TestIdentify(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := crowded(t)
		b.RGB = board.RGB{Chip: "tca62724", Bus: "motors", Addr: 0x55}
		w := sim.New(b, 1)
		bus, err := w.Bus(b.Buses[0])
		if err != nil {
			t.Fatal(err)
		}
		want := map[uint16]string{0x55: "tca62724"}
		for _, sensors := range [][]board.Sensor{b.Motors, b.Supplies} {
			for _, s := range sensors {
				want[s.Addr] = s.Chip
			}
		}
		check := func(when string) {
			for addr := range uint16(0x80) {
				names, err := hal.Identify(readsOnly{bus, t}, addr)
				switch {
				case want[addr] != "" && (err != nil || !slices.Contains(names, want[addr])):
					t.Errorf("%s: 0x%02x is %v, %v; want %s", when, addr, names, err, want[addr])
				case want[addr] == "" && (err == nil || !errors.Is(err, hal.ErrUnknownChip) && !errors.Is(err, syscall.ENXIO)):
					t.Errorf("%s: 0x%02x, where nobody is, is %v, %v", when, addr, names, err)
				}
			}
		}
		time.Sleep(time.Second)
		check("at power-up")
		h, err := hal.Open(b, w)
		if err != nil {
			t.Fatal(err)
		}
		defer h.Close()
		watch(t, h).run(2 * time.Second)
		check("set up")
		if err := w.Break("battery", "garbage"); err != nil {
			t.Fatal(err)
		}
		for range 200 {
			if names, err := hal.Identify(bus, 0x40); err == nil {
				t.Errorf("noise is %v", names)
			}
		}
		if err := w.Break("bus:motors", "stuck"); err != nil {
			t.Fatal(err)
		}
		if _, err := hal.Identify(bus, 0x48); !errors.Is(err, syscall.ETIMEDOUT) {
			t.Errorf("a stuck bus: %v", err)
		}
	})
}
