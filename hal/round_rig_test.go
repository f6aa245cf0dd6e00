package hal_test

import (
	"fmt"
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
	neighbour                bool  // somebody answers at 0x37
}

type countedBus struct {
	i2c.BusCloser
	c *counted
}

func (b countedBus) Tx(addr uint16, w, r []byte) error {
	b.c.single++
	if b.c.neighbour && addr == 0x37 {
		return nil
	}
	return b.BusCloser.Tx(addr, w, r)
}

type joinedBus struct{ countedBus }

func (b joinedBus) TxAll(addrs []uint16, w, r [][]byte) error {
	b.c.joined++
	if b.c.refuse != nil {
		return b.c.refuse
	}
	if n := len(addrs) - 1; b.c.neighbour && addrs[n] == 0x37 {
		addrs, w, r = addrs[:n], w[:n], r[:n]
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
