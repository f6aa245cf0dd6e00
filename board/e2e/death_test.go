//go:build e2e

package e2e

import (
	"strings"
	"testing"
	"time"

	"github.com/aim-control/aimlock/agent/telemetry"
)

// killed kills the agent in the middle of a hold: the line goes off, because
// aimd -release runs after every end, and the next agent flies on.
func (r *rig) killed(t *testing.T) {
	r.takesOff(t)
	from, console := r.now(), r.m.now()
	r.m.heat(1, 97000)
	r.line(t, true)
	r.status(from, "PAUSED", soon, func(st telemetry.Status) bool { return st.State == "PAUSED" })
	r.m.heat(1, 25000)
	began := time.Now()
	r.m.tell("signal", "9")
	off := r.line(t, false)
	t.Logf("kill -9 while PAUSED: request line off after %v", off.Sub(began).Round(time.Millisecond))
	if off.Sub(began) > time.Second { // the next agent comes only after 3 s
		t.Errorf("the request outlived its agent by %v", off.Sub(began))
	}
	_, console = r.m.says(console, "@e2e aimd ended: signal: killed; release: <nil>", soon)
	r.m.says(console, "@e2e aimd", soon)
	var e telemetry.Event
	from, _ = r.hears(from, "agent.started", telemetry.LeafEvent, &e, soon, func() bool { return e.Kind == "agent.started" })
	r.status(from, "NOMINAL after the restart", soon, func(st telemetry.Status) bool { return st.State == "NOMINAL" && st.Online })
}

// hung stops the agent while it holds, and while somebody has the lock: the
// watchdog resets the board, which comes back, reclaims and flies on.
func (r *rig) hung(t *testing.T, boot string) {
	from, console := r.now(), r.m.now()
	if got := r.m.tell("hold", "1h"); !strings.Contains(got, "held: <nil>") {
		t.Fatalf("the lock: %s", got)
	}
	r.m.heat(3, 98000)
	r.line(t, true)
	r.status(from, "PAUSED", soon, func(st telemetry.Status) bool { return st.State == "PAUSED" && st.Lock.Verdict == "HELD" })
	r.m.heat(3, 25000)
	began := time.Now()
	r.m.tell("signal", "19") // SIGSTOP
	off := r.line(t, false)
	t.Logf("SIGSTOP while PAUSED: the watchdog reset the board, and with it the line, after %.1f s", off.Sub(began).Seconds())
	if d := off.Sub(began); d < 5*time.Second || d > 60*time.Second {
		t.Errorf("the line went off after %v; the watchdog's time is 15 s", d)
	}
	r.m.says(console, "@e2e aimd", bootIn)
	st, _, at := r.status(from, "the next boot", bootIn, func(st telemetry.Status) bool {
		return st.Boot != boot && st.State == "NOMINAL" && st.FC == "ok" && len(st.Faults) == 0
	})
	t.Logf("back, reported %.1f s after the reset", at.Sub(off).Seconds())
	if st.Config.Version != 8 || st.Requested || st.Patch.State != "COMMITTED" {
		t.Errorf("after the reset: %+v", st)
	}
	var e telemetry.Event
	r.hears(from, "link.up", telemetry.LeafEvent, &e, soon, func() bool { return e.Kind == "link.up" && e.Boot == st.Boot })
	if kinds := r.ordered(st.Boot); !strings.HasPrefix(kinds, "agent.started lock.reclaimed ") {
		t.Errorf("the lock was not reclaimed first: %s", kinds)
	}
}
