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

// document is "seen" in the documents that conditions are judged against.
func (s *seen) document() map[string]any {
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
	}, &doc)
	doc["events"] = kinds
	return doc
}
