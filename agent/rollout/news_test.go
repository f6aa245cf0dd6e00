package rollout

import (
	"slices"
	"testing"
)

// A status that overtakes the report of the commit, or of the trial, does not
// say what was before.
func TestStatusOvertakesReport(t *testing.T) {
	t.Parallel()
	for _, patch := range []string{"TRIAL", "COMMITTED"} {
		x := start(t, testPlan("a", "b")).online("a", "b").says("a", "STAGED")
		x.status("a", Vitals{Causes: []string{"config"}, PatchState: patch}).says("a", "COMMITTED")
		x.status("a", Vitals{Causes: []string{"config"}}).is(RollingBack, Failed)
		// Of an earlier attempt, before anything was offered, it does.
		y := start(t, testPlan("a", "b")).status("a", Vitals{Causes: []string{"lock"}, PatchState: patch}).online("a")
		y.says("a", "COMMITTED").status("a", Vitals{Causes: []string{"lock"}}).is(Running, Succeeded)
	}
}

// A canary that has the configuration already, because another controller led
// this far, is watched for the whole bake before the next wave.
func TestAlreadyIsWatched(t *testing.T) {
	t.Parallel()
	begin := func() *table {
		x := start(t, testPlan("a", "b")).do(Event{Kind: Seen, Drone: "a", Vitals: Vitals{SHA256: newSHA, Causes: []string{"lock"}}})
		x.online("a", "b")
		return x.is(Running, Succeeded, Pending).ordered()
	}
	begin().pass(10).ordered().beat("a").ordered("offer b")
	begin().status("a", Vitals{SHA256: newSHA, Causes: []string{"lock"}}).pass(10).ordered("offer b")
	x := begin().status("a", Vitals{SHA256: newSHA, Causes: []string{"lock", "config"}}).ordered().is(Stopped, Failed, Pending)
	if d, _ := x.s.Drone("a"); d.Has || d.Offered {
		t.Errorf("%+v", d)
	}
	begin().pass(50).is(Stopped, Failed, Pending)
}

// A drone that waits says for what, once for each reason; also on its way back.
func TestSaid(t *testing.T) {
	t.Parallel()
	x := start(t, testPlan("a", "b")).online("a", "b")
	says := func(state, reason string, want ...string) {
		t.Helper()
		x.do(Event{Kind: Reported, Drone: "a", Report: Report{State: state, Reason: reason}})
		var got []string
		for _, o := range x.out {
			if o.Kind == Say && o.Drone == "a" {
				got = append(got, o.Text)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s %s: says %q, want %q", state, reason, got, want)
		}
	}
	says("WAITING", "window", "WAITING: window")
	says("WAITING", "window")
	says("WAITING", "lock", "WAITING: lock")
	if d, _ := x.s.Drone("a"); d.Said != "lock" {
		t.Error(d.Said)
	}
	says("COMMITTED", "", "COMMITTED")
	says("TRIAL", "late")
	x.do(Event{Kind: DoRollback})
	says("TRIAL", "revert-waits", "TRIAL: revert-waits")
	says("TRIAL", "revert-waits")
}

// A drone that says in two ways that it is rid of the patch is rid of it once.
func TestRidOnce(t *testing.T) {
	t.Parallel()
	x := start(t, testPlan("a", "b")).online("a", "b").says("a", "WAITING").pass(100).is(RollingBack, TimedOut)
	x.do(Event{Kind: NotCurrent, Drone: "a"}).is(Stopped)
	y := start(t, testPlan("a", "b"))
	y.s.Plan.Canary.Count = 2
	y = start(t, y.s.Plan).online("a", "b").says("b", "TRIAL").says("a", "WAITING").pass(100)
	y.do(Event{Kind: NotCurrent, Drone: "a"}).says("a", "IDLE").says("a", "IDLE")
	if d, _ := y.s.Drone("a"); d.Reason != "not committed in time, last WAITING: so; the old configuration is back" {
		t.Error(d.Reason)
	}
}

// What a screen shows of a bake, and what a drone had before.
func TestBakeLeft(t *testing.T) {
	t.Parallel()
	p := testPlan("a", "b", "c")
	p.Canary.Count, p.Heartbeats = 2, 3
	left := func(x *table, ns int64, beats int, drone string) {
		t.Helper()
		if n, b, d := x.s.BakeLeft(); n != ns || b != beats || d != drone {
			t.Errorf("%d ns, %d beats of %q; want %d, %d, %q", n, b, d, ns, beats, drone)
		}
	}
	x := start(t, p).status("a", Vitals{Version: 1}).status("b", Vitals{Version: 2, SHA256: newSHA})
	left(x.says("a", "COMMITTED").status("a", Vitals{Version: 2, SHA256: newSHA}), 10, 3, "b")
	left(x.pass(4).beat("b", "b"), 6, 2, "a")
	left(x.pass(20).beat("b"), 0, 2, "a")
	left(x.beat("a", "a"), 0, 0, "")
	if a, b := x.s.Drones[0], x.s.Drones[1]; a.Before != 1 || a.Version != 2 || b.Before != 2 {
		t.Errorf("%+v %+v", a, b)
	}
	left(x.do(Event{Kind: DoRollback}), 0, 0, "")
	if x.says("a", "REVERTED").is(Stopped, Reverted); x.s.Drones[0].Version != 1 {
		t.Errorf("%+v", x.s.Drones[0])
	}
}

// That the broker kept a drone as connected is no sign of life, however often
// the runner comes back and reads it.
func TestKeptIsNoSignOfLife(t *testing.T) {
	t.Parallel()
	x := start(t, testPlan("a", "b"))
	x.do(Event{Kind: Seen, Drone: "a"}).do(Event{Kind: Link, Drone: "a", Online: true, Kept: true}).ordered("offer a")
	x.says("a", "COMMITTED")
	for range 4 {
		x.pass(12).do(Event{Kind: Link, Drone: "a", Online: true, Kept: true}).ordered().is(Running, Succeeded, Pending)
	}
	x.pass(2).is(RollingBack, Failed)
	// It is there, though: what rolls back reverts it at once.
	y := start(t, testPlan("a", "b")).online("a").says("a", "COMMITTED").do(Event{Kind: Link, Drone: "a"})
	y.do(Event{Kind: DoRollback}).ordered().do(Event{Kind: Link, Drone: "a", Online: true, Kept: true}).ordered("revert a")
}
