package fleet

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"time"

	"github.com/aim-control/aimlock/agent/rollout"
	"github.com/aim-control/aimlock/agent/rollout/run"
	"github.com/aim-control/aimlock/firmware/patch"
)

// controller is who leads the rollouts of a scenario.
const controller = "aimsim"

// maxRollouts of one patch.
const maxRollouts = 100

// Plan is what a rollout of a scenario is made of. Times are as in
// rollout.Plan.
type Plan struct {
	Patch                  string
	Drones                 []string
	Canary                 rollout.Canary
	Waves                  []rollout.Size
	Bake, Timeout, Silence time.Duration
	Heartbeats             int
}

// Rollout leads a rollout to its end, past the links as an operator does, and
// returns its last state. What it does is seen at the broker; its state file
// lies in Rollouts.
func (f *Fleet) Rollout(ctx context.Context, p Plan) (rollout.State, error) {
	pkg, err := patch.ReadFolder(f.Patch(p.Patch))
	if err != nil {
		return rollout.State{}, fmt.Errorf("fleet: %w", err)
	}
	dial, err := f.dialOperator()
	if err != nil {
		return rollout.State{}, err
	}
	id, err := f.nextRollout(p.Patch)
	if err != nil {
		return rollout.State{}, err
	}
	var link error
	r, err := run.New(run.Options{
		Plan: rollout.Plan{ID: id, Fleet: f.o.Fleet, Drones: p.Drones, Canary: p.Canary, Waves: p.Waves, BakeNS: int64(p.Bake),
			Heartbeats: p.Heartbeats, TimeoutNS: int64(p.Timeout), SilenceNS: int64(p.Silence)},
		Package: pkg, Key: f.key, Dial: dial, User: f.o.Operator, Controller: controller,
		State: f.RolloutState(id), Tick: 100 * time.Millisecond,
		Progress: func(p run.Progress) {
			if p.Link != nil && link == nil {
				f.note(Note{Kind: NoteFleet, Text: fmt.Sprintf("rollout %s: no connection to the broker: %v", id, p.Link)})
			}
			link = p.Link
		},
	})
	if err != nil {
		return rollout.State{}, fmt.Errorf("fleet: %w", err)
	}
	return r.Run(ctx)
}

// nextRollout names a new rollout: as its patch, then with a number.
func (f *Fleet) nextRollout(patch string) (id string, err error) {
	if err := os.MkdirAll(f.Rollouts(), 0o755); err != nil {
		return "", fmt.Errorf("fleet: %w", err)
	}
	for n := 1; n <= maxRollouts; n++ {
		if id = patch; n > 1 {
			id += "-" + strconv.Itoa(n)
		}
		// Made now, so that two that begin at the same time have two names.
		lock, err := os.OpenFile(f.RolloutState(id)+".lock", os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
		if err == nil {
			return id, lock.Close()
		}
		if !errors.Is(err, fs.ErrExist) {
			return "", fmt.Errorf("fleet: %w", err)
		}
	}
	return "", fmt.Errorf("fleet: %d rollouts of patch %s; make a new patch", maxRollouts, patch)
}
