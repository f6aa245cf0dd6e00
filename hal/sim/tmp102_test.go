package sim

import (
	"math"
	"testing"
	"time"
)

func ms(n int64) int64 { return n * int64(time.Millisecond) }

// constant is a chip in a constant temperature.
func constant(celsius float64) *tmp102 {
	return newTMP102(&temperature{c: celsius, steady: celsius, tau: time.Second}, 0)
}

func reading(c *tmp102, now int64, pointer byte) uint16 {
	var r [2]byte
	c.write(now, []byte{pointer})
	c.read(now, r[:])
	return uint16(r[0])<<8 | uint16(r[1])
}

func TestTMP102PowerUp(t *testing.T) {
	c := constant(25)
	for pointer, want := range []uint16{0x0000, 0x60A0, 0x4B00, 0x5000} {
		if got := reading(c, ms(25), byte(pointer)); got != want {
			t.Errorf("register %d is %#04x at power-up, the data sheet says %#04x", pointer, got, want)
		}
	}
	if got := reading(c, ms(26), 0); got != 0x1900 {
		t.Errorf("first conversion reads %#04x, want 25 °C = 0x1900", got)
	}
}

// The rows of the data sheet's tables 5 and 6 that lie in the chip's range.
func TestTMP102Formats(t *testing.T) {
	for _, row := range []struct {
		celsius    float64
		bits12     uint16
		bits13     uint16
		saturating bool
	}{
		{150, 0x7FF0, 0x0960<<3 | 1, true},
		{128, 0x7FF0, 0x0800<<3 | 1, true},
		{127.9375, 0x7FF0, 0x07FF<<3 | 1, false},
		{100, 0x6400, 0x0640<<3 | 1, false},
		{80, 0x5000, 0x0500<<3 | 1, false},
		{75, 0x4B00, 0x04B0<<3 | 1, false},
		{50, 0x3200, 0x0320<<3 | 1, false},
		{0.25, 0x0040, 0x0004<<3 | 1, false},
		{0, 0x0000, 0x0000<<3 | 1, false},
		{-0.25, 0xFFC0, 0xFFE1, false},
		{-25, 0xE700, 0xF381, false},
		{-55, 0xC900, 0xE481, false},
	} {
		c := constant(row.celsius)
		if got := reading(c, ms(30), 0); got != row.bits12 {
			t.Errorf("%v °C in 12 bits: %#04x, want %#04x", row.celsius, got, row.bits12)
		}
		c.write(ms(40), []byte{1, 0x60, 0xB0})
		if got := reading(c, ms(65), 0); got != row.bits12 {
			t.Errorf("%v °C before the first conversion in 13 bits: %#04x, want the old %#04x", row.celsius, got, row.bits12)
		}
		if got := reading(c, ms(66), 0); got != row.bits13 {
			t.Errorf("%v °C in 13 bits: %#04x, want %#04x", row.celsius, got, row.bits13)
		}
	}
}

func TestTMP102Pointer(t *testing.T) {
	c := constant(25)
	c.write(0, []byte{2})
	var r [4]byte
	c.read(0, r[:])
	if want := [4]byte{0x4B, 0x00, 0xFF, 0xFF}; r != want {
		t.Errorf("T-low reads % x, want % x: nothing follows a register's two bytes", r, want)
	}
	c.read(0, r[:2])
	if r[0] != 0x4B {
		t.Error("the pointer moved by a read; it stays until the next write")
	}
	c.write(0, nil)
	c.write(0, []byte{3, 0x12, 0x34})
	c.write(0, []byte{3, 0x55})
	if got := reading(c, 0, 3); got != 0x5534 {
		t.Errorf("T-high is %#04x after a write of its upper byte, want 0x5534", got)
	}
	c.write(0, []byte{3, 0x56, 0x78, 0x9A})
	if got := reading(c, 0, 0xFF); got != 0x5678 {
		t.Errorf("T-high is %#04x, want 0x5678: the third byte is ignored, and pointer bits above 1", got)
	}
	c.write(ms(30), []byte{0, 0x12, 0x34})
	if got := reading(c, ms(30), 0); got != 0x1900 {
		t.Errorf("the temperature is read only, but reads %#04x", got)
	}
}

func TestTMP102ConfigBits(t *testing.T) {
	c := constant(25)
	c.write(0, []byte{1, 0xFF, 0xFF})
	// OS reads 0 while the one-shot runs; AL reads 0 with POL set; the low
	// nibble does not exist.
	if got := reading(c, ms(1), 1); got != 0x7FD0 {
		t.Errorf("all ones read back as %#04x, want 0x7fd0", got)
	}
	c.write(ms(2), []byte{1, 0x00, 0x00})
	if got := reading(c, ms(3), 1); got != 0x6020 {
		t.Errorf("all zeros read back as %#04x, want 0x6020: resolution and AL are read only", got)
	}
}

func TestTMP102Rates(t *testing.T) {
	for rate, period := range []int64{4000, 1000, 250, 125} {
		c := constant(25)
		c.write(0, []byte{1, 0x60, byte(rate << 6)})
		reading(c, ms(26), 0)
		*c.heat = temperature{c: 50, steady: 50, tau: time.Second}
		if got := reading(c, ms(26+period)-1, 0); got != 0x1900 {
			t.Errorf("rate %d: %#04x before the second conversion ends, want the first's 0x1900", rate, got)
		}
		if got := reading(c, ms(26+period), 0); got != 0x3200 {
			t.Errorf("rate %d: %#04x after %d ms, want 0x3200", rate, got, period)
		}
	}
}

func TestTMP102ShutdownAndOneShot(t *testing.T) {
	c := constant(25)
	reading(c, ms(30), 0)
	c.write(ms(40), []byte{1, 0x61, 0xA0})
	*c.heat = temperature{c: 50, steady: 50, tau: time.Second}
	if got := reading(c, ms(9000), 0); got != 0x1900 {
		t.Errorf("shut down, it reads %#04x, want the last 0x1900", got)
	}
	c.write(ms(9000), []byte{1, 0xE1, 0xA0})
	if got := reading(c, ms(9025), 1); got&confOneShot != 0 {
		t.Error("OS reads 1 while the conversion runs")
	}
	if got := reading(c, ms(9026), 1); got&confOneShot == 0 {
		t.Error("OS reads 0 after the conversion")
	}
	if got := reading(c, ms(9026), 0); got != 0x3200 {
		t.Errorf("one-shot reads %#04x, want 0x3200", got)
	}
}

func TestTMP102Alert(t *testing.T) {
	c := constant(25)
	c.write(0, []byte{1, 0x68, 0xA0}) // two faults in a row
	at := ms(26)
	steps := []struct {
		celsius float64
		alert   bool
	}{{79.9, false}, {80, false}, {79, false}, {80, false}, {80, true}, {75, true}, {74.9, true}, {75, true}, {74.9, true}, {74.9, false}}
	for i, s := range steps {
		*c.heat = temperature{since: at, c: s.celsius, steady: s.celsius, tau: time.Second}
		if got := reading(c, at, 1)&confAlert == 0; got != s.alert {
			t.Errorf("step %d at %v °C: alert %v, want %v", i, s.celsius, got, s.alert)
		}
		at += ms(250)
	}
}

// A conversion that nobody read before the course changed keeps what it saw.
func TestTMP102SeesOldCourse(t *testing.T) {
	bubble(t, func(t *testing.T, w *World) {
		must(t, w.HeatMotor(1, 125))
		pass(1100 * time.Millisecond) // the last conversion ended at 1026 ms
		must(t, w.HeatMotor(1, 25))
		var r [2]byte
		must(t, openBusOf(t, w).Tx(0x48, []byte{0}, r[:]))
		got := float64(int16(uint16(r[0])<<8|uint16(r[1]))>>4) / 16
		if want := 125 - 100*math.Exp(-1.026/2.5); !near(got, want, 0.04) {
			t.Errorf("reads %.4f °C, want the %.4f of 1026 ms", got, want)
		}
	})
}
