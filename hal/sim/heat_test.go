package sim

import (
	"errors"
	"math"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

func near(a, b, by float64) bool { return math.Abs(a-b) <= by }

func TestMotorsWarmWithLoad(t *testing.T) {
	bubble(t, func(t *testing.T, w *World) {
		for i, c := range w.Snapshot().MotorC {
			if c != 25 {
				t.Errorf("motor %d is %v °C at rest, want 25", i+1, c)
			}
		}
		airborne(t, w)
		pass(20 * time.Second)
		warm := w.Snapshot().MotorC
		for i, c := range warm {
			if !near(c, 55, 1.6) {
				t.Errorf("motor %d is %.2f °C in cruise, want 55 ± 1.5", i+1, c)
			}
		}
		if warm[0] == warm[1] {
			t.Error("all motors are the same")
		}
		must(t, w.Land())
		pass(60 * time.Second)
		for i, c := range w.Snapshot().MotorC {
			if !near(c, 25, 0.01) {
				t.Errorf("motor %d is %.2f °C after landing, want 25", i+1, c)
			}
		}
	})
}

func TestTimeConstant(t *testing.T) {
	bubble(t, func(t *testing.T, w *World) {
		must(t, w.HeatMotor(2, 125))
		pass(2500 * time.Millisecond)
		if c := w.Snapshot().MotorC[1]; !near(c, 125-100/math.E, 0.001) {
			t.Errorf("%.3f °C after one time constant, want %.3f", c, 125-100/math.E)
		}
		before := w.Snapshot().MotorC[1]
		must(t, w.CoolMotor(2))
		pass(2500 * time.Millisecond)
		if c := w.Snapshot().MotorC[1]; !near(c, 25+(before-25)/math.E, 0.001) {
			t.Errorf("%.3f °C one time constant after cooling began at %.3f", c, before)
		}
		m := w.Model()
		m.Tau, m.IdleC = time.Second, 30
		w.SetModel(m)
		pass(20 * time.Second)
		if c := w.Snapshot().MotorC[1]; !near(c, 30, 0.001) {
			t.Errorf("%.3f °C in the changed model, want 30", c)
		}
	})
}

// The chips must say what the physics says, within their resolution and the
// age of a conversion.
func TestChipFollowsMotor(t *testing.T) {
	bubble(t, func(t *testing.T, w *World) {
		bus := openBusOf(t, w)
		must(t, w.HeatMotor(4, 110))
		for range 200 {
			pass(100 * time.Millisecond)
			var r [2]byte
			must(t, bus.Tx(0x4B, []byte{0}, r[:]))
			got := float64(int16(uint16(r[0])<<8|uint16(r[1]))>>4) / 16
			now := w.Snapshot().MotorC[3]
			if got > now+0.04 || got < now-(110-now)*0.12-0.04 {
				t.Fatalf("chip says %.4f °C, the motor has %.4f", got, now)
			}
		}
	})
}

func TestHeatRefuses(t *testing.T) {
	bubble(t, func(t *testing.T, w *World) {
		for _, err := range []error{
			w.HeatMotor(0, 90), w.HeatMotor(5, 90), w.CoolMotor(-1),
			w.HeatMotor(1, math.NaN()), w.HeatMotor(1, 151), w.HeatCompanion(-56),
		} {
			if err == nil || !strings.Contains(err.Error(), " to ") {
				t.Errorf("error %v does not say what to choose", err)
			}
		}
	})
}

func TestCompanion(t *testing.T) {
	bubble(t, func(t *testing.T, w *World) {
		const path = "/sys/class/thermal/thermal_zone0/temp"
		text, err := w.ReadFile(path)
		if must(t, err); string(text) != "48000\n" {
			t.Errorf("companion reads %q, want 48000 and a newline", text)
		}
		must(t, w.HeatCompanion(90))
		pass(30 * time.Second)
		text, _ = w.ReadFile(path)
		if n, err := strconv.Atoi(strings.TrimSpace(string(text))); err != nil || n < 89990 || n > 90000 {
			t.Errorf("hot companion reads %q", text)
		}
		must(t, w.CoolCompanion())
		pass(30 * time.Second)
		if c := w.Snapshot().CompanionC; !near(c, 48, 0.01) {
			t.Errorf("cooled companion has %v °C", c)
		}
		if _, err := w.ReadFile("/etc/passwd"); !errors.Is(err, syscall.ENOENT) {
			t.Errorf("another file: %v", err)
		}
		must(t, w.Break("companion", nack))
		if _, err := w.ReadFile(path); !errors.Is(err, syscall.EIO) {
			t.Errorf("broken: %v, want EIO", err)
		}
		must(t, w.Break("companion", garbage))
		seen := map[string]bool{}
		for range 20 {
			text, err := w.ReadFile(path)
			must(t, err)
			seen[string(text)] = true
		}
		if len(seen) < 5 {
			t.Errorf("garbage is always the same: %v", seen)
		}
	})
}
