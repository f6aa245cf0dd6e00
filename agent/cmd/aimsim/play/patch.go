package play

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aim-control/aimlock/agent/cmd/aimsim/fleet"
	"github.com/aim-control/aimlock/agent/cmd/aimsim/scenario"
	"github.com/aim-control/aimlock/agent/rollout"
)

// patch makes a patch and tells what an operator sees of it.
func (p *Player) patch(s scenario.Step, do scenario.Patch) ([]Failure, string) {
	w := fleet.Wish{ID: do.ID, Despite: do.Despite, Kill: do.Kill, Expires: do.Expires, Notes: do.Notes}
	for _, one := range do.Set {
		w.Set = append(w.Set, fleet.Setting{Key: one.Key, Value: one.Value})
	}
	told, err := p.fleet.NewPatch(w)
	if err != nil {
		return []Failure{{Step: s, Seen: err.Error()}}, ""
	}
	return nil, strings.Join(told, "\n")
}

// rollout leads a rollout to its end, or lets it go on behind the scenario.
func (p *Player) rollout(ctx context.Context, s scenario.Step, do scenario.Rollout) ([]Failure, string) {
	all, canary, err := do.Members(s.Drones, p.fleet.Names())
	if err != nil {
		return []Failure{{Step: s, Seen: err.Error()}}, ""
	}
	plan := fleet.Plan{Patch: do.Patch, Drones: all, Canary: rollout.Canary{Count: do.Canary, Names: canary}, Waves: do.Waves,
		Bake: do.Bake, Timeout: do.Timeout, Silence: do.Silence, Heartbeats: do.Heartbeats}
	if !do.Behind {
		seen, err := p.lead(ctx, plan, do.Stopped)
		return led(s, err), seen
	}
	p.behind.Go(func() {
		began := time.Now()
		seen, err := p.lead(p.ctx, plan, do.Stopped)
		if p.ctx.Err() != nil {
			return // the scenario ended before it
		}
		failures := led(s, err)
		p.fail(failures...)
		p.judge()
		p.mark(Mark{At: time.Now(), Step: s, Drones: all, Done: true, Took: time.Since(began), Output: seen, Failures: failures})
	})
	return nil, ""
}

// lead leads a rollout; the error is another end than the one that was
// expected, and seen the end in words.
func (p *Player) lead(ctx context.Context, plan fleet.Plan, stopped bool) (seen string, err error) {
	end, err := p.fleet.Rollout(ctx, plan)
	if err != nil {
		return "", err
	}
	seen = fmt.Sprintf("%s, %d of %d drones have the patch", end.Status, end.Count(rollout.Succeeded), len(end.Drones))
	if stopped != (end.Status == rollout.Stopped) {
		return "", errors.New(strings.TrimSuffix(seen+": "+end.Reason, ": "))
	}
	return seen, nil
}

func led(s scenario.Step, err error) []Failure {
	if err == nil {
		return nil
	}
	return []Failure{{Step: s, Seen: err.Error()}}
}
