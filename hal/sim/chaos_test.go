package sim

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"periph.io/x/conn/v3/gpio"

	"github.com/aim-control/aimlock/board"
)

func TestBreakSaysWhatCanBreak(t *testing.T) {
	w := New(simBoard(t), 1)
	for _, row := range []struct{ target, kind, hint string }{
		{"motor5", nack, "motor4, battery, companion, bus:motors, line:DISARMED"},
		{"motor1", float, "nack, stuck, garbage, reset"},
		{"bus:motors", stop, "nack, stuck, garbage"},
		{"line:HOLDING", garbage, "float, cut, stuck, nack"},
		{"companion", stuck, "nack, garbage"},
		{"fc", nack, "stop"},
		{"", "", "fc"},
	} {
		if err := w.Break(row.target, row.kind); err == nil || !strings.Contains(err.Error(), row.hint) {
			t.Errorf("break %q %q: %v, want a hint of %q", row.target, row.kind, err, row.hint)
		}
	}
	if err := w.Fix("motor9"); err == nil {
		t.Error("fixed what does not exist")
	}
	for _, target := range w.Targets() {
		for _, kind := range w.Kinds(target) {
			must(t, w.Break(target, kind))
		}
		must(t, w.Fix(target))
	}
	if n := w.Snapshot().Faults; n != 0 {
		t.Errorf("%d faults after all were fixed", n)
	}
}

// flightLog flies with chaos for a while and writes down all that it sees.
func flightLog(t *testing.T, seed uint64, d time.Duration) string {
	var log, edges bytes.Buffer // edges is the world's to write
	synctest.Test(t, func(t *testing.T) {
		w := New(simBoard(t), seed)
		w.Observe(func(line string, high bool, at time.Duration) { fmt.Fprintln(&edges, line, high, at) })
		go w.Run(t.Context())
		bus, request := openBusOf(t, w), openOutput(t, w, board.PauseReq)
		w.Chaos(2)
		for i := range int(d / (100 * time.Millisecond)) {
			pass(100 * time.Millisecond)
			var r [2]byte
			err := bus.Tx(0x48+uint16(i%4), []byte{0}, r[:])
			text, failed := w.ReadFile(w.board.Companion)
			fmt.Fprintf(&log, "%x %v %q %v\n", r, err, text, failed)
			if i%100 == 0 {
				fmt.Fprintln(&log, w.Arm(), w.TakeOff())
			}
			if i%50 == 49 {
				fmt.Fprintln(&log, request.Out(gpio.Level(i%100 == 99)))
			}
			fmt.Fprintln(&log, w.Snapshot())
		}
		w.Chaos(0)
		if n := w.Snapshot().Faults; n != 0 {
			t.Errorf("%d faults after chaos ended", n)
		}
	})
	return log.String() + edges.String()
}

func TestDeterministicBySeed(t *testing.T) {
	a, b, c := flightLog(t, 3, time.Minute), flightLog(t, 3, time.Minute), flightLog(t, 4, time.Minute)
	if a != b {
		la, lb := strings.Split(a, "\n"), strings.Split(b, "\n")
		for i := range min(len(la), len(lb)) {
			if la[i] != lb[i] {
				t.Fatalf("one seed, two worlds, from line %d:\n%s\n%s", i, la[i], lb[i])
			}
		}
	}
	if a == c {
		t.Error("two seeds, one world")
	}
	for _, want := range []string{"no such device or address", "connection timed out", "input/output error", "HOLDING true"} {
		if !strings.Contains(a, want) {
			t.Errorf("a minute of chaos without %q", want)
		}
	}
}

func TestChaosIsBounded(t *testing.T) {
	bubble(t, func(t *testing.T, w *World) {
		w.Chaos(1e9)
		seen := map[string]bool{}
		most := 0
		for range 2000 {
			pass(50 * time.Millisecond)
			w.mu.Lock()
			for _, f := range w.chaos.live {
				seen[f.target+" "+f.kind] = true
			}
			w.mu.Unlock()
			most = max(most, w.Snapshot().Faults)
		}
		if most != maxChaos {
			t.Errorf("at most %d faults at a time, want %d", most, maxChaos)
		}
		for _, target := range w.Targets() {
			for _, kind := range w.Kinds(target) {
				if kind != reset && !seen[target+" "+kind] {
					t.Errorf("chaos never chose %s %s", target, kind)
				}
			}
		}
	})
}

// A virtual day with an agent's traffic must be cheap, or the agent's own test
// of a day is not possible.
func TestADay(t *testing.T) {
	began := time.Now()
	edges := 0
	bubble(t, func(t *testing.T, w *World) {
		airborne(t, w)
		w.Chaos(0.02)
		beat := openInput(t, w, board.Heartbeat)
		for end := time.Now().Add(24 * time.Hour); time.Now().Before(end); {
			if beat.WaitForEdge(time.Minute) {
				edges++
			}
		}
		w.Chaos(0)
		for i, c := range w.Snapshot().MotorC {
			if c < 20 || c > 60 {
				t.Errorf("motor %d has %v °C after a day", i+1, c)
			}
		}
	})
	took := time.Since(began)
	t.Logf("%d heartbeats of a day in %v", edges, took)
	if edges < 300_000 {
		t.Errorf("%d heartbeats in a day, want about 345 600", edges)
	}
	if took > 20*time.Second {
		t.Errorf("a virtual day took %v", took)
	}
}

// FuzzWorld plays any sequence of deeds and checks what must always hold.
func FuzzWorld(f *testing.F) {
	f.Add([]byte("\x00\x01\x20\x05\x08\x21\x02\x30\x07"))
	f.Add([]byte{0, 9, 1, 9, 40, 9, 5, 9, 40, 9, 3, 9, 40, 9, 4, 9, 40, 6, 40, 2, 2, 9, 1})
	f.Add([]byte{7, 3, 0, 9, 8, 17, 7, 0, 1, 40, 10, 40, 11, 40, 12, 40, 5, 3, 200, 200})
	f.Fuzz(func(t *testing.T, deeds []byte) {
		if len(deeds) > 200 {
			return
		}
		bubble(t, func(t *testing.T, w *World) {
			request := openOutput(t, w, board.PauseReq)
			for _, deed := range deeds {
				play(w, request, deed)
				checkWorld(t, w)
			}
		})
	})
}

func play(w *World, request gpio.PinOut, deed byte) {
	targets := w.Targets()
	target := targets[int(deed/16)%len(targets)]
	kinds := w.Kinds(target)
	switch deed % 16 {
	case 0:
		w.Arm()
	case 1:
		w.TakeOff()
	case 2:
		w.Land()
	case 3:
		w.PilotTake()
	case 4:
		w.PilotRelease()
	case 5, 6:
		request.Out(gpio.Level(deed%16 == 5))
	case 7:
		w.Break(target, kinds[int(deed)%len(kinds)])
	case 8:
		w.Fix(target)
	case 9:
		pass(time.Duration(deed) * 7 * time.Millisecond)
	case 10:
		w.Disarm()
	case 11:
		w.HeatMotor(int(deed/16)%5, float64(deed))
	case 12:
		pass(time.Duration(deed) * time.Second)
	case 13:
		w.Chaos(float64(deed / 16))
	case 14:
		m := w.Model()
		m.RTLAfter = time.Duration(deed/16) * time.Second
		m.Speed = float64(deed / 16)
		w.SetModel(m)
	case 15:
		w.Press(deed > 100)
	}
}

func checkWorld(t *testing.T, w *World) {
	t.Helper()
	s := w.Snapshot()
	switch {
	case !slices.Contains([]string{modeAuto, modeBrake, modeLoiter, modeRTL, modeLand, "DISARMED"}, s.Mode),
		s.Armed == (s.Mode == "DISARMED"),
		s.Flying && !s.Armed,
		!s.Flying && (s.Alt != 0 || s.Speed != 0),
		s.Holding && (s.Mode != modeBrake || s.Speed >= holdSpeed),
		s.HoldS != 0 && s.Mode != modeBrake,
		!(s.Speed >= 0 && s.Speed < 16),
		!(s.Alt >= 0 && s.Alt <= 20),
		!(s.X > -200 && s.X < 200 && s.Y > -200 && s.Y < 200):
		t.Fatalf("impossible: %+v", s)
	}
	for _, c := range append(s.MotorC, s.CompanionC) {
		if !(c > -60 && c < 260) {
			t.Fatalf("impossible temperatures: %+v", s)
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.next() <= w.now {
		t.Fatalf("an event of the past is still due: %+v", s)
	}
}

func TestStreamsDiffer(t *testing.T) {
	w := New(simBoard(t), 1)
	seen := map[uint64]string{}
	for _, purpose := range append(w.Targets(), "chaos", "motors") {
		n := w.random(purpose).Uint64()
		if other, ok := seen[n]; ok {
			t.Errorf("%s and %s draw the same numbers", purpose, other)
		}
		seen[n] = purpose
	}
}
