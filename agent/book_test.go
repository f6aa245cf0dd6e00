package agent

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aim-control/aimlock/agent/config"
	"github.com/aim-control/aimlock/agent/locksmith"
	"github.com/aim-control/aimlock/agent/pause"
	"github.com/aim-control/aimlock/firmware/durable/faultfs"
	"github.com/aim-control/aimlock/hal/sim"
)

// change is what a watch says of these bytes.
func change(data string) *config.Change {
	live, err := config.ParseLive(config.LiveName, []byte(data))
	return &config.Change{Data: []byte(data), Hash: config.Hash([]byte(data)), Live: live, Err: err}
}

// TestDegradedIsNoEdit: a change of how the file is watched is reported as
// that, once, and never as an edit of the file, valid, pending or invalid.
func TestDegradedIsNoEdit(t *testing.T) {
	t.Parallel()
	for name, data := range map[string]string{"adopted": "version = 41\n", "pending": "version = 42\n", "invalid": "version = \n"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out := play(t, func(s *script) {
				s.airborne()
				s.file(data)
				time.Sleep(5 * time.Second) // virtual
				s.after(0, "degraded")
				for range 2 {
					c := change(data)
					c.Degraded = "no inotify watches left"
					s.tell(s.ctx, event{kind: liveFile, change: c})
				}
				time.Sleep(time.Second) // virtual
				s.expect("shown", strings.Join(s.now().Faults, ",") == "file-events")
				s.expect("as before", s.now().Config.Pending == (name == "pending") && s.now().Config.Valid == (name != "invalid"))
				s.file(data)
				time.Sleep(time.Second) // virtual
			})
			_, out, _ = strings.Cut(out, "# degraded\n")
			if strings.Count(out, "\n") != 2 || !strings.Contains(out, "error trouble: file-events: no inotify") || !strings.Contains(out, "mended: file-events works again") {
				t.Errorf("reported\n%s", out)
			}
		})
	}
}

// TestFirstFileIsBad: until there is a first good configuration the defaults
// are in force; it is adopted at once, though in the air, and is no drift.
func TestFirstFileIsBad(t *testing.T) {
	t.Parallel()
	out := play(t, func(s *script) {
		s.must(s.world.Arm())
		s.must(s.world.TakeOff())
		s.tell(s.ctx, event{kind: liveFile, change: &config.Change{Err: errors.New("config: read the live file: no such file; put the live file back")}})
		time.Sleep(10 * time.Second) // virtual
		s.expect("held on the defaults", s.now().State == "PAUSED" && s.now().Config.SHA256 == "")
		s.file("version = 41\n")
		time.Sleep(2 * time.Second) // virtual
		s.expect("adopted", s.now().Config.Version == 41 && !s.now().Config.Drift && s.now().State == "NOMINAL")
	})
	if strings.Contains(out, "config.drift") {
		t.Errorf("the first configuration was called drift:\n%s", out)
	}
}

// lives plays the agent's lives on one drone and one disk; each is a process of
// its own, and dies without a word.
func lives(t *testing.T, lives ...func(*script)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		fs, world := faultfs.New(), sim.New(simBoard(t), 5)
		fs.Put("/state/x", nil, 0o644)
		for _, life := range lives {
			proc := fs.Process()
			r := rigOn(t, 5, proc, world, "boot-1")
			r.link.rarely = 1 << 30
			rec := &recorder{persister: r.keep, start: time.Now()}
			r.loop.keep = rec
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan struct{})
			go func() { defer close(done); r.run(ctx) }()
			life(&script{rig: r, recorder: rec, t: t, ctx: ctx})
			proc.Kill() // first: the end itself saves nothing
			cancel()
			<-done
			world.ReleaseOutputs()
		}
	})
}

// TestRestartInTheAir: the agent dies in the air and comes back to a file that
// was edited meanwhile. The last good configuration stays in force until the
// drone is disarmed, and what the fleet committed is still known.
func TestRestartInTheAir(t *testing.T) {
	t.Parallel()
	lives(t, func(s *script) {
		s.airborne()
		s.expect("first", s.now().Config.Version == 41 && !s.now().Config.Drift)
	}, func(s *script) {
		s.file("version = 99\n")
		time.Sleep(time.Second) // virtual
		c := s.now().Config
		s.expect("the old one in force", c.Version == 41 && c.Pending && c.Drift)
		s.must(s.world.Land())
		time.Sleep(30 * time.Second) // virtual
		c = s.now().Config
		s.expect("adopted on the ground", c.Version == 99 && !c.Pending && c.Drift)
	}, func(s *script) {
		s.file("version = 41\n")
		time.Sleep(3 * time.Second) // virtual
		s.expect("back to what was committed: no drift", s.now().Config.Version == 41 && !s.now().Config.Drift)
	})
}

// TestRestartRemembers: waivers and an override outlive the agent; heat counts
// again with the first sample that proves it.
func TestRestartRemembers(t *testing.T) {
	t.Parallel()
	lives(t, func(s *script) {
		s.airborne()
		s.tell(s.ctx, lockEvent(locksmith.Overdue, true))
		time.Sleep(3 * time.Minute) // virtual: beyond max_hold
		s.expect("waived", strings.Join(s.now().Waived, ",") == "lock" && !s.world.Snapshot().Request)
		s.must(s.world.HeatMotor(2, 110))
		time.Sleep(30 * time.Second) // virtual
		s.expect("hot", s.now().State == "PAUSED")
	}, func(s *script) {
		if saved := s.rig.state.get().Pause; !saved.Waived.Has(pause.Lock) || saved.MotorHot != 2 {
			t.Errorf("saved: %+v", saved)
		}
		s.must(s.world.HeatMotor(2, 90)) // below hot, above clear
		s.tell(s.ctx, lockEvent(locksmith.Overdue, true))
		time.Sleep(5 * time.Second) // virtual
		st := s.now()
		s.expect("the waiver stands, the motor holds", strings.Join(st.Waived, ",") == "lock" && st.State == "PAUSED" && len(st.Causes) == 2)
		s.must(s.world.PilotTake())
		time.Sleep(2 * time.Second) // virtual
		s.expect("overridden", s.now().State == "OVERRIDDEN")
	}, func(s *script) {
		s.must(s.world.HeatMotor(2, 110))
		time.Sleep(20 * time.Second) // virtual
		s.expect("never argued with, after a restart either", s.now().State == "OVERRIDDEN" && !s.world.Snapshot().Request)
	})
}

// TestHoldTimeOutlivesTheAgent: an agent that dies in the middle of a hold does
// not begin max_hold anew.
func TestHoldTimeOutlivesTheAgent(t *testing.T) {
	t.Parallel()
	lives(t, func(s *script) {
		s.airborne()
		s.tell(s.ctx, lockEvent(locksmith.Overdue, true))
		time.Sleep(100 * time.Second) // virtual
		s.expect("held", s.now().State == "PAUSED")
	}, func(s *script) {
		time.Sleep(3 * time.Second) // virtual: nothing is asked without evidence
		s.expect("not asked", s.now().State == "NOMINAL")
		s.tell(s.ctx, lockEvent(locksmith.Overdue, true))
		time.Sleep(15 * time.Second) // virtual
		s.expect("asked again", s.now().Requested)
		time.Sleep(10 * time.Second) // virtual
		s.expect("the two minutes are over", !s.now().Requested && strings.Join(s.now().Waived, ",") == "lock")
	})
}
