package sim

import (
	"fmt"
	"math"

	"github.com/aim-control/aimlock/board"
)

// rail is one supply, as the power monitor's pins have it.
type rail struct {
	name   string
	volts  float64
	amps   float64 // out of the supply
	ohm    float64 // the shunt
	forced bool    // by SetSupply
	chip   chip    // nil: not simulated
}

// A battery of four cells, half full.
const (
	restV, cruiseV = 15.2, 14.6
	restA, cruiseA = 0.6, 18.5
)

func (w *World) addRail(s board.Sensor) {
	r := &rail{name: s.Name, volts: restV, amps: restA, ohm: float64(s.ShuntMicroOhm) / 1e6}
	switch s.Chip {
	case "ina226":
		r.chip = newINA226(r, 0)
	case "ina228":
		r.chip = newINA228(r, &w.companion, 0)
	}
	w.rails = append(w.rails, r)
	w.fit(s.Bus, s.Addr, s.Name, r.chip)
}

// setRails gives every supply the values of the load, 0 to 1.
func (w *World) setRails(load float64) {
	for _, r := range w.rails {
		if !r.forced {
			r.set(w.now, restV+load*(cruiseV-restV), restA+load*(cruiseA-restA))
		}
	}
}

// set changes what is measured from now on.
func (r *rail) set(now int64, volts, amps float64) {
	if r.volts == volts && r.amps == amps {
		return
	}
	if r.chip != nil {
		r.chip.convert(now)
	}
	r.volts, r.amps = volts, amps
}

// SetSupply forces what supply i gives, whatever the load: volts 0 to 100,
// amps −1000 to 1000, positive out of the supply. i counts from 1.
func (w *World) SetSupply(i int, volts, amps float64) error {
	if !(volts >= 0 && volts <= 100 && math.Abs(amps) <= 1000) {
		return fmt.Errorf("sim: supply %d: %v V, %v A: choose 0 to 100 V, -1000 to 1000 A", i, volts, amps)
	}
	return w.change(func() error {
		if i < 1 || i > len(w.rails) {
			return fmt.Errorf("sim: there is no supply %d: choose 1 to %d", i, len(w.rails))
		}
		w.rails[i-1].forced = true
		w.rails[i-1].set(w.now, volts, amps)
		return nil
	})
}
