package agent

import (
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aim-control/aimlock/agent/telemetry"
	"github.com/aim-control/aimlock/firmware/patch"
	"github.com/aim-control/aimlock/hal/sim"
)

// eventually polls until ok.
func (b *patchBench) eventually(what string, ok func() bool) {
	b.t.Helper()
	b.until(what, func(sim.State) bool { return ok() })
}

func (b *patchBench) live() string {
	data, _ := os.ReadFile(b.Identity.Paths.Config)
	return string(data)
}

// send publishes a command about a patch and returns the reply.
func (b *patchBench) send(counter uint64, verb, id string) (reply telemetry.Reply) {
	b.t.Helper()
	cmd := telemetry.Command{Schema: telemetry.Schema, ID: verb + "-" + id, Fleet: "north", Drone: "patrol-01", Boot: b.Host.BootID, Counter: counter, Verb: verb, Arg: id}
	b.sendRaw(cmd.ID, sign(b.t, cmd, b.operator))
	b.wait("reply to "+verb, telemetry.LeafReply+cmd.ID, &reply, func() bool { return true })
	return reply
}

func (b *patchBench) sendRaw(id string, payload []byte) {
	b.t.Helper()
	if err := b.Publish(telemetry.Topic("north", "patrol-01", telemetry.LeafCommand+id), payload, false, 1); err != nil {
		b.t.Fatal(err)
	}
}

// TestTrialOffline: a configuration with which the broker is not reached does
// not stay. The link is cut before the switch, so that no report of it is out.
func TestTrialOffline(t *testing.T) {
	t.Parallel()
	b := patchDrone(t, func(s *Start) { s.Trial, s.watch = 2*time.Second, 100*time.Millisecond })
	b.until("armed", func(sim.State) bool { return b.world.Arm() == nil })
	b.offer(b.patch("p8", 8, newFile, nil), nil)
	b.waiting("p8", "flight")
	b.shut()
	b.eventually("offline", func() bool { return strings.Contains(b.log.String(), "the broker is lost") })
	if err := b.world.Disarm(); err != nil {
		t.Fatal(err)
	}
	b.eventually("the trial", func() bool { return b.live() == newFile })
	b.eventually("the way back", func() bool { return strings.Contains(b.log.String(), "p8: REVERTED: broker") })
	b.lies(oldFile)
}

// TestTrialNewCause: a motor runs hot in the trial. The old file comes back; the
// content is not blamed.
func TestTrialNewCause(t *testing.T) {
	t.Parallel()
	b := patchDrone(t, func(s *Start) { s.watch = 10 * time.Second })
	p := b.patch("p8", 8, newFile, nil)
	b.offer(p, nil)
	b.reported("p8", patchTrial)
	if err := b.world.HeatMotor(1, 120); err != nil {
		t.Fatal(err)
	}
	if r := b.reported("p8", patchReverted); r.Reason != "cause-motor" {
		t.Errorf("%+v", r)
	}
	b.lies(oldFile)
	b.offer(p, func(o *telemetry.Offer) { o.Rollout = "r2" })
	b.reported("p8", patchTrial)
}

// TestRevertInTrial: the operator takes a patch back before it is committed,
// and once only with that revert.
func TestRevertInTrial(t *testing.T) {
	t.Parallel()
	b := patchDrone(t, func(s *Start) { s.watch = time.Minute })
	p := b.patch("p8", 8, newFile, nil)
	b.offer(p, nil)
	b.reported("p8", patchTrial)
	if r := b.send(1, "withdraw", "p8"); r.Outcome != "refused" || !strings.Contains(r.Reason, "revert") {
		t.Errorf("a trial is withdrawn: %+v", r)
	}
	b.sendRaw("back-1", p.Revert)
	if r := b.reported("p8", patchReverted); r.Reason != "ordered" {
		t.Errorf("%+v", r)
	}
	b.lies(oldFile)
	b.offer(p, func(o *telemetry.Offer) { o.Rollout = "r2" })
	b.reported("p8", patchTrial)
	b.sendRaw("back-2", p.Revert)
	var reply telemetry.Reply
	b.wait("the second use", telemetry.LeafReply+"back-2", &reply, func() bool { return true })
	if reply.Outcome != "refused" || !strings.Contains(reply.Reason, patch.RefusedNonce) {
		t.Errorf("a revert is used twice: %+v", reply)
	}
}

// TestOrders: a waiting patch is withdrawn, a committed one is reverted, by
// commands that name it; another's name changes nothing; a revert in the air
// waits for the ground.
func TestOrders(t *testing.T) {
	t.Parallel()
	b := patchDrone(t, func(s *Start) { s.watch = 100 * time.Millisecond })
	b.until("armed", func(sim.State) bool { return b.world.Arm() == nil })
	b.offer(b.patch("p8", 8, newFile, nil), nil)
	b.waiting("p8", "flight")
	if r := b.send(1, "revert", "p8"); r.Outcome != "refused" {
		t.Errorf("a waiting patch is reverted: %+v", r)
	}
	if r := b.send(2, "withdraw", "p9"); r.Outcome != "refused" {
		t.Errorf("a patch that is not there is withdrawn: %+v", r)
	}
	if r := b.send(3, "withdraw", "p8"); r.Outcome != "done" {
		t.Errorf("withdraw: %+v", r)
	}
	if r := b.reported("p8", patchIdle); r.Reason != "withdrawn" {
		t.Errorf("%+v", r)
	}
	if err := b.world.Disarm(); err != nil {
		t.Fatal(err)
	}
	b.offer(b.patch("p9", 9, strings.Replace(newFile, "8", "9", 1), nil), nil)
	b.reported("p9", patchCommitted)
	b.until("armed", func(sim.State) bool { return b.world.Arm() == nil })
	if r := b.send(4, "revert", "p9"); r.Outcome != "done" {
		t.Errorf("revert: %+v", r)
	}
	var r telemetry.Report
	b.wait("the revert waits", telemetry.LeafReport, &r, func() bool { return r.Patch == "p9" && r.Reason == "revert-waits" })
	if r.State != patchCommitted {
		t.Errorf("%+v", r)
	}
	if err := b.world.Disarm(); err != nil {
		t.Fatal(err)
	}
	if r := b.reported("p9", patchReverted); r.Reason != "ordered" {
		t.Errorf("%+v", r)
	}
	b.lies(oldFile)
}

// TestClockAndWindow: a patch that expires waits for a clock that can be
// trusted, then for the hours of the committed file.
func TestClockAndWindow(t *testing.T) {
	t.Parallel()
	var now atomic.Int64 // Unix s; 0: no clock
	b := patchDrone(t, func(s *Start) {
		s.watch = 100 * time.Millisecond
		s.Clock = func() (time.Time, bool) { return time.Unix(now.Load(), 0), now.Load() != 0 }
		text := strings.Replace(oldFile, "flight = \"paused\"", "flight = \"disarmed\"\nstart = \"02:00\"\nlength = \"3h\"", 1)
		if err := os.WriteFile(s.Identity.Paths.Config, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	})
	midnight := time.Date(2030, 5, 1, 0, 0, 0, 0, time.UTC)
	b.offer(b.patch("p8", 8, newFile, func(m *patch.Manifest) { m.Created, m.Expires = midnight, midnight.Add(6*time.Hour) }), nil)
	b.waiting("p8", "clock")
	now.Store(midnight.Add(time.Hour).Unix())
	b.waiting("p8", "window")
	now.Store(midnight.Add(2 * time.Hour).Unix())
	b.reported("p8", patchCommitted)
	b.lies(newFile)
	now.Store(0)
	next := strings.Replace(newFile, "8", "9", 1)
	b.offer(b.patch("p9", 9, next, func(m *patch.Manifest) { m.Created, m.Expires = midnight, midnight.Add(time.Hour) }), nil)
	if r := b.reported("p9", patchRejected); r.Reason != patch.RefusedExpired {
		t.Errorf("the last commit was later than that, clock or none: %+v", r)
	}
	b.offer(b.patch("p10", 9, next, nil), nil)
	b.reported("p10", patchCommitted) // it neither expires nor has hours
}

// TestCommittedWindowGoverns: a local edit does not open the window.
func TestCommittedWindowGoverns(t *testing.T) {
	t.Parallel()
	b := patchDrone(t, func(s *Start) { s.watch = 100 * time.Millisecond })
	b.offer(b.patch("p8", 8, newFile, nil), nil) // its window: disarmed
	b.reported("p8", patchCommitted)
	local := strings.Replace(newFile, `"disarmed"`, `"paused"`, 1)
	if err := os.WriteFile(b.Identity.Paths.Config, []byte(local), 0o644); err != nil {
		t.Fatal(err)
	}
	var st telemetry.Status
	b.wait("the edit in force", telemetry.LeafStatus, &st, func() bool { return st.Config.Drift && st.Config.SHA256 == patch.Hash([]byte(local)) })
	b.until("flies", func(sim.State) bool { return b.world.Arm() == nil && b.world.TakeOff() == nil })
	cmd := telemetry.Command{Schema: telemetry.Schema, ID: "hold", Fleet: "north", Drone: "patrol-01", Boot: b.Host.BootID, Counter: 1, Verb: "pause", HoldMS: 60000}
	b.sendRaw(cmd.ID, sign(t, cmd, b.operator))
	b.until("holds", func(w sim.State) bool { return w.Request && w.Mode == "BRAKE" })
	b.offer(b.patch("p9", 9, strings.Replace(newFile, "8", "9", 1), nil), nil)
	if r := b.waiting("p9", "flight"); !strings.Contains(r.Detail, "land and disarm") {
		t.Errorf("%+v", r)
	}
}

// TestClearedBehindTheInterlock: an offer that is cleared while the interlock
// settles is not applied any more. A broker that has kept an offer and its
// clearing for a drone that was away delivers one right behind the other.
func TestClearedBehindTheInterlock(t *testing.T) {
	t.Parallel()
	b := patchDrone(t, func(s *Start) { s.settle = 2 * time.Second })
	b.until("armed", func(sim.State) bool { return b.world.Arm() == nil })
	b.offer(b.patch("p8", 8, newFile, nil), nil)
	b.waiting("p8", "flight")
	if err := b.world.Disarm(); err != nil {
		t.Fatal(err)
	}
	b.until("the interlock", func(w sim.State) bool { return w.Request })
	b.publish(nil)
	if r := b.reported("p8", patchIdle); r.Reason != "withdrawn" {
		t.Errorf("%+v", r)
	}
	b.lies(oldFile)
	b.until("no request is left", func(w sim.State) bool { return !w.Request })
}
