package rollout

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

func askingPlan() Plan {
	p := walkPlan(1, 3)
	p.Approve = ApproveCanary
	return p
}

// TestWalk visits everything that can happen to four drones in two waves, and
// to three with an operator who pauses and must approve. The counts are part of
// it: a walk that got smaller has lost something to see.
func TestWalk(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name          string
		plan          Plan
		states, steps int
		ends          [2]int // FINISHED, STOPPED: told apart by how many drones ended how
	}{
		{"2+2", walkPlan(2, 4), 120327, 1806940, [2]int{5, 44}},
		{"1+2, pause, approval", askingPlan(), 57668, 753133, [2]int{4, 29}},
	} {
		if raced && len(c.plan.Drones) > 3 {
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w, bad := walk(c.plan, State.Step)
			if bad != "" {
				t.Fatal(bad)
			}
			ends := [2]int{w.counts[Finished], w.counts[Stopped]}
			if len(w.ids) != c.states || w.steps != c.steps || ends != c.ends {
				t.Errorf("%d states, %d steps, ends %v; want %d, %d, %v", len(w.ids), w.steps, ends, c.states, c.steps, c.ends)
			}
		})
	}
}

// with is a planner that sees another state, for one step.
func with(change func(*State)) planner {
	return func(s State, ev Event) (State, []Order) {
		p, held := s.Plan, s.Held
		change(&s)
		seen := s.Held
		s, out := s.Step(ev)
		if s.Plan = p; s.Held == seen {
			s.Held = held
		}
		return s, out
	}
}

// deaf is a planner that takes another event for the one that came.
func deaf(change func(*Event)) planner {
	return func(s State, ev Event) (State, []Order) {
		change(&ev)
		return s.Step(ev)
	}
}

// mute is a planner that loses orders.
func mute(lose func(Event, Order) bool) planner {
	return func(s State, ev Event) (State, []Order) {
		s, out := s.Step(ev)
		return s, slices.DeleteFunc(out, func(o Order) bool { return lose(ev, o) })
	}
}

// ignores is a planner that does not hear one kind of report.
func ignores(state string) planner {
	return deaf(func(ev *Event) {
		if ev.Report.State == state {
			ev.Report.State = "WAITING"
		}
	})
}

// Broken planners must fail the walk; each of them by what is wrong with it.
func TestBrokenPlanners(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		step planner
		want string
	}{
		{"skips the bake", with(func(s *State) { s.Plan.BakeNS = 0 }), "the rollout goes on"},
		{"skips the heartbeats", with(func(s *State) { s.Plan.Heartbeats = 0 }), "was not heard in its bake"},
		{"skips the approval", with(func(s *State) { s.Plan.Approve = ApproveNone }), "without approval"},
		{"offers while held", with(func(s *State) { s.Held = false }), "an offer while held"},
		{"never gives up waiting", with(func(s *State) { s.Plan.TimeoutNS = MaxNS }), "dead end"},
		{"never notices silence", with(func(s *State) { s.Plan.SilenceNS = MaxNS }), "dead end"},
		{"ignores a revert", ignores("REVERTED"), "the rollout goes on"},
		{"ignores a rejection", ignores("REJECTED"), "the rollout goes on"},
		{"ignores a pause", deaf(func(ev *Event) { ev.Vitals.Causes = nil }), "the rollout goes on"},
		{"ignores abort", deaf(func(ev *Event) {
			if ev.Kind == DoRollback {
				ev.Kind = Tick
			}
		}), "the rollout goes on"},
		{"takes a trial for success", deaf(func(ev *Event) {
			if ev.Report.State == "TRIAL" {
				ev.Report.State = "COMMITTED"
			}
		}), "never said COMMITTED"},
		{"forgets a revert", mute(func(_ Event, o Order) bool { return o.Kind == Revert && o.Drone == "a" }), "got no revert"},
		{"forgets who comes back", mute(func(ev Event, o Order) bool { return o.Kind == Revert && ev.Kind == Link }), "got no revert"},
		{"offers to everybody", func(s State, ev Event) (State, []Order) {
			s, out := s.Step(ev)
			for i, o := range out {
				if o.Kind == Offer {
					out = append(out, Order{Kind: Offer, Drone: s.Drones[len(s.Drones)-1-i].Name})
				}
			}
			return s, out
		}, "an offer"},
		{"goes on after a failure", func(s State, ev Event) (State, []Order) {
			s, out := s.Step(ev)
			if s.Status == RollingBack && ev.Kind == Reported {
				s.Status = Running
			}
			return s, out
		}, "the rollout goes on"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, bad := walk(askingPlan(), c.step)
			if first, _, _ := strings.Cut(bad, "\n"); !strings.Contains(first, c.want) {
				t.Errorf("found %q, want %q", first, c.want)
			}
		})
	}
}

// TestAnything sends events that no drone sends, in any order, to larger
// fleets: the specification holds, and in the end patience ends it.
func TestAnything(t *testing.T) {
	t.Parallel()
	for seed := range uint64(3000) {
		r := rand.New(rand.NewPCG(seed, 0))
		p := walkPlan(1+r.IntN(2), 4)
		p.Waves, p.AtOnce, p.BakeNS = []Size{{Count: 1 + r.IntN(2)}}, r.IntN(3), int64(1+r.IntN(3))
		p.TimeoutNS, p.SilenceNS = int64(1+r.IntN(5)), int64(1+r.IntN(5))
		p.Approve = []Approve{ApproveNone, ApproveCanary, ApproveWaves}[r.IntN(3)]
		s, err := New(p)
		if err != nil {
			t.Fatal(err)
		}
		n, events, w := node{s: known(s)}, append(walkEvents(p), Event{Kind: Tick}), &walker{step: State.Step}
		for i := 0; i < 300; i++ {
			ev := events[r.IntN(len(events))]
			if (ev.Kind == DoRollback || ev.Kind == Seen || ev.Report.State == "REJECTED" || ev.Report.State == "REVERTED") && r.IntN(20) > 0 {
				continue
			}
			if ev.Kind == Tick {
				ev.At = n.s.Now + 1
			}
			var bad string
			if n, bad = w.next(n, ev); bad != "" {
				t.Fatalf("seed %d: %s", seed, bad)
			}
		}
		for i := 0; !n.s.Done(); i++ {
			for _, ev := range []Event{{Kind: Tick, At: n.s.Now + 1}, {Kind: DoApprove}, {Kind: DoResume}} {
				n, _ = w.next(n, ev)
			}
			if i == 100 {
				t.Fatalf("seed %d: no end: %s", seed, words(n))
			}
		}
	}
}
