package agent

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aim-control/aimlock/agent/config"
	"github.com/aim-control/aimlock/agent/locksmith"
	"github.com/aim-control/aimlock/agent/telemetry"
	"github.com/aim-control/aimlock/hal/led"
)

var update = flag.Bool("update", false, "rewrite testdata/reports.txt")

// recorder writes down what the loop reports and shows.
type recorder struct {
	*persister
	start time.Time
	mu    sync.Mutex
	out   strings.Builder
}

func (r *recorder) report(rep report) {
	r.mu.Lock()
	defer r.mu.Unlock()
	fmt.Fprintf(&r.out, "%6.1f %-5s %s: %s", time.Since(r.start).Truncate(100*time.Millisecond).Seconds(), rep.level, rep.kind, rep.text)
	for _, p := range rep.pairs {
		fmt.Fprintf(&r.out, " %s=%q", p.Key, p.Value)
	}
	r.out.WriteByte('\n')
	r.persister.report(rep)
}

// script is a rig in a bubble of virtual time and what is done to it.
type script struct {
	*rig
	*recorder
	t   *testing.T
	ctx context.Context
}

// play runs f against a running agent's loop and returns what was reported.
func play(t *testing.T, f func(*script)) string {
	t.Helper()
	var out string
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 5)
		r.link.rarely = 1 << 30
		rec := &recorder{persister: r.keep, start: time.Now()}
		r.loop.keep = rec
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); r.run(ctx) }()
		defer func() { // after a Fatal too
			cancel()
			<-done
			if r.world.Snapshot().Request {
				t.Error("the request is on after the end")
			}
			out = rec.out.String()
		}()
		f(&script{rig: r, recorder: rec, t: t, ctx: ctx})
	})
	return out
}

// after lets virtual time pass and writes a headline.
func (s *script) after(d time.Duration, what string) {
	time.Sleep(d) // virtual
	s.mu.Lock()
	defer s.mu.Unlock()
	fmt.Fprintf(&s.out, "# %s\n", what)
}

// now is the status as the socket would serve it.
func (s *script) now() telemetry.Status {
	got := make(chan []byte, 1)
	s.tell(s.ctx, event{kind: ask, reply: got})
	var st telemetry.Status
	if err := telemetry.Decode(<-got, &st); err != nil {
		s.t.Fatal(err)
	}
	return st
}

func (s *script) expect(what string, ok bool) {
	s.t.Helper()
	if !ok {
		s.t.Errorf("%s: %+v", what, s.now())
	}
}

func (s *script) order(verb string, hold time.Duration) outcome {
	got := make(chan outcome, 1)
	s.tell(s.ctx, event{kind: order, order: &command{verb: verb, hold: int64(hold), reply: got}})
	return <-got
}

func (s *script) file(data string) {
	live, err := config.ParseLive(config.LiveName, []byte(data))
	c := &config.Change{Data: []byte(data), Hash: config.Hash([]byte(data)), Live: live, Err: err}
	s.tell(s.ctx, event{kind: liveFile, change: c})
}

func (s *script) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// TestReports plays a drone's troubles in virtual time and holds every report
// against testdata/reports.txt.
func TestReports(t *testing.T) {
	got := play(t, troubles)
	const file = "testdata/reports.txt"
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// stuck is the incident's lock: an updater that ended half an hour ago.
func stuck(now int64) locksmith.Look {
	return locksmith.Look{Verdict: locksmith.Overdue, HasRecord: true, At: now, Deadline: now - int64(30*time.Minute),
		Record: locksmith.Record{Held: true, Holder: "fleet-updater", Role: locksmith.RoleOrchestrator, Reason: "nightly",
			Process: locksmith.Process{PID: 11103}, Acquired: now - int64(31*time.Minute)}}
}

func troubles(s *script) {
	s.after(0, "the first configuration, a free lock")
	s.file("version = 41\n")
	s.tell(s.ctx, lockEvent(locksmith.Free, false))
	time.Sleep(5 * time.Second)
	s.expect("healthy", s.now().LED == led.Healthy.String() && s.now().Config.Version == 41 && !s.now().Config.Drift)
	s.after(0, "edited while disarmed: drift, in force at once; then the same file, watched in another way")
	s.file("version = 42\n")
	time.Sleep(time.Second)
	s.expect("adopted", s.now().Config.Version == 42 && s.now().Config.Drift)
	s.file("version = 42\n")
	s.after(time.Second, "takes off; edited in the air: waits")
	s.must(s.world.Arm())
	s.must(s.world.TakeOff())
	time.Sleep(6 * time.Second)
	s.file("version = 43\n")
	time.Sleep(time.Second)
	s.expect("pending", s.now().Config.Version == 42 && s.now().Config.Pending)
	s.after(0, "garbled in the air: HOT(config) on the last good one; mended: flies on")
	s.file("version = \n")
	time.Sleep(5 * time.Second)
	s.expect("held", s.now().State == "PAUSED" && s.now().LED == "holding" && !s.now().Config.Valid)
	s.file("version = 42\n")
	s.after(5*time.Second, "the flight controller's script hangs: lost, back")
	s.must(s.world.Break("fc", "stop"))
	time.Sleep(3 * time.Second)
	s.expect("lost", s.now().FC == "lost" && s.now().LED == "lost" && s.now().Flight == "unknown")
	s.must(s.world.Fix("fc"))
	s.after(3*time.Second, "a sensor is lost and comes back")
	s.must(s.world.Break("motor2", "nack"))
	time.Sleep(4 * time.Second)
	s.expect("lost", s.now().LED == "lost" && strings.Join(s.now().Faults, ",") == "motor2")
	s.must(s.world.Fix("motor2"))
	s.after(2*time.Second, "the request line fails while a pause is commanded, and works again")
	s.must(s.world.Break("line:PAUSE_REQ", "nack"))
	s.expect("taken", s.order("pause", 20*time.Second).word == "done")
	time.Sleep(2 * time.Second)
	s.expect("reported", strings.Join(s.now().Faults, ",") == "request-line")
	s.must(s.world.Fix("line:PAUSE_REQ"))
	time.Sleep(3 * time.Second)
	s.expect("held", s.now().State == "PAUSED" && s.world.Snapshot().Request)
	s.expect("resumed", s.order("resume", 0).word == "done")
	s.after(5*time.Second, "the pilot takes over during a stuck lock: never argue")
	s.tell(s.ctx, event{kind: lockReport, lock: &locksmith.Report{Hot: true, Look: stuck(s.src.clock())}})
	time.Sleep(4 * time.Second)
	s.must(s.world.PilotTake())
	time.Sleep(2 * time.Second)
	s.expect("overridden", s.now().State == "OVERRIDDEN" && !s.world.Snapshot().Request)
	s.expect("refused", s.order("pause", time.Second).word == "refused")
	s.expect("no patch", s.order("withdraw", 0).word == "refused")
	s.after(0, "the look at the lock fails: what was hot stays hot; then it is free")
	s.tell(s.ctx, event{kind: lockReport, lock: &locksmith.Report{Hot: true, Err: errors.New("locksmith: read the record: input/output error")}})
	time.Sleep(time.Second)
	s.expect("still", len(s.now().Causes) == 1)
	s.tell(s.ctx, lockEvent(locksmith.Free, false))
	s.file("version = 44\n")
	s.after(time.Second, "lands: nominal, and the waiting file is adopted")
	s.must(s.world.PilotRelease())
	s.must(s.world.Land())
	time.Sleep(20 * time.Second)
	s.expect("nominal", s.now().State == "NOMINAL" && s.now().Flight == "disarmed" && s.now().Config.Version == 44)
}
