package tmp102

import (
	"errors"
	"slices"
	"syscall"
	"testing"

	"periph.io/x/conn/v3/i2c/i2ctest"
)

// Registers as the data sheets have them at power-up and as our driver leaves
// them; a one-byte register read twice as wide repeats or releases the bus.
func TestIdentify(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name          string
		config, again [2]byte
		temperature   [2]byte
		want          []string
	}{
		{"tmp102 at power-up", [2]byte{0x60, 0xA0}, [2]byte{0x60, 0xA0}, [2]byte{0x19, 0x00}, []string{"tmp102"}},
		{"tmp102 as we set it, alert in between", [2]byte{0x60, 0xF0}, [2]byte{0x60, 0xD0}, [2]byte{0x0C, 0x81}, []string{"tmp102"}},
		{"tmp102 shut down", [2]byte{0xE1, 0xA0}, [2]byte{0x61, 0xA0}, [2]byte{0x19, 0x00}, []string{"tmp102"}},
		{"tmp105 as we set it, bus released", [2]byte{0x78, 0xFF}, [2]byte{0x78, 0xFF}, [2]byte{0x19, 0x10}, []string{"tmp105"}},
		{"tmp105 in 12 bits, byte repeated", [2]byte{0x60, 0x60}, [2]byte{0x60, 0x60}, [2]byte{0x19, 0x10}, []string{"tmp102", "tmp105"}},
		{"lm75 or tmp105 at power-up", [2]byte{0x00, 0xFF}, [2]byte{0x00, 0xFF}, [2]byte{0x19, 0x80}, []string{"lm75", "tmp105"}},
		{"lm75, undefined bits set", [2]byte{0x18, 0x18}, [2]byte{0x18, 0x18}, [2]byte{0x19, 0xAA}, []string{"lm75"}},
		{"nobody drives the bus", [2]byte{0xFF, 0xFF}, [2]byte{0xFF, 0xFF}, [2]byte{0xFF, 0xFF}, nil},
		{"ina226 at the same address", [2]byte{0x0A, 0x3C}, [2]byte{0x0A, 0x3C}, [2]byte{0x41, 0x27}, nil},
		{"noise", [2]byte{0x60, 0xA0}, [2]byte{0x13, 0xA0}, [2]byte{0x19, 0x00}, nil},
	} {
		bus := &i2ctest.Playback{DontPanic: true, Ops: []i2ctest.IO{
			{Addr: 0x48, W: []byte{1}, R: c.config[:]}, {Addr: 0x48, W: []byte{1}, R: c.again[:]}, {Addr: 0x48, W: []byte{0}, R: c.temperature[:]}}}
		got, err := Identify(bus, 0x48)
		if !slices.Equal(got, c.want) || (err == nil) != (c.want != nil) || err != nil && !errors.Is(err, ErrImplausible) {
			t.Errorf("%s: %v, %v; want %v", c.name, got, err, c.want)
		}
	}
	bus := &flaky{fails: map[int]error{1: syscall.ENXIO}}
	if _, err := Identify(bus, 0x48); !errors.Is(err, syscall.ENXIO) {
		t.Errorf("nobody there: %v", err)
	}
}
