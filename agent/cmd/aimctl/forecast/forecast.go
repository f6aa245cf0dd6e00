// Package forecast says what a rollout would do before anything is published:
// who is in which wave, from when on, and which drones would not take the patch
// and why. It is pure: what is known of the drones, and the time, are arguments.
//
// It knows what the broker keeps, not what lies on the drones: the update
// window, the quarantine and the clock of a drone are its own business.
package forecast

import (
	"time"

	"github.com/aim-control/aimlock/agent/cmd/aimctl/fleet"
	"github.com/aim-control/aimlock/agent/rollout"
	"github.com/aim-control/aimlock/firmware/patch"
)

// Fate is what would become of the offer to a drone.
type Fate string

// The fates of an offer.
const (
	Takes   Fate = "takes"   // nothing is known against it
	Has     Fate = "has"     // the configuration is in force already; it is watched like the others
	Waits   Fate = "waits"   // until something ends; at the time-out it has failed
	Perhaps Fate = "perhaps" // it may refuse
	Refuses Fate = "refuses" // for certain
	Absent  Fate = "absent"  // not connected, or unknown: left out when the time-out has passed
)

// Drone is one drone's part in a rollout.
type Drone struct {
	Drone   string `json:"drone"`
	Wave    int    `json:"wave"` // 0: the canary
	Fate    Fate   `json:"fate"`
	Why     string `json:"why"`     // in words, with what to do; empty: nothing to say
	Version int64  `json:"version"` // of its configuration; 0: not known
}

// Wave is a group of drones and the earliest time of its first offer, after the
// start of the rollout. Its end is that of its bake at the earliest.
type Wave struct {
	Wave    int      `json:"wave"`
	FromMS  int64    `json:"from_ms"`
	UntilMS int64    `json:"until_ms"`
	Drones  []string `json:"drones"`
}

// Forecast is what a rollout would do.
type Forecast struct {
	Waves  []Wave
	Drones []Drone  // in the order of the waves
	Never  []string // why the plan as a whole cannot go through; empty: it may
}

// Make looks ahead. The plan must be valid and the manifest its patch's. known
// are the drones that the broker told of.
func Make(p rollout.Plan, m *patch.Manifest, known []*fleet.Drone, now time.Time) Forecast {
	byName := make(map[string]*fleet.Drone, len(known))
	for _, d := range known {
		byName[d.Name] = d
	}
	var f Forecast
	from := int64(0)
	for wave, names := range p.Groups() {
		until := from + p.BakeNS/1e6
		f.Waves = append(f.Waves, Wave{wave, from, until, names})
		if begins := now.Add(time.Duration(from) * time.Millisecond); !m.Expires.IsZero() && begins.After(m.Expires) && len(f.Never) == 0 {
			f.Never = append(f.Never, "the patch expires at "+m.Expires.Format(time.RFC3339)+", before "+WaveName(wave)+
				" can begin: its drones would refuse it. Sign it with a longer life, or plan shorter bakes")
		}
		from = until
		for _, n := range names {
			d := Drone{Drone: n, Wave: wave}
			judge(&d, p, m, byName[n], now)
			f.Drones = append(f.Drones, d)
		}
	}
	return f
}

// Count is the number of drones with one of the fates.
func (f Forecast) Count(of ...Fate) (n int) {
	for _, d := range f.Drones {
		for _, x := range of {
			if d.Fate == x {
				n++
			}
		}
	}
	return n
}
