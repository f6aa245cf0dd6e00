//go:build e2e

package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aim-control/aimlock/agent/telemetry"
	"github.com/aim-control/aimlock/hal/led"
)

// soon bounds what follows at once on an idle machine.
const soon = 30 * time.Second

// TestDrone is a drone's life on the emulated board, from outside: what an
// operator hears, what a technician sees, what the flight controller is told.
func TestDrone(t *testing.T) {
	tg := boardA
	tg.aimctl = true
	r := newRig(t, tg)
	r.on(t, flashed(t))
	r.m.tracing(true)
	boot := r.boots(t)
	r.examined(t)
	r.hot(t)
	r.cutOff(t, boot)
	r.patched(t)
	r.measured(t)
	r.killed(t)
	r.hung(t, boot)
}

// boots is a power-on with a clock at 1970 and somebody's lock of an earlier
// boot. It returns the boot's id.
func (r *rig) boots(t *testing.T) string {
	st, _, at := r.status(0, "status of a healthy drone", bootIn, func(st telemetry.Status) bool {
		return st.State == "NOMINAL" && st.Config.Version == 7 && st.FC == "ok" && len(st.Faults) == 0
	})
	t.Logf("boot: %.1f s from power-on to the first status at the broker; Linux ran for %.1f s of it", at.Sub(r.m.began).Seconds(), float64(st.UpMS)/1000)
	if st.Flight != "disarmed" || st.LED != "healthy" || st.Requested || st.Lock.Verdict != "FREE" {
		t.Errorf("status %+v", st)
	}
	var id, rest string
	var unix int64
	if _, err := fmt.Sscan(r.m.tell("boot"), &id, &unix, &rest); err != nil || id != st.Boot || unix > 366*24*3600 {
		t.Errorf("boot %q at %d (%v), want %q and a clock that stands in 1970", id, unix, err, st.Boot)
	}
	var e telemetry.Event
	r.status(0, "status that knows the broker", soon, func(st telemetry.Status) bool { return st.Online })
	r.hears(0, "link.up", telemetry.LeafEvent, &e, soon, func() bool { return e.Kind == "link.up" })
	kinds := r.ordered(st.Boot)
	if !strings.HasPrefix(kinds, "agent.started lock.reclaimed ") {
		t.Errorf("the lock was not reclaimed first: %s", kinds)
	}
	r.m.says(0, "WARN stale lock reclaimed from fleet-updater", soon)
	r.reclaimed(t, st.Boot)
	r.shows(t, led.Healthy, 4)
	return st.Boot
}

// reclaimed prints how long after the start of aimd's process the lock was free.
func (r *rig) reclaimed(t *testing.T, boot string) {
	line, _ := r.m.says(0, "@e2e aimd ", soon)
	var pid, began int64
	if _, err := fmt.Sscanf(line, "@e2e aimd %d at %d", &pid, &began); err != nil {
		t.Fatalf("%q: %v", line, err)
	}
	at := map[string]int64{}
	for _, e := range r.events(boot) {
		at[e.Kind] = e.UpMS - began
	}
	t.Logf("stale lock: the agent's first event %d ms after its process began, the lock reclaimed after %d ms; budget 1000 on a real board", at["agent.started"], at["lock.reclaimed"])
}

// takesOff arms the drone.
func (r *rig) takesOff(t *testing.T) {
	t.Helper()
	from := r.now()
	r.w.arm()
	r.status(from, "armed", soon, func(st telemetry.Status) bool { return st.Flight == "armed" })
}

// lands disarms it.
func (r *rig) lands(t *testing.T) {
	t.Helper()
	from := r.now()
	r.w.disarm()
	r.status(from, "disarmed", soon, func(st telemetry.Status) bool { return st.Flight == "disarmed" && st.State == "NOMINAL" })
}

// line waits for the request line.
func (r *rig) line(t *testing.T, on bool) time.Time {
	t.Helper()
	at, err := r.w.until(lineRequest, on, soon)
	if err != nil {
		t.Fatalf("request line: %v", err)
	}
	return at
}

// hot heats a motor in flight until the drone holds, and cools it until it
// flies on.
func (r *rig) hot(t *testing.T) {
	r.takesOff(t)
	from := r.now()
	r.w.answer(false)
	r.m.heat(2, 96500)
	r.line(t, true)
	st, from, _ := r.status(from, "PAUSING", soon, func(st telemetry.Status) bool { return st.State == "PAUSING" })
	if !st.Requested || len(st.Causes) != 1 || st.Causes[0].Name != "motor" || !strings.Contains(st.Causes[0].Text, "motor 3 at 96.5 °C") {
		t.Errorf("PAUSING: %+v", st)
	}
	_, from, _ = r.status(from, "the LEDs asking", soon, func(st telemetry.Status) bool { return st.LED == "asking" })
	r.shows(t, led.Asking, 4)
	r.w.answer(true)
	_, from, _ = r.status(from, "PAUSED", soon, func(st telemetry.Status) bool {
		return st.State == "PAUSED" && st.Flight == "holding" && st.LED == "holding"
	})
	r.shows(t, led.Holding, 4)
	r.w.answer(false) // it goes on holding for a while: else RESUMING may be over before it is told
	r.m.heat(2, 79000)
	_, from, _ = r.status(from, "RESUMING", soon, func(st telemetry.Status) bool { return st.State == "RESUMING" && st.LED == "leaving" })
	r.line(t, false)
	r.w.answer(true)
	_, from, _ = r.status(from, "NOMINAL", soon, func(st telemetry.Status) bool { return st.State == "NOMINAL" && len(st.Causes) == 0 })
	r.m.heat(2, 25000)
	_, _, _ = r.status(from, "healthy", soon, func(st telemetry.Status) bool { return st.LED == "healthy" })
}

// cutOff takes the link away, has a whole hold happen meanwhile, and gives the
// link back: every event arrives, in order.
func (r *rig) cutOff(t *testing.T, boot string) {
	from := r.now()
	r.m.link(false)
	before := len(r.events(boot))
	r.m.heat(0, 99000)
	r.line(t, true)
	r.m.says(0, "PAUSING → PAUSED", soon)
	r.m.heat(0, 25000)
	r.line(t, false)
	var av telemetry.Availability
	from, _ = r.hears(from, "the will", telemetry.LeafAvailability, &av, 60*time.Second, func() bool { return !av.Online })
	if n := len(r.events(boot)); n != before {
		t.Errorf("%d events came over a cut link", n-before)
	}
	r.m.link(true)
	from, _ = r.hears(from, "the drone again", telemetry.LeafAvailability, &av, 90*time.Second, func() bool { return av.Online })
	var e telemetry.Event
	r.hears(from, "link.up", telemetry.LeafEvent, &e, soon, func() bool { return e.Kind == "link.up" })
	kinds := r.ordered(boot)
	if want := "motor.hot state.pausing state.paused motor.cleared state.resuming state.nominal link.down link.up"; !strings.Contains(kinds, want) {
		// link.down is where the drone noticed, which may be earlier.
		rest := strings.ReplaceAll(kinds, " link.down", "")
		if !strings.Contains(rest, strings.ReplaceAll(want, " link.down", "")) {
			t.Errorf("after the cut: %s", kinds)
		}
	}
	t.Logf("link: %d events waited for it and came in order", len(r.events(boot))-before)
}

// patched lands and takes a patch.
func (r *rig) patched(t *testing.T) {
	r.lands(t)
	from, began := r.now(), time.Now()
	r.offer("p-8", 8, live(8), 1)
	var rep telemetry.Report
	_, at := r.hears(from, "COMMITTED", telemetry.LeafReport, &rep, 60*time.Second, func() bool {
		if rep.State == "REVERTED" || rep.State == "REJECTED" {
			t.Fatalf("the patch: %+v", rep)
		}
		return rep.Patch == "p-8" && rep.State == "COMMITTED"
	})
	t.Logf("patch: committed %.1f s after the offer, of which 2 s are its trial's watch", at.Sub(began).Seconds())
	if n := len(r.w.changes(lineRequest, began)); n != 2 {
		t.Errorf("the interlock moved the request line %d times, want on and off", n)
	}
	if got, want := r.m.tell("live"), hashed(8); got != want {
		t.Errorf("the live file is %s, want %s", got, want)
	}
	r.status(from, "version 8", soon, func(st telemetry.Status) bool { return st.Config.Version == 8 && st.State == "NOMINAL" })
}
