package run

import (
	"slices"
	"strings"

	"github.com/aim-control/aimlock/agent/rollout"
	"github.com/aim-control/aimlock/agent/telemetry"
	"github.com/aim-control/aimlock/firmware/patch"
)

// source is what was heard last from one drone, so that what comes again (the
// wire delivers at least once) is not taken for news.
type source struct {
	boot string
	old  []string // boots before, the last few
	n    uint64   // of the last report in this boot
	conn uint64   // of the last availability in this boot
}

const maxOld = 8

// of takes a message's boot; false: it is from one that is over.
func (s *source) of(boot string) bool {
	if boot == s.boot {
		return true
	}
	if slices.Contains(s.old, boot) {
		return false
	}
	if s.boot != "" {
		s.old = append(s.old, s.boot)
		s.old = s.old[max(0, len(s.old)-maxOld):]
	}
	s.boot, s.n, s.conn = boot, 0, 0
	return true
}

// stamped is an event with its time on the drone.
type stamped struct {
	rollout.Event
	boot     string
	up, wall int64 // ms
}

// before orders two messages of one drone.
func (a stamped) before(b stamped) bool {
	if a.boot == b.boot && a.up != b.up {
		return a.up < b.up
	}
	return a.wall < b.wall
}

// event makes an event of a message; false: it is none for this rollout.
func (r *Runner) event(m telemetry.Received) (ev stamped, ok bool) {
	fleet, drone, leaf, ok := telemetry.ParseTopic(m.Topic)
	if !ok || fleet != r.o.Plan.Fleet || len(m.Payload) == 0 {
		return ev, false
	}
	if _, ours := r.drones[drone]; !ours {
		return ev, false
	}
	ev.Drone = drone
	var err error
	switch {
	case leaf == telemetry.LeafTelemetry:
		ev.Kind = rollout.Beat
		return ev, !m.Retained && r.saved.Rollout.Watches(drone)
	case leaf == telemetry.LeafAvailability:
		ok, err = r.link(m, &ev)
	case leaf == telemetry.LeafStatus:
		ok, err = r.status(m, &ev)
	case leaf == telemetry.LeafReport:
		ok, err = r.report(m, &ev)
	case strings.HasPrefix(leaf, telemetry.LeafReply+r.orders):
		ok, err = r.reply(m, &ev)
	default:
		return ev, false
	}
	if err != nil {
		r.o.Log.Warn("cannot be read", "topic", m.Topic, "err", err)
	}
	return ev, ok && err == nil
}

func (r *Runner) link(m telemetry.Received, ev *stamped) (bool, error) {
	var a telemetry.Availability
	if err := telemetry.Decode(m.Payload, &a); err != nil {
		return false, err
	}
	s := r.drones[ev.Drone]
	if !s.of(a.Boot) || a.Conn < s.conn {
		return false, nil // a will of a connection that another one has followed
	}
	s.conn = a.Conn
	ev.Kind, ev.Online, ev.Kept = rollout.Link, a.Online, m.Retained
	return true, nil
}

func (r *Runner) status(m telemetry.Received, ev *stamped) (bool, error) {
	var s telemetry.Status
	if err := telemetry.Decode(m.Payload, &s); err != nil {
		return false, err
	}
	if !r.drones[ev.Drone].of(s.Boot) {
		return false, nil
	}
	ev.Kind, ev.boot, ev.up, ev.wall = rollout.Seen, s.Boot, s.UpMS, s.TimeMS
	v := rollout.Vitals{Live: !m.Retained, Faults: s.Faults, SHA256: s.Config.SHA256, Version: s.Config.Version}
	for _, c := range s.Causes {
		v.Causes = append(v.Causes, c.Name)
	}
	if s.Patch.ID == r.o.Plan.Patch {
		v.PatchState = s.Patch.State
	}
	ev.Vitals = v
	return true, nil
}

func (r *Runner) report(m telemetry.Received, ev *stamped) (bool, error) {
	var p telemetry.Report
	if err := telemetry.Decode(m.Payload, &p); err != nil {
		return false, err
	}
	s := r.drones[ev.Drone]
	if !s.of(p.Boot) || p.N != 0 && p.N <= s.n {
		return false, nil
	}
	s.n = p.N
	if p.Patch != r.o.Plan.Patch || p.Rollout != r.o.Plan.ID {
		return false, nil
	}
	reason := p.Reason
	if p.Detail != "" && p.Detail != reason {
		reason = strings.TrimPrefix(reason+": "+p.Detail, ": ")
	}
	ev.Kind, ev.boot, ev.up, ev.wall = rollout.Reported, p.Boot, p.UpMS, p.TimeMS
	ev.Report = rollout.Report{State: p.State, Reason: clip(reason)}
	return true, nil
}

// reply takes what a drone answers to a revert: what counts is its report, but
// one that never had the patch has none to make.
func (r *Runner) reply(m telemetry.Received, ev *stamped) (bool, error) {
	var p telemetry.Reply
	if err := telemetry.Decode(m.Payload, &p); err != nil || p.Outcome == "done" {
		return false, err
	}
	r.say(ev.Drone, "revert %s: %s", p.Outcome, clip(p.Reason))
	ev.Kind = rollout.NotCurrent
	name, _, _ := strings.Cut(strings.TrimPrefix(p.Reason, "patch: refused: "), ":")
	return p.Outcome == "refused" && name == patch.RefusedPatch, nil
}

// maxReason bounds a drone's reason in the state, bytes.
const maxReason = 500

func clip(s string) string {
	if len(s) > maxReason {
		s = s[:maxReason] + "…"
	}
	return strings.ToValidUTF8(s, "\ufffd")
}
