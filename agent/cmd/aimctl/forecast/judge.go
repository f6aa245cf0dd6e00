package forecast

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aim-control/aimlock/agent/cmd/aimctl/fleet"
	"github.com/aim-control/aimlock/agent/cmd/aimctl/words"
	"github.com/aim-control/aimlock/agent/rollout"
	"github.com/aim-control/aimlock/agent/telemetry"
	"github.com/aim-control/aimlock/firmware/patch"
)

// WaveName is a wave in words.
func WaveName(wave int) string {
	if wave == 0 {
		return "the canary"
	}
	return fmt.Sprintf("wave %d", wave)
}

// judge finds a drone's fate; the first reason found that weighs most.
func judge(d *Drone, p rollout.Plan, m *patch.Manifest, known *fleet.Drone, now time.Time) {
	if !slices.Contains(m.Targets, patch.Everyone) && !slices.Contains(m.Targets, d.Drone) {
		d.Fate, d.Why = Refuses, "not a target of the patch; leave it out, or sign a patch that names it"
		return
	}
	if why := absent(known, now); why != "" {
		d.Fate, d.Why = Absent, why
		if known != nil && known.Status != nil {
			d.Version = known.Status.Config.Version
		}
		return
	}
	st := known.Status
	if m.Kind == patch.KindKeys {
		judgeKeys(d, p, m, st)
		return
	}
	d.Version = st.Config.Version
	switch {
	case st.Config.SHA256 == p.SHA256:
		d.Fate = Has
		return
	case m.BaseSHA256 != "" && st.Config.SHA256 != m.BaseSHA256:
		d.Fate, d.Why = Refuses, fmt.Sprintf("base: the patch was made from another file than the one in force there (version %d%s)", st.Config.Version, drift(st))
		return
	}
	if why := hot(m, st); why != "" {
		d.Fate, d.Why = Refuses, why
		return
	}
	if why := waits(st); why != "" {
		d.Fate, d.Why = Waits, why
		return
	}
	d.Fate, d.Why = Takes, notes(st)
	if st.Config.Version >= m.ConfigVersion {
		d.Fate, d.Why = Perhaps, fmt.Sprintf("version: %d is in force, and the patch brings %d; refused if %d was patched in", st.Config.Version, m.ConfigVersion, st.Config.Version)
	}
}

// judgeKeys is judge for a change of the keys, which waits for nothing.
func judgeKeys(d *Drone, p rollout.Plan, m *patch.Manifest, st *telemetry.Status) {
	d.Version = st.KeysVersion
	switch {
	case st.KeysSHA256 == p.SHA256:
		d.Fate = Has
	case st.KeysVersion == 0:
		d.Fate, d.Why = Refuses, "it does not say which keys it trusts: its agent is older than that, or its keyring is damaged (aimctl keys show, on the drone)"
	case st.KeysSHA256 != m.BaseSHA256:
		d.Fate, d.Why = Refuses, fmt.Sprintf("base: the patch was made from other keys than those in force there (version %d)", st.KeysVersion)
	default:
		d.Fate = Takes
	}
}

func drift(st *telemetry.Status) string {
	if st.Config.Drift {
		return ", changed by hand"
	}
	return ""
}

// absent says why a drone would not be offered anything; "": it would.
func absent(d *fleet.Drone, now time.Time) string {
	switch {
	case d == nil:
		return "nothing is known of it at the broker; is the name right?"
	case d.Offline():
		why := "offline"
		if r := words.Clean(d.Link.Reason, 60); r != "" {
			why += ": " + r
		}
		return why
	case d.Status == nil:
		return "its status is not known"
	case d.Link == nil && d.Silent(now):
		return fmt.Sprintf("nothing heard from it for more than %v", fleet.Silence)
	}
	return ""
}

// hot says why a drone with a stuck lock is not to be offered the patch; "": it
// has none, or the patch may go past it.
func hot(m *patch.Manifest, st *telemetry.Status) string {
	if st.Lock.Hot || slices.ContainsFunc(st.Causes, func(c telemetry.Cause) bool { return c.Name == "lock" }) {
		return passes(m.DespiteLock, st.Lock)
	}
	return ""
}

// waits says what a drone would wait for; "": nothing that shows.
func waits(st *telemetry.Status) string {
	switch {
	case st.FC == "lost" || st.Flight == "unknown":
		return "flight: the flight controller is not heard, so nobody knows whether it is armed"
	case st.Flight == "armed":
		return "flight: it flies; the patch waits until it is disarmed, or holds where its update window says so"
	case st.Flight == "holding" && st.State != "PAUSED":
		return "flight: it hovers, but not in a hold that its agent asked for and saw confirmed (" + words.Clean(st.State, 12) + ")"
	case st.Flight == "disarmed" && len(st.Faults) > 0:
		return "flight: what is UNKNOWN forbids a patch on the ground: " + words.Clean(strings.Join(st.Faults, " "), 80)
	}
	return ""
}

// passes says why the override does not help past a HOT lock; "": it does.
func passes(o *patch.Override, l telemetry.Lock) string {
	holder := words.Clean(l.Holder, 40)
	if holder == "" {
		holder = "unknown"
	}
	lock := fmt.Sprintf("HOT(lock): %s by %s", words.Clean(l.Verdict, 10), holder)
	switch {
	case o == nil:
		return lock + "; the patch has no override: free the lock first (aimctl lock status, on the drone), or make the patch with --despite-lock"
	case o.Holder != holder:
		return lock + "; the override is for the lock of " + words.Clean(o.Holder, 40)
	}
	return ""
}

// notes is what an operator may want to know of a drone that takes the patch.
func notes(st *telemetry.Status) string {
	var parts []string
	for _, c := range st.Causes {
		parts = append(parts, "HOT("+words.Clean(c.Name, 12)+")")
	}
	if st.State == "PAUSED" || st.State == "PAUSING" || st.State == "UNCONFIRMED" {
		parts = append(parts, words.Clean(st.State, 12))
	}
	if st.Flight == "holding" {
		parts = append(parts, `in the air: applied if its update window allows "paused"`)
	}
	return strings.Join(parts, ", ")
}
