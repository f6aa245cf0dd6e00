package run

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/aim-control/aimlock/agent/rollout"
	"github.com/aim-control/aimlock/agent/telemetry"
)

// A second controller is told who leads, and changes nothing by asking.
func TestSecondController(t *testing.T) {
	t.Parallel()
	f := newFleet(t, waits, good)
	first := f.begin(f.options())
	first.until(t, "offered", outcome("d1", rollout.InProgress))
	f.hears(0, func(c telemetry.Controller) bool { return c.Controller == "op-a" && c.Online }) // sent is not yet kept
	o := f.options()
	o.Controller, o.State, o.Plan.ID = "op-b", filepath.Join(t.TempDir(), "b.json"), "r2"
	_, err := f.run(o)
	var other *OtherError
	if !errors.As(err, &other) || other.Lost || other.Leads.Controller != "op-a" || other.Leads.Rollout != "r1" || !other.Leads.Online || !strings.Contains(err.Error(), "ask to take over") {
		t.Fatalf("%v", err)
	}
	if _, err := os.Stat(o.State); !errors.Is(err, fs.ErrNotExist) {
		t.Error("it left a state file")
	}
	// The same name with another rollout is no better.
	o.Controller = "op-a"
	if _, err := f.run(o); !errors.As(err, &other) {
		t.Fatal(err)
	}
	// Another process with the same state file does not even look.
	if _, err := f.run(f.options()); !errors.Is(err, ErrRuns) {
		t.Fatal(err)
	}
	if on, err := Running(f.state); !on || err != nil {
		t.Error(on, err)
	}
	stopped := errors.New("the operator closed the lid")
	first.stop(stopped)
	if _, err := first.wait(t); !errors.Is(err, stopped) {
		t.Error(err)
	}
	if c := f.leader(); c.Online || c.Rollout != "r1" || c.Epoch != 1 {
		t.Errorf("%+v", c)
	}
	if on, err := Running(f.state); on || err != nil {
		t.Error(on, err)
	}
	// An unfinished rollout is not overruled either.
	if _, err := f.run(o); !errors.As(err, &other) || other.Leads.Online {
		t.Fatal(err)
	}
	first = f.begin(f.options()) // its own controller goes on with it
	first.until(t, "resumed", outcome("d1", rollout.InProgress))
	f.must(first.Do(Rollback, "op-a"))
	s, err := first.wait(t)
	f.must(err)
	if got := f.outcomes(s); got != "STOPPED: REVERTED PENDING" {
		t.Error(got)
	}
	if c := f.leader(); c.Online || c.Rollout != "" {
		t.Errorf("%+v", c)
	}
	// Now the fleet is free, and another controller begins a higher epoch.
	f.drones["d1"].mu.Lock()
	f.drones["d1"].temper = good
	f.drones["d1"].mu.Unlock()
	o.Controller = "op-b"
	s, err = f.run(o)
	f.must(err)
	if got := f.outcomes(s); got != "FINISHED: SUCCEEDED SUCCEEDED" || f.drones["d2"].epoch != 2 || f.drones["d2"].leader != "op-b" {
		t.Error(got, f.drones["d2"].epoch, f.drones["d2"].leader)
	}
}

// Who takes over gets the fleet, the other one ends and does not come back.
func TestTakeOver(t *testing.T) {
	t.Parallel()
	f := newFleet(t, waits, good)
	first := f.begin(f.options())
	first.until(t, "waiting", func(s rollout.State) bool { return s.Drones[0].Patch == "WAITING" })
	saved, err := os.ReadFile(f.state)
	f.must(err)
	// The second one goes on with the first one's state.
	o := f.options()
	o.Controller, o.State, o.TakeOver = "op-b", filepath.Join(t.TempDir(), "b.json"), true
	f.must(os.WriteFile(o.State, saved, 0o644))
	second := f.begin(o)
	var other *OtherError
	if _, err := first.wait(t); !errors.As(err, &other) || !other.Lost || other.Leads.Controller != "op-b" || other.Leads.Epoch != 2 {
		t.Fatal(err)
	}
	// The first one does not take it back by being run again.
	if _, err := f.run(f.options()); !errors.As(err, &other) {
		t.Fatal(err)
	}
	second.until(t, "offering", outcome("d1", rollout.InProgress))
	f.must(second.Do(Rollback, "op-b"))
	s, err := second.wait(t)
	f.must(err)
	d := f.drones["d1"]
	d.mu.Lock()
	defer d.mu.Unlock()
	if got := f.outcomes(s); got != "STOPPED: REVERTED PENDING" || d.epoch != 2 || d.leader != "op-b" || len(d.refused) > 0 {
		t.Error(got, d.epoch, d.leader, d.refused)
	}
	if c := f.leader(); c.Controller != "op-b" || c.Epoch != 2 || c.Online {
		t.Errorf("%+v", c)
	}
}

// A late will of an earlier leader does not stand.
func TestLateWill(t *testing.T) {
	t.Parallel()
	f := newFleet(t, waits)
	b := f.begin(f.options())
	b.until(t, "offered", outcome("d1", rollout.InProgress))
	old, err := telemetry.Append(nil, &telemetry.Controller{Schema: 1, Fleet: "north", Epoch: 0, Controller: "op-z"})
	f.must(err)
	f.must(f.broker.Publish(telemetry.ControllerTopic("north"), old, true, 1))
	f.must(b.Do(Rollback, "me"))
	_, err = b.wait(t)
	f.must(err)
	f.mu.Lock()
	defer f.mu.Unlock()
	for i, c := range f.leads {
		if c.Controller == "op-z" {
			if i+1 == len(f.leads) || f.leads[i+1].Controller != "op-a" || !f.leads[i+1].Online {
				t.Errorf("%+v", f.leads)
			}
			return
		}
	}
	t.Error("the old will was not seen")
}

func TestClaim(t *testing.T) {
	t.Parallel()
	mine := telemetry.Controller{Controller: "me", Epoch: 3, Rollout: "r1", Online: true}
	change := func(f func(*telemetry.Controller)) *telemetry.Controller { c := mine; f(&c); return &c }
	for _, c := range []struct {
		name     string
		found    *telemetry.Controller
		was      Saved
		fresh    bool
		takeOver bool
		epoch    uint64 // 0: refused
	}{
		{"nobody ever", nil, Saved{}, true, false, 1},
		{"nobody, but our file knows better", nil, Saved{Controller: "me", Epoch: 4}, false, false, 4},
		{"nobody, a file from elsewhere", nil, Saved{Controller: "you", Epoch: 4}, false, false, 5},
		{"ours goes on", &mine, Saved{Controller: "me", Epoch: 3}, false, false, 3},
		{"ours, without its file", &mine, Saved{}, true, false, 0},
		{"ours, killed before it was told", change(func(c *telemetry.Controller) { c.Epoch = 2 }), Saved{Controller: "me", Epoch: 3}, false, false, 3},
		{"ours with another rollout", change(func(c *telemetry.Controller) { c.Rollout = "r0"; c.Online = false }), Saved{}, true, false, 0},
		{"ours, at rest", change(func(c *telemetry.Controller) { c.Rollout = ""; c.Online = false }), Saved{}, true, false, 3},
		{"another one", change(func(c *telemetry.Controller) { c.Controller = "you" }), Saved{}, true, false, 0},
		{"another one, away", change(func(c *telemetry.Controller) { c.Controller = "you"; c.Online = false }), Saved{}, true, false, 0},
		{"another one, at rest", change(func(c *telemetry.Controller) { c.Controller = "you"; c.Rollout = ""; c.Online = false }), Saved{}, true, false, 4},
		{"another one, taken over", change(func(c *telemetry.Controller) { c.Controller = "you" }), Saved{Controller: "me", Epoch: 9}, false, true, 9},
		{"taken over from a lower epoch", change(func(c *telemetry.Controller) { c.Controller = "you" }), Saved{}, true, true, 4},
	} {
		r := &Runner{o: Options{Controller: "me", TakeOver: c.takeOver, Plan: rollout.Plan{ID: "r1"}}, saved: c.was, fresh: c.fresh}
		epoch, err := r.claim(c.found)
		if epoch != c.epoch || (err == nil) != (c.epoch > 0) {
			t.Errorf("%s: %d, %v; want %d", c.name, epoch, err, c.epoch)
		}
	}
}

// However another leader shows, this one ends and says nothing more.
func TestLosesTheFleet(t *testing.T) {
	t.Parallel()
	f := newFleet(t, waits)
	b, err := telemetry.Append(nil, &telemetry.Controller{Schema: 1, Fleet: "north", Epoch: 7, Controller: "op-b", Online: true, Rollout: "r9"})
	f.must(err)
	appears := func() { f.must(f.broker.Publish(telemetry.ControllerTopic("north"), b, true, 1)) }
	ends := func(name string, err error) {
		t.Helper()
		var other *OtherError
		if !errors.As(err, &other) || !other.Lost || other.Leads.Epoch != 7 {
			t.Errorf("%s: %v", name, err)
		}
		f.mu.Lock()
		defer f.mu.Unlock()
		said := f.leads[slices.IndexFunc(f.leads, func(c telemetry.Controller) bool { return c.Controller == "op-b" }):]
		if i := slices.IndexFunc(said, func(c telemetry.Controller) bool { return c.Controller == "op-a" && c.Reason != "connection lost" }); i >= 0 {
			t.Errorf("%s: it still says %+v", name, said[i])
		}
		f.leads = nil
	}
	run := f.begin(f.options())
	run.until(t, "offered", outcome("d1", rollout.InProgress))
	appears()
	_, err = run.wait(t)
	ends("while connected", err)

	f.must(f.broker.Publish(telemetry.ControllerTopic("north"), nil, true, 1))
	o := f.options()
	o.Dial = func(ctx context.Context, h telemetry.Hello) (telemetry.Link, error) {
		if strings.HasPrefix(h.ClientID, "aim-ctl-") {
			appears()
		}
		return f.dial(ctx, h)
	}
	_, err = f.run(o)
	ends("between the look and the connection", err)

	f.must(f.broker.Publish(telemetry.ControllerTopic("north"), nil, true, 1))
	run = f.begin(f.options())
	run.until(t, "connected", outcome("d1", rollout.InProgress))
	n := f.heard()
	f.kick("aim-ctl-")
	f.hears(n, func(c telemetry.Controller) bool { return c.Reason == "connection lost" }) // the will, which op-b would correct
	appears()
	_, err = run.wait(t)
	ends("while cut off", err)
}

// A late will of the one who lost the fleet hides who has it; the rollout's own
// message still says it.
func TestHiddenLeader(t *testing.T) {
	t.Parallel()
	f := newFleet(t, good)
	publish := func(topic string, m telemetry.Message) {
		b, err := telemetry.Append(nil, m)
		f.must(err)
		f.must(f.broker.Publish(topic, b, true, 1))
	}
	publish(telemetry.RolloutTopic("north", "r5"), &telemetry.Rollout{Schema: 1, Fleet: "north", ID: "r5", Epoch: 5, Controller: "op-b", State: "RUNNING"})
	publish(telemetry.ControllerTopic("north"), &telemetry.Controller{Schema: 1, Fleet: "north", Epoch: 4, Controller: "op-c"})
	var other *OtherError
	if _, err := f.run(f.options()); !errors.As(err, &other) || other.Leads.Controller != "op-b" || other.Leads.Rollout != "r5" {
		t.Fatal(err)
	}
	publish(telemetry.RolloutTopic("north", "r5"), &telemetry.Rollout{Schema: 1, Fleet: "north", ID: "r5", Epoch: 5, Controller: "op-b", State: "FINISHED"})
	_, err := f.run(f.options())
	f.must(err)
	if c := f.leader(); c.Epoch != 6 {
		t.Errorf("%+v", c)
	}
}

// What only time changes, a screen hears of once a second.
func TestProgressWithoutNews(t *testing.T) {
	t.Parallel()
	f := newFleet(t, waits)
	b := f.begin(f.options())
	s := b.until(t, "waiting", func(s rollout.State) bool { return s.Drones[0].Patch == "WAITING" })
	b.until(t, "time passes", func(now rollout.State) bool { return now.Rev == s.Rev && now.Now > s.Now })
	b.stop(errors.New("enough"))
	_, _ = b.wait(t)
}
