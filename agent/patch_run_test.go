package agent

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aim-control/aimlock/agent/telemetry"
	"github.com/aim-control/aimlock/firmware/patch"
	"github.com/aim-control/aimlock/hal/sim"
)

// TestPatchOnTheGround is a patch's straight line, and its way back by the
// revert that was signed with it.
func TestPatchOnTheGround(t *testing.T) {
	t.Parallel()
	b := patchDrone(t, nil)
	p := b.patch("p8", 8, newFile, func(m *patch.Manifest) { m.BaseSHA256 = patch.Hash([]byte(oldFile)) })
	b.offer(p, nil)
	for _, state := range []string{patchStaged, patchApplying, patchTrial} {
		if r := b.reported("p8", state); r.Rollout != "r1" || r.Epoch != 1 || r.Version != 8 || r.OldVersion != 7 {
			t.Errorf("%s: %+v", state, r)
		}
	}
	r := b.reported("p8", patchCommitted)
	if r.TriedMS < r.StagedMS || r.EndedMS < r.TriedMS || r.StagedMS < r.OfferedMS || r.OfferedMS == 0 || r.SHA256 != patch.Hash([]byte(newFile)) || r.OldSHA256 != patch.Hash([]byte(oldFile)) {
		t.Errorf("the times or digests are wrong: %+v", r)
	}
	b.lies(newFile)
	var st telemetry.Status
	b.wait("status", telemetry.LeafStatus, &st, func() bool {
		return st.Patch.State == patchCommitted && st.Config.Version == 8 && !st.Config.Drift && !st.Requested && st.State == "NOMINAL"
	})
	b.offer(p, func(o *telemetry.Offer) { o.Rollout = "r2" })
	if r := b.reported("p8", patchCommitted); r.Rollout != "r2" {
		t.Errorf("offered again: %+v", r)
	}
	if err := b.Publish(telemetry.Topic("north", "patrol-01", telemetry.LeafCommand+"back-1"), p.Revert, false, 1); err != nil {
		t.Fatal(err)
	}
	if r := b.reported("p8", patchReverted); r.Reason != "ordered" {
		t.Errorf("reverted: %+v", r)
	}
	b.lies(oldFile)
	b.wait("status", telemetry.LeafStatus, &st, func() bool { return st.Patch.State == patchReverted && st.Config.Version == 7 })
	if st.Config.Drift || st.Config.Pending {
		t.Errorf("what was put back counts as a local edit: %+v", st.Config)
	}
	b.offer(p, func(o *telemetry.Offer) { o.Rollout = "r3" })
	if r := b.reported("p8", patchRejected); r.Reason != patch.RefusedVersion {
		t.Errorf("a version that was committed once comes again: %+v", r)
	}
	reloads, err := os.ReadFile(filepath.Dir(b.Identity.Paths.Config) + "/reloads")
	want := patch.Hash([]byte(newFile)) + "  -\n" + patch.Hash([]byte(oldFile)) + "  -\n"
	if string(reloads) != want {
		t.Errorf("the reload command ran on %q (%v), want %q", reloads, err, want)
	}
}

// TestPatchCheckFails: the content's own fault brings the old file back, and is
// not tried again.
func TestPatchCheckFails(t *testing.T) {
	t.Parallel()
	b := patchDrone(t, nil)
	p := b.patch("bad", 8, newFile+"note = \"refuse\"\n", nil)
	b.offer(p, nil)
	b.reported("bad", patchTrial)
	if r := b.reported("bad", patchReverted); r.Reason != "check" || !strings.Contains(r.Detail, "refuse") {
		t.Errorf("%+v", r)
	}
	b.lies(oldFile)
	b.offer(p, nil) // it comes again with each connection, and is not answered each time
	b.epoch++       // another controller's asks anew
	b.offer(p, nil)
	if r := b.reported("bad", patchReverted); r.Reason != "check" || r.Epoch != 2 {
		t.Errorf("%+v", r)
	}
	b.offer(p, func(o *telemetry.Offer) { o.Rollout = "r2" })
	if r := b.reported("bad", patchRejected); r.Reason != patch.RefusedQuarantined {
		t.Errorf("%+v", r)
	}
	b.again()
	b.offer(p, func(o *telemetry.Offer) { o.Rollout = "r3" })
	if r := b.reported("bad", patchRejected); r.Reason != patch.RefusedQuarantined {
		t.Errorf("after a restart: %+v", r)
	}
}

// TestPatchWaitsForFlight: nothing is applied in the air, arming in mid-wait is
// harmless, a cleared offer is forgotten, the ground lets it in.
func TestPatchWaitsForFlight(t *testing.T) {
	t.Parallel()
	b := patchDrone(t, nil)
	b.until("armed", func(sim.State) bool { return b.world.Arm() == nil })
	p := b.patch("p8", 8, newFile, nil)
	b.offer(p, nil)
	b.waiting("p8", "flight")
	b.publish(nil)
	if r := b.reported("p8", patchIdle); r.Reason != "withdrawn" {
		t.Errorf("%+v", r)
	}
	if _, err := os.Stat(filepath.Dir(b.Identity.Paths.Config) + "/aim_lock_config_shadow.conf"); err == nil {
		t.Error("the shadow of a withdrawn patch is still there")
	}
	b.lies(oldFile)
	b.offer(p, nil)
	b.reported("p8", patchWaiting)
	if err := b.world.Disarm(); err != nil {
		t.Fatal(err)
	}
	b.until("the interlock", func(w sim.State) bool { return w.Request })
	if err := b.world.Arm(); err == nil {
		t.Error("armed while a patch is applied")
	}
	b.reported("p8", patchCommitted)
	b.until("arms again", func(w sim.State) bool { return !w.Request && b.world.Arm() == nil })
	b.lies(newFile)
}

// TestPatchInterrupted: the agent stops in the trial; its next start reverts
// before anything reads the file, and says so.
func TestPatchInterrupted(t *testing.T) {
	t.Parallel()
	hang := filepath.Join(t.TempDir(), "hang")
	if err := os.WriteFile(hang, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	b := patchDrone(t, func(s *Start) {
		s.Identity.Hooks.Reload = []string{"/bin/sh", "-c", "test ! -e " + hang + " || sleep 60"}
	})
	p := b.patch("p8", 8, newFile, nil)
	b.offer(p, nil)
	b.reported("p8", patchTrial)
	b.lies(newFile)
	b.publish(nil)
	if err := os.Remove(hang); err != nil {
		t.Fatal(err)
	}
	b.again()
	if r := b.reported("p8", patchReverted); r.Reason != "restart" {
		t.Errorf("%+v", r)
	}
	b.lies(oldFile)
	if log := b.log.String(); strings.Contains(log, "was changed on the drone") {
		t.Errorf("a trial counts as a local edit:\n%s", log)
	}
	b.offer(p, func(o *telemetry.Offer) { o.Rollout = "r2" }) // no fault of the content
	b.reported("p8", patchCommitted)
	b.again()
	if st := b.status(8); st.Config.Drift || st.Patch.State != patchCommitted {
		t.Errorf("after a restart: %+v", st)
	}
}

// status waits until a version is in force.
func (b *patchBench) status(version int64) (st telemetry.Status) {
	b.t.Helper()
	b.wait("status", telemetry.LeafStatus, &st, func() bool { return st.Config.Version == version && st.Online && st.Patch.ID != "" })
	return st
}
