package sim

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"syscall"
	"time"

	"github.com/aim-control/aimlock/board"
)

// temperature goes exponentially towards its steady value.
type temperature struct {
	since  int64 // when c held
	c      float64
	steady float64
	tau    time.Duration
}

// at returns the temperature at a time not before since, in °C.
func (t *temperature) at(now int64) float64 {
	return t.steady + (t.c-t.steady)*math.Exp(-float64(now-t.since)/float64(t.tau))
}

// towards gives a new steady value from now on.
func (t *temperature) towards(now int64, steady float64, tau time.Duration) {
	if steady == t.steady && tau == t.tau {
		return
	}
	t.c, t.since = t.at(now), now
	t.steady, t.tau = steady, tau
}

// motor is one motor and the sensor that is glued to it.
type motor struct {
	name   string
	bus    string
	spread float64 // °C by which it differs from the others in cruise
	forced float64 // steady temperature forced by HeatMotor; NaN: by its load
	heat   temperature
	chip   chip // nil: a chip that is not simulated
}

func (w *World) addMotor(s board.Sensor, spread float64) {
	idle := w.model.IdleC
	m := &motor{name: s.Name, bus: s.Bus, spread: spread, forced: math.NaN()}
	m.heat = temperature{c: idle, steady: idle, tau: w.model.Tau}
	w.motors = append(w.motors, m)
	switch s.Chip {
	case "tmp102":
		m.chip = newTMP102(&m.heat, 0)
	case "tmp105":
		m.chip = newLM75(&m.heat, 0, true)
	case "lm75":
		m.chip = newLM75(&m.heat, 0, false)
	case "ina228":
		m.chip = newINA228(&rail{}, &m.heat, 0)
	}
	w.fit(s.Bus, s.Addr, s.Name, m.chip)
}

// setLoads gives every motor the steady temperature of its load.
func (w *World) setLoads() {
	load := w.fly.load()
	w.setRails(load)
	for _, m := range w.motors {
		steady := m.forced
		if math.IsNaN(steady) {
			steady = w.model.IdleC + load*(w.model.CruiseC+m.spread-w.model.IdleC)
		}
		if steady == m.heat.steady && w.model.Tau == m.heat.tau {
			continue
		}
		if m.chip != nil {
			m.chip.convert(w.now) // conversions up to here saw the old course
		}
		m.heat.towards(w.now, steady, w.model.Tau)
	}
}

func (w *World) setCompanion() {
	steady := w.hotCPU
	if math.IsNaN(steady) {
		steady = w.model.CompanionC
	}
	for _, r := range w.rails {
		if r.chip != nil {
			r.chip.convert(w.now) // it may measure its own die, which is as warm
		}
	}
	w.companion.towards(w.now, steady, w.model.Tau)
}

// HeatMotor forces the steady temperature of motor i, whatever its load. i
// counts from 1, as in "motor1"; celsius is −55 … 150.
func (w *World) HeatMotor(i int, celsius float64) error {
	if !(celsius >= -55 && celsius <= 150) {
		return fmt.Errorf("sim: heat motor %d: %v °C: choose -55 to 150", i, celsius)
	}
	return w.forceMotor(i, celsius)
}

// CoolMotor lets motor i follow its load again. i counts from 1.
func (w *World) CoolMotor(i int) error { return w.forceMotor(i, math.NaN()) }

func (w *World) forceMotor(i int, celsius float64) error {
	return w.change(func() error {
		if i < 1 || i > len(w.motors) {
			return fmt.Errorf("sim: there is no motor %d: choose 1 to %d", i, len(w.motors))
		}
		w.motors[i-1].forced = celsius
		return nil
	})
}

// HeatCompanion forces the companion computer's steady temperature; celsius is
// −55 … 150.
func (w *World) HeatCompanion(celsius float64) error {
	if !(celsius >= -55 && celsius <= 150) {
		return fmt.Errorf("sim: heat companion: %v °C: choose -55 to 150", celsius)
	}
	return w.change(func() error { w.hotCPU = celsius; w.setCompanion(); return nil })
}

// CoolCompanion ends HeatCompanion.
func (w *World) CoolCompanion() error {
	return w.change(func() error { w.hotCPU = math.NaN(); w.setCompanion(); return nil })
}

// ReadFile reads the companion's temperature, as sysfs has it.
func (w *World) ReadFile(path string) ([]byte, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.advance()
	if path == "" || path != w.board.Companion {
		return nil, fmt.Errorf("sim: read %s: %w", path, syscall.ENOENT)
	}
	text, err := w.thermalText()
	if err != nil {
		return nil, fmt.Errorf("sim: read %s: %w", path, err)
	}
	return text, nil
}

// thermalText is the companion's temperature as sysfs prints it, or what a
// fault makes of it. mu is held.
func (w *World) thermalText() ([]byte, error) {
	switch w.kind("companion") {
	case nack:
		return nil, syscall.EIO
	case garbage:
		return garbageText(w.cpuRNG), nil
	}
	milli := math.Round(w.companion.at(w.now) * 1000)
	return append(strconv.AppendInt(nil, int64(milli), 10), '\n'), nil
}

// garbageText is text that is no plausible temperature.
func garbageText(rng *rand.Rand) []byte {
	texts := []string{"", "\n", "hot\n", "-274000\n", "999999999999999999999\n", "4e4\n", "45000", "\x00\x00\x00\x00", "45000 45000\n"}
	if i := rng.IntN(len(texts) + 1); i < len(texts) {
		return []byte(texts[i])
	}
	text := make([]byte, 1+rng.IntN(63))
	for i := range text {
		text[i] = byte(rng.Uint32())
	}
	return text
}
