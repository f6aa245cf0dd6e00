package ina226

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

// Transfers as the data sheet (SBOS547, table 7-1 and the example of section
// 6.5.1) has them: identification, power-up values, our configuration.
var (
	maker     = get(0xFE, 0x54, 0x49)
	dieID     = get(0xFF, 0x22, 0x60)
	configPOR = get(0x00, 0x41, 0x27)
	configWe  = get(0x00, 0x45, 0x27)
	maskWe    = get(0x06, 0x00, 0x01)
	setMask   = i2ctest.IO{Addr: 0x40, W: []byte{0x06, 0x00, 0x01}}
	setConfig = i2ctest.IO{Addr: 0x40, W: []byte{0x00, 0x45, 0x27}}
	known     = []i2ctest.IO{maker, dieID, configWe, maskWe}
	powerUp   = []i2ctest.IO{maker, dieID, configPOR, setMask, setConfig, configWe, maskWe}
	// 10 A through 2 mΩ at 11.98 V: 20 mV are 8000 × 2.5 µV, 9584 × 1.25 mV.
	example = sample(0x1F40, 0x2570, 0x0009)
	waiting = sample(0, 0, 0x0001)
)

func get(reg, hi, lo byte) i2ctest.IO {
	return i2ctest.IO{Addr: 0x40, W: []byte{reg}, R: []byte{hi, lo}}
}

func sample(shunt, bus, mask uint16) []i2ctest.IO {
	return []i2ctest.IO{get(0x01, byte(shunt>>8), byte(shunt)), get(0x02, byte(bus>>8), byte(bus)), get(0x06, byte(mask>>8), byte(mask))}
}

func join(parts ...[]i2ctest.IO) (all []i2ctest.IO) {
	for _, p := range parts {
		all = append(all, p...)
	}
	return all
}

func device(t *testing.T, ops []i2ctest.IO) (*Dev, *i2ctest.Playback) {
	t.Helper()
	bus := &i2ctest.Playback{DontPanic: true, Ops: ops}
	d, err := New(bus, 0x40, 2*physic.MilliOhm, 40*physic.Ampere)
	if err != nil {
		t.Fatal(err)
	}
	return d, bus
}

// What the registers say once the chip is known and has settled.
func TestRecorded(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		ops     []i2ctest.IO
		v, i, p int64 // mV, mA, mW
		err     error
	}{
		{"the data sheet's example", example, 11980, 10000, 119800, nil},
		{"charging", sample(0xE0C0, 0x2570, 0x0009), 11980, -10000, -119800, nil},
		{"nothing connected", sample(0, 0, 0x0009), 0, 0, 0, nil},
		{"an overflow of the chip's own arithmetic", sample(0x1F40, 0x2570, 0x000D), 11980, 10000, 119800, nil},
		{"no conversion since the last look", sample(0x1F40, 0x2570, 0x0001), 11980, 10000, 119800, nil},
		{"36 V", sample(0x1F40, 0x7080, 0x0009), 36000, 10000, 360000, nil},
		{"more than 36 V", sample(0x1F40, 0x7081, 0x0009), 0, 0, 0, ErrImplausible},
		{"a bus voltage with the bit that is always 0", sample(0x1F40, 0xA570, 0x0009), 0, 0, 0, ErrImplausible},
		{"shunt at its end", sample(0x7FFF, 0x2570, 0x0009), 0, 0, 0, ErrOverflow},
		{"shunt at its other end", sample(0x8000, 0x2570, 0x0009), 0, 0, 0, ErrOverflow},
		{"one short of it", sample(0x7FFE, 0x2570, 0x0009), 11980, 40957, 490670, nil},
		{"brown-out", sample(0, 0x2570, 0x0008), 0, 0, 0, ErrNotReady},
		{"an alert function that is not ours", sample(0x1F40, 0x2570, 0x8009), 0, 0, 0, ErrImplausible},
		{"nobody drives the bus", sample(0xFFFF, 0xFFFF, 0xFFFF), 0, 0, 0, ErrImplausible},
		{"a bus held low", sample(0, 0, 0), 0, 0, 0, ErrNotReady},
	} {
		d, bus := device(t, join(known, sample(1, 1, 0x0009), c.ops))
		if v, err := d.Sense(); !errors.Is(err, ErrNotReady) || v != (Reading{}) {
			t.Fatalf("%s: the values from before the first conversion: %v, %v", c.name, v, err)
		}
		v, err := d.Sense()
		if !errors.Is(err, c.err) || err != nil && v != (Reading{}) {
			t.Errorf("%s: %v, %v; want %v", c.name, v, err, c.err)
		}
		if got := [3]int64{int64(v.Voltage / physic.MilliVolt), int64(v.Current / physic.MilliAmpere), int64(v.Power / physic.MilliWatt)}; got != [3]int64{c.v, c.i, c.p} {
			t.Errorf("%s: %v mV, mA, mW; want %d %d %d", c.name, got, c.v, c.i, c.p)
		}
		if err := bus.Close(); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// From power-up: set up, then nothing is given out before a conversion has
// been completed and read.
func TestPowerUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d, bus := device(t, join(powerUp, waiting, waiting, sample(0, 0, 0x0009), example))
		for range 3 {
			if v, err := d.Sense(); !errors.Is(err, ErrNotReady) {
				t.Fatalf("%v, %v", v, err)
			}
			time.Sleep(50 * time.Millisecond)
		}
		if v, err := d.Sense(); err != nil || v.Voltage != 11980*physic.MilliVolt {
			t.Errorf("%v, %v", v, err)
		}
		if err := bus.Close(); err != nil {
			t.Error(err)
		}
	})
}

// A chip that stops converting is found out and configured again, although
// its configuration is ours.
func TestStopped(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		old := sample(0x1F40, 0x2570, 0x0001)
		d, bus := device(t, join(known, example, example, old, old, old, old,
			known, []i2ctest.IO{setMask, setConfig, configWe, maskWe}, example, example))
		var good, bad int
		for range 8 {
			if _, err := d.Sense(); err == nil {
				good++
			} else if bad++; !errors.Is(err, ErrNotReady) {
				t.Fatal(err)
			}
			time.Sleep(100 * time.Millisecond)
		}
		if good != 5 || bad != 3 { // settling, older than 0.3 s, settling
			t.Errorf("%d good, %d bad", good, bad)
		}
		if err := bus.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestOtherChips(t *testing.T) {
	t.Parallel()
	for name, ids := range map[string][2]i2ctest.IO{
		"ina228":       {get(0xFE, 0, 0), get(0xFF, 0, 0)},
		"tmp102":       {get(0xFE, 0x4B, 0x00), get(0xFF, 0x50, 0x00)},
		"ina231":       {get(0xFE, 0x54, 0x49), get(0xFF, 0x00, 0x00)},
		"nobody":       {get(0xFE, 0xFF, 0xFF), get(0xFF, 0xFF, 0xFF)},
		"revision new": {get(0xFE, 0x54, 0x49), get(0xFF, 0x22, 0x61)},
	} {
		err := Identify(&i2ctest.Playback{DontPanic: true, Ops: ids[:]}, 0x40)
		if want := name != "revision new"; errors.Is(err, ErrWrongChip) != want || (err != nil) != want {
			t.Errorf("%s: %v", name, err)
		}
	}
	stays := get(0x00, 0x41, 0x27)
	d, _ := device(t, []i2ctest.IO{maker, dieID, configPOR, setMask, setConfig, stays})
	if _, err := d.Sense(); !errors.Is(err, ErrImplausible) {
		t.Errorf("a configuration that does not stay: %v", err)
	}
}

func TestNew(t *testing.T) {
	t.Parallel()
	for addr := range uint16(0x80) {
		if _, err := New(nil, addr, physic.MilliOhm, physic.Ampere); (err == nil) != (addr >= 0x40 && addr <= 0x4F) {
			t.Errorf("0x%02x: %v", addr, err)
		}
	}
	for _, c := range []struct {
		shunt physic.ElectricResistance
		most  physic.ElectricCurrent
		ok    bool
	}{
		{500 * physic.MicroOhm, 160 * physic.Ampere, true},
		{500 * physic.MicroOhm, 164 * physic.Ampere, false},
		{9 * physic.MicroOhm, physic.Ampere, false},
		{11 * physic.Ohm, physic.MilliAmpere, false},
		{0, physic.Ampere, false},
		{-physic.Ohm, physic.Ampere, false},
		{physic.MilliOhm, 0, false},
		{physic.MilliOhm, -1, false},
	} {
		if _, err := New(nil, 0x40, c.shunt, c.most); (err == nil) != c.ok {
			t.Errorf("%v, %v: %v", c.shunt, c.most, err)
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
		d, _ := New(bus, 0x40, physic.MilliOhm, physic.Ampere)
		if v, err := d.Sense(); !errors.Is(err, syscall.ENXIO) || !strings.Contains(err.Error(), "register 0x") || v != (Reading{}) || d.ready {
			t.Errorf("transfer %d: %v, %v, ready %v", fails, v, err, d.ready)
		}
	}
}

func TestQueueAllocatesNothing(t *testing.T) {
	d, _ := device(t, join(known, example))
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
		if v, ok := d.Take(); !ok || v.Current != 10*physic.Ampere {
			t.Fatalf("%v, %v", v, ok)
		}
	}); n != 0 {
		t.Errorf("%v allocations a sample", n)
	}
	d.raw[4], d.raw[5] = 0, 0
	if v, ok := d.Take(); ok {
		t.Errorf("a brown-out gave %v", v)
	}
}

// Whatever the registers hold, nothing panics, and a reading is in range.
func FuzzRegisters(f *testing.F) {
	f.Add(uint16(0x1F40), uint16(0x2570), uint16(0x0009), uint32(2000))
	f.Add(uint16(0x8000), uint16(0xFFFF), uint16(0xFFFF), uint32(10))
	f.Add(uint16(0x7FFE), uint16(0x7080), uint16(0x0001), uint32(10_000_000))
	f.Fuzz(func(t *testing.T, shunt, bus, mask uint16, micro uint32) {
		d := &Dev{shunt: max(10, min(int64(micro), 10_000_000)), settled: true, fresh: time.Now()}
		d.raw = [6]byte{byte(shunt >> 8), byte(shunt), byte(bus >> 8), byte(bus), byte(mask >> 8), byte(mask)}
		v, ok := d.Take()
		reach := current(shuntFull, d.shunt)
		switch {
		case !ok && v != (Reading{}):
			t.Errorf("no reading, but %v", v)
		case ok && (v.Voltage < 0 || v.Voltage > 36*physic.Volt || v.Current < -reach || v.Current > reach):
			t.Errorf("%v", v)
		case ok && (v.Power < 0) != (v.Current < 0) && v.Power != 0:
			t.Errorf("%v", v)
		}
	})
}
