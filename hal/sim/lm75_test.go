package sim

import (
	"testing"
	"time"
)

// The tables of temperatures of SBOS648 (TMP105, 9 to 12 bits) and of the
// LM75 (9 bits, the others undefined), and power-up values.
func TestLM75(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		celsius float64
		bits9   uint64
		bits12  uint64
	}{
		{127.9375, 0x7F80, 0x7FF0},
		{100, 0x6400, 0x6400},
		{80, 0x5000, 0x5000},
		{25.25, 0x1900, 0x1940},
		{0.5, 0x0080, 0x0080},
		{0, 0, 0},
		{-0.25, 0xFF80, 0xFFC0},
		{-25, 0xE700, 0xE700},
		{-55, 0xC900, 0xC900},
	} {
		heat := &temperature{c: row.celsius, steady: row.celsius, tau: time.Second}
		for _, tmp105 := range []bool{true, false} {
			c := newLM75(heat, 0, tmp105)
			if got := reg(c, ms(20), 0, 2) & 0xFF80; got != 0 {
				t.Errorf("reads %#04x before its first conversion", got)
			}
			if got := reg(c, ms(101), 0, 2) & 0xFF80; got != row.bits9 {
				t.Errorf("%v °C in 9 bits: %#04x, want %#04x", row.celsius, got, row.bits9)
			}
			if reg(c, 0, 1, 1) != 0 || reg(c, 0, 2, 2) != 0x4B00 || reg(c, 0, 3, 2) != 0x5000 {
				t.Error("wrong values at power-up")
			}
			if !tmp105 {
				continue
			}
			c.write(ms(200), []byte{1, 0x78})
			if got := reg(c, ms(419), 0, 2); got != row.bits9 {
				t.Errorf("%v °C before 220 ms are over: %#04x, want the old %#04x", row.celsius, got, row.bits9)
			}
			if got := reg(c, ms(421), 0, 2); got != row.bits12 {
				t.Errorf("%v °C in 12 bits: %#04x, want %#04x", row.celsius, got, row.bits12)
			}
		}
	}
	c := newLM75(&temperature{c: 25, steady: 25, tau: time.Second}, 0, false)
	if a, b := reg(c, ms(101), 0, 2), reg(c, ms(101), 0, 2); a == b || a&0xFF80 != b&0xFF80 {
		t.Errorf("undefined bits stand still: %#04x, %#04x", a, b)
	}
	c.write(ms(101), []byte{1, 0xFF})
	if got := reg(c, ms(101), 1, 1); got != 0x1F {
		t.Errorf("the configuration keeps %#02x of all ones", got)
	}
}

// A lamp shows what was written, and nothing after a brown-out.
func TestLamps(t *testing.T) {
	t.Parallel()
	rgb := func(l lamp) [3]uint8 {
		r, g, b := l.shows()
		return [3]uint8{r, g, b}
	}
	toshiba := &tca62724{}
	toshiba.write(0, []byte{0x01, 0x0F, 0x02, 0x0A}) // counting up: blue, green, red
	if rgb(toshiba) != [3]uint8{} {
		t.Error("it shines before it is enabled")
	}
	toshiba.write(0, []byte{0x84, 0x03})
	if got := rgb(toshiba); got != [3]uint8{170, 34, 255} {
		t.Errorf("shows %v", got)
	}
	toshiba.write(0, []byte{0x83, 0xF1, 0x81, 0x00}) // red, then blue
	if got := rgb(toshiba); got != [3]uint8{17, 34, 0} {
		t.Errorf("shows %v", got)
	}
	var r [2]byte
	toshiba.read(0, r[:])
	if r != [2]byte{0x31, 0x20} {
		t.Errorf("reads % x", r)
	}
	toshiba.reset(0)
	if rgb(toshiba) != [3]uint8{} {
		t.Error("it shines after a brown-out")
	}
	on := &ncp5623{}
	for _, b := range []byte{0x40 | 31, 0x60 | 16, 0x80 | 1} {
		on.write(0, []byte{b})
	}
	if rgb(on) != [3]uint8{} {
		t.Error("it shines without a current")
	}
	on.write(0, []byte{0x20 | 31, 0x00})
	if got := rgb(on); got != [3]uint8{255, 131, 8} {
		t.Errorf("shows %v", got)
	}
	on.write(0, []byte{0x00})
	if rgb(on) != [3]uint8{} {
		t.Error("it shines while shut down")
	}
}
