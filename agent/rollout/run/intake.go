package run

import (
	"slices"
	"strings"

	"github.com/aim-control/aimlock/agent/rollout"
	"github.com/aim-control/aimlock/agent/telemetry"
	"github.com/aim-control/aimlock/firmware/patch"
)

// source is what was heard last from one drone, so that what comes again (the
// wire delivers at least once) is not taken for news. Reports have boots of
// their own: a drone keeps them while it is away, and says after a restart what
// it had to say before it.
type source struct {
	present boots  // of status and availability
	reports boots  // of reports
	n       uint64 // of the last report in its boot
	conn    uint64 // of the last availability
}

// boots are a drone's: the newest, and the last few before it.
type boots struct {
	now  string
	live bool // a message of it came while we listened
	old  []string
}

const maxOld = 8

// of takes a message's boot; false: it is from one that is over. A boot is over
// when another one speaks after it while we listen. What the broker kept says
// nothing of the order: a status and an availability that lie there may be of
// different boots.
func (b *boots) of(boot string, kept bool) bool {
	switch {
	case boot == b.now:
		b.live = b.live || !kept
		return true
	case slices.Contains(b.old, boot):
		return false
	case b.live && !kept:
		b.old = append(b.old, b.now)
		b.old = b.old[max(0, len(b.old)-maxOld):]
	}
	b.now, b.live = boot, !kept
	return true
}

// current takes an availability; false: it is the will of a connection that
// another one has followed. The number rises with each connection, across
// restarts as well; a drone whose memory was wiped counts from the start again,
// which its new boot shows.
func (s *source) current(a *telemetry.Availability, kept bool) bool {
	if a.Conn < s.conn && (!a.Online || a.Boot == s.present.now) || !s.present.of(a.Boot, kept) {
		return false
	}
	s.conn = a.Conn
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
		if !m.Retained {
			err = r.sample(drone, m.Payload)
		}
		ok = !m.Retained && r.saved.Rollout.Watches(drone)
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
	if !r.drones[ev.Drone].current(&a, m.Retained) {
		return false, nil
	}
	ev.Kind, ev.Online, ev.Kept = rollout.Link, a.Online, m.Retained
	return true, nil
}

func (r *Runner) status(m telemetry.Received, ev *stamped) (bool, error) {
	var s telemetry.Status
	if err := telemetry.Decode(m.Payload, &s); err != nil {
		return false, err
	}
	if !r.drones[ev.Drone].present.of(s.Boot, m.Retained) {
		return false, nil
	}
	ev.Kind, ev.boot, ev.up, ev.wall = rollout.Seen, s.Boot, s.UpMS, s.TimeMS
	v := rollout.Vitals{Live: !m.Retained, Faults: s.Faults, SHA256: s.Config.SHA256, Version: s.Config.Version, Boot: s.Boot,
		Newer: s.Patch.ID != "" && s.Patch.ID != r.o.Plan.Patch && s.Patch.State == "COMMITTED"}
	if r.keys {
		v.SHA256, v.Version, v.Newer = s.KeysSHA256, s.KeysVersion, false
	}
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
	was := s.reports.now
	if !s.reports.of(p.Boot, m.Retained) {
		return false, nil
	}
	if p.Boot != was {
		s.n = 0
	}
	if p.N != 0 && p.N <= s.n {
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
	ev.Report = rollout.Report{State: p.State, Reason: clip(reason), Proof: proof(p.Evidence)}
	return true, nil
}

// reply takes what a drone answers to a revert: what counts is its report, but
// one that never had the patch has none to make.
func (r *Runner) reply(m telemetry.Received, ev *stamped) (bool, error) {
	var p telemetry.Reply
	if err := telemetry.Decode(m.Payload, &p); err != nil || p.Outcome == "done" {
		return false, err
	}
	ev.Kind = rollout.NotCurrent
	name, _, _ := strings.Cut(strings.TrimPrefix(p.Reason, "patch: refused: "), ":")
	if p.Outcome == "refused" && name == patch.RefusedPatch {
		r.say(ev.Drone, "has nothing to take back")
		return true, nil
	}
	r.say(ev.Drone, "revert %s: %s", p.Outcome, clip(p.Reason))
	return false, nil
}

// maxReason bounds a drone's reason in the state, bytes.
const maxReason = 500

func clip(s string) string {
	if len(s) > maxReason {
		s = s[:maxReason] + "…"
	}
	return strings.ToValidUTF8(s, "\ufffd")
}
