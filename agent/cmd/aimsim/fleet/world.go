package fleet

import (
	"math"

	"github.com/aim-control/aimlock/hal/sim"
)

// world is what is true of a drone, beside what its agent says: "sim" in the
// documents that conditions are judged against.
type world struct {
	sim.State
	PID, Starts, Boots int
}

// document names the fields in small letters: sim.mode, sim.request,
// sim.motor_max_c.
func (w world) document() (map[string]any, error) {
	hottest := math.Inf(-1)
	for _, c := range w.MotorC {
		hottest = max(hottest, c)
	}
	if math.IsInf(hottest, -1) {
		hottest = 0
	}
	doc := map[string]any{}
	err := convert(map[string]any{
		"armed": w.Armed, "flying": w.Flying, "mode": w.Mode, "leg": w.Leg,
		"alt_m": round(w.Alt), "speed_ms": round(w.Speed), "hold_s": round(w.HoldS),
		"motor_max_c": round(hottest), "companion_c": round(w.CompanionC),
		"request": w.Request, "blue": w.Blue, "amber": w.Amber, "faults": w.Faults,
		"pid": w.PID, "starts": w.Starts, "boots": w.Boots, "agent": agentWord(w.PID),
	}, &doc)
	return doc, err
}

func round(v float64) float64 { return math.Round(v*10) / 10 }

func agentWord(pid int) string {
	if pid == 0 {
		return "down"
	}
	return "up"
}
