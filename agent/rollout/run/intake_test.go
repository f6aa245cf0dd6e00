package run

import (
	"testing"

	"github.com/aim-control/aimlock/agent/rollout"
	"github.com/aim-control/aimlock/agent/telemetry"
)

func received(t *testing.T, leaf string, m telemetry.Message) telemetry.Received {
	t.Helper()
	b, err := telemetry.Append(nil, m)
	if err != nil {
		t.Fatal(err)
	}
	return telemetry.Received{Topic: telemetry.Topic("north", "d1", leaf), Payload: b}
}

// What comes again, or too late, is no news.
func TestOldNews(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	f.names = []string{"d1"}
	r, err := New(f.options())
	f.must(err)
	report := func(boot string, n uint64, change func(*telemetry.Report)) bool {
		p := telemetry.Report{Schema: 1, Boot: boot, N: n, Patch: "p1", Rollout: "r1", State: "TRIAL"}
		if change != nil {
			change(&p)
		}
		_, ok := r.event(received(t, telemetry.LeafReport, &p))
		return ok
	}
	online := func(boot string, conn uint64, on bool) bool {
		_, ok := r.event(received(t, telemetry.LeafAvailability, &telemetry.Availability{Schema: 1, Boot: boot, Conn: conn, Online: on}))
		return ok
	}
	for i, c := range []struct{ got, want bool }{
		{report("b1", 1, nil), true},
		{report("b1", 1, nil), false},
		{report("b1", 3, nil), true},
		{report("b1", 2, nil), false},
		{report("b1", 4, func(p *telemetry.Report) { p.Rollout = "r0" }), false},
		{report("b1", 5, func(p *telemetry.Report) { p.Patch = "p0" }), false},
		{online("b1", 7, true), true},
		{online("b1", 6, false), false}, // the will of an earlier connection
		{online("b1", 7, false), true},
		{report("b2", 1, nil), true},
		{report("b1", 9, nil), false}, // sent again by the journal
		{report("b2", 2, nil), true},
		{online("b2", 9, true), true},
		{online("b1", 7, false), false}, // a late will
		{online("b0", 8, false), false}, // of a boot that was never seen
		{online("b2", 9, false), true},
		{online("b3", 1, true), true}, // its memory was wiped
		{online("b2", 9, true), false},
	} {
		if c.got != c.want {
			t.Errorf("case %d: %v", i, c.got)
		}
	}
	for _, m := range []telemetry.Received{
		{Topic: telemetry.Topic("north", "d2", telemetry.LeafStatus), Payload: []byte{0x80}}, // not in the plan
		{Topic: telemetry.Topic("south", "d1", telemetry.LeafStatus), Payload: []byte{0x80}},
		{Topic: telemetry.Topic("north", "d1", telemetry.LeafReport), Payload: []byte("rubbish")},
		{Topic: telemetry.Topic("north", "d1", telemetry.LeafStatus), Payload: nil},
		{Topic: telemetry.Topic("north", "d1", telemetry.LeafEvent), Payload: []byte{0x80}},
		received(t, telemetry.LeafTelemetry, &telemetry.Telemetry{Schema: 1}), // nobody is watched yet
		received(t, telemetry.LeafReply+"other-1", &telemetry.Reply{Schema: 1, Outcome: "refused", Reason: "patch"}),
	} {
		if ev, ok := r.event(m); ok {
			t.Errorf("%s: %+v", m.Topic, ev)
		}
	}
	for reason, want := range map[string]bool{"patch": true, "patch: another one is current": true, "patch: refused: patch: none": true,
		"patch: refused: nonce: used": false, "nonce: used": false, "": false} {
		ev, ok := r.event(received(t, telemetry.LeafReply+r.orders+"1", &telemetry.Reply{Schema: 1, Outcome: "refused", Reason: reason}))
		if ok != want || ok && ev.Kind != rollout.NotCurrent {
			t.Errorf("%q: %v %v", reason, ok, ev.Kind)
		}
	}
}

// Boots: what was kept, or comes late, never shuts out the boot that speaks now.
func TestBoots(t *testing.T) {
	t.Parallel()
	type said struct {
		leaf, boot string
		n          uint64 // of a report, or a connection; 0: the will
		kept, want bool
	}
	const online, status, report = telemetry.LeafAvailability, telemetry.LeafStatus, telemetry.LeafReport
	for name, all := range map[string][]said{
		"a report of the boot before lies at the broker": {
			{online, "b2", 4, true, true}, {status, "b2", 0, true, true}, {report, "b1", 9, true, true},
			{status, "b2", 0, false, true}, {report, "b2", 1, false, true}, {status, "b2", 0, false, true}, {online, "b2", 4, false, true}},
		"so does a status": {
			{online, "b2", 4, true, true}, {status, "b1", 0, true, true}, {status, "b2", 0, false, true}, {online, "b2", 5, false, true}, {status, "b2", 0, false, true}},
		"a report that was kept while it was away comes after the restart": {
			{status, "b1", 0, false, true}, {report, "b1", 2, false, true}, {online, "b2", 4, false, true}, {status, "b2", 0, false, true},
			{report, "b1", 3, false, true}, {report, "b2", 1, false, true}, {report, "b1", 3, false, false}, {status, "b1", 0, false, false}, {report, "b2", 2, false, true}},
		"reports of two boots are sent again after the last was read": {
			{report, "b2", 1, true, true}, {report, "b1", 9, false, true}, {report, "b2", 1, false, true}, {report, "b1", 9, false, false}, {report, "b2", 2, false, true}},
		"we were away while it restarted": {
			{online, "b1", 3, false, true}, {status, "b1", 0, false, true}, {report, "b1", 4, false, true},
			{online, "b2", 4, true, true}, {status, "b2", 0, true, true}, {report, "b2", 1, true, true}, {status, "b2", 0, false, true}, {report, "b2", 2, false, true}},
	} {
		f := newFleet(t)
		f.names = []string{"d1"}
		r, err := New(f.options())
		f.must(err)
		for i, s := range all {
			var m telemetry.Message
			switch s.leaf {
			case online:
				m = &telemetry.Availability{Schema: 1, Boot: s.boot, Conn: s.n, Online: true}
			case status:
				m = &telemetry.Status{Schema: 1, Boot: s.boot}
			case report:
				m = &telemetry.Report{Schema: 1, Boot: s.boot, N: s.n, Patch: "p1", Rollout: "r1", State: "TRIAL"}
			}
			got := received(t, s.leaf, m)
			got.Retained = s.kept
			if _, ok := r.event(got); ok != s.want {
				t.Errorf("%s: %d: %v", name, i, ok)
			}
		}
	}
}

// A status from before the commit does not count as one from after it, whatever
// the order in which the broker delivers what it had kept.
func TestKeptInOrder(t *testing.T) {
	t.Parallel()
	a := stamped{boot: "b", up: 5, wall: 100}
	for i, c := range []struct {
		b    stamped
		want bool
	}{
		{stamped{boot: "b", up: 6, wall: 50}, true},
		{stamped{boot: "b", up: 4, wall: 200}, false},
		{stamped{boot: "c", up: 1, wall: 200}, true},
		{stamped{boot: "c", up: 9, wall: 50}, false},
	} {
		if a.before(c.b) != c.want {
			t.Error(i)
		}
	}
}

// FuzzSaved: a state file that is taken can be gone on with.
func FuzzSaved(f *testing.F) {
	f.Add([]byte(`{"schema":1,"rollout":{"schema":1}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := parse(b)
		if err != nil {
			return
		}
		s.Rollout.Outstanding()
		for _, k := range []rollout.Kind{rollout.Tick, rollout.DoRollback, rollout.Tick} {
			s.Rollout, _ = s.Rollout.Step(rollout.Event{Kind: k, At: s.Rollout.Now + 1})
		}
	})
}
