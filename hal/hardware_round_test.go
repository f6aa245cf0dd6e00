//go:build hardware

package hal

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
	"periph.io/x/conn/v3/physic"

	"github.com/aim-control/aimlock/board"
)

// hardwareRounds makes rounds over the chips at addrs until all but the missing
// are well, then n more, and returns how many system calls a round took.
func hardwareRounds(t *testing.T, addrs []uint16, missing uint16, joins bool, n int) (calls float64, cpu time.Duration) {
	t.Helper()
	b := &board.Board{Name: "hardware", Buses: []board.Bus{{Name: "motors", Dev: setting(t, "AIM_HW_BUS", "/dev/i2c-1")}}}
	for i, addr := range addrs {
		b.Motors = append(b.Motors, board.Sensor{Name: fmt.Sprint("motor", i+1), Chip: setting(t, "AIM_HW_CHIP", "tmp102"), Bus: "motors", Addr: addr})
	}
	h := &Hardware{}
	if err := h.openBuses(b, Kernel{}); err != nil {
		t.Fatal(err)
	}
	defer func() {
		for _, c := range h.closers {
			c.Close()
		}
	}()
	bus := &h.Buses[0]
	made := 0
	k := bus.bus.(*kernelBus)
	k.rdwr = func(fd int, set *messages) (int, error) { made++; return rdwr(fd, set) }
	if !joins {
		bus.bus = nil
	}
	var bad int
	values := make([]physic.Temperature, len(addrs))
	tell := func(i int, v physic.Temperature, err error) {
		values[i] = v
		switch {
		case addrs[i] == missing && !errors.Is(err, unix.ENXIO) && !errors.Is(err, unix.EREMOTEIO):
			t.Errorf("nobody at 0x%02x: %v, %v", addrs[i], v, err)
		case addrs[i] != missing && err != nil:
			bad++
		}
	}
	for began := time.Now(); ; {
		bad = 0
		if bus.Round(tell, nil); bad == 0 {
			break
		}
		if time.Since(began) > 3*time.Second {
			t.Fatal("the chips do not settle")
		}
	}
	made = 0
	before := used()
	for range n {
		bus.Round(tell, nil)
	}
	cpu = (used() - before) / time.Duration(n)
	t.Logf("joined: %v; %v", bus.plan.join != nil, values)
	if bad != 0 {
		t.Errorf("%d errors of chips that are there", bad)
	}
	if missing == 0 {
		if a := testing.AllocsPerRun(50, func() { bus.Round(tell, nil) }); a > 0.5 {
			t.Errorf("%v allocations a round", a)
		}
		made = made * n / (n + 51)
	}
	return float64(made) / float64(n), cpu
}

// used is the processor's time of this process, kernel's included.
func used() time.Duration {
	var r unix.Rusage
	if unix.Getrusage(unix.RUSAGE_SELF, &r) != nil {
		return 0
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// All chips of AIM_HW_ADDRS on the real bus in rounds, joined and not, with
// one that is missing (AIM_HW_MISSING) and without.
func TestHardwareRound(t *testing.T) {
	var addrs []uint16
	for _, s := range strings.Split(setting(t, "AIM_HW_ADDRS", "0x48"), ",") {
		v, err := strconv.ParseUint(s, 0, 7)
		if err != nil {
			t.Fatalf("AIM_HW_ADDRS: %v", err)
		}
		addrs = append(addrs, uint16(v))
	}
	missing, err := strconv.ParseUint(setting(t, "AIM_HW_MISSING", "0x4b"), 0, 7)
	if err != nil {
		t.Fatalf("AIM_HW_MISSING: %v", err)
	}
	joined, cpuJoined := hardwareRounds(t, addrs, 0, true, 100)
	single, cpuSingle := hardwareRounds(t, addrs, 0, false, 100)
	t.Logf("%d chips: joined %.2f system calls, %v a round; one by one %.2f, %v", len(addrs), joined, cpuJoined, single, cpuSingle)
	with, _ := hardwareRounds(t, append(addrs, uint16(missing)), uint16(missing), true, 100)
	t.Logf("with a missing one: %.2f system calls a round", with)
	if joined > single+0.5 {
		t.Errorf("joining made it worse")
	}
}
