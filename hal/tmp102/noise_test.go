package tmp102

import (
	"errors"
	"math/rand/v2"
	"testing"

	"periph.io/x/conn/v3/i2c"
	"periph.io/x/conn/v3/i2c/i2ctest"
	"periph.io/x/conn/v3/physic"
)

// noise answers with the chip's registers, but a share of its answers with
// random bytes.
type noise struct {
	still
	rng   *rand.Rand
	share float64
}

func (n *noise) Tx(addr uint16, w, r []byte) error {
	if err := n.still.Tx(addr, w, r); err != nil {
		return err
	}
	if n.rng.Float64() < n.share {
		for i := range r {
			r[i] = byte(n.rng.Uint32())
		}
	}
	return nil
}

// Random bytes, now and then or all the time, are errors; what gets through is
// rare, and seldom far from the truth.
func TestNoise(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		chip        *chip
		temperature [2]byte
		config      [2]byte
		share       float64
		most        int // of 30,000 may be wrong
		least       int // must be right
		gross       int // may be wrong by more than a jump
	}{
		{&tmp102, [2]byte{0x18, 0x01}, [2]byte{0x60, 0xF0}, 1, 1, 0, 1},
		{&tmp102, [2]byte{0x18, 0x01}, [2]byte{0x60, 0xF0}, 0.3, 40, 15000, 3},
		{&tmp105, [2]byte{0x30, 0x00}, [2]byte{0x78}, 1, 10, 0, 10},
		{&tmp105, [2]byte{0x30, 0x00}, [2]byte{0x78}, 0.3, 40, 15000, 3},
		{&lm75, [2]byte{0x30, 0x00}, [2]byte{0x18}, 1, 100, 0, 100},
		{&lm75, [2]byte{0x30, 0x00}, [2]byte{0x18}, 0.3, 500, 15000, 70},
	} {
		bus := &noise{still{c.temperature, c.config}, rand.New(rand.NewPCG(1, 2)), c.share}
		d := &Dev{bus: bus, addr: 0x48, chip: c.chip, ready: true, based: true, last: 48 * 16}
		truth := physic.ZeroCelsius + 48*physic.Kelvin
		var right, wrong, gross int
		for range 30_000 {
			d.since = d.since.Truncate(0)
			if !d.since.IsZero() {
				d.since = d.since.Add(-settle) // no waiting here
			}
			v, err := d.Temperature()
			switch {
			case err != nil:
			case v == truth:
				right++
			default:
				wrong++
				if max(v-truth, truth-v) > 4*physic.Kelvin {
					gross++
				}
			}
		}
		t.Logf("%s, %.0f %% noise: %d right, %d wrong, %d grossly", c.chip.name, 100*c.share, right, wrong, gross)
		if wrong > c.most || right < c.least || gross > c.gross {
			t.Errorf("%s, %.0f %% noise: %d right, %d wrong, %d grossly", c.chip.name, 100*c.share, right, wrong, gross)
		}
	}
}

// A jump is looked at twice, and true ones are believed at once.
func TestJump(t *testing.T) {
	t.Parallel()
	check := tmp102Ours
	for name, c := range map[string]struct {
		ops   []i2ctest.IO
		wantC physic.Temperature
		err   error
	}{
		"small":                 {[]i2ctest.IO{reads(0x0E, 0x81)}, 29, nil},
		"true":                  {[]i2ctest.IO{reads(0x30, 0x01), check, reads(0x30, 0x01)}, 96, nil},
		"true, and it goes on":  {[]i2ctest.IO{reads(0x30, 0x01), check, reads(0x31, 0x01)}, 98, nil},
		"one bad reading":       {[]i2ctest.IO{reads(0x30, 0x01), check, reads(0x0C, 0x81)}, 0, ErrImplausible},
		"two that disagree":     {[]i2ctest.IO{reads(0x30, 0x01), check, reads(0x20, 0x01)}, 0, ErrImplausible},
		"then nonsense":         {[]i2ctest.IO{reads(0x30, 0x01), check, reads(0xFF, 0xFF)}, 0, ErrImplausible},
		"configuration is lost": {[]i2ctest.IO{reads(0x30, 0x01), tmp102POR}, 0, ErrNotReady},
	} {
		bus := &i2ctest.Playback{DontPanic: true, Ops: c.ops}
		d := &Dev{bus: bus, addr: 0x48, chip: &tmp102, ready: true, based: true, last: 25 * 16}
		v, err := d.Temperature()
		if !errors.Is(err, c.err) || err == nil && v != physic.ZeroCelsius+c.wantC*physic.Kelvin {
			t.Errorf("%s: %v, %v", name, v, err)
		}
		if d.based != (err == nil) || d.ready != (err == nil) {
			t.Errorf("%s: after %v based %v, ready %v", name, err, d.based, d.ready)
		}
		if err := bus.Close(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Queue and Take give out what Temperature would, for one transfer, and leave
// everything out of the ordinary to it.
func TestQueueAndTake(t *testing.T) {
	d, _ := New(&i2ctest.Playback{DontPanic: true, Ops: []i2ctest.IO{tmp102Ours, reads(0x0C, 0x81), reads(0x0C, 0x81)}}, 0x48)
	if d.Queue(nil) {
		t.Error("queued before it was set up")
	}
	if _, err := d.Temperature(); err != nil {
		t.Fatal(err)
	}
	take := func(hi, lo byte) (physic.Temperature, bool) {
		var asked i2ctest.IO
		if !d.Queue(func(addr uint16, w, r []byte) { asked = i2ctest.IO{Addr: addr, W: w, R: r} }) {
			t.Fatal("not queued")
		}
		if asked.Addr != 0x48 || string(asked.W) != "\x00" || len(asked.R) != 2 {
			t.Fatalf("asked for %+v", asked)
		}
		asked.R[0], asked.R[1] = hi, lo
		return d.Take()
	}
	if v, ok := take(0x0D, 0x01); !ok || v != physic.ZeroCelsius+26*physic.Kelvin {
		t.Errorf("%v, %v", v, ok)
	}
	for _, odd := range [][2]byte{{0x30, 0x01}, {0, 0}, {0xFF, 0xFF}, {0x0D, 0x05}, {0x0D, 0x00}} {
		if v, ok := take(odd[0], odd[1]); ok || v != 0 {
			t.Errorf("% x gave %v", odd, v)
		}
	}
	if !d.ready || !d.based {
		t.Error("Take decided on its own that the chip is lost")
	}
	add := func(uint16, []byte, []byte) {}
	if n := testing.AllocsPerRun(1000, func() { d.Queue(add); d.r = [2]byte{0x0D, 0x01}; d.Take() }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

var _ i2c.Bus = (*noise)(nil)
