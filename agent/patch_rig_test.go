package agent

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/aim-control/aimlock/agent/telemetry"
	"github.com/aim-control/aimlock/firmware/patch"
	"github.com/aim-control/aimlock/hal/sim"
)

const (
	oldFile = "version = 7\n\n[lock]\nttl = \"2s\"\n\n[update_window]\nflight = \"paused\"\n\n[mission]\naltitude_m = 40\n"
	newFile = "version = 8\n\n[lock]\nttl = \"1s\"\n\n[update_window]\nflight = \"disarmed\"\n\n[mission]\naltitude_m = 50\n"
)

// patchBench is a flying agent, and the operator who patches it.
type patchBench struct {
	*flying
	author, operator patch.SecretKey
	epoch            uint64 // of offers
}

// patchDrone starts an agent on oldFile with a check that refuses a live file
// in which "refuse" stands.
func patchDrone(t *testing.T, prepare func(*Start)) *patchBench {
	t.Helper()
	b := &patchBench{epoch: 1}
	var err error
	for _, k := range []*patch.SecretKey{&b.author, &b.operator} {
		if *k, err = patch.GenerateKey(); err != nil {
			t.Fatal(err)
		}
	}
	b.flying = takeOff(t, func(s *Start) {
		id := s.Identity
		id.Trust.Threshold, id.Trust.Config, id.Trust.Command = 1, []string{b.author.Public()}, []string{b.operator.Public()}
		dir := filepath.Dir(id.Paths.Config)
		id.Hooks.Checks = filepath.Join(dir, "checks.d")
		id.Hooks.Reload = []string{"/bin/sh", "-c", "sha256sum < \"$AIM_CONFIG\" >> " + dir + "/reloads"}
		s.Clock = func() (time.Time, bool) { return time.Now(), true }
		for path, text := range map[string]string{
			id.Paths.Config:        oldFile,
			id.Hooks.Checks + "/1": "#!/bin/sh\n! grep refuse \"$AIM_CONFIG\"\n",
		} {
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
				t.Fatal(err)
			}
		}
		if prepare != nil {
			prepare(s)
		}
	})
	t.Cleanup(func() { // before its folder goes
		b.stop()
		<-b.done
	})
	return b
}

// patch makes a signed patch of content.
func (b *patchBench) patch(id string, version int64, content string, edit func(*patch.Manifest)) *patch.Package {
	b.t.Helper()
	m := patch.Manifest{ID: id, Fleet: "north", Targets: []string{patch.Everyone}, ConfigVersion: version}
	if edit != nil {
		edit(&m)
	}
	p, err := patch.New(m, []byte(content))
	if err == nil {
		err = p.Sign(b.author)
	}
	if err != nil {
		b.t.Fatal(err)
	}
	return p
}

// offer publishes an offer, as a rollout does.
func (b *patchBench) offer(p *patch.Package, edit func(*telemetry.Offer)) {
	b.t.Helper()
	b.publish(b.envelope(p, edit))
}

func (b *patchBench) envelope(p *patch.Package, edit func(*telemetry.Offer)) []byte {
	b.t.Helper()
	o := telemetry.Offer{Schema: telemetry.Schema, Fleet: "north", Drone: "patrol-01", Rollout: "r1", Epoch: b.epoch, Controller: "ops",
		Package: telemetry.PatchPackage{Manifest: p.Manifest, Content: p.Content, Signatures: p.Signatures, Revert: p.Revert}}
	if edit != nil {
		edit(&o)
	}
	payload, err := telemetry.Append(nil, &o)
	if err != nil {
		b.t.Fatal(err)
	}
	return envelope(b.t, payload, payload, b.operator)
}

func (b *patchBench) publish(payload []byte) {
	b.t.Helper()
	if err := b.Publish(telemetry.Topic("north", "patrol-01", telemetry.LeafOffer), payload, true, 1); err != nil {
		b.t.Fatal(err)
	}
}

// reported waits for a patch's state.
func (b *patchBench) reported(id, state string) telemetry.Report {
	b.t.Helper()
	var r telemetry.Report
	b.wait(id+" "+state, telemetry.LeafReport, &r, func() bool { return r.Patch == id && r.State == state })
	return r
}

// again starts the agent anew on what the last run has left.
func (b *patchBench) again() {
	b.t.Helper()
	b.stop()
	if err := <-b.done; err != nil {
		b.t.Fatalf("Run ended with %v", err)
	}
	b.begin()
}

// begin starts the agent on a new board.
func (b *patchBench) begin() {
	ctx, stop := context.WithCancel(b.t.Context())
	b.stop = stop
	b.world = sim.New(b.Board, 2)
	b.Opener = b.world
	go b.world.Run(ctx)
	go func() { b.done <- Run(ctx, b.Start) }()
}

// lies holds the live file against what must lie there.
func (b *patchBench) lies(want string) {
	b.t.Helper()
	got, err := os.ReadFile(b.Identity.Paths.Config)
	if err != nil || string(got) != want {
		b.t.Errorf("the live file is %q (%v), want %q", got, err, want)
	}
}
