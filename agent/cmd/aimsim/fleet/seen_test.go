package fleet

import (
	"testing"

	"github.com/aim-control/aimlock/agent/telemetry"
)

func TestSeenEvents(t *testing.T) {
	t.Parallel()
	type n struct {
		boot  string
		n     uint64
		fresh bool
	}
	tests := map[string]struct {
		events               []n
		gaps, dups, disorder int
	}{
		"in order":            {[]n{{"a", 1, true}, {"a", 2, true}, {"a", 3, true}}, 0, 0, 0},
		"first one lost":      {[]n{{"a", 2, true}}, 1, 0, 0},
		"two lost":            {[]n{{"a", 1, true}, {"a", 4, true}}, 2, 0, 0},
		"delivered twice":     {[]n{{"a", 1, true}, {"a", 2, true}, {"a", 1, false}, {"a", 2, false}}, 0, 2, 0},
		"late":                {[]n{{"a", 1, true}, {"a", 3, true}, {"a", 2, true}}, 0, 0, 1},
		"a boot begins anew":  {[]n{{"a", 1, true}, {"a", 2, true}, {"b", 1, true}}, 0, 0, 0},
		"an old boot's comes": {[]n{{"a", 1, true}, {"b", 1, true}, {"a", 2, true}}, 0, 0, 0},
	}
	for name, tt := range tests {
		var s seen
		for _, e := range tt.events {
			if fresh := s.event(telemetry.Event{Boot: e.boot, N: e.n}); fresh != e.fresh {
				t.Errorf("%s: event %s/%d is fresh: %v", name, e.boot, e.n, fresh)
			}
		}
		if s.gaps != tt.gaps || s.duplicates != tt.dups || s.disorder != tt.disorder {
			t.Errorf("%s: gaps %d, duplicates %d, disorder %d; want %d, %d, %d", name, s.gaps, s.duplicates, s.disorder, tt.gaps, tt.dups, tt.disorder)
		}
	}
}

func TestSeenIsBounded(t *testing.T) {
	t.Parallel()
	var s seen
	for n := range uint64(3 * maxEvents) {
		s.event(telemetry.Event{Boot: "a", N: n + 1})
	}
	if len(s.events) != maxEvents || s.events[maxEvents-1].N != 3*maxEvents || s.gaps != 0 {
		t.Fatalf("%d events, last %d, gaps %d", len(s.events), s.events[len(s.events)-1].N, s.gaps)
	}
}

// TestOldWill: the will of a connection that was replaced says nothing.
func TestOldWill(t *testing.T) {
	t.Parallel()
	var s seen
	steps := []struct {
		a               telemetry.Availability
		changed, online bool
	}{
		{telemetry.Availability{Online: true, Conn: 1}, true, true},
		{telemetry.Availability{Online: true, Conn: 2}, false, true},
		{telemetry.Availability{Online: false, Conn: 1}, false, true},
		{telemetry.Availability{Online: false, Conn: 2}, true, false},
	}
	for i, step := range steps {
		if changed := s.availability(step.a); changed != step.changed || s.online != step.online {
			t.Errorf("step %d: changed %v, online %v", i, changed, s.online)
		}
	}
}

// TestSeenReports: a report that is retained comes again with each connection.
func TestSeenReports(t *testing.T) {
	t.Parallel()
	var s seen
	for i, step := range []struct {
		boot  string
		n     uint64
		fresh bool
	}{{"a", 1, true}, {"a", 2, true}, {"a", 2, false}, {"b", 1, true}, {"a", 1, false}} {
		if fresh := s.report(telemetry.Report{Boot: step.boot, N: step.n, State: "TRIAL"}); fresh != step.fresh {
			t.Errorf("step %d: fresh %v", i, fresh)
		}
	}
	for n := range uint64(2 * maxReports) {
		s.report(telemetry.Report{Boot: "c", N: n + 1})
	}
	if len(s.reports) != maxReports {
		t.Errorf("%d reports", len(s.reports))
	}
	s.rollout = &telemetry.Rollout{ID: "r", Drones: []telemetry.RolloutDrone{{Drone: "a", State: "PENDING"}, {Drone: "b", State: "SUCCEEDED"}}}
	if doc := s.rolloutDocument("b"); doc["outcome"] != "SUCCEEDED" || doc["id"] != "r" {
		t.Errorf("got %v", doc)
	}
}
