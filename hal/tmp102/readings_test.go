package tmp102

import (
	"testing"

	"periph.io/x/conn/v3/physic"
)

// Every value of the register, of every chip, in or out of range.
func TestEveryReading(t *testing.T) {
	t.Parallel()
	for raw := range 1 << 16 {
		for _, c := range []*chip{&tmp102, &tmp105, &lm75} {
			checkReading(t, c, uint16(raw))
		}
	}
}

func checkReading(t *testing.T, c *chip, raw uint16) {
	d := &Dev{addr: 0x48, chip: c, ready: true,
		bus: &still{[2]byte{byte(raw >> 8), byte(raw)}, [2]byte{byte(c.config >> 8), byte(c.config)}}}
	v, err := d.Temperature()
	low, high := physic.ZeroCelsius-55*physic.Kelvin, physic.ZeroCelsius+150*physic.Kelvin
	if err == nil && (v < low || v > high) {
		t.Errorf("%s: 0x%04x gave %v", c.name, raw, v)
	}
	if err != nil && (v != 0 || d.ready) {
		t.Errorf("%s: 0x%04x gave %v with %v, ready %v", c.name, raw, v, err, d.ready)
	}
}

// Whatever a bus answers, a sample is in range or an error.
func FuzzAnswers(f *testing.F) {
	f.Add(uint16(0x0C81), uint16(0x60F0), uint8(0))
	f.Add(uint16(0x0000), uint16(0x0000), uint8(1))
	f.Add(uint16(0xFFFF), uint16(0xFFFF), uint8(2))
	f.Fuzz(func(t *testing.T, raw, config uint16, which uint8) {
		c := []*chip{&tmp102, &tmp105, &lm75}[which%3]
		d := &Dev{addr: 0x48, chip: c, bus: &still{
			[2]byte{byte(raw >> 8), byte(raw)}, [2]byte{byte(config >> 8), byte(config)}}}
		v, err := d.Temperature()
		if err == nil && config&c.mask != c.config {
			t.Errorf("%s: %v with configuration 0x%04x", c.name, v, config)
		}
		checkReading(t, c, raw)
	})
}
