package rollout

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestGoesThrough(t *testing.T) {
	t.Parallel()
	x := start(t, testPlan("a", "b", "c"))
	x.online("a", "b", "c").ordered("offer a")
	if x.out[0].Canary != true {
		t.Error("the canary does not know that it is one")
	}
	x.says("a", "STAGED").ordered()
	x.says("a", "TRIAL").says("a", "COMMITTED").ordered("withdraw a").is(Running, Succeeded, Pending)
	x.pass(10).ordered() // not heard since
	x.beat("a").ordered("offer b", "offer c")
	if x.out[0].Canary {
		t.Error("a wave's drone is no canary")
	}
	x.says("b", "COMMITTED").says("c", "COMMITTED").beat("b", "c").ordered()
	x.pass(9).is(Running)
	x.pass(1).is(Finished, Succeeded, Succeeded, Succeeded)
	if x.s.Count(Succeeded) != 3 || len(x.s.Outstanding()) != 3 {
		t.Error(x.s.Count(Succeeded), x.s.Outstanding())
	}
}

// What cannot be taken back stays: a failure ends the rollout at once, nothing is
// reverted, and who has it is told.
func TestKeep(t *testing.T) {
	t.Parallel()
	p := testPlan("a", "b", "c", "d")
	p.Keep, p.Waves = true, []Size{{Count: 2}, {Count: 1}}
	x := start(t, p).online("a", "b", "c", "d")
	x.says("a", "COMMITTED").beat("a").pass(10).ordered("offer b", "offer c")
	x.says("b", "REJECTED").ordered("withdraw b", "withdraw c").is(Stopped, Succeeded, Rejected, TimedOut, Pending)
	if !strings.HasSuffix(x.s.Reason, "b: rejected the patch: so; 2 have the patch, or may have it, and keep it") {
		t.Errorf("reason %q", x.s.Reason)
	}
	for _, o := range x.s.Outstanding() {
		if o.Kind == Revert {
			t.Errorf("a revert of %s", o.Drone)
		}
	}
}

// Each failure stops the rollout, and what was changed is taken back.
func TestFailures(t *testing.T) {
	t.Parallel()
	committed := func(x *table) *table { return x.says("b", "COMMITTED").beat("b") }
	for _, c := range []struct {
		name    string
		fail    func(x *table) *table
		orders  []string // of the failure
		outcome Outcome  // of drone b, in the first wave, when all is over
		why     string
	}{
		{"rejected", func(x *table) *table { return x.says("b", "REJECTED") }, []string{"withdraw b", "withdraw c", "revert a", "revert c"}, Rejected, "b: rejected the patch: so"},
		{"reverted by itself", func(x *table) *table { return x.says("b", "REVERTED") }, []string{"withdraw b", "withdraw c", "revert a", "revert c"}, Reverted, "b: reverted the patch: so"},
		{"time-out", func(x *table) *table {
			x.says("b", "WAITING")
			return x.says("c", "COMMITTED").beat("c").pass(49).beat("c", "a").pass(51)
		},
			[]string{"withdraw b", "revert a", "revert b", "revert c"}, TimedOut, "not committed in time, last WAITING: so"},
		{"a new pause", func(x *table) *table { return committed(x).status("b", Vitals{Causes: []string{"lock", "config"}}) },
			[]string{"withdraw c", "revert a", "revert b", "revert c"}, Failed, "pauses because of config"},
		{"a pause that came back", func(x *table) *table {
			return committed(x).status("b", Vitals{}).status("b", Vitals{Causes: []string{"lock"}})
		}, []string{"withdraw c", "revert a", "revert b", "revert c"}, Failed, "pauses because of lock"},
		{"a fault", func(x *table) *table { return committed(x).status("b", Vitals{Faults: []string{"motor2"}}) },
			[]string{"withdraw c", "revert a", "revert b", "revert c"}, Failed, "fault: motor2"},
		{"silence", func(x *table) *table { return committed(x).says("c", "WAITING").pass(50) },
			[]string{"withdraw c", "revert a", "revert b", "revert c"}, Failed, "silent in its bake"},
		{"abort", func(x *table) *table { return committed(x).do(Event{Kind: DoRollback, By: "me"}) },
			[]string{"withdraw c", "revert a", "revert b", "revert c"}, Reverted, "taken back by me"},
		{"abort while paused", func(x *table) *table {
			x.do(Event{Kind: DoPause, By: "me"}).is(Paused)
			return committed(x).do(Event{Kind: DoRollback, By: "me"})
		},
			[]string{"withdraw c", "revert a", "revert b", "revert c"}, Reverted, "taken back by me"},
		{"an earlier wave's drone reverts", func(x *table) *table { return committed(x).says("a", "REVERTED") },
			[]string{"withdraw c", "revert b", "revert c"}, Reverted, "a: reverted the patch: so"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := testPlan("a", "b", "c", "d")
			p.Waves = []Size{{Count: 2}, {Count: 1}}
			x := start(t, p).online("a", "b", "c", "d").status("b", Vitals{Causes: []string{"lock"}})
			x.says("a", "COMMITTED").beat("a").pass(10).ordered("offer b", "offer c")
			c.fail(x).ordered(c.orders...).is(RollingBack)
			if !strings.Contains(x.s.Reason, c.why) {
				t.Errorf("reason %q", x.s.Reason)
			}
			x.do(Event{Kind: DoResume, By: "me"}).do(Event{Kind: DoPause, By: "me"}).do(Event{Kind: DoApprove}).is(RollingBack)
			for _, d := range x.s.Drones {
				if d.Has {
					x.says(d.Name, "REVERTED")
				}
			}
			x.is(Stopped, Reverted, c.outcome, Reverted, Pending)
		})
	}
}

// What is no failure.
func TestNoFailure(t *testing.T) {
	t.Parallel()
	x := start(t, testPlan("a", "b")).online("a", "b")
	x.status("a", Vitals{Causes: []string{"lock"}, Faults: []string{"companion"}})
	x.says("a", "TRIAL").status("a", Vitals{Causes: []string{"lock", "applying"}, PatchState: "TRIAL"})
	x.says("a", "COMMITTED")
	x.status("a", Vitals{Causes: []string{"lock", "command", "applying"}, Faults: []string{"companion"}})
	x.do(Event{Kind: Link, Drone: "a"}) // a short loss
	x.says("a", "STAGED").says("a", "REJECTED")
	x.status("b", Vitals{Causes: []string{"motor"}, Faults: []string{"fc"}})
	x.do(Event{Kind: Reported, Drone: "b", Report: Report{State: "REVERTED"}}) // of an older attempt: never offered
	x.do(Event{Kind: Reported, Drone: "nobody", Report: Report{State: "REVERTED"}})
	x.is(Running, Succeeded, Pending)
	// What the trial brought is judged when it has committed.
	y := start(t, testPlan("a", "b")).online("a")
	y.says("a", "TRIAL").status("a", Vitals{Causes: []string{"config"}, PatchState: "TRIAL"}).says("a", "COMMITTED")
	y.status("a", Vitals{Causes: []string{"config"}}).is(RollingBack, Failed)
}

// A drone that is not there is waited for, then left out; it is never offered
// the patch in another wave's time.
func TestOffline(t *testing.T) {
	t.Parallel()
	p := testPlan("a", "b", "c", "d")
	p.Waves = []Size{{Count: 2}, {Count: 1}}
	x := start(t, p).online("a", "b", "d").says("a", "COMMITTED").beat("a").pass(10).ordered("offer b")
	x.says("b", "COMMITTED").beat("b").pass(40).beat("b").pass(40).beat("b").ordered().is(Running, Succeeded, Succeeded, Pending, Pending)
	x.pass(20).is(Running, Succeeded, Succeeded, Offline, Pending).ordered()
	x.pass(10).ordered("offer d")
	x.online("c").ordered()
	x.says("d", "COMMITTED").beat("d").pass(10).is(Finished, Succeeded, Succeeded, Offline, Succeeded)

	// One that nothing is known of is not there.
	x = start(t, p).do(Event{Kind: Link, Drone: "a", Online: true})
	x.ordered().status("a", Vitals{}).ordered("offer a")
	start(t, p).do(Event{Kind: Link, Drone: "a", Online: true}).pass(100).is(Unclear, Offline)

	// One that comes in time is offered then.
	x = start(t, p).online("a").says("a", "COMMITTED").beat("a").pass(10).ordered()
	x.online("c").ordered("offer c")
	// One that left before it answered is left out as well, but not forgotten.
	x.do(Event{Kind: Link, Drone: "c"}).pass(100)
	x.is(Unclear, Succeeded, Offline, Offline).ordered("withdraw c")
	if d, _ := x.s.Drone("c"); !d.Has {
		t.Error("it may have taken the offer")
	}
	x.do(Event{Kind: DoRollback, By: "me"}).ordered("revert a")
	x.online("c").ordered("revert c")
	x.says("a", "REVERTED").is(RollingBack).says("c", "REVERTED").is(Stopped)
}

// A canary that is not whole, and a wave of nobody, prove too little.
func TestInconclusive(t *testing.T) {
	t.Parallel()
	p := testPlan("a", "b", "c", "d")
	p.Canary.Count = 2
	p.Waves = []Size{{Count: 1}}
	x := start(t, p).online("a").says("a", "COMMITTED").beat("a").pass(45).beat("a").pass(45).beat("a").pass(10).pass(10)
	x.is(Unclear, Succeeded, Offline, Pending).ordered()
	if x.s.Ask != AskInconclusive {
		t.Error(x.s.Ask)
	}
	x.online("c").do(Event{Kind: DoResume, By: "me"}).ordered("offer c").is(Running)
	x.says("c", "COMMITTED").beat("c").pass(10).pass(100).is(Unclear, Succeeded, Offline, Succeeded, Offline)
	x.do(Event{Kind: DoResume, By: "me"}).is(Finished)
}

func TestPauseAndApprove(t *testing.T) {
	t.Parallel()
	p := testPlan("a", "b", "c")
	p.Waves, p.Approve = []Size{{Count: 1}}, ApproveWaves
	x := start(t, p).online("a", "b", "c").do(Event{Kind: DoPause, By: "me"}).is(Paused)
	x.says("a", "COMMITTED").beat("a").pass(10).is(Paused, Succeeded).ordered()
	x.do(Event{Kind: DoResume, By: "me"}).ordered().is(Waiting)
	if x.s.Ask != AskApproval {
		t.Error(x.s.Ask)
	}
	x.do(Event{Kind: DoResume, By: "me"}).ordered().is(Waiting)
	x.do(Event{Kind: DoApprove, By: "me"}).ordered("offer b").is(Running)
	x.says("b", "COMMITTED").beat("b").pass(10).is(Waiting).do(Event{Kind: DoPause}).do(Event{Kind: DoApprove}).ordered().is(Paused)
	x.do(Event{Kind: DoResume}).ordered("offer c").says("c", "COMMITTED").beat("c").pass(10).is(Finished)
}

func TestAtOnceAndAlready(t *testing.T) {
	t.Parallel()
	p := testPlan("a", "b", "c", "d", "e")
	p.AtOnce = 2
	x := start(t, p)
	x.status("c", Vitals{SHA256: newSHA, Version: 2}).online("a", "b", "d", "e").says("a", "COMMITTED").beat("a").pass(10)
	x.ordered("offer b", "offer d").is(Running, Succeeded, InProgress, Succeeded, InProgress, Pending)
	x.says("d", "COMMITTED").ordered("withdraw d", "offer e")
	x.says("e", "REJECTED").ordered("withdraw e", "withdraw b", "revert a", "revert b", "revert d")
	x.says("b", "IDLE").says("a", "REVERTED").says("d", "REVERTED").is(Stopped, Reverted, Reverted, Succeeded, Reverted, Rejected)
}

// A revert is sent again, at once when a drone comes back or commits after
// all; in the end the rollout stops, and says who may still have the patch.
func TestRevertAgain(t *testing.T) {
	t.Parallel()
	x := start(t, testPlan("a", "b", "c")).online("a", "b", "c").says("a", "COMMITTED").beat("a").pass(10)
	x.says("b", "TRIAL").do(Event{Kind: Link, Drone: "a"}).says("c", "REJECTED")
	x.ordered("withdraw c", "withdraw b", "revert b")
	x.says("b", "COMMITTED").ordered("revert b", "withdraw b").pass(24).ordered().pass(1).ordered("revert b")
	x.online("a").ordered("revert a").beat("a").ordered()
	x.says("b", "STAGED").is(RollingBack) // an old report says nothing
	x.status("a", Vitals{SHA256: "old", PatchState: "TRIAL"}).is(RollingBack, Succeeded)
	x.status("a", Vitals{SHA256: "old", PatchState: "REVERTED"}).is(RollingBack, Reverted, Succeeded)
	x.pass(75).is(Stopped, Reverted, TimedOut, Rejected)
	if !strings.Contains(x.s.Reason, "1 may still have the patch") {
		t.Error(x.s.Reason)
	}
	if _, out := x.s.Step(Event{Kind: Reported, Drone: "b", Report: Report{State: "REVERTED"}}); len(out) != 0 {
		t.Error("orders after the end")
	}
}

// A drone that was never reached by its offer says so when it is told to revert.
func TestNotCurrent(t *testing.T) {
	t.Parallel()
	x := start(t, testPlan("a", "b", "c")).online("a", "b", "c").says("a", "COMMITTED").do(Event{Kind: NotCurrent, Drone: "a"}).beat("a").pass(10)
	x.do(Event{Kind: NotCurrent, Drone: "b"}).is(Running, Succeeded, InProgress, InProgress)
	x.do(Event{Kind: DoRollback, By: "me"}).ordered("withdraw b", "withdraw c", "revert a", "revert b", "revert c")
	x.says("c", "TRIAL").do(Event{Kind: NotCurrent, Drone: "b"}).do(Event{Kind: NotCurrent, Drone: "a"}).do(Event{Kind: NotCurrent, Drone: "c"})
	x.is(RollingBack, Succeeded, Reverted, InProgress).says("a", "REVERTED").says("c", "REVERTED").is(Stopped, Reverted, Reverted, Reverted)
}

// A state that went through its file is the same state.
func TestJSON(t *testing.T) {
	t.Parallel()
	x := start(t, testPlan("a", "b", "c")).online("a", "b").status("a", Vitals{Causes: []string{"lock"}}).says("a", "COMMITTED").beat("a").pass(10)
	b, err := json.Marshal(x.s)
	if err != nil {
		t.Fatal(err)
	}
	var s State
	if err := json.Unmarshal(b, &s); err != nil {
		t.Fatal(err)
	}
	again, err := json.Marshal(s)
	if err != nil || string(again) != string(b) {
		t.Errorf("%v\n%s\n%s", err, b, again)
	}
	if out := s.Outstanding(); len(out) != 2 || out[0] != (Order{Kind: Withdraw, Drone: "a"}) || out[1] != (Order{Kind: Offer, Drone: "b"}) {
		t.Error(out)
	}
}
