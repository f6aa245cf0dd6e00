//go:build e2e

package e2e

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/aim-control/aimlock/agent/telemetry"
)

// The budgets of a real board. What an emulated one on a shared host cannot
// keep is said beside it: an instruction takes it many times as long.
const (
	maxResident  = 7 << 10 // kB, TLS up
	maxAnonymous = 2 << 10
	maxBeyond    = 10 * time.Millisecond // sample or edge to line, p99 beyond a sleeper's
	tooLate      = 2 * time.Second       // no machine is so busy
	rounds       = 8
)

// measured prints the figures of a running drone, which is on the ground.
func (r *rig) measured(t *testing.T) {
	var p50, p99 int64
	if _, err := fmt.Sscan(r.m.tell("sleeper"), &p50, &p99); err != nil {
		t.Fatal(err)
	}
	sleeper := time.Duration(p99) * time.Microsecond
	t.Logf("sleeper on the board: a sleep of 1 ms is overslept by %.1f ms (p99 %.1f)", float64(p50)/1000, float64(p99)/1000)
	r.samples(t, sleeper)
	r.edgesOfLines(t, sleeper)
	r.memory(t)
	ran := r.ran(t, "cpu")
	t.Logf("CPU: %.1f %% of an emulated core, all threads, four sensors at 10 Hz; a bare program that makes the same transfers: %.1f %%; the budget is < 1 %% of a real core", ran, r.ran(t, "bare"))
}

// memory is over the agent's life so far: it gives back, once a minute, what
// has come to it meanwhile.
func (r *rig) memory(t *testing.T) {
	var rss, anon [3]int
	var n int
	if _, err := fmt.Sscan(r.m.tell("memory"), &rss[0], &rss[1], &rss[2], &anon[0], &anon[1], &anon[2], &n); err != nil {
		t.Fatal(err)
	}
	t.Logf("memory, of %d looks, least, median, most: %v kB resident (budget %d), %v kB of it anonymous (budget %d)", n, rss, maxResident, anon, maxAnonymous)
	if over, anonOver := rss[1]-maxResident, anon[1]-maxAnonymous; over > 0 || anonOver > 0 {
		t.Logf("memory: the median is %d and %d kB over the budget", max(0, over), max(0, anonOver))
	}
	if rss[0] > maxResident*5/4 || rss[2] > 2*maxResident {
		t.Errorf("memory: that is not a gap any more")
	}
}

// ran is the share of a core, in per cent, that the guest says something took.
func (r *rig) ran(t *testing.T, what string) float64 {
	t.Helper()
	var ran, of int64
	var err string
	if _, e := fmt.Sscan(r.m.tell(what), &ran, &of, &err); e != nil || err != "<nil>" || of <= 0 {
		t.Fatalf("%s: %v %s", what, e, err)
	}
	return 100 * float64(ran) / float64(of)
}

// samples heats a motor on the ground until the line is on, again and again:
// from the byte that proves it, as the chip sent it, to the line's register.
// The last step is small: a reading that jumps is looked at twice.
func (r *rig) samples(t *testing.T, sleeper time.Duration) {
	r.m.tracing(true)
	for i := range rounds {
		from := r.now()
		r.m.heat(i%4, 92000)
		var tm telemetry.Telemetry
		r.hears(from, "92 °C", telemetry.LeafTelemetry, &tm, soon, func() bool { return len(tm.Motors) == 4 && tm.Motors[i%4].MilliC == 92000 })
		r.m.heat(i%4, 95500)
		r.line(t, true)
		r.m.heat(i%4, 25000)
		r.line(t, false)
	}
	r.m.tracing(false)
	all := r.m.traces()
	d, err := after(proofs(all), requestEdges(all, false), true)
	if err != nil || len(d) < rounds-1 {
		t.Fatalf("%d of %d requests seen: %v", len(d), rounds, err)
	}
	judge(t, "sample that proves HOT → request line", d, sleeper)
}

// edgesOfLines: in flight and hot, HOLDING drops, which takes the request back;
// then DISARMED rises, which brings it again. From the moment before the level
// is set to the line's register.
func (r *rig) edgesOfLines(t *testing.T, sleeper time.Duration) {
	r.takesOff(t)
	began := time.Now()
	r.m.heat(0, 99000)
	from := r.now()
	r.status(from, "PAUSED", soon, func(st telemetry.Status) bool { return st.State == "PAUSED" && st.Flight == "holding" })
	r.m.tracing(true)
	for range rounds {
		from := r.now()
		r.w.answer(false)
		r.w.set(lineHolding, false)
		r.line(t, false)
		r.w.disarm()
		r.line(t, true)
		r.w.arm()
		r.w.answer(true)
		r.status(from, "PAUSED again", soon, func(st telemetry.Status) bool { return st.State == "PAUSED" && st.Flight == "holding" })
	}
	r.m.tracing(false)
	edges := requestEdges(r.m.traces(), true)
	var causes []time.Time
	for _, line := range []int{lineHolding, lineDisarmed} {
		for _, e := range r.w.changes(line, began) {
			causes = append(causes, e.at)
		}
	}
	off, err := after(causes, edges, false)
	on, err2 := after(causes, edges, true)
	if err != nil || err2 != nil || len(off) != rounds || len(on) != rounds {
		t.Fatalf("%d and %d of %d changes seen: %v %v", len(off), len(on), rounds, err, err2)
	}
	judge(t, "edge of a line (debounced for 5 ms) → request line", append(off, on...), sleeper)
	r.m.heat(0, 25000)
	r.line(t, false)
	r.lands(t)
}

// judge prints a latency beside its budget; only what no busy host explains is
// an error.
func judge(t *testing.T, what string, d []time.Duration, sleeper time.Duration) {
	t.Helper()
	slices.Sort(d)
	worst := d[len(d)-1]
	verdict := "within it"
	if gap := worst - sleeper - maxBeyond; gap > 0 {
		verdict = fmt.Sprintf("%.1f ms over it on this emulated board", msec(gap))
	}
	t.Logf("%s: median %.1f ms, worst %.1f of %d; budget %.0f ms beyond a sleeper's %.1f: %s", what, msec(d[len(d)/2]), msec(worst), len(d), msec(maxBeyond), msec(sleeper), verdict)
	if worst > tooLate {
		t.Errorf("%s: %v", what, worst)
	}
}

func msec(d time.Duration) float64 { return float64(d) / 1e6 }
