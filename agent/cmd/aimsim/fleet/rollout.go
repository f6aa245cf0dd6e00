package fleet

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
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
	f.note(Note{Kind: NoteByHand, Text: f.byHand(id, p)})
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

// byHand is the rollout as a command in the fleet's folder.
func (f *Fleet) byHand(id string, p Plan) string {
	canary := strconv.Itoa(p.Canary.Count)
	if len(p.Canary.Names) > 0 {
		canary = strings.Join(p.Canary.Names, ",")
	}
	words := []string{"aimctl", "rollout", "start", f.inside(f.Patch(p.Patch)), "--key", f.inside(f.Key()), "--canary", canary}
	if len(p.Waves) > 0 {
		var sizes []string
		for _, z := range p.Waves {
			sizes = append(sizes, z.String())
		}
		words = append(words, "--waves", strings.Join(sizes, ","))
	}
	words = append(words, "--bake", p.Bake.String(), "--heartbeats", strconv.Itoa(p.Heartbeats), "--approve", "none")
	if id != p.Patch {
		words = append(words, "--id", id)
	}
	words = append(words, "--state", f.inside(f.RolloutState(id)))
	return shellLine(words) + " --broker $(cat " + f.inside(f.BrokerURL()) + ")"
}

// Hints are what somebody in another shell needs to know.
func (f *Fleet) Hints() []string {
	identity := "aimctl --identity " + f.inside(f.Drones[0].Folder.Identity())
	return []string{
		"In another shell, as the operator:  cd " + shellLine([]string{f.Dir}),
		"  " + identity + " watch",
		"  " + identity + " patch new --set mission.altitude_m=60 --out patches/mine",
		"       and where a lock is stuck: --despite-lock fleet-updater --kill",
		"  aimctl patch sign patches/mine --key " + f.inside(f.Key()),
		"  aimctl rollout start patches/mine --key " + f.inside(f.Key()) + " --bake 5s --heartbeats 5 --approve none --state rollouts/mine.json --broker $(cat " + f.inside(f.BrokerURL()) + ")",
	}
}
