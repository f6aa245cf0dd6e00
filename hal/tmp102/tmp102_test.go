package tmp102

import (
	"errors"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"periph.io/x/conn/v3/i2c"
	"periph.io/x/conn/v3/i2c/i2ctest"
	"periph.io/x/conn/v3/physic"
)

// Transfers of the three chips, as their data sheets have them.
var (
	tmp102Ours  = i2ctest.IO{Addr: 0x48, W: []byte{1}, R: []byte{0x60, 0xF0}} // AL reads 1
	tmp102POR   = i2ctest.IO{Addr: 0x48, W: []byte{1}, R: []byte{0x60, 0xA0}}
	tmp102Write = i2ctest.IO{Addr: 0x48, W: []byte{1, 0x60, 0xD0}}
	tmp105Ours  = i2ctest.IO{Addr: 0x48, W: []byte{1}, R: []byte{0x78}}
	oneBytePOR  = i2ctest.IO{Addr: 0x48, W: []byte{1}, R: []byte{0x00}}
	lm75Ours    = i2ctest.IO{Addr: 0x48, W: []byte{1}, R: []byte{0x18}}
)

func reads(hi, lo byte) i2ctest.IO {
	return i2ctest.IO{Addr: 0x48, W: []byte{0}, R: []byte{hi, lo}}
}

// The temperature tables of SBOS397 (13 bits), SBOS648 (12 bits) and the LM75
// (9 bits, undefined bits set), and readings that no such chip gives.
func TestRecordedTemperatures(t *testing.T) {
	for _, c := range []struct {
		name   string
		open   func(i2c.Bus, uint16) (*Dev, error)
		ops    []i2ctest.IO // after the configuration was read as ours
		ours   i2ctest.IO
		milliC int64
		err    error
	}{
		{"tmp102 150", New, []i2ctest.IO{reads(0x4B, 0x01)}, tmp102Ours, 150000, nil},
		{"tmp102 128", New, []i2ctest.IO{reads(0x40, 0x01)}, tmp102Ours, 128000, nil},
		{"tmp102 127.9375", New, []i2ctest.IO{reads(0x3F, 0xF9)}, tmp102Ours, 127937, nil},
		{"tmp102 100", New, []i2ctest.IO{reads(0x32, 0x01)}, tmp102Ours, 100000, nil},
		{"tmp102 80", New, []i2ctest.IO{reads(0x28, 0x01)}, tmp102Ours, 80000, nil},
		{"tmp102 25", New, []i2ctest.IO{reads(0x0C, 0x81)}, tmp102Ours, 25000, nil},
		{"tmp102 0.25", New, []i2ctest.IO{reads(0x00, 0x21)}, tmp102Ours, 250, nil},
		{"tmp102 0", New, []i2ctest.IO{reads(0x00, 0x01)}, tmp102Ours, 0, nil},
		{"tmp102 -0.25", New, []i2ctest.IO{reads(0xFF, 0xE1)}, tmp102Ours, -250, nil},
		{"tmp102 -25", New, []i2ctest.IO{reads(0xF3, 0x81)}, tmp102Ours, -25000, nil},
		{"tmp102 -55", New, []i2ctest.IO{reads(0xE4, 0x81)}, tmp102Ours, -55000, nil},
		{"tmp102 hotter than it goes", New, []i2ctest.IO{reads(0x4B, 0x09)}, tmp102Ours, 0, ErrImplausible},
		{"tmp102 colder than it goes", New, []i2ctest.IO{reads(0xE4, 0x79)}, tmp102Ours, 0, ErrImplausible},
		{"tmp102 nobody drives the bus", New, []i2ctest.IO{reads(0xFF, 0xFF)}, tmp102Ours, 0, ErrImplausible},
		{"tmp102 unused bit set", New, []i2ctest.IO{reads(0x0C, 0x85)}, tmp102Ours, 0, ErrImplausible},
		{"tmp102 brown-out", New, []i2ctest.IO{reads(0x00, 0x00)}, tmp102Ours, 0, ErrNotReady},
		{"tmp102 25 in the default mode", New, []i2ctest.IO{reads(0x19, 0x00)}, tmp102Ours, 0, ErrNotReady},
		{"tmp105 127.9375", NewTMP105, []i2ctest.IO{reads(0x7F, 0xF0)}, tmp105Ours, 127937, nil},
		{"tmp105 25", NewTMP105, []i2ctest.IO{reads(0x19, 0x00)}, tmp105Ours, 25000, nil},
		{"tmp105 -0.0625", NewTMP105, []i2ctest.IO{reads(0xFF, 0xF0)}, tmp105Ours, -63, nil},
		{"tmp105 -55", NewTMP105, []i2ctest.IO{reads(0xC9, 0x00)}, tmp105Ours, -55000, nil},
		{"tmp105 0, truly", NewTMP105, []i2ctest.IO{reads(0, 0), tmp105Ours}, tmp105Ours, 0, nil},
		{"tmp105 brown-out", NewTMP105, []i2ctest.IO{reads(0, 0), oneBytePOR}, tmp105Ours, 0, ErrNotReady},
		{"tmp105 colder than it goes", NewTMP105, []i2ctest.IO{reads(0xC8, 0xF0)}, tmp105Ours, 0, ErrImplausible},
		{"tmp105 nobody drives the bus", NewTMP105, []i2ctest.IO{reads(0xFF, 0xFF)}, tmp105Ours, 0, ErrImplausible},
		{"lm75 125", NewLM75, []i2ctest.IO{reads(0x7D, 0x7F)}, lm75Ours, 125000, nil},
		{"lm75 25.5", NewLM75, []i2ctest.IO{reads(0x19, 0xAA)}, lm75Ours, 25500, nil},
		{"lm75 -0.5", NewLM75, []i2ctest.IO{reads(0xFF, 0x80)}, lm75Ours, -500, nil},
		{"lm75 -55", NewLM75, []i2ctest.IO{reads(0xC9, 0x00)}, lm75Ours, -55000, nil},
		{"lm75 0, truly", NewLM75, []i2ctest.IO{reads(0, 0x7F), lm75Ours}, lm75Ours, 0, nil},
		{"lm75 brown-out", NewLM75, []i2ctest.IO{reads(0, 0), oneBytePOR}, lm75Ours, 0, ErrNotReady},
		{"lm75 nobody drives the bus", NewLM75, []i2ctest.IO{reads(0xFF, 0xFF), {Addr: 0x48, W: []byte{1}, R: []byte{0xFF}}}, lm75Ours, 0, ErrImplausible},
		{"lm75 -0.5, undefined bits set", NewLM75, []i2ctest.IO{reads(0xFF, 0xFF), lm75Ours}, lm75Ours, -500, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			ops := append([]i2ctest.IO{c.ours}, c.ops...)
			if c.err == nil {
				ops = append(ops, c.ops[0]) // a first reading is looked at twice
			}
			bus := &i2ctest.Playback{Ops: ops, DontPanic: true}
			d, err := c.open(bus, 0x48)
			if err != nil {
				t.Fatal(err)
			}
			var e physic.Env
			err = d.Sense(&e)
			if !errors.Is(err, c.err) {
				t.Fatalf("error %v, want %v", err, c.err)
			}
			got := (e.Temperature - physic.ZeroCelsius + 500*physic.MicroKelvin) / physic.MilliKelvin
			if err == nil && int64(got) != c.milliC && int64(got) != c.milliC+1 {
				t.Errorf("%d m°C, want %d", got, c.milliC)
			}
			if err := bus.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestAddresses(t *testing.T) {
	bus := &i2ctest.Playback{DontPanic: true}
	for addr := range uint16(0x80) {
		_, err := New(bus, addr)
		if ok := addr >= 0x48 && addr <= 0x4B; ok != (err == nil) {
			t.Errorf("TMP102 at 0x%02x: %v", addr, err)
		}
		_, err = NewLM75(bus, addr)
		if ok := addr >= 0x48 && addr <= 0x4F; ok != (err == nil) {
			t.Errorf("LM75 at 0x%02x: %v", addr, err)
		}
	}
}

// flaky fails the transfers that are listed, before they reach the chip.
type flaky struct {
	i2ctest.Playback
	n     int
	fails map[int]error
}

func (f *flaky) Tx(addr uint16, w, r []byte) error {
	f.n++
	if err := f.fails[f.n]; err != nil {
		return err
	}
	return f.Playback.Tx(addr, w, r)
}

// From power-up: the configuration is written and read back, no sample is
// given out before the chip has converted, and no transfer is wasted on it.
func TestPowerUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bus := &i2ctest.Playback{DontPanic: true, Ops: []i2ctest.IO{tmp102POR, tmp102Write, tmp102Ours,
			reads(0x0C, 0x81), tmp102Ours, reads(0x0C, 0x81), reads(0x0C, 0x89)}}
		d, _ := New(bus, 0x48)
		began := time.Now()
		for time.Since(began) < settle {
			if v, err := d.Temperature(); !errors.Is(err, ErrNotReady) {
				t.Fatalf("after %v: %v, %v; want ErrNotReady", time.Since(began), v, err)
			}
			time.Sleep(50 * time.Millisecond)
		}
		for _, want := range []physic.Temperature{25 * physic.Kelvin, 25*physic.Kelvin + physic.Kelvin/16} {
			if v, err := d.Temperature(); err != nil || v != physic.ZeroCelsius+want {
				t.Fatalf("%v, %v; want %v", v, err, physic.ZeroCelsius+want)
			}
		}
		if err := bus.Close(); err != nil {
			t.Error(err)
		}
	})
}

// A chip that browns out is set up again by itself; 0 °C is never given out.
func TestBrownOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bus := &i2ctest.Playback{DontPanic: true, Ops: []i2ctest.IO{
			tmp102Ours, reads(0x30, 0x01), reads(0x30, 0x01), reads(0x00, 0x00),
			tmp102POR, tmp102Write, tmp102Ours, reads(0x30, 0x01), tmp102Ours, reads(0x30, 0x01)}}
		d, _ := New(bus, 0x48)
		var good, notReady int
		for range 20 {
			v, err := d.Temperature()
			switch {
			case err == nil && v == physic.ZeroCelsius+96*physic.Kelvin:
				good++
			case errors.Is(err, ErrNotReady):
				notReady++
			default:
				t.Fatalf("%v, %v", v, err)
			}
			time.Sleep(100 * time.Millisecond)
			if good == 2 {
				break
			}
		}
		if good != 2 || notReady != 4 { // the reset, then 0, 100 and 200 ms after the set-up
			t.Errorf("%d good, %d not ready", good, notReady)
		}
		if err := bus.Close(); err != nil {
			t.Error(err)
		}
	})
}

// Every transfer may fail: the cause shows, and once the bus is well the chip
// gives samples again without anybody's help.
func TestBusErrorsKeepTheirCauseAndHeal(t *testing.T) {
	for fail := 1; fail <= 6; fail++ {
		synctest.Test(t, func(t *testing.T) {
			ops := []i2ctest.IO{tmp102POR, tmp102Write, tmp102Ours}
			twice := []i2ctest.IO{reads(0x0C, 0x81), reads(0x0C, 0x81)}
			checked := []i2ctest.IO{reads(0x0C, 0x81), tmp102Ours, reads(0x0C, 0x81)}
			switch fail { // what the chip sees of the two attempts
			case 1:
				ops = append(ops, checked...)
			case 2:
				ops = append(append([]i2ctest.IO{tmp102POR}, ops...), checked...)
			case 3:
				ops = append(ops, checked...)
			case 4:
				ops = append(append(ops, tmp102Ours), twice...)
			case 5:
				ops = append(append(append(ops, reads(0x0C, 0x81)), tmp102Ours), twice...)
			case 6:
				ops = append(append(append(ops, reads(0x0C, 0x81), tmp102Ours), tmp102Ours), twice...)
			}
			bus := &flaky{Playback: i2ctest.Playback{DontPanic: true, Ops: ops}, fails: map[int]error{fail: syscall.ENXIO}}
			d, _ := New(bus, 0x48)
			var nacks int
			began := time.Now()
			for range 20 {
				v, err := d.Temperature()
				if err == nil {
					if v != physic.ZeroCelsius+25*physic.Kelvin || nacks != 1 || time.Since(began) < settle {
						t.Errorf("%v after %d bus errors and %v", v, nacks, time.Since(began))
					}
					return
				}
				if errors.Is(err, syscall.ENXIO) {
					nacks++
				} else if !errors.Is(err, ErrNotReady) {
					t.Fatalf("transfer %d failed: %v", fail, err)
				}
				time.Sleep(100 * time.Millisecond)
			}
			t.Errorf("transfer %d failed: the chip never healed", fail)
		})
	}
}

// A chip that is not what the board table says is named, not read wrongly.
func TestWrongChip(t *testing.T) {
	lm75AsTMP102 := i2ctest.IO{Addr: 0x48, W: []byte{1}, R: []byte{0x00, 0x00}}
	bus := &i2ctest.Playback{DontPanic: true, Ops: []i2ctest.IO{lm75AsTMP102, tmp102Write, lm75AsTMP102}}
	d, _ := New(bus, 0x48)
	_, err := d.Temperature()
	if !errors.Is(err, ErrImplausible) || !strings.Contains(err.Error(), "is it a tmp102?") {
		t.Errorf("error %v", err)
	}
}

// still answers every read with the same bytes.
type still struct{ temperature, config [2]byte }

func (*still) String() string                  { return "still" }
func (*still) SetSpeed(physic.Frequency) error { return nil }
func (s *still) Tx(_ uint16, w, r []byte) error {
	if w[0] == regConfig {
		copy(r, s.config[:])
	} else {
		copy(r, s.temperature[:])
	}
	return nil
}

func TestSenseAllocatesNothing(t *testing.T) {
	d, _ := New(&still{[2]byte{0x0C, 0x81}, [2]byte{0x60, 0xF0}}, 0x48)
	var e physic.Env
	if n := testing.AllocsPerRun(1000, func() {
		if err := d.Sense(&e); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations a sample", n)
	}
}
