package hal_test

import (
	"errors"
	"fmt"
	"math"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"periph.io/x/conn/v3/i2c"
	"periph.io/x/conn/v3/physic"

	"github.com/aim-control/aimlock/board"
	"github.com/aim-control/aimlock/hal"
	"github.com/aim-control/aimlock/hal/sim"
)

// crowded is the simulated board with eight temperatures and two power
// monitors on one bus, one of each kind of chip at least.
func crowded(t testing.TB) *board.Board {
	t.Helper()
	b, err := board.Lookup("sim")
	if err != nil {
		t.Fatal(err)
	}
	for i, chip := range []string{"lm75", "tmp105", "tmp105", "ina228"} {
		b.Motors = append(b.Motors, board.Sensor{Name: fmt.Sprintf("motor%d", i+5), Chip: chip, Bus: "motors", Addr: 0x4C + uint16(i)})
	}
	b.Supplies = []board.Sensor{
		{Name: "battery", Chip: "ina226", Bus: "motors", Addr: 0x40, ShuntMicroOhm: 500, MaxAmps: 160},
		{Name: "servos", Chip: "ina228", Bus: "motors", Addr: 0x41, ShuntMicroOhm: 500, MaxAmps: 80},
	}
	return b
}

// counted counts what is asked of a bus, and can refuse to join.
type counted struct {
	*sim.World
	single, joined, reopened int
	plain                    bool  // has no TxAll
	refuse                   error // what TxAll answers
	astray                   bool  // TxAll goes to the first chip throughout
}

type countedBus struct {
	i2c.BusCloser
	c *counted
}

func (b countedBus) Tx(addr uint16, w, r []byte) error {
	b.c.single++
	return b.BusCloser.Tx(addr, w, r)
}

type joinedBus struct{ countedBus }

func (b joinedBus) TxAll(addrs []uint16, w, r [][]byte) error {
	b.c.joined++
	if b.c.refuse != nil {
		return b.c.refuse
	}
	if b.c.astray {
		for i := range addrs {
			addrs[i] = addrs[0]
		}
	}
	return b.BusCloser.(interface {
		TxAll([]uint16, [][]byte, [][]byte) error
	}).TxAll(addrs, w, r)
}

func (b joinedBus) Reopen() error { b.c.reopened++; return nil }

func (c *counted) Bus(b board.Bus) (i2c.BusCloser, error) {
	bus, err := c.World.Bus(b)
	if err != nil || c.plain {
		return countedBus{bus, c}, err
	}
	return joinedBus{countedBus{bus, c}}, nil
}

// watcher keeps what rounds told of: entry i is sensor i, after them the supplies.
type watcher struct {
	t       *testing.T
	bus     *hal.SensorBus
	last    []time.Time // of the last good sample
	gap     []time.Duration
	err     []error
	celsius []float64
	supply  []hal.Supply
	rounds  int
	slow    int // rounds that took longer than half a second
	longest time.Duration
}

func watch(t *testing.T, h *hal.Hardware) *watcher {
	n := len(h.Buses[0].Sensors) + len(h.Buses[0].Supplies)
	return &watcher{t: t, bus: &h.Buses[0], last: make([]time.Time, n), gap: make([]time.Duration, n),
		err: make([]error, n), celsius: make([]float64, n), supply: make([]hal.Supply, n)}
}

func (w *watcher) note(i int, err error) {
	if w.err[i] = err; err != nil {
		return
	}
	if !w.last[i].IsZero() {
		w.gap[i] = max(w.gap[i], time.Since(w.last[i]))
	}
	w.last[i] = time.Now()
}

// run makes rounds ten times a second, as the agent does, for d.
func (w *watcher) run(d time.Duration) {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	sensors := len(w.bus.Sensors)
	for began := time.Now(); time.Since(began) < d; <-tick.C {
		at := time.Now()
		w.bus.Round(func(i int, v physic.Temperature, err error) {
			w.celsius[i] = float64(v-physic.ZeroCelsius) / float64(physic.Kelvin)
			w.note(i, err)
		}, func(i int, s hal.Supply, err error) {
			w.supply[i] = s
			w.note(sensors+i, err)
		})
		w.rounds++
		w.longest = max(w.longest, time.Since(at))
		if time.Since(at) > 500*time.Millisecond {
			w.slow++
		}
	}
}

// fresh begins the count of gaps anew.
func (w *watcher) fresh() {
	clear(w.gap)
	w.rounds, w.slow = 0, 0
}

// within checks the longest gap of every entry but those that are named.
func (w *watcher) within(limit time.Duration, but ...int) {
	w.t.Helper()
	if w.longest > 1200*time.Millisecond {
		w.t.Errorf("a round took %v, want one time-out at most", w.longest)
	}
next:
	for i := range w.gap {
		for _, b := range but {
			if i == b {
				continue next
			}
		}
		if gap := max(w.gap[i], time.Since(w.last[i])); gap > limit {
			w.t.Errorf("entry %d had no sample for %v, want at most %v (%v)", i, gap, limit, w.err[i])
		}
	}
}

// rig runs f on a crowded board under virtual time, its chips set up.
func rig(t *testing.T, prepare func(*counted), f func(c *counted, w *watcher)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b := crowded(t)
		c := &counted{World: sim.New(b, 1)}
		if prepare != nil {
			prepare(c)
		}
		h, err := hal.Open(b, c)
		if err != nil {
			t.Fatal(err)
		}
		defer h.Close()
		w := watch(t, h)
		w.run(2 * time.Second)
		w.fresh()
		f(c, w)
	})
}

func (w *watcher) breaks(c *counted, target, kind string) {
	w.t.Helper()
	if err := c.Break(target, kind); err != nil {
		w.t.Fatal(err)
	}
}

func (w *watcher) fixes(c *counted, target string) {
	w.t.Helper()
	if err := c.Fix(target); err != nil {
		w.t.Fatal(err)
	}
}

// All is well: a round is one transaction, but for the looks at the
// configuration of the chips that need it, and every value is the truth.
func TestRoundIsOneTransaction(t *testing.T) {
	t.Parallel()
	rig(t, nil, func(c *counted, w *watcher) {
		if err := c.HeatMotor(8, 90); err != nil {
			t.Fatal(err)
		}
		if err := c.SetSupply(2, 5, 7); err != nil {
			t.Fatal(err)
		}
		w.run(time.Minute)
		single, joined := c.single, c.joined
		w.fresh()
		w.run(10 * time.Second)
		// Three chips have no mark: one look at their configuration each.
		if c.single-single > 6 || c.joined-joined != w.rounds || w.rounds < 99 {
			t.Errorf("%d rounds: %d transfers, %d joined ones", w.rounds, c.single-single, c.joined-joined)
		}
		w.within(110 * time.Millisecond)
		for i, want := range c.Snapshot().MotorC {
			if math.Abs(w.celsius[i]-want) > 0.6 {
				t.Errorf("motor %d: %.2f °C, has %.2f", i+1, w.celsius[i], want)
			}
		}
		for i, want := range [][2]float64{{15.2, 0.6}, {5, 7}} {
			if s := w.supply[i]; math.Abs(float64(s.Voltage)/1e9-want[0]) > 0.002 || math.Abs(float64(s.Current)/1e9-want[1]) > 0.01 {
				t.Errorf("supply %d: %v; has %v", i, s, want)
			}
		}
	})
}

// A chip that is gone costs the others nothing, and its error is its own.
func TestRoundWithDeadChips(t *testing.T) {
	t.Parallel()
	for _, plain := range []bool{false, true} {
		rig(t, func(c *counted) { c.plain = plain }, func(c *counted, w *watcher) {
			w.breaks(c, "motor3", "nack")
			w.breaks(c, "battery", "nack")
			w.run(20 * time.Second)
			w.within(130*time.Millisecond, 2, 8)
			for _, i := range []int{2, 8} {
				if !errors.Is(w.err[i], syscall.ENXIO) {
					t.Errorf("entry %d: %v", i, w.err[i])
				}
			}
			w.fixes(c, "motor3")
			w.fixes(c, "battery")
			w.run(2 * time.Second)
			w.fresh()
			w.run(5 * time.Second)
			w.within(130 * time.Millisecond)
		})
	}
}

// A chip that holds the clock takes a second whenever it is tried. The others
// are read in between, whatever the bus can join.
func TestRoundWithStuckChips(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name          string
		plain         bool
		stuck         []string
		entries       []int
		onset, steady time.Duration
	}{
		{"one", false, []string{"motor2"}, []int{1}, 2300 * time.Millisecond, 1250 * time.Millisecond},
		{"one, not joined", true, []string{"motor2"}, []int{1}, 1250 * time.Millisecond, 1250 * time.Millisecond},
		{"the last", false, []string{"servos"}, []int{9}, 2300 * time.Millisecond, 1250 * time.Millisecond},
		{"three", false, []string{"motor2", "motor7", "battery"}, []int{1, 6, 8}, 4500 * time.Millisecond, 1250 * time.Millisecond},
		{"three, not joined", true, []string{"motor2", "motor7", "battery"}, []int{1, 6, 8}, 3400 * time.Millisecond, 1250 * time.Millisecond},
	} {
		rig(t, func(k *counted) { k.plain = c.plain }, func(k *counted, w *watcher) {
			for _, s := range c.stuck {
				w.breaks(k, s, "stuck")
			}
			w.run(20 * time.Second)
			w.within(c.onset, c.entries...)
			w.fresh()
			w.run(2 * time.Minute)
			w.within(c.steady, c.entries...)
			if most := 16 * len(c.stuck); w.slow > most || w.slow == 0 {
				t.Errorf("%s: %d slow rounds in two minutes, want 1 to %d", c.name, w.slow, most)
			}
			for _, i := range c.entries {
				if !errors.Is(w.err[i], syscall.ETIMEDOUT) {
					t.Errorf("%s: entry %d: %v", c.name, i, w.err[i])
				}
			}
			for _, s := range c.stuck {
				w.fixes(k, s)
			}
			w.run(12 * time.Second)
			w.fresh()
			w.run(5 * time.Second)
			w.within(130 * time.Millisecond)
		})
	}
}

// A chip that sticks every other moment is not trusted in between.
func TestRoundWithFlappingChip(t *testing.T) {
	t.Parallel()
	rig(t, nil, func(c *counted, w *watcher) {
		stop := make(chan struct{})
		go func() {
			for on := true; ; on = !on {
				select {
				case <-stop:
					return
				case <-time.After(350 * time.Millisecond):
				}
				if on {
					c.Break("motor2", "stuck")
				} else {
					c.Fix("motor2")
				}
			}
		}()
		w.run(20 * time.Second)
		w.within(2300*time.Millisecond, 1)
		w.fresh()
		w.run(2 * time.Minute)
		close(stop)
		w.within(1250*time.Millisecond, 1)
		if w.slow > 20 {
			t.Errorf("%d slow rounds in two minutes", w.slow)
		}
		w.fixes(c, "motor2")
		w.run(12 * time.Second)
		w.fresh()
		single := c.single
		w.run(5 * time.Second)
		w.within(110 * time.Millisecond)
		if c.single-single > 6 {
			t.Errorf("%d transfers apart once it is well", c.single-single)
		}
	})
}

// A wedged bus is tried about once a second, is reopened each time, and comes
// back with all its chips at once.
func TestRoundOnWedgedBus(t *testing.T) {
	t.Parallel()
	rig(t, nil, func(c *counted, w *watcher) {
		w.breaks(c, "bus:motors", "stuck")
		w.run(time.Minute)
		for i, err := range w.err {
			if !errors.Is(err, syscall.ETIMEDOUT) {
				t.Errorf("entry %d: %v", i, err)
			}
		}
		if c.reopened < 20 || c.reopened > 60 {
			t.Errorf("reopened %d times in a minute", c.reopened)
		}
		w.fixes(c, "bus:motors")
		began := time.Now()
		for well := false; !well; {
			w.run(100 * time.Millisecond)
			well = true
			for _, err := range w.err {
				well = well && err == nil
			}
			if time.Since(began) > 4*time.Second {
				t.Fatalf("not back after %v: %v", time.Since(began), w.err)
			}
		}
		t.Logf("back after %v", time.Since(began))
		reopened := c.reopened
		w.run(5 * time.Second)
		if c.reopened != reopened {
			t.Error("a bus that is well is reopened")
		}
	})
}

// An adapter that cannot join, or fails without a chip at fault, is found out;
// nobody misses a sample for longer than that takes.
func TestRoundOnAdaptersThatCannotJoin(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		refuse error
		most   int
	}{{syscall.EOPNOTSUPP, 1}, {syscall.EIO, 6}, {syscall.ENXIO, 6}, {syscall.ETIMEDOUT, 3}} {
		rig(t, func(k *counted) { k.refuse = fmt.Errorf("joined transfer: %w", c.refuse) }, func(k *counted, w *watcher) {
			w.run(20 * time.Second)
			if k.joined > c.most || k.joined == 0 {
				t.Errorf("%v: joined transfers were tried %d times, want at most %d", c.refuse, k.joined, c.most)
			}
			w.within(230 * time.Millisecond)
		})
	}
}

// A bus that keeps to the first chip of a joined transfer must never be
// believed: each motor has its own temperature.
func TestRoundOnBusThatMisleads(t *testing.T) {
	t.Parallel()
	rig(t, func(c *counted) { c.astray = true }, func(c *counted, w *watcher) {
		for i := range 8 {
			if err := c.HeatMotor(i+1, 40+0.7*float64(i)); err != nil {
				t.Fatal(err)
			}
		}
		w.run(time.Minute)
		for i, want := range c.Snapshot().MotorC {
			if math.Abs(w.celsius[i]-want) > 0.51 {
				t.Errorf("motor %d: %.2f °C, has %.2f", i+1, w.celsius[i], want)
			}
		}
		w.within(130 * time.Millisecond)
		if c.joined != 1 {
			t.Errorf("joined transfers were tried %d times, want once", c.joined)
		}
	})
}

// Noise and brown-outs of one chip are its own as well.
func TestRoundWithNoiseAndBrownOuts(t *testing.T) {
	t.Parallel()
	rig(t, nil, func(c *counted, w *watcher) {
		w.breaks(c, "motor1", "garbage")
		w.breaks(c, "servos", "garbage")
		for range 50 {
			w.breaks(c, "motor4", "reset")
			w.breaks(c, "battery", "reset")
			w.run(time.Second)
			if s := w.supply[0]; w.err[8] != nil || math.Abs(float64(s.Voltage)/1e9-15.2) > 0.002 {
				t.Fatalf("the battery after a brown-out: %v, %v", s, w.err[8])
			}
			if want := c.Snapshot().MotorC[3]; w.err[3] != nil || math.Abs(w.celsius[3]-want) > 0.5 {
				t.Fatalf("motor4 after a brown-out: %v, %v", w.celsius[3], w.err[3])
			}
		}
		w.within(150*time.Millisecond, 0, 3, 8, 9)
		if w.err[0] == nil || w.err[9] == nil {
			t.Errorf("random bytes are no error: %v, %v", w.err[0], w.err[9])
		}
	})
}

// A steady round allocates nothing, joined or not.
func TestRoundAllocatesNothing(t *testing.T) {
	for _, plain := range []bool{false, true} {
		b := crowded(t)
		h, err := hal.Open(b, &counted{World: sim.New(b, 1), plain: plain})
		if err != nil {
			t.Fatal(err)
		}
		failed := 0
		sensor := func(_ int, _ physic.Temperature, err error) {
			if err != nil {
				failed++
			}
		}
		supply := func(_ int, _ hal.Supply, err error) {
			if err != nil {
				failed++
			}
		}
		for began := time.Now(); ; {
			failed = 0
			if h.Buses[0].Round(sensor, supply); failed == 0 {
				break
			}
			if time.Since(began) > 10*time.Second {
				t.Fatal("the chips never settled")
			}
		}
		if n := testing.AllocsPerRun(20, func() { h.Buses[0].Round(sensor, supply) }); n != 0 || failed != 0 {
			t.Errorf("plain %v: %v allocations a round, %d errors", plain, n, failed)
		}
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	}
}
