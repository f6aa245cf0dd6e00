package agent

import (
	"bufio"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aim-control/aimlock/agent/telemetry"
	"github.com/aim-control/aimlock/firmware/durable"
	"github.com/aim-control/aimlock/firmware/patch"
	"github.com/aim-control/aimlock/firmware/store"
	"github.com/aim-control/aimlock/hal/sim"
)

// holder is another process that takes the drone's lock for a second and keeps
// it; its end is received from gone.
func (f *flying) holder() (gone <-chan string) {
	f.t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childHold+"="+filepath.Dir(f.Identity.Paths.Config))
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { _ = cmd.Process.Kill() })
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "holding\n" {
		f.t.Fatalf("the holder says %q (%v)", line, err)
	}
	ended := make(chan string, 1)
	go func() { _ = cmd.Wait(); ended <- cmd.ProcessState.String() }()
	return ended
}

// inTheAir flies, once the agent is there.
func (b *patchBench) inTheAir() {
	b.t.Helper()
	var st telemetry.Status
	b.wait("the agent", telemetry.LeafStatus, &st, func() bool { return st.Config.Version == 7 })
	b.until("flies", func(sim.State) bool { return b.world.Arm() == nil && b.world.TakeOff() == nil })
}

func override(holder string, kill bool) func(*patch.Manifest) {
	return func(m *patch.Manifest) {
		m.Created, m.Expires = time.Now(), time.Now().Add(time.Minute)
		m.DespiteLock = &patch.Override{Nonce: patch.NewNonce(), Holder: holder, Kill: kill}
	}
}

// said is a report's evidence by key.
func said(r telemetry.Report) map[string]string {
	out := map[string]string{}
	for _, e := range r.Evidence {
		out[e.Key] = e.Value
	}
	return out
}

// waiting waits until a patch waits for something.
func (b *patchBench) waiting(id, why string) (r telemetry.Report) {
	b.t.Helper()
	b.wait(id+" waits for "+why, telemetry.LeafReport, &r, func() bool { return r.Patch == id && r.State == patchWaiting && r.Reason == why })
	return r
}

// TestPatchDespiteLock is the cure: in the air, held by a lock that nobody lets
// go of, the drone refuses a patch without an override and one that names
// somebody else; the right one ends the holder, is committed, and the drone
// leaves the hold and flies.
func TestPatchDespiteLock(t *testing.T) {
	t.Parallel()
	b := patchDrone(t, nil)
	b.inTheAir()
	gone := b.holder()
	b.until("holds", func(w sim.State) bool { return w.Request && w.Mode == "BRAKE" })
	b.offer(b.patch("p8", 8, newFile, nil), nil)
	if r := b.waiting("p8", "lock"); !strings.Contains(r.Detail, "fleet-updater") {
		t.Errorf("without an override: %+v", r)
	}
	b.offer(b.patch("p9", 8, newFile, override("somebody-else", true)), nil)
	if r := b.waiting("p9", "lock"); !strings.Contains(r.Detail, "somebody-else") {
		t.Errorf("another's override: %+v", r)
	}
	right := b.patch("p10", 8, newFile, override("fleet-updater", true))
	b.offer(right, nil)
	r := b.reported("p10", patchCommitted)
	if s := said(r); s["became"] != "ended" || !strings.Contains(s["lock_holder"], "fleet-updater (pid ") || s["proof"] == "" || s["nonce"] == "" || s["signal"] != "SIGTERM" {
		t.Errorf("whose lock it was, and what proved it: %+v", r.Evidence)
	}
	if how := <-gone; !strings.Contains(how, "terminated") {
		t.Errorf("the holder has ended by %q", how)
	}
	b.lies(newFile)
	b.until("flies on", func(w sim.State) bool { return !w.Request && w.Mode == "AUTO" })
	if log := b.log.String(); !strings.Contains(log, "lock.override") && !strings.Contains(log, "was overridden for patch p10") {
		t.Errorf("the override is not on record:\n%s", log)
	}
}

// TestPatchSupersedes: the override does not allow to end the holder, which
// here is this very process: its lock stays, its late commit is refused.
func TestPatchSupersedes(t *testing.T) {
	t.Parallel()
	b := patchDrone(t, nil)
	b.inTheAir()
	lease := b.hog(time.Second)
	b.until("holds", func(w sim.State) bool { return w.Request && w.Mode == "BRAKE" })
	b.offer(b.patch("p8", 8, newFile, override("fleet-updater", false)), nil)
	r := b.reported("p8", patchCommitted)
	if s := said(r); s["became"] != "superseded" || s["proof"] == "" {
		t.Errorf("%+v", r.Evidence)
	}
	b.lies(newFile)
	if err := lease.Commit(func() error { t.Error("the old holder writes"); return nil }); err == nil {
		t.Error("the old holder's late commit is not refused")
	}
}

// TestReclaimOverdue: where the identity says so, an overdue holder is ended
// without an override.
func TestReclaimOverdue(t *testing.T) {
	t.Parallel()
	b := patchDrone(t, func(s *Start) { s.Identity.Lock.Reclaim = "overdue" })
	b.inTheAir()
	gone := b.holder()
	var ev telemetry.Event
	b.wait("the end of the holder", telemetry.LeafEvent, &ev, func() bool { return ev.Kind == "lock.ended" })
	if how := <-gone; !strings.Contains(how, "terminated") {
		t.Errorf("the holder has ended by %q", how)
	}
	var st telemetry.Status
	b.wait("the lock is free again", telemetry.LeafStatus, &st, func() bool { return st.Lock.Verdict == "FREE" && len(st.Causes) == 0 })
}

// TestRecoveryWaits: the agent was killed in a trial, and before it starts again
// somebody else has the lock. The trial is neither adopted nor called a local
// edit; once that lease is over the old file comes back.
func TestRecoveryWaits(t *testing.T) {
	t.Parallel()
	hang := filepath.Join(t.TempDir(), "hang")
	if err := os.WriteFile(hang, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	b := patchDrone(t, func(s *Start) {
		s.Identity.Hooks.Reload = []string{"/bin/sh", "-c", "test ! -e " + hang + " || sleep 60"}
	})
	b.offer(b.patch("p8", 8, newFile, nil), nil)
	b.reported("p8", patchTrial)
	b.publish(nil)
	b.stop()
	if err := <-b.done; err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(hang); err != nil {
		t.Fatal(err)
	}
	b.holder()
	b.begin()
	var st telemetry.Status
	b.wait("the fault", telemetry.LeafStatus, &st, func() bool { return st.Flight == "disarmed" && slices.Contains(st.Faults, "store") })
	b.lies(newFile)
	b.reported("p8", patchReverted)
	b.lies(oldFile)
	log := b.log.String()
	for _, never := range []string{"was changed on the drone", "INFO configuration version 8 is in force (" + patch.Hash([]byte(newFile))[:12] + ")"} {
		if strings.Count(log, never) > strings.Count(never, "INFO") { // once, in the trial
			t.Errorf("%q:\n%s", never, log)
		}
	}
}

// TestRevertWasInterrupted: the agent died while it put the old file back. The
// next start ends that, and tells why the patch was reverted, not that it died.
func TestRevertWasInterrupted(t *testing.T) {
	t.Parallel()
	b := patchDrone(t, func(s *Start) {
		p := s.Identity.Paths
		if err := os.MkdirAll(p.State, 0o755); err != nil {
			t.Fatal(err)
		}
		st, err := store.Open(durable.Linux, store.Options{Live: p.Config, Dir: filepath.Join(p.State, storeName)})
		if err != nil {
			t.Fatal(err)
		}
		meta := store.Meta{Patch: "bad", Rollout: "r1", Version: 8, SHA256: patch.Hash([]byte(newFile))}
		died := errors.New("the agent died here")
		err = errors.Join(st.Adopt([]byte(oldFile)), st.Stage([]byte(newFile), meta), st.Try(func(write func() error) error { return write() }))
		if e := st.Revert(func(func() error) error { return died }, "check: 10-mission: too high", true); err != nil || !errors.Is(e, died) {
			t.Fatal(err, e)
		}
		if err := st.Close(); err != nil {
			t.Fatal(err)
		}
	})
	if r := b.reported("bad", patchReverted); r.Reason != "check" || r.Detail != "10-mission: too high" || r.Rollout != "r1" {
		t.Errorf("%+v", r)
	}
	b.lies(oldFile)
}
