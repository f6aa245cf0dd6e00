package fleet

import (
	"github.com/aim-control/aimlock/agent/telemetry"
)

// seen is what a fleet server knows of one drone by MQTT alone.
type seen struct {
	online     bool
	conn       uint64
	status     *telemetry.Status
	events     []telemetry.Event // the newest maxEvents, in order of receipt
	last       map[string]uint64 // boot → highest event number
	gaps       int               // numbers that never came
	duplicates int
	disorder   int // numbers that came after a higher one
	bad        int // messages that do not decode
	telemetry  uint64
	reports    []telemetry.Report // the newest maxReports, in order of receipt
	rollout    *telemetry.Rollout // the last one heard of that the drone has a part in
	motors     []telemetry.Sample
}

// event takes an event in; false if it is a duplicate.
func (s *seen) event(e telemetry.Event) bool {
	if s.last == nil {
		s.last = map[string]uint64{}
	}
	last, known := s.last[e.Boot]
	switch {
	case e.N > last+1 && (known || e.N > 1):
		s.gaps += int(e.N - last - 1)
	case known && e.N <= last:
		for _, old := range s.events {
			if old.Boot == e.Boot && old.N == e.N {
				s.duplicates++
				return false
			}
		}
		s.disorder++
		s.gaps--
	}
	s.last[e.Boot] = max(last, e.N)
	if len(s.events) == maxEvents {
		s.events = append(s.events[:0], s.events[1:]...)
	}
	s.events = append(s.events, e)
	return true
}

// availability takes a birth or a will in; a will of an older connection is
// ignored. It reports whether online changed.
func (s *seen) availability(a telemetry.Availability) bool {
	if a.Conn < s.conn {
		return false
	}
	s.conn = a.Conn
	changed := a.Online != s.online
	s.online = a.Online
	return changed
}

// report takes a report in; false if it was here before, as a retained one is
// at each connection.
func (s *seen) report(r telemetry.Report) bool {
	for _, old := range s.reports {
		if old.Boot == r.Boot && old.N == r.N {
			return false
		}
	}
	if len(s.reports) == maxReports {
		s.reports = append(s.reports[:0], s.reports[1:]...)
	}
	s.reports = append(s.reports, r)
	return true
}

// part is how far the drone is in a rollout; false: it has no part in it.
func part(r *telemetry.Rollout, drone string) (telemetry.RolloutDrone, bool) {
	if r != nil {
		for _, d := range r.Drones {
			if d.Drone == drone {
				return d, true
			}
		}
	}
	return telemetry.RolloutDrone{}, false
}

// rolloutDocument is "seen.rollout": the rollout and the drone's part in it.
func (s *seen) rolloutDocument(drone string) map[string]any {
	r := s.rollout
	if r == nil {
		r = &telemetry.Rollout{}
	}
	own, _ := part(r, drone)
	return map[string]any{"id": r.ID, "state": r.State, "phase": r.Phase, "reason": r.Reason,
		"wave": r.Wave, "waves": r.Waves, "controller": r.Controller, "epoch": r.Epoch, "outcome": own.State, "outcome_reason": own.Reason}
}

// document is "seen" in the documents that conditions are judged against.
func (s *seen) document(drone string) map[string]any {
	kinds := make([]any, len(s.events))
	for i, e := range s.events {
		kinds[i] = e.Kind
	}
	state, boot := "", ""
	if s.status != nil {
		state, boot = s.status.State, s.status.Boot
	}
	doc := map[string]any{}
	_ = convert(map[string]any{
		"online": s.online, "conn": s.conn, "state": state, "boot": boot, "gaps": s.gaps,
		"duplicates": s.duplicates, "disorder": s.disorder, "bad": s.bad, "telemetry": s.telemetry,
		"rollout": s.rolloutDocument(drone), "reports": reportDocument(s.reports),
	}, &doc)
	doc["events"] = kinds
	return doc
}

// reportDocument is "seen.reports": each stands by its state, and is found by
// its patch, reason and detail as well.
func reportDocument(reports []telemetry.Report) []map[string]string {
	list := make([]map[string]string, len(reports))
	for i, r := range reports {
		list[i] = map[string]string{"name": r.State, "patch": r.Patch, "rollout": r.Rollout, "reason": r.Reason, "detail": r.Detail}
	}
	return list
}
