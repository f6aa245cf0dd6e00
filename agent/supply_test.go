package agent

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aim-control/aimlock/agent/telemetry"
)

// TestSupply takes a battery through load, a power monitor that falls silent, a
// brown-out and garbage: what the chip measures is in the status, what it does
// not say is UNKNOWN, reported, shown, and pauses nothing.
func TestSupply(t *testing.T) {
	t.Parallel()
	out := play(t, func(s *script) {
		near := func(want telemetry.Supply) bool {
			got := s.now().Supply
			return len(got) == 1 && got[0].Name == "battery" && got[0].OK && got[0].AgeMS <= 300 &&
				abs(got[0].MilliV-want.MilliV) <= 5 && abs(got[0].MilliA-want.MilliA) <= 20 && abs(got[0].MilliW-want.MilliW) <= 500
		}
		time.Sleep(2 * time.Second)
		s.must(s.world.SetSupply(1, 15.2, 0.6))
		s.after(time.Second, "at rest")
		s.expect("the supply at rest", near(telemetry.Supply{MilliV: 15200, MilliA: 600, MilliW: 9120}))
		s.airborne()
		s.must(s.world.SetSupply(1, 14.6, -18.5))
		s.after(time.Second, "charging in the air")
		s.expect("a current into the battery", near(telemetry.Supply{MilliV: 14600, MilliA: -18500, MilliW: -270100}))

		s.must(s.world.Break("battery", "nack"))
		s.after(2500*time.Millisecond, "silent for 2.5 s")
		st := s.now()
		s.expect("a little old is no fault", len(st.Faults) == 0 && st.Supply[0].OK && st.Supply[0].AgeMS > 2000)
		s.after(2*time.Second, "silent for 4.5 s")
		st = s.now()
		s.expect("unknown, shown, no reason to pause", slices.Equal(st.Faults, []string{"supply:battery"}) && !st.Supply[0].OK &&
			st.LED == "lost" && st.State == "NOMINAL" && len(st.Causes) == 0)
		s.must(s.world.Fix("battery"))
		s.after(2*time.Second, "fixed")
		s.expect("known again", len(s.now().Faults) == 0 && near(telemetry.Supply{MilliV: 14600, MilliA: -18500, MilliW: -270100}))

		s.must(s.world.Break("battery", "reset"))
		s.after(time.Second, "a brown-out, and the driver has set it up again")
		s.expect("known after the brown-out", near(telemetry.Supply{MilliV: 14600, MilliA: -18500, MilliW: -270100}))
		s.must(s.world.Break("battery", "garbage"))
		s.after(30*time.Second, "garbage")
		st = s.now()
		s.expect("garbage is unknown", slices.Equal(st.Faults, []string{"supply:battery"}) && st.State == "NOMINAL")
		s.must(s.world.Fix("battery"))
		s.after(2*time.Second, "fixed")
	})
	for _, want := range []string{"sensor.lost", "battery: no voltage and current for 3 s", `sensor="battery"`, "sensor.back", "battery: voltage and current are known again"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is not in\n%s", want, out)
		}
	}
	if strings.Contains(out, "PAUSING") {
		t.Errorf("a supply paused:\n%s", out)
	}
}

func abs(v int32) int32 { return max(v, -v) }

// kept is a publisher that keeps the newest telemetry.
type kept struct {
	publisher
	telemetry []byte
}

func (k *kept) SetTelemetry(p []byte) { k.telemetry = append(k.telemetry[:0], p...) }

// TestSupplyTelemetry: the interval's message has each supply in the board's
// order, with its age; never measured is not 0 V.
func TestSupplyTelemetry(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1)
		now := int64(time.Hour)
		l, up := r.loop, &kept{publisher: r.loop.up}
		l.clock, l.up, l.facts.supplies = func() int64 { return now }, up, []supplyFact{{name: "battery"}, {name: "servos"}}
		l.turn(event{kind: supply, at: now, index: 0, ok: true, power: power{85_000, 16_383_000, 1_392_555_000}})
		now += int64(1200 * time.Millisecond)
		l.turn(event{kind: supply, at: now, index: 0, power: power{1, 2, 3}}) // a failed one changes nothing
		var m telemetry.Telemetry
		if err := telemetry.Decode(up.telemetry, &m); err != nil {
			t.Fatal(err)
		}
		want := []telemetry.Supply{{MilliV: 85_000, MilliA: 16_383_000, MilliW: 1_392_555_000, AgeMS: 1200, OK: true, Name: "battery"},
			{AgeMS: m.Supply[1].AgeMS, Name: "servos"}}
		if !slices.Equal(m.Supply, want) || m.Supply[1].AgeMS < int32(time.Hour/time.Millisecond) {
			t.Errorf("supplies %+v, want %+v", m.Supply, want)
		}
	})
}
