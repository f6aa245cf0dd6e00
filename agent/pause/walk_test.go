package pause

import "testing"

// The walk uses a clock of whole ticks and the shortest policy: Confirm and
// MaxHold of two ticks, heat that clears with its first cool sample (the clear
// time has its own tests), so that a machine fits a key of a few bytes.
func walkPolicy() Policy {
	th := Thermal{Warm: 80, Hot: 95, Clear: 80}
	return Policy{On: Of(Lock, Config, Motor, Companion, Command), MaxHold: 2, Confirm: 2, Motor: th, Companion: th}
}

// canon shifts a machine to time 0 and forgets what no rule can tell apart,
// so that equal futures are equal values.
func canon(m Machine) Machine {
	m.since = max(m.since-m.last, -m.policy.Confirm)
	if m.state == Paused && m.since <= -m.policy.Confirm {
		m.again = false
	}
	if m.state != Pausing && m.state != Resuming && !(m.state == Paused && m.again) {
		m.since = 0
	}
	m.grounded = m.grounded && m.state == Paused
	m.until = max(0, m.until-m.last)
	if !m.present.Has(Command) {
		m.until = 0
	}
	for c := range Causes {
		m.used[c] = min(m.used[c], m.policy.MaxHold)
		if thermal.Has(c) {
			m.used[c] = 0
		}
	}
	m.motors[0] = sensor{hot: m.motors[0].hot, cool: never}
	m.companion = sensor{hot: m.companion.hot, cool: never}
	m.last = 0
	return m
}

// key is a canonical machine in few bytes.
type key struct {
	state           State
	present, waived Set
	lines           uint8
	flags           uint8
	used            uint16
	since, until    int8
}

func keyOf(m Machine) key {
	k := key{state: m.state, present: m.present, waived: m.waived, lines: uint8(m.disarmed)<<2 | uint8(m.holding), since: int8(m.since), until: int8(m.until)}
	for i, b := range []bool{m.late, m.grounded, m.motors[0].hot, m.companion.hot, m.again} {
		if b {
			k.flags |= 1 << i
		}
	}
	for c := range Causes {
		if m.used[c] > 0 { // at most MaxHold: two bits
			k.used |= uint16(m.used[c]) << (2 * c)
		}
	}
	return k
}

// walkEvents is everything that can happen, with the thermal evidence in its
// decisive forms (three hot samples are one event, or the walk would only
// count samples, which sensor's own test does).
func walkEvents() []Event {
	evs := []Event{{Kind: Tick, At: 1}, {Kind: CmdPause, Hold: 1}, {Kind: CmdPause, Hold: 9}, {Kind: CmdResume}}
	for d := Unknown; d <= Yes; d++ {
		for h := Unknown; h <= Yes; h++ {
			evs = append(evs, Event{Kind: Lines, Disarmed: d, Holding: h})
		}
	}
	for _, k := range []Kind{LockLook, ConfigLook, Interlock} {
		for h := Unknown; h <= Yes; h++ {
			evs = append(evs, Event{Kind: k, Hot: h})
		}
	}
	return evs
}

var walkHeat = []Event{
	{Kind: MotorTemp, MilliC: 99, OK: true}, {Kind: MotorTemp}, {Kind: MotorTemp, MilliC: 20, OK: true},
	{Kind: CompTemp, MilliC: 99, OK: true}, {Kind: CompTemp}, {Kind: CompTemp, MilliC: 20, OK: true},
}

func stepAll(m Machine, visit func(ev Event, to Machine, acts Actions)) {
	for _, ev := range walkEvents() {
		to, acts := m.Step(ev)
		visit(ev, to, acts)
	}
	for _, ev := range walkHeat {
		to, acts := m, Actions{}
		times := 1
		if ev.OK && ev.MilliC > 90 {
			times = HotSamples
		}
		for range times {
			to, acts = to.Step(ev)
		}
		visit(ev, to, acts)
	}
}

// walkStates is how many states the walk reaches.
const walkStates = 379080

// TestWalk visits every reachable state for all combinations of causes.
func TestWalk(t *testing.T) {
	t.Parallel()
	seen := map[key]struct{}{}
	var queue []Machine
	add := func(m Machine) {
		c := canon(m)
		if k := keyOf(c); !has(seen, k) {
			seen[k] = struct{}{}
			queue = append(queue, c)
		}
	}
	add(New(walkPolicy(), 0))
	combos, moves := map[[2]uint8]bool{}, map[[2]State]bool{}
	edges, most := 0, 0
	for len(queue) > 0 {
		m := queue[len(queue)-1]
		queue = queue[:len(queue)-1]
		combos[[2]uint8{uint8(m.state), uint8(m.present)}] = true
		stepAll(m, func(ev Event, to Machine, acts Actions) {
			edges++
			most = max(most, acts.Count)
			checkStep(t, m, ev, to, acts)
			for _, n := range acts.Notes[:acts.Count] {
				if n.Kind == Moved {
					moves[[2]State{n.From, n.To}] = true
				}
			}
			add(to)
		})
		checkEnds(t, m)
		if t.Failed() {
			return
		}
	}
	for _, move := range table {
		if !moves[move] {
			t.Errorf("never reached: %v → %v", move[0], move[1])
		}
	}
	if len(moves) != len(table) {
		t.Errorf("%d kinds of transition, want %d", len(moves), len(table))
	}
	if most >= maxNotes {
		t.Errorf("a step made %d notes, the bound is %d", most, maxNotes)
	}
	t.Logf("%d states, %d steps, %d of state × causes, at most %d notes a step", len(seen), edges, len(combos), most)
	if got := len(seen); got != walkStates {
		t.Errorf("%d reachable states, want %d: the machine has changed; read the invariants again, then change the count", got, walkStates)
	}
}

func has(seen map[key]struct{}, k key) bool { _, ok := seen[k]; return ok }

// checkStep holds the invariants of one step.
func checkStep(t *testing.T, from Machine, ev Event, to Machine, acts Actions) {
	t.Helper()
	fail := func(what string) {
		t.Helper()
		t.Errorf("%s: %+v\n--%+v-->\n%+v", what, from, ev, to)
	}
	if acts.Request != to.state.Requests() {
		fail("the request is not the state's")
	}
	if acts.Request && to.InForce() == 0 {
		fail("requested without a cause in force")
	}
	if to.state == Overridden && acts.Request {
		fail("OVERRIDDEN requests")
	}
	if from.state == Overridden && acts.Request && to.disarmed != Yes {
		fail("left OVERRIDDEN for a request without being disarmed")
	}
	if from.InForce() == 0 && !acts.Request && to.InForce() != 0 && to.state != Overridden {
		fail("a cause in force does not request")
	}
	if to.waived&thermal != 0 {
		fail("heat was waived")
	}
	if from.waived&^to.waived != 0 && to.disarmed != Yes {
		fail("a waiver was lifted in the air")
	}
	if ev.Kind != MotorTemp && ev.Kind != CompTemp && (from.present^to.present)&thermal != 0 {
		fail("heat changed without a sample")
	}
	if (ev.Kind == MotorTemp || ev.Kind == CompTemp) && !ev.OK && from.present != to.present {
		fail("an unknown temperature changed the causes")
	}
	if again, _ := to.Step(Event{Kind: Tick}); again.state != to.state || again.present != to.present || again.waived != to.waived {
		fail("not settled: a second step at the same time moves on")
	}
}

// checkEnds holds that in the air every hold without a thermal cause ends, by
// time alone, within MaxHold for each of its causes, whatever the flight
// controller says, and that Next never lies: before it no Tick changes the
// state.
func checkEnds(t *testing.T, m Machine) {
	t.Helper()
	if !m.state.Requests() || m.disarmed == Yes || m.InForce()&thermal != 0 {
		return
	}
	bound := int64(Causes) * m.policy.MaxHold
	at := int64(0)
	for m.state.Requests() {
		next := m.Next()
		if next > bound {
			t.Errorf("a hold that does not end: %+v", m)
			return
		}
		if early, _ := m.Step(Event{Kind: Tick, At: next - 1}); next > at && early.state != m.state {
			t.Errorf("Next says %d, but it moves before: %+v", next, m)
			return
		}
		at = next
		m, _ = m.Step(Event{Kind: Tick, At: at})
	}
}

// TestSamples holds the sensor's own rules: three in a row, UNKNOWN between
// them starts again.
func TestSamples(t *testing.T) {
	t.Parallel()
	th := testPolicy().Motor
	for name, c := range map[string]struct {
		samples []int32 // milli-°C, 0 is unknown
		hot     bool
	}{
		"two":              {[]int32{95000, 95000}, false},
		"three":            {[]int32{95000, 95000, 95000}, true},
		"below":            {[]int32{94999, 94999, 94999, 94999}, false},
		"broken by cooler": {[]int32{95000, 95000, 90000, 95000, 95000}, false},
		"broken by gap":    {[]int32{95000, 95000, 0, 95000, 95000}, false},
		"hot, then gone":   {[]int32{99000, 99000, 99000, 0, 0, 0}, true},
		"hot, in between":  {[]int32{99000, 99000, 99000, 85000, 85000}, true},
	} {
		s := sensor{cool: never}
		for i, v := range c.samples {
			s.sample(th, v, v != 0, int64(i)*th.ClearFor*2)
		}
		if s.hot != c.hot {
			t.Errorf("%s: hot %v, want %v", name, s.hot, c.hot)
		}
	}
}
