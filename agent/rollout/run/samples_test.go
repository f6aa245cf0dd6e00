package run

import (
	"strings"
	"testing"

	"github.com/aim-control/aimlock/agent/rollout"
	"github.com/aim-control/aimlock/agent/telemetry"
)

func TestMeasured(t *testing.T) {
	t.Parallel()
	full := telemetry.Telemetry{
		Motors:    []telemetry.Sample{{MilliC: 61500, OK: true}, {MilliC: 99000}, {MilliC: 62250, OK: true}},
		Companion: telemetry.Sample{MilliC: 55100, OK: true},
		Supply:    []telemetry.Supply{{MilliV: 22200, MilliA: 18400, OK: true}, {MilliV: 1, MilliA: 1}, {MilliV: 5100, MilliA: 600, OK: true}},
	}
	want := map[string]float64{"motor": 62.25, "companion": 55.1, "supply": 5.1, "current": 19}
	for name := range rollout.MetricNames {
		if v, ok := measured(&full, name); !ok || v != want[name] {
			t.Errorf("%s: %v, %v, want %v", name, v, ok, want[name])
		}
		if v, ok := measured(&telemetry.Telemetry{Motors: []telemetry.Sample{{MilliC: 1}}}, name); ok {
			t.Errorf("%s: %v of what is UNKNOWN", name, v)
		}
	}
}

// Samples count while a wave is watched, begin anew with the next bake, and go
// on from the state after a kill.
func TestSamples(t *testing.T) {
	t.Parallel()
	plan := rollout.Plan{ID: "r", Fleet: "north", Patch: "p", SHA256: strings.Repeat("ab", 32), Drones: []string{"d1", "d2"},
		Canary: rollout.Canary{Count: 1}, BakeNS: 1, TimeoutNS: 1e9, SilenceNS: 1e9, Metrics: []rollout.Metric{{Name: "motor", Worse: rollout.Higher}}}
	s, err := rollout.New(plan)
	if err != nil {
		t.Fatal(err)
	}
	r := &Runner{saved: Saved{Rollout: s}}
	hears := func(milliC int32) {
		t.Helper()
		b, err := telemetry.Append(nil, &telemetry.Telemetry{Schema: telemetry.Schema, Boot: "b", Motors: []telemetry.Sample{{MilliC: milliC, OK: true}}})
		if err == nil {
			err = r.sample("d2", b)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	is := func(n int, sum float64) {
		t.Helper()
		if got := r.samples.sums["d2"]; len(got) != 1 || got[0] != (rollout.Sum{N: n, Sum: sum}) {
			t.Errorf("%+v, want %d, %v", got, n, sum)
		}
	}
	hears(50000)
	if r.samples.sums != nil {
		t.Error("nothing is watched yet")
	}
	r.saved.Rollout.Phase, r.saved.Rollout.BakeAt = rollout.Baking, 7
	hears(60000)
	hears(62000)
	is(2, 122)
	kept := map[string][]rollout.Sum{"d2": r.samples.sums["d2"]}
	r = &Runner{saved: r.saved}
	r.saved.Rollout.Samples = kept
	hears(64000)
	is(3, 186)
	if kept["d2"][0].N != 2 {
		t.Error("the state was changed")
	}
	r.saved.Rollout.Wave, r.saved.Rollout.BakeAt, r.saved.Rollout.Samples = 1, 9, nil
	hears(70000)
	is(1, 70)
}

func TestProof(t *testing.T) {
	t.Parallel()
	if got := proof([]telemetry.Evidence{{Key: "signal", Value: "x"}}); got != "" {
		t.Errorf("no override: %q", got)
	}
	got := proof([]telemetry.Evidence{{Key: "proof", Value: "its lock is in fdinfo"}, {Key: "became", Value: "ended"}, {Key: "lock_holder", Value: "fleet-updater (pid 4312)"}, {Key: "overdue_for", Value: "29m"}})
	if want := "fleet-updater (pid 4312) was ended, overdue_for 29m, proof its lock is in fdinfo"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
