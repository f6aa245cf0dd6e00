package rollout

import (
	"slices"
	"strings"
	"testing"
)

var newSHA = strings.Repeat("ab", 32)

func testPlan(names ...string) Plan {
	return Plan{ID: "r1", Fleet: "north", Patch: "p1", Version: 2, SHA256: newSHA, Drones: names,
		Canary: Canary{Count: 1}, BakeNS: 10, Heartbeats: 1, TimeoutNS: 100, SilenceNS: 50, Despite: true}
}

// table drives a rollout by hand.
type table struct {
	t   *testing.T
	s   State
	out []Order
}

func start(t *testing.T, p Plan) *table {
	t.Helper()
	s, err := New(p)
	if err != nil {
		t.Fatal(err)
	}
	return &table{t: t, s: s}
}

// do takes an event and keeps its orders.
func (x *table) do(ev Event) *table {
	ev.At = x.s.Now
	x.s, x.out = x.s.Step(ev)
	return x
}

func (x *table) online(names ...string) *table {
	var all []Order
	for _, n := range names {
		if d, _ := x.s.Drone(n); !d.Known {
			x.do(Event{Kind: Seen, Drone: n})
		}
		x.do(Event{Kind: Link, Drone: n, Online: true})
		all = append(all, x.out...)
	}
	x.out = all
	return x
}

func (x *table) says(drone, state string) *table {
	return x.do(Event{Kind: Reported, Drone: drone, Report: Report{State: state, Reason: "so"}})
}

func (x *table) status(drone string, v Vitals) *table {
	v.Live = true
	return x.do(Event{Kind: Seen, Drone: drone, Vitals: v})
}

func (x *table) beat(names ...string) *table {
	for _, n := range names {
		x.do(Event{Kind: Beat, Drone: n})
	}
	return x
}

func (x *table) pass(ns int64) *table {
	x.s, x.out = x.s.Step(Event{Kind: Tick, At: x.s.Now + ns})
	return x
}

// ordered asserts the orders of the last event, without what is said.
func (x *table) ordered(want ...string) *table {
	x.t.Helper()
	var got []string
	for _, o := range x.out {
		if o.Kind != Say {
			got = append(got, o.Kind.String()+" "+o.Drone)
		}
	}
	if !slices.Equal(got, want) {
		x.t.Errorf("orders %q, want %q", got, want)
	}
	return x
}

func (x *table) is(st Status, outcomes ...Outcome) *table {
	x.t.Helper()
	if x.s.Status != st {
		x.t.Errorf("%s (%s), want %s", x.s.Status, x.s.Reason, st)
	}
	for i, o := range outcomes {
		if d := x.s.Drones[i]; d.Outcome != o {
			x.t.Errorf("%s is %s (%s), want %s", d.Name, d.Outcome, d.Reason, o)
		}
	}
	return x
}
