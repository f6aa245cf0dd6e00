package rollout

import (
	"fmt"
	"slices"
	"strings"
)

// planner is Step, or one with a fault.
type planner func(State, Event) (State, []Order)

// node is a state of the walk with its specification.
type node struct {
	s State
	g ghost
}

// walker visits everything that can happen to a small fleet. Time goes in
// whole ticks; a bake of one, a time-out and a silence of two.
type walker struct {
	step   planner
	ids    map[string]int32
	queue  []node
	fair   []int32 // per node: what time alone, with a person who says go on, makes of it
	done   []bool
	counts map[Status]int
	steps  int
}

func walkPlan(canary, all int) Plan {
	return Plan{ID: "r", Fleet: "f", Patch: "p", SHA256: newSHA, Drones: []string{"a", "b", "c", "d"}[:all],
		Canary: Canary{Count: canary}, BakeNS: 1, Heartbeats: 1, TimeoutNS: 2, SilenceNS: 2}
}

func walkEvents(p Plan) []Event {
	evs := []Event{{Kind: DoResume}, {Kind: DoRollback}}
	if p.Approve != ApproveNone {
		evs = append(evs, Event{Kind: DoApprove}, Event{Kind: DoPause})
	}
	for _, d := range p.Drones {
		evs = append(evs, Event{Kind: Link, Drone: d}, Event{Kind: Link, Drone: d, Online: true},
			Event{Kind: Seen, Drone: d, Vitals: Vitals{Live: true, Causes: []string{"config"}}})
		evs = append(evs, Event{Kind: NotCurrent, Drone: d})
		for _, st := range patchStates {
			evs = append(evs, Event{Kind: Reported, Drone: d, Report: Report{State: st}})
		}
	}
	return evs
}

var patchStates = []string{"WAITING", "TRIAL", "COMMITTED", "REVERTED", "REJECTED", "IDLE"}

// halted: a person must say something.
func halted(s State) bool { return s.Status == Paused || s.Status == Waiting || s.Status == Unclear }

// sensible leaves out what makes no difference, and what no drone says:
// TestAnything has that.
func (n *node) sensible(ev Event) bool {
	switch ev.Kind {
	case DoPause:
		return !n.s.Held
	case DoResume:
		return halted(n.s)
	case DoApprove:
		return n.s.Ask != ""
	}
	i := n.s.index(ev.Drone)
	if i < 0 {
		return true
	}
	d, x := &n.s.Drones[i], &n.g.drones[i]
	switch ev.Kind {
	case NotCurrent:
		return x.sent && (x.last == "" || x.last == "WAITING")
	case Seen:
		return n.s.Status != RollingBack && n.s.watched(d)
	case Link:
		return d.Online != ev.Online || n.s.Status != RollingBack && n.s.watched(d)
	}
	return x.sensible(ev.Report.State)
}

func (d *ghostDrone) sensible(state string) bool {
	switch d.last {
	case "", "WAITING":
		return d.offered && (state == "TRIAL" || state == "REJECTED" || state == "WAITING" && d.last == "" || state == "IDLE" && d.withdrawn)
	case "TRIAL":
		return state == "COMMITTED" || state == "REVERTED"
	}
	return d.last == "COMMITTED" && state == "REVERTED"
}

// walk returns what is wrong: "" nothing.
func walk(p Plan, step planner) (*walker, string) {
	w := &walker{step: step, ids: map[string]int32{}, counts: map[Status]int{}}
	s, err := New(p)
	if err != nil {
		return w, err.Error()
	}
	w.visit(node{s: known(s)})
	events := walkEvents(p)
	for len(w.queue) > 0 {
		n := w.queue[0]
		w.queue = w.queue[1:]
		if n.s.Done() {
			w.fair = append(w.fair, -1)
			continue
		}
		patient, bad := w.next(n, Event{Kind: Tick, At: n.s.Now + 1})
		if bad != "" {
			return w, bad
		}
		w.visit(patient)
		if halted(patient.s) {
			for _, k := range []Kind{DoApprove, DoResume} {
				if patient, bad = w.next(patient, Event{Kind: k}); bad != "" {
					return w, bad
				}
			}
		}
		w.fair = append(w.fair, w.visit(patient))
		for _, ev := range events {
			if !n.sensible(ev) {
				continue
			}
			m, bad := w.next(n, ev)
			if bad != "" {
				return w, bad
			}
			w.visit(m)
		}
	}
	return w, w.deadEnds()
}

// known is a state in which the broker had kept each drone's status. Without one
// a drone is as good as away, which the walk has.
func known(s State) State {
	for _, d := range s.Drones {
		s, _ = s.Step(Event{Kind: Seen, Drone: d.Name})
	}
	return s
}

func (w *walker) next(n node, ev Event) (node, string) {
	if ev.Kind != Tick {
		ev.At = n.s.Now
	}
	w.steps++
	m := node{g: n.g}
	m.g.before(n.s, ev)
	var orders []Order
	m.s, orders = w.step(n.s, ev)
	if bad := m.g.after(m.s, orders); bad != "" {
		return m, fmt.Sprintf("%s\nbefore %s\nevent  %+v\nafter  %s\norders %+v", bad, words(n), ev, words(m), orders)
	}
	return m, ""
}

func words(n node) string {
	s := &n.s
	b := fmt.Sprintf("%s %s wave %d now %d since %d bake %d back %d held %v ask %q cleared %v: %s; wave %d failed %v held %v approved %v",
		s.Status, s.Phase, s.Wave, s.Now, s.WaveAt, s.BakeAt, s.BackAt, s.Held, s.Ask, s.Cleared, s.Reason, n.g.wave, n.g.failed, n.g.held, n.g.approved)
	for i, d := range s.Drones {
		b += fmt.Sprintf("\n\t%+v\n\t\t%+v", d, n.g.drones[i])
	}
	return b
}

// visit numbers a state and queues it if it is new.
func (w *walker) visit(n node) int32 {
	k := keyOf(n)
	id, seen := w.ids[k]
	if !seen {
		id = int32(len(w.ids))
		w.ids[k] = id
		w.queue = append(w.queue, n)
		w.done = append(w.done, n.s.Done())
		w.counts[n.s.Status]++
	}
	return id
}

// deadEnds: from everywhere, patience leads to an end.
func (w *walker) deadEnds() string {
	good := slices.Clone(w.done)
	for id := range w.fair {
		var path []int32
		for at := int32(id); !good[at]; at = w.fair[at] {
			if path = append(path, at); len(path) > 100 {
				return "a dead end: time alone does not end it"
			}
		}
		for _, p := range path {
			good[p] = true
		}
	}
	return ""
}

// keyOf is a state in few bytes: times count from now and only while a rule
// looks at them, drones of one wave are interchangeable, words for people do
// not matter. Equal keys have equal futures.
func keyOf(n node) string {
	s, g := &n.s, &n.g
	rel := func(at, most int64, used bool) byte {
		if !used {
			return 0
		}
		return byte(min(s.Now-at, most))
	}
	flags := func(bs ...bool) (f byte) {
		for i, b := range bs {
			if b {
				f |= 1 << i
			}
		}
		return f
	}
	if s.Done() {
		return string(s.Status) + fmt.Sprint(s.Count(Pending), s.Count(Succeeded), s.Count(Failed), s.Count(TimedOut), s.Count(Rejected), s.Count(Reverted))
	}
	p, back := &s.Plan, s.Status == RollingBack
	open := !back && !s.Done()
	var b strings.Builder
	b.Write([]byte{s.Status[0], byte(s.Wave), byte(g.wave), flags(s.Held, s.Ask == AskApproval, s.Ask == AskInconclusive, s.Cleared, g.failed, g.held, g.approved, s.Phase != Offering),
		rel(s.WaveAt, p.TimeoutNS, open && s.Phase == Offering), rel(s.BakeAt, p.BakeNS, open && s.Phase != Offering), rel(s.BackAt, p.TimeoutNS, back)})
	drones := make([]string, len(s.Drones))
	for i := range s.Drones {
		d, x := s.Drones[i], g.drones[i]
		if back && !d.Has && !x.has {
			drones[i] = string([]byte{byte(d.Wave)}) + "rid" // of it for good, or never had it
			continue
		}
		watched := open && s.watched(&d)
		before := open && (watched || d.Outcome == Pending || d.Outcome == InProgress || d.Outcome == Offline)
		outcome := d.Outcome[:1] + d.Outcome[2:3]
		if back {
			outcome = "--" // words only, from now on
			if d.Patch == "WAITING" {
				d.Patch, x.last = "", ""
			}
		}
		beats := 0
		if watched {
			beats = min(d.Beats, p.Heartbeats)
		}
		if !watched {
			x.age, x.beaten = 0, false
		}
		x.excused = x.excused && before
		drones[i] = string(outcome) + d.Patch + "," + x.last + string([]byte{byte(d.Wave), flags(d.Has, d.Online, d.Sent && d.Has, d.Offered, before && len(d.Causes) > 0), byte(beats),
			rel(d.OfferedAt, p.TimeoutNS, open && d.Outcome == InProgress), rel(d.DoneAt, p.BakeNS, watched), rel(d.Heard, p.SilenceNS, watched), rel(d.RevertAt, 1, back && d.Has && d.Sent),
			flags(x.online, x.offered, x.committed, x.has, x.sent && x.has, x.beaten, x.excused, x.withdrawn), byte(x.age)})
	}
	slices.Sort(drones)
	for _, d := range drones {
		b.WriteString(d)
	}
	return b.String()
}
