package run

import (
	"maps"
	"slices"

	"github.com/aim-control/aimlock/agent/rollout"
	"github.com/aim-control/aimlock/agent/telemetry"
)

// sampler sums up what drones measure while a wave is watched.
type sampler struct {
	wave   int
	baking int64 // the bake's begin, the rollout's time
	sums   map[string][]rollout.Sum
}

// sample takes a drone's telemetry as far as the plan compares it. The sums
// begin anew with each bake; those of a runner that was killed go on from its
// state.
func (r *Runner) sample(drone string, payload []byte) error {
	s := &r.saved.Rollout
	if s.Phase == rollout.Offering || len(s.Plan.Metrics) == 0 {
		return nil
	}
	var t telemetry.Telemetry
	if err := telemetry.Decode(payload, &t); err != nil {
		return err
	}
	x := &r.samples
	if x.sums == nil || x.wave != s.Wave || x.baking != s.BakeAt {
		*x = sampler{s.Wave, s.BakeAt, maps.Clone(s.Samples)}
		if x.sums == nil {
			x.sums = map[string][]rollout.Sum{}
		}
	}
	sums := slices.Clone(x.sums[drone])
	if sums == nil {
		sums = make([]rollout.Sum, len(s.Plan.Metrics))
	}
	for i, m := range s.Plan.Metrics {
		if v, ok := measured(&t, m.Name); ok && i < len(sums) {
			sums[i].N++
			sums[i].Sum += v
		}
	}
	x.sums[drone] = sums
	return nil
}

// tick lets time pass; what was measured comes along.
func (r *Runner) tick() []rollout.Order {
	ev := rollout.Event{Kind: rollout.Tick}
	if s, x := &r.saved.Rollout, &r.samples; x.sums != nil && s.Phase != rollout.Offering && x.wave == s.Wave && x.baking == s.BakeAt {
		ev.Samples = maps.Clone(x.sums)
	}
	return r.step(ev)
}

// measured is one metric of a telemetry message; false: it says nothing of it.
func measured(t *telemetry.Telemetry, name string) (v float64, ok bool) {
	switch name {
	case "motor":
		for _, m := range t.Motors {
			if c := float64(m.MilliC) / 1e3; m.OK && (!ok || c > v) {
				v, ok = c, true
			}
		}
	case "companion":
		return float64(t.Companion.MilliC) / 1e3, t.Companion.OK
	case "supply":
		for _, s := range t.Supply {
			if u := float64(s.MilliV) / 1e3; s.OK && (!ok || u < v) {
				v, ok = u, true
			}
		}
	case "current":
		for _, s := range t.Supply {
			if s.OK {
				v, ok = v+float64(s.MilliA)/1e3, true
			}
		}
	}
	return v, ok
}

// proof puts an override's evidence into one line; "": there is none.
func proof(ev []telemetry.Evidence) string {
	said := map[string]string{}
	for _, e := range ev {
		said[e.Key] = e.Value
	}
	if said["lock_holder"] == "" {
		return ""
	}
	text := said["lock_holder"] + " was " + said["became"]
	for _, k := range []string{"lock_reason", "held_for", "overdue_for", "lock_epoch", "proof"} {
		if said[k] != "" {
			text += ", " + k + " " + said[k]
		}
	}
	return clip(text)
}
