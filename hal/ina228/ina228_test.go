package ina228

import (
	"errors"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"periph.io/x/conn/v3/i2c/i2ctest"
	"periph.io/x/conn/v3/physic"
)

// Transfers as the data sheet (SLYS021, tables 7-3 to 7-21 and the example of
// section 8.2) has them: identification, power-up values, our configuration.
var (
	ids      = []i2ctest.IO{get(0x3E, 0x54, 0x49), get(0x3F, 0x22, 0x81)}
	coarse   = []i2ctest.IO{get(0x00, 0x00, 0x00), get(0x01, 0xFB, 0x6A), get(0x0B, 0x80, 0x01)}
	fine     = []i2ctest.IO{get(0x00, 0x00, 0x10), get(0x01, 0xFB, 0x6A), get(0x0B, 0x80, 0x01)}
	known    = join(ids, coarse)
	settings = []i2ctest.IO{put(0x0B, 0x80, 0x01), put(0x00, 0x00, 0x00), put(0x01, 0xFB, 0x6A)}
	powerUp  = join(ids, []i2ctest.IO{get(0x00, 0x00, 0x00), get(0x01, 0xFB, 0x68)}, settings, coarse)
	// 6 A through 16.2 mΩ at 48 V and 25 °C: 311040 × 312.5 nV, 245760 × 195.3125 µV, 3200 × 7.8125 m°C.
	example = sample(0x4BF000, 0x3C0000, 0x0C80, 0x8003)
)

func get(reg byte, r ...byte) i2ctest.IO { return i2ctest.IO{Addr: 0x40, W: []byte{reg}, R: r} }

func put(reg, hi, lo byte) i2ctest.IO { return i2ctest.IO{Addr: 0x40, W: []byte{reg, hi, lo}} }

func sample(shunt, bus uint32, die, diag uint16) []i2ctest.IO {
	return []i2ctest.IO{get(0x04, byte(shunt>>16), byte(shunt>>8), byte(shunt)), get(0x05, byte(bus>>16), byte(bus>>8), byte(bus)),
		get(0x06, byte(die>>8), byte(die)), get(0x0B, byte(diag>>8), byte(diag))}
}

func join(parts ...[]i2ctest.IO) (all []i2ctest.IO) {
	for _, p := range parts {
		all = append(all, p...)
	}
	return all
}

// newDev has a shunt of 16.2 mΩ and is to measure 10 A, as in the example.
func newDev(t *testing.T, ops []i2ctest.IO) (*Dev, *i2ctest.Playback) {
	t.Helper()
	bus := &i2ctest.Playback{DontPanic: true, Ops: ops}
	d, err := New(bus, 0x40, 16200*physic.MicroOhm, 10*physic.Ampere)
	if err != nil {
		t.Fatal(err)
	}
	return d, bus
}

// What the registers say once the chip is known and has settled.
func TestRecorded(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name       string
		ops        []i2ctest.IO
		v, i, p, t int64 // mV, mA, mW, m°C
		err        error
	}{
		{"the data sheet's example", example, 48000, 6000, 288000, 25000, nil},
		{"charging, and cold", sample(0xB41000, 0x3C0000, 0xF060, 0x8003), 48000, -6000, -288000, -31250, nil},
		{"nothing connected", sample(0, 0, 0, 0x8003), 0, 0, 0, 0, nil},
		{"overflows and limits of the chip's own", sample(0x4BF000, 0x3C0000, 0x0C80, 0x8EFF), 48000, 6000, 288000, 25000, nil},
		{"no conversion since the last look", sample(0x4BF000, 0x3C0000, 0x0C80, 0x8001), 48000, 6000, 288000, 25000, nil},
		{"85 V", sample(0x4BF000, 0x6A4000, 0x0C80, 0x8003), 85000, 6000, 510000, 25000, nil},
		{"more than 85 V", sample(0x4BF000, 0x6A4010, 0x0C80, 0x8003), 0, 0, 0, 0, ErrImplausible},
		{"a negative supply", sample(0x4BF000, 0xFFFFF0, 0x0C80, 0x8003), 0, 0, 0, 0, ErrImplausible},
		{"a low bit of the shunt that reads 0", sample(0x4BF001, 0x3C0000, 0x0C80, 0x8003), 0, 0, 0, 0, ErrImplausible},
		{"a low bit of the bus that reads 0", sample(0x4BF000, 0x3C0008, 0x0C80, 0x8003), 0, 0, 0, 0, ErrImplausible},
		{"too hot to work", sample(0x4BF000, 0x3C0000, 0x4B01, 0x8003), 0, 0, 0, 0, ErrImplausible},
		{"too cold to work", sample(0x4BF000, 0x3C0000, 0xEBFF, 0x8003), 0, 0, 0, 0, ErrImplausible},
		{"150 °C", sample(0x4BF000, 0x3C0000, 0x4B00, 0x8003), 48000, 6000, 288000, 150000, nil},
		{"shunt at its end", sample(0x7FFFF0, 0x3C0000, 0x0C80, 0x8003), 0, 0, 0, 0, ErrOverflow},
		{"shunt at its other end", sample(0x800000, 0x3C0000, 0x0C80, 0x8003), 0, 0, 0, 0, ErrOverflow},
		{"brown-out", sample(0, 0x3C0000, 0x0C80, 0x0001), 0, 0, 0, 0, ErrNotReady},
		{"brown-out, converted already", sample(0, 0x3C0000, 0x0C80, 0x0003), 0, 0, 0, 0, ErrNotReady},
		{"calibration damaged", sample(0x4BF000, 0x3C0000, 0x0C80, 0x8002), 0, 0, 0, 0, ErrBroken},
		{"an alert of somebody else", sample(0x4BF000, 0x3C0000, 0x0C80, 0xC003), 0, 0, 0, 0, ErrImplausible},
		{"nobody drives the bus", sample(0xFFFFFF, 0xFFFFFF, 0xFFFF, 0xFFFF), 0, 0, 0, 0, ErrImplausible},
		{"a bus held low", sample(0, 0, 0, 0), 0, 0, 0, 0, ErrImplausible},
	} {
		d, bus := newDev(t, join(known, sample(0x10, 0x10, 1, 0x8003), c.ops))
		if v, err := d.Sense(); !errors.Is(err, ErrNotReady) || v != (Reading{}) {
			t.Fatalf("%s: the values from before the first conversion: %v, %v", c.name, v, err)
		}
		v, err := d.Sense()
		if !errors.Is(err, c.err) || err != nil && v != (Reading{}) {
			t.Errorf("%s: %v, %v; want %v", c.name, v, err, c.err)
		}
		if err == nil {
			got := [4]int64{int64(v.Voltage / physic.MilliVolt), int64(v.Current / physic.MilliAmpere), int64(v.Power / physic.MilliWatt), int64((v.Die - physic.ZeroCelsius) / physic.MilliKelvin)}
			if got != [4]int64{c.v, c.i, c.p, c.t} {
				t.Errorf("%s: %v mV, mA, mW, m°C; want %d %d %d %d", c.name, got, c.v, c.i, c.p, c.t)
			}
		}
		if err := bus.Close(); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// A shunt of which a quarter of the range is enough is read with four times
// the resolution.
func TestFineRange(t *testing.T) {
	t.Parallel()
	bus := &i2ctest.Playback{DontPanic: true, Ops: join(ids, fine, example, sample(0x4BF000, 0x3C0000, 0x0C80, 0x8003))}
	d, err := New(bus, 0x40, 16200*physic.MicroOhm, 2500*physic.MilliAmpere)
	if err != nil {
		t.Fatal(err)
	}
	d.Sense()
	if v, err := d.Sense(); err != nil || v.Current != 1500*physic.MilliAmpere {
		t.Errorf("%v, %v", v, err)
	}
	if err := bus.Close(); err != nil {
		t.Error(err)
	}
}

// On a motor only the die is read.
func TestThermometer(t *testing.T) {
	t.Parallel()
	warm := []i2ctest.IO{get(0x06, 0x2F, 0x80), get(0x0B, 0x80, 0x03)}
	bus := &i2ctest.Playback{DontPanic: true, Ops: join(known, warm, warm)}
	d, err := NewThermometer(bus, 0x40)
	if err != nil {
		t.Fatal(err)
	}
	if v, err := d.Temperature(); !errors.Is(err, ErrNotReady) {
		t.Errorf("%v, %v", v, err)
	}
	if v, err := d.Temperature(); err != nil || v != physic.ZeroCelsius+95*physic.Kelvin {
		t.Errorf("%v, %v", v, err)
	}
	if err := bus.Close(); err != nil {
		t.Error(err)
	}
}

func TestPowerUpAndStop(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		old := sample(0x4BF000, 0x3C0000, 0x0C80, 0x8001)
		d, bus := newDev(t, join(powerUp, sample(0, 0, 0, 0x8001), sample(0, 0, 0, 0x8003), example, old, old, old, old,
			known, settings, coarse, example, example))
		var outcome strings.Builder
		for range 9 {
			if _, err := d.Sense(); err == nil {
				outcome.WriteByte('+')
			} else if outcome.WriteByte('-'); !errors.Is(err, ErrNotReady) {
				t.Fatal(err)
			}
			time.Sleep(100 * time.Millisecond)
		}
		if got := outcome.String(); got != "--++++--+" {
			t.Errorf("samples %s", got)
		}
		if err := bus.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestOtherChips(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		maker, device [2]byte
		want          error
	}{
		"ina228, another revision": {[2]byte{0x54, 0x49}, [2]byte{0x22, 0x80}, nil},
		"ina238":                   {[2]byte{0x54, 0x49}, [2]byte{0x23, 0x81}, ErrWrongChip},
		"ina226":                   {[2]byte{0, 0}, [2]byte{0, 0}, ErrWrongChip},
		"nobody":                   {[2]byte{0xFF, 0xFF}, [2]byte{0xFF, 0xFF}, ErrWrongChip},
	} {
		err := Identify(&i2ctest.Playback{DontPanic: true, Ops: []i2ctest.IO{get(0x3E, c.maker[:]...), get(0x3F, c.device[:]...)}}, 0x40)
		if !errors.Is(err, c.want) || (err == nil) != (c.want == nil) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestNew(t *testing.T) {
	t.Parallel()
	for addr := range uint16(0x80) {
		if _, err := NewThermometer(nil, addr); (err == nil) != (addr >= 0x40 && addr <= 0x4F) {
			t.Errorf("0x%02x: %v", addr, err)
		}
	}
	for _, c := range []struct {
		shunt  physic.ElectricResistance
		most   physic.ElectricCurrent
		config uint16
		ok     bool
	}{
		{200 * physic.MicroOhm, 200 * physic.Ampere, configFine, true},
		{200 * physic.MicroOhm, 205 * physic.Ampere, 0, true},
		{200 * physic.MicroOhm, 820 * physic.Ampere, 0, false},
		{9 * physic.MicroOhm, physic.Ampere, 0, false},
		{11 * physic.Ohm, physic.MilliAmpere, 0, false},
		{physic.MilliOhm, 0, 0, false},
	} {
		d, err := New(nil, 0x40, c.shunt, c.most)
		if (err == nil) != c.ok || err == nil && d.config != c.config {
			t.Errorf("%v, %v: %+v, %v", c.shunt, c.most, d, err)
		}
	}
}

// flaky fails one transfer.
type flaky struct {
	i2ctest.Playback
	n, fails int
}

func (f *flaky) Tx(addr uint16, w, r []byte) error {
	if f.n++; f.n == f.fails {
		return syscall.ENXIO
	}
	return f.Playback.Tx(addr, w, r)
}

// Every transfer may fail: its cause and register show, and the next call
// begins anew.
func TestBusErrors(t *testing.T) {
	t.Parallel()
	all := join(powerUp, example)
	for fails := 1; fails <= len(all); fails++ {
		bus := &flaky{Playback: i2ctest.Playback{DontPanic: true, Ops: all}, fails: fails}
		d, _ := New(bus, 0x40, 16200*physic.MicroOhm, 10*physic.Ampere)
		if v, err := d.Sense(); !errors.Is(err, syscall.ENXIO) || !strings.Contains(err.Error(), "register 0x") || v != (Reading{}) || d.ready {
			t.Errorf("transfer %d: %v, %v, ready %v", fails, v, err, d.ready)
		}
	}
}

func TestQueueAllocatesNothing(t *testing.T) {
	d, _ := newDev(t, join(known, example))
	if d.Queue(nil) {
		t.Error("queued before it was set up")
	}
	d.Sense()
	add := func(_ uint16, w, r []byte) {
		for _, op := range example {
			if w[0] == op.W[0] {
				copy(r, op.R)
			}
		}
	}
	if n := testing.AllocsPerRun(1000, func() {
		if !d.Queue(add) {
			t.Fatal("not queued")
		}
		if v, ok := d.Take(); !ok || v.Current != 6*physic.Ampere {
			t.Fatalf("%v, %v", v, ok)
		}
	}); n != 0 {
		t.Errorf("%v allocations a sample", n)
	}
}

// Whatever the registers hold, nothing panics, and a reading is in range.
func FuzzRegisters(f *testing.F) {
	f.Add([]byte{0x4B, 0xF0, 0x00, 0x3C, 0x00, 0x00, 0x0C, 0x80, 0x80, 0x03}, uint32(16200), true)
	f.Add([]byte{0x80, 0x00, 0x00, 0x6A, 0x40, 0x00, 0xEC, 0x00, 0x80, 0x01}, uint32(10), false)
	f.Add([]byte{0xFF, 0xFF, 0xF0, 0xFF, 0xFF, 0xF0, 0x4B, 0x00, 0xFF, 0xFF}, uint32(0), false)
	f.Fuzz(func(t *testing.T, raw []byte, micro uint32, isFine bool) {
		d := &Dev{shunt: min(int64(micro), 10_000_000), lsb: 312_500_000, settled: true, fresh: time.Now()}
		if isFine {
			d.lsb = 78_125_000
		}
		if d.shunt > 0 {
			d.shunt = max(d.shunt, 10)
		}
		copy(d.raw[:], raw)
		v, ok := d.Take()
		low, high := physic.ZeroCelsius-40*physic.Kelvin, physic.ZeroCelsius+150*physic.Kelvin
		switch {
		case !ok && v != (Reading{}):
			t.Errorf("no reading, but %v", v)
		case ok && (v.Die < low || v.Die > high || v.Voltage < 0 || v.Voltage > 85*physic.Volt):
			t.Errorf("%v", v)
		case ok && d.shunt == 0 && (v.Voltage != 0 || v.Current != 0 || v.Power != 0):
			t.Errorf("a thermometer gave %v", v)
		case ok && (v.Power < 0) != (v.Current < 0) && v.Power != 0:
			t.Errorf("%v", v)
		}
	})
}
