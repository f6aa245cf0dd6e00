package hal

import (
	"testing"

	"github.com/aim-control/aimlock/board"
)

// The rules of a board.toml and the drivers agree on which chip may stand at
// which address, in which role, on which shunt: what Check accepts, Open opens.
func TestRulesAreTheDrivers(t *testing.T) {
	t.Parallel()
	base, err := board.Lookup("sim")
	if err != nil {
		t.Fatal(err)
	}
	agree := func(b *board.Board) bool {
		rules := b.Check()
		h, err := Open(b, newBench())
		if h != nil {
			_ = h.Close()
		}
		if (rules == nil) != (err == nil) {
			t.Errorf("motors %v, supplies %v, lamp %v: the rules say %v, the drivers %v", b.Motors, b.Supplies, b.RGB, rules, err)
		}
		return err == nil
	}
	base.Supplies = nil
	good := 0
	for _, chip := range []string{"tmp102", "tmp105", "lm75", "ina226", "ina228", "tca62724", "ncp5623", "blueesc", ""} {
		for addr := range uint16(0x80) {
			motor, supply, lamp := *base, *base, *base
			motor.Motors = []board.Sensor{{Name: "motor1", Chip: chip, Bus: "motors", Addr: addr}}
			supply.Motors, supply.Supplies = nil, []board.Sensor{{Name: "battery", Chip: chip, Bus: "motors", Addr: addr, ShuntMicroOhm: 500, MaxAmps: 100}}
			for _, b := range []*board.Board{&motor, &supply} {
				if agree(b) {
					good++
				}
			}
			if chip != "" {
				lamp.Motors, lamp.RGB, lamp.Outputs = nil, board.RGB{Chip: chip, Bus: "motors", Addr: addr}, base.Outputs[:1]
				if agree(&lamp) {
					good++
				}
			}
		}
	}
	if want := 4 + 8 + 8 + 16 + 16 + 16 + 1 + 2; good != want {
		t.Errorf("%d chips in their places, want %d", good, want)
	}
	for _, chip := range []string{"ina226", "ina228"} {
		for _, shunt := range []uint32{0, 9, 10, 100, 333, 500, 81_917, 163_839, 163_840, 10_000_000, 10_000_001} {
			for _, amps := range []uint16{0, 1, 2, 163, 164, 245, 246, 327, 328, 819, 820, 8191, 8192, 16383, 16384, 65535} {
				b := *base
				b.Motors, b.Supplies = nil, []board.Sensor{{Name: "battery", Chip: chip, Bus: "motors", Addr: 0x40, ShuntMicroOhm: shunt, MaxAmps: amps}}
				agree(&b)
			}
		}
	}
}
