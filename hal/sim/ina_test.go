package sim

import (
	"testing"
	"time"
)

// reg reads n bytes of a register.
func reg(c chip, now int64, pointer byte, n int) (v uint64) {
	r := make([]byte, n)
	c.write(now, []byte{pointer})
	c.read(now, r)
	for _, b := range r {
		v = v<<8 | uint64(b)
	}
	return v
}

func put(c chip, now int64, pointer byte, v uint16) {
	c.write(now, []byte{pointer, byte(v >> 8), byte(v)})
}

// The power-up values of SBOS547 table 7-1, the example of its section 6.5.1
// (10 A, 2 mΩ, 11.98 V; the power of rounded values), and one register cleared after the other.
func TestINA226(t *testing.T) {
	t.Parallel()
	c := newINA226(&rail{volts: 11.98, amps: 10, ohm: 0.002}, 0)
	for pointer, want := range map[byte]uint64{0: 0x4127, 1: 0, 2: 0, 3: 0, 4: 0, 5: 0, 6: 0, 7: 0, 0xFE: 0x5449, 0xFF: 0x2260, 0x55: 0} {
		if got := reg(c, 0, pointer, 2); got != want {
			t.Errorf("register %#x is %#04x at power-up, want %#04x", pointer, got, want)
		}
	}
	put(c, 0, 5, 2560)
	if got := reg(c, int64(2199*time.Microsecond), 2, 2); got != 0 {
		t.Errorf("the bus reads %#04x before 1.1 ms of shunt and of bus are over", got)
	}
	at := int64(2200 * time.Microsecond)
	for pointer, want := range map[byte]uint64{1: 8000, 2: 9584, 3: 4792, 4: 10000, 5: 2560} {
		if got := reg(c, at, pointer, 2); got != want {
			t.Errorf("register %#x is %d, want the example's %d", pointer, got, want)
		}
	}
	if first, second := reg(c, at, 6, 2), reg(c, at, 6, 2); first != 0x0008 || second != 0 {
		t.Errorf("CVRF: %#04x, then %#04x; a read clears it", first, second)
	}
	put(c, at, 5, 0x7FFF)
	if got := reg(c, ms(50), 6, 2); got != 0x000C {
		t.Errorf("flags %#04x, want an overflow", got)
	}
	put(c, ms(50), 6, 0xFFFF)
	if got := reg(c, ms(50), 6, 2) &^ 0x000C; got != 0xFC03 {
		t.Errorf("mask/enable keeps %#04x of all ones", got)
	}
	put(c, ms(60), 0, 0x4527) // 16 averages
	if got := reg(c, ms(95), 6, 2) & 8; got != 0 {
		t.Error("converted in less than 35.2 ms")
	}
	if got := reg(c, ms(96), 6, 2) & 8; got == 0 {
		t.Error("not converted in 35.2 ms")
	}
	put(c, ms(100), 0, 0x4123) // one of shunt and bus
	reg(c, ms(110), 6, 2)
	c.rail.volts = 5
	if got := reg(c, ms(500), 2, 2); got != 9584 {
		t.Errorf("triggered once it goes on converting: %d", got)
	}
	put(c, ms(500), 0, 0x8000)
	if got := reg(c, ms(500), 0, 2)<<16 | reg(c, ms(500), 5, 2); got != 0x41270000 {
		t.Errorf("after a reset %#x", got)
	}
}

// The power-up values of SLYS021 table 7-3 and following, and the example of
// its section 8.2: 6 A through 16.2 mΩ at 48 V and 25 °C.
func TestINA228(t *testing.T) {
	t.Parallel()
	warm := &temperature{c: 25, steady: 25, tau: time.Second}
	c := newINA228(&rail{volts: 48, amps: 6, ohm: 0.0162}, warm, 0)
	for pointer, want := range map[byte]uint64{0: 0, 1: 0xFB68, 2: 0x1000, 3: 0, 0x0B: 1, 0x0C: 0x7FFF, 0x0D: 0x8000, 0x0E: 0x7FFF, 0x0F: 0, 0x10: 0x7FFF, 0x11: 0xFFFF, 0x3E: 0x5449, 0x3F: 0x2281} {
		if got := reg(c, 0, pointer, 2); got != want {
			t.Errorf("register %#x is %#04x at power-up, want %#04x", pointer, got, want)
		}
	}
	put(c, 0, 2, 4050)
	if got := reg(c, int64(3155*time.Microsecond), 5, 3); got != 0 {
		t.Errorf("the bus reads %#x before 3 × 1.052 ms are over", got)
	}
	at := ms(4)
	for pointer, want := range map[byte]uint64{4: 311040 << 4, 5: 245760 << 4, 7: 314572 << 4, 8: 4718580} {
		if got := reg(c, at, pointer, 3); got != want {
			t.Errorf("register %#x is %#x, want the example's %#x", pointer, got, want)
		}
	}
	if got := reg(c, at, 6, 2); got != 3200 {
		t.Errorf("the die reads %d, want 3200 = 25 °C", got)
	}
	if got := reg(c, at, 5, 4); got != 245760<<12|0xFF {
		t.Errorf("a fourth byte reads %#x", got)
	}
	if got := reg(c, at, 0x0B, 2); got != 1 {
		t.Errorf("flags %#04x; without the latch nobody sees CNVRF", got)
	}
	put(c, at, 0x0B, 0x8001)
	if first, second := reg(c, ms(8), 0x0B, 2), reg(c, ms(8), 0x0B, 2); first != 0x8003 || second != 0x8001 {
		t.Errorf("CNVRF with the latch: %#04x, then %#04x; a read clears it", first, second)
	}
	put(c, ms(10), 0, 0x0010)
	c.rail.amps = -1.5
	if got, want := reg(c, ms(20), 4, 3), uint64(0x1000000-311040<<4); got != want {
		t.Errorf("−1.5 A in the fine range: %#x, want %#x", got, want)
	}
	c.rail.amps = 100
	if got := reg(c, ms(30), 4, 3); got != 0x7FFFF0 {
		t.Errorf("the shunt reads %#x beyond its range", got)
	}
	put(c, ms(30), 2, 100)
	if got := reg(c, ms(40), 0x0B, 2) & 0x0200; got == 0 {
		t.Error("no MATHOF")
	}
	put(c, ms(40), 0, 0x8000)
	if got := reg(c, ms(40), 0, 2)<<16 | reg(c, ms(40), 2, 2); got != 0x1000 {
		t.Errorf("after a reset %#x", got)
	}
}

// Hostile writes of any length and reads of any length do no harm.
func FuzzChips(f *testing.F) {
	f.Add([]byte{0, 0x80, 0x00}, []byte{6}, uint8(2), uint32(100))
	f.Add([]byte{}, []byte{0xFF, 1}, uint8(9), uint32(5000000))
	f.Add([]byte{0x0B, 0xFF, 0xFF, 0xFF}, []byte{0x84, 0x03, 0x81}, uint8(0), uint32(1))
	f.Fuzz(func(t *testing.T, first, second []byte, n uint8, micros uint32) {
		heat := &temperature{c: 25, steady: 125, tau: time.Second}
		r := &rail{volts: 100, amps: -1000, ohm: 1}
		for _, c := range []chip{newTMP102(heat, 0), newLM75(heat, 0, true), newLM75(heat, 0, false), newINA226(r, 0), newINA228(r, heat, 0), &tca62724{}, &ncp5623{}} {
			now := int64(micros) * 1000
			for i, data := range [][]byte{first, second} {
				if len(data) > 0 {
					c.write(now*int64(i+1), data)
				}
				c.read(now*int64(i+1), make([]byte, n))
				c.convert(now * int64(i+1))
			}
		}
	})
}
