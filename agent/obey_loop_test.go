package agent

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aim-control/aimlock/agent/locksmith"
)

// airborne brings a rig's drone into the air, healthy.
func (s *script) airborne() {
	s.t.Helper()
	s.file("version = 41\n")
	s.tell(s.ctx, lockEvent(locksmith.Free, false))
	time.Sleep(3 * time.Second) // virtual
	s.must(s.world.Arm())
	s.must(s.world.TakeOff())
	time.Sleep(6 * time.Second) // virtual
}

// commanded tells whether the cause command holds, in force or not.
func (s *script) commanded() bool {
	for _, c := range s.now().Causes {
		if c.Name == "command" {
			return true
		}
	}
	return false
}

// TestRefusedCommandChangesNothing: what is refused must not come true later,
// when the drone has landed and may be paused again.
func TestRefusedCommandChangesNothing(t *testing.T) {
	t.Parallel()
	out := play(t, func(s *script) {
		s.airborne()
		s.tell(s.ctx, lockEvent(locksmith.Overdue, true))
		time.Sleep(4 * time.Second) // virtual
		s.must(s.world.PilotTake())
		time.Sleep(time.Second) // virtual
		s.expect("overridden", s.now().State == "OVERRIDDEN")
		out := s.order("pause", 2*time.Minute)
		s.expect("refused by name of the pilot: "+out.reason, out.word == "refused" && strings.Contains(out.reason, "pilot"))
		s.expect("no cause is left of it", !s.commanded())
		s.tell(s.ctx, lockEvent(locksmith.Free, false))
		s.must(s.world.PilotRelease())
		s.must(s.world.Land())
		time.Sleep(30 * time.Second) // virtual
		s.expect("nominal on the ground", s.now().State == "NOMINAL" && s.now().Flight == "disarmed")
	})
	if strings.Contains(out, "command.hot") {
		t.Errorf("a refused command was reported as a cause:\n%s", out)
	}
}

// TestCommandReasons holds each answer to its own reason.
func TestCommandReasons(t *testing.T) {
	t.Parallel()
	play(t, func(s *script) {
		s.airborne()
		ask := func(verb string, hold time.Duration, word, reason string) {
			t.Helper()
			got := s.order(verb, hold)
			if got.word != word || !strings.Contains(got.reason, reason) {
				t.Errorf("%s %v: got %+v, want %s (%s)", verb, hold, got, word, reason)
			}
		}
		ask("pause", 0, "refused", "names no hold")
		ask("dance", 0, "refused", `"dance"`)
		ask("report", 0, "done", "")
		ask("resume", 0, "done", "") // nothing to resume
		ask("pause", time.Hour, "done", "")
		time.Sleep(5 * time.Second) // virtual
		s.tell(s.ctx, lockEvent(locksmith.Overdue, true))
		s.expect("paused", s.now().State == "PAUSED")
		ask("resume", 0, "done", "still paused for: lock")
		s.tell(s.ctx, lockEvent(locksmith.Free, false))
		time.Sleep(5 * time.Second) // virtual
		s.expect("resumed", s.now().State == "NOMINAL")
		ask("pause", time.Hour, "done", "")
		time.Sleep(2 * time.Minute) // virtual: max_hold
		s.expect("waived", slices.Contains(s.now().Waived, "command") && s.now().State == "NOMINAL")
		ask("pause", time.Second, "refused", "used up")
	})
}

// TestCommandNotNamed refuses what the live file has switched off, and does not
// carry it out when the file switches it on again.
func TestCommandNotNamed(t *testing.T) {
	t.Parallel()
	play(t, func(s *script) {
		s.file("version = 41\n[safe_pause]\non = [\"lock\", \"config\"]\n")
		s.tell(s.ctx, lockEvent(locksmith.Free, false))
		time.Sleep(3 * time.Second) // virtual
		got := s.order("pause", time.Minute)
		s.expect("refused: "+got.reason, got.word == "refused" && strings.Contains(got.reason, "safe_pause.on"))
		s.file("version = 42\n")
		time.Sleep(time.Second) // virtual
		s.expect("not carried out late", s.now().Config.Version == 42 && s.now().State == "NOMINAL" && !s.world.Snapshot().Request)
	})
}
