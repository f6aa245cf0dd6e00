package rollout

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// fleetOf is a plan for a canary of one and waves of four of n drones, and the
// names.
func fleetOf(n int, rules ...Rule) (Plan, []string) {
	var names []string
	for i := range n {
		names = append(names, fmt.Sprintf("d%02d", i))
	}
	p := testPlan(names...)
	p.Waves, p.Rules = []Size{{Count: 4}}, rules
	return p, names
}

// through commits the canary and bakes it.
func through(t *testing.T, p Plan, names []string) *table {
	x := start(t, p).online(names...).says(names[0], "COMMITTED").beat(names[0]).pass(10)
	return x.ordered("offer d01", "offer d02", "offer d03", "offer d04")
}

func TestRulesBear(t *testing.T) {
	t.Parallel()
	p, names := fleetOf(9, Rule{Rejected, 30, 4, ActPause}, Rule{TimedOut, 50, 5, ActStop})
	x := through(t, p, names)
	x.says("d01", "REJECTED").ordered("withdraw d01").is(Running, Succeeded, Rejected)
	x.says("d02", "COMMITTED").says("d03", "REJECTED").is(Paused, Succeeded, Rejected, Succeeded, Rejected) // 2 of 4
	if !strings.Contains(x.s.Reason, "2 of 4 drones REJECTED") {
		t.Error(x.s.Reason)
	}
	x.says("d04", "COMMITTED").beat("d02", "d04").pass(10).ordered().is(Paused)
	x.do(Event{Kind: DoResume, By: "me"}).ordered("offer d05", "offer d06", "offer d07", "offer d08").is(Running)
	x.says("d05", "REJECTED").is(Paused) // one more than the person has seen
}

// What failed by a rule is taken back alone, and late words change nothing.
func TestRulesTakeBack(t *testing.T) {
	t.Parallel()
	p, names := fleetOf(5, Rule{TimedOut, 100, 5, ActRollback})
	x := through(t, p, names).says("d02", "TRIAL")
	x.says("d03", "COMMITTED").says("d04", "COMMITTED").do(Event{Kind: Link, Drone: "d01"})
	for range 4 {
		x.pass(25).beat("d00", "d03", "d04")
	}
	x.is(Running, Succeeded, Offline, TimedOut, Succeeded, Succeeded)
	if d, _ := x.s.Drone("d02"); !d.Back || !d.Sent {
		t.Fatalf("%+v", d)
	}
	x.says("d02", "COMMITTED").ordered("revert d02").is(Running, Succeeded, Offline, TimedOut)
	x.pass(10).beat("d02").pass(15).ordered("revert d02")
	if !slices.Contains(x.s.Outstanding(), Order{Kind: Revert, Drone: "d02"}) {
		t.Error(x.s.Outstanding())
	}
	x.says("d02", "REVERTED")
	if d, _ := x.s.Drone("d02"); d.Has || d.Outcome != TimedOut {
		t.Errorf("%+v", d)
	}
}

func TestRulesStop(t *testing.T) {
	t.Parallel()
	p, names := fleetOf(9, Rule{Rejected, 1, 1, ActStop})
	x := through(t, p, names).says("d01", "COMMITTED").says("d02", "REJECTED").ordered("withdraw d02").is(Paused)
	x.do(Event{Kind: DoResume, By: "me"}).ordered().is(Paused) // a stop is no pause
	x.says("d03", "COMMITTED").ordered("withdraw d03").says("d04", "COMMITTED").is(Stopped, Succeeded, Succeeded, Rejected, Succeeded, Succeeded, Pending)
	if x.s.Count(Reverted) != 0 {
		t.Error("a stop takes nothing back")
	}
	p.Rules[0].Action = ActRollback
	through(t, p, names).says("d02", "REJECTED").ordered("withdraw d02", "withdraw d01", "withdraw d03", "withdraw d04", "revert d00", "revert d01", "revert d03", "revert d04").is(RollingBack)
	// The operator's abort is a stop, too.
	x = through(t, p, names).do(Event{Kind: DoAbort, By: "me"}).ordered().is(Paused)
	for _, n := range names[1:5] {
		x.says(n, "COMMITTED")
	}
	x.is(Stopped, Succeeded, Succeeded, Succeeded, Succeeded, Succeeded, Pending)
}

// What no rule may bear with: the first one takes the patch back.
func TestRulesNotForAll(t *testing.T) {
	t.Parallel()
	p, names := fleetOf(9, Rule{Rejected, 100, 9, ActPause}, Rule{TimedOut, 100, 9, ActPause}, Rule{Offline, 100, 9, ActPause})
	for what, fail := range map[string]func(*table){
		"revert":  func(x *table) { x.says("d01", "REVERTED") },
		"pause":   func(x *table) { x.says("d01", "COMMITTED").status("d01", Vitals{Causes: []string{"config"}}) },
		"fault":   func(x *table) { x.says("d01", "COMMITTED").status("d01", Vitals{Faults: []string{"fc"}}) },
		"silence": func(x *table) { x.says("d01", "COMMITTED").pass(50) },
	} {
		x := through(t, p, names)
		if fail(x); x.s.Status != RollingBack {
			t.Errorf("%s: %s", what, x.s.Status)
		}
	}
}

// A drone whose lock is HOT is refused, unless the patch may end the holder;
// then one at a time.
func TestHotLocks(t *testing.T) {
	t.Parallel()
	hot := Vitals{Causes: []string{"lock"}}
	p, names := fleetOf(5)
	p.Despite = false
	x := start(t, p).status("d02", hot).online(names...).says("d00", "COMMITTED").beat("d00").pass(10).ordered("offer d01", "offer d03", "offer d04")
	x.status("d02", Vitals{}).ordered("offer d02") // freed in time
	x = start(t, p).status("d00", hot).online(names...).ordered().pass(100).is(Stopped, Rejected, Pending)
	if d, _ := x.s.Drone("d00"); d.Offered || !strings.Contains(d.Reason, "override") {
		t.Errorf("%+v", d)
	}
	p.Despite = true // 0 at once: as many as the canary, which is one
	x = start(t, p).status("d02", hot).status("d03", hot).online(names...).says("d00", "COMMITTED").beat("d00").pass(10)
	x.ordered("offer d01", "offer d02", "offer d04")
	x.do(Event{Kind: Reported, Drone: "d02", Report: Report{State: "COMMITTED", Proof: "config: fleet-updater, pid 4312, dead"}}).ordered("withdraw d02", "offer d03")
	if d, _ := x.s.Drone("d02"); d.Proof == "" {
		t.Error("the proof is lost")
	}
}

// A newer patch ends the drone's part: no failure, and nothing to take back.
func TestSuperseded(t *testing.T) {
	t.Parallel()
	p, names := fleetOf(5)
	newer := Vitals{SHA256: "other", Version: 3, Newer: true}
	x := through(t, p, names).says("d01", "COMMITTED").status("d01", newer).ordered().is(Running, Succeeded, Superseded)
	x.status("d02", newer).ordered("withdraw d02").is(Running, Succeeded, Superseded, Superseded)
	x.do(Event{Kind: DoRollback, By: "me"})
	for _, o := range x.out {
		if o.Kind == Revert && (o.Drone == "d01" || o.Drone == "d02") {
			t.Errorf("%+v", o)
		}
	}
	older := through(t, p, names).says("d01", "COMMITTED").status("d01", Vitals{SHA256: "other", Version: 1, Newer: true})
	older.is(Running, Succeeded, Succeeded)
}

// Where the plan wants it, each drone must have restarted in its bake; one that
// does not makes the wave inconclusive.
func TestReboot(t *testing.T) {
	t.Parallel()
	p := testPlan("a", "b")
	p.Reboot = true
	begin := func() *table {
		x := start(t, p).status("a", Vitals{Boot: "1"}).online("a", "b").says("a", "COMMITTED").status("a", Vitals{Boot: "1"})
		return x.pass(10).ordered().is(Running)
	}
	begin().status("a", Vitals{Boot: "2"}).ordered("offer b")
	x := begin()
	for range 5 {
		x.pass(20).beat("a")
	}
	x.ordered().is(Unclear).do(Event{Kind: DoResume, By: "me"}).ordered("offer b")
	if v := x.s.Verdicts[0]; v.Result != Unsure || !strings.Contains(strings.Join(v.Words, ";"), "1 drones did not restart") {
		t.Errorf("%+v", v)
	}
}

// measured runs a canary of three against n that wait, with their motors at
// the temperatures given, to the verdict.
func measured(t *testing.T, m Metric, canary, control []float64) *table {
	t.Helper()
	p, names := fleetOf(len(canary) + len(control))
	p.Canary, p.Metrics, p.Waves = Canary{Count: len(canary)}, []Metric{m}, nil
	x := start(t, p).online(names...)
	samples := map[string][]Sum{}
	for i, v := range append(slices.Clone(canary), control...) {
		if v != 0 {
			samples[names[i]] = []Sum{{N: 4, Sum: 4 * v}}
		}
	}
	for _, n := range names[:len(canary)] {
		x.says(n, "COMMITTED").beat(n)
	}
	x.s, x.out = x.s.Step(Event{Kind: Tick, At: x.s.Now + 1, Samples: samples})
	return x.pass(9)
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	cool := []float64{60, 61, 62, 63, 64, 65}
	motor := Metric{Name: "motor", Worse: Higher, Allowed: 2, Critical: true, MustHave: true}
	soft, down := motor, motor
	soft.Critical = false
	down.Worse = Lower
	for _, c := range []struct {
		name            string
		m               Metric
		canary, control []float64
		status          Status
		words           string
	}{
		{"no difference", motor, []float64{61.5, 62.5, 63.5}, cool, Running, "no difference seen"},
		{"worse", motor, []float64{70, 71, 72}, cool, RollingBack, "motor: worse by 8.5 °C, allowed are 2.0 (3 with the patch, 6 without; p 0.024)"},
		{"worse, not critical", soft, []float64{70, 71, 72}, cool, Unclear, "worse by"},
		{"as good as the same", motor, []float64{65.1, 65.2, 65.3}, []float64{64.5, 64.6, 64.7, 64.8, 64.9}, Running, "which is allowed"},
		{"better", down, []float64{70, 71, 72}, cool, Running, "which is allowed"},
		{"three against three", motor, []float64{90, 91, 92}, cool[:3], Running, "not powered (3 with the patch, 3 without); the medians are 91.0 and 61.0 °C"},
		{"no data", motor, []float64{61, 0, 62}, cool, Unclear, "motor: 1 drones of the wave sent none"},
		{"no data of the control", motor, []float64{61, 61, 62}, []float64{0, 0, 0}, Running, "not powered (3 with the patch, 0 without)"},
	} {
		x := measured(t, c.m, c.canary, c.control)
		words := strings.Join(x.s.Verdicts[0].Words, "; ")
		if x.s.Status != c.status || !strings.Contains(words, c.words) || !strings.Contains(words, "0 of 3 drones that ran it failed: a failure rate above 63.2 % is excluded (95 %)") {
			t.Errorf("%s: %s (%s)\n%s", c.name, x.s.Status, x.s.Reason, words)
		}
		if b, err := json.Marshal(x.s); err != nil {
			t.Errorf("%v: %s", err, b)
		}
	}
}

func TestBadRules(t *testing.T) {
	t.Parallel()
	for want, edit := range map[string]func(*Plan){
		"failure \"REVERTED\"": func(p *Plan) { p.Rules = []Rule{{Reverted, 10, 1, ActPause}} },
		"percent":              func(p *Plan) { p.Rules = []Rule{{Rejected, 0, 1, ActPause}} },
		"minimum":              func(p *Plan) { p.Rules = []Rule{{Rejected, 1, 0, ActPause}} },
		"action":               func(p *Plan) { p.Rules = []Rule{{Rejected, 1, 1, "panic"}} },
		"17 rules":             func(p *Plan) { p.Rules = make([]Rule, 17) },
		"name \"mood\"":        func(p *Plan) { p.Metrics = []Metric{{Name: "mood", Worse: Higher}} },
		"twice":                func(p *Plan) { p.Metrics = []Metric{{Name: "motor", Worse: Higher}, {Name: "motor", Worse: Lower}} },
		"worse":                func(p *Plan) { p.Metrics = []Metric{{Name: "motor", Worse: "sideways"}} },
		"allowed":              func(p *Plan) { p.Metrics = []Metric{{Name: "motor", Worse: Higher, Allowed: -1}} },
		"hot at once":          func(p *Plan) { p.HotAtOnce = -1 },
	} {
		p := testPlan("a")
		if edit(&p); p.Validate() == nil || !strings.Contains(p.Validate().Error(), want) {
			t.Errorf("%s: %v", want, p.Validate())
		}
	}
}
