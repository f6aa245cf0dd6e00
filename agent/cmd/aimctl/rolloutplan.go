package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/aim-control/aimlock/agent/cmd/aimctl/fleet"
	"github.com/aim-control/aimlock/agent/cmd/aimctl/forecast"
	"github.com/aim-control/aimlock/agent/cmd/aimctl/progress"
	"github.com/aim-control/aimlock/agent/cmd/aimctl/words"
	"github.com/aim-control/aimlock/agent/rollout"
)

func (a *app) rolloutPlanCmd() *cobra.Command {
	var f planFlags
	cmd := &cobra.Command{
		Use:   "plan DIR",
		Short: "What a rollout would do: who, when, and who would not take the patch",
		Long: `plan looks at the patch in DIR and at what the broker knows of the drones, and
says who is in which wave, from when on at the earliest, and which drones would
not take the patch and why. Nothing is published.

A plan file (--plan FILE, TOML) says all that the flags say, and more; what is
not in it is as without it:

  drones      = ["patrol-01", …]           in the order in which waves are filled
  tags        = { heavy = ["patrol-04"] }  a name for some drones
  canary      = { count = 3 }              or names = […], or tag = "heavy";
                                           random = true and seed = 7 choose
  waves       = ["3", "25%", "100%"]
  at_once     = 10                         drones at work at a time
  hot_at_once = 2                          of them with a stuck lock
  approve     = "canary"                   none, canary, waves
  timeout     = "5m"
  bake        = { time = "10m", heartbeats = 20, silence = "150s", reboot = true }
  rule        = [{ failure = "timed_out", percent = 20, minimum = 5, action = "pause" }]
                failure: rejected, timed_out, offline; action: pause, stop, rollback
  metric      = [{ name = "motor", worse = "higher", allowed = 2.0, critical = true, must_have = true }]
                name: motor, companion (°C), supply (V), current (A);
                worse: higher, lower, either; against the drones that wait

Exit code 0 when every drone would take it, as far as can be told; 3 when one
would not, or when no drone would: unsigned, expired, no revert.`,
		Example: "  aimctl rollout plan hotfix --canary patrol-01,patrol-05 --waves 25%,100% --broker mqtts://broker:8883",
		Args:    args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, list []string) error {
			now := time.Now()
			s, b, err := a.patchAndBroker(cmd, list[0], f.reach, f.trust, now)
			if err != nil {
				return err
			}
			ctx, stop := interruptible(cmd.Context())
			defer stop()
			p, look, err := f.lookAhead(ctx, cmd, s, b, now)
			if err != nil {
				return err
			}
			if err := a.sayForecast(s, p, look, now); err != nil {
				return err
			}
			if len(look.Never) > 0 || look.Count(forecast.Takes, forecast.Has) < len(look.Drones) {
				return &exit{code: exitRefused}
			}
			return nil
		},
	}
	f.flags(cmd)
	return cmd
}

// patchAndBroker reads the patch and finds its fleet's broker.
func (a *app) patchAndBroker(cmd *cobra.Command, dir string, r reach, keys []string, now time.Time) (*signedPatch, *broker, error) {
	t, err := a.trusts(cmd, keys)
	if err != nil {
		return nil, nil, err
	}
	s, err := readSigned(dir, t, now)
	if err != nil {
		return nil, nil, err
	}
	if r.fleet == "" && a.broker != "" && !a.identityGiven(cmd) {
		r.fleet = s.manifest.Fleet
	}
	b, err := a.reachBroker(cmd, r)
	if err != nil {
		return nil, nil, err
	}
	if b.fleet != s.manifest.Fleet {
		return nil, nil, refused("the patch is for fleet %s, not for %s", s.manifest.Fleet, b.fleet)
	}
	return s, b, nil
}

// lookAhead makes the plan and its forecast from what the broker knows.
func (f *planFlags) lookAhead(ctx context.Context, cmd *cobra.Command, s *signedPatch, b *broker, now time.Time) (rollout.Plan, forecast.Forecast, error) {
	known, err := b.drones(ctx)
	if err != nil {
		return rollout.Plan{}, forecast.Forecast{}, err
	}
	if len(known) == 0 && f.drones == "" {
		return rollout.Plan{}, forecast.Forecast{}, fmt.Errorf("broker %s knows no drone of fleet %s; name them with --drones", b.name, b.fleet)
	}
	if err := f.read(cmd.Flags()); err != nil {
		return rollout.Plan{}, forecast.Forecast{}, err
	}
	list, there := droneNames(known)
	p, err := f.plan(cmd.Flags(), s, list, there)
	if err != nil {
		return p, forecast.Forecast{}, err
	}
	return p, forecast.Make(p, s.manifest, known, now), nil
}

// droneNames are the drones in the order in which waves are filled: those that
// are not there last, so that they are no canary; how many are there.
func droneNames(list []*fleet.Drone) ([]string, int) {
	var there, away []string
	for _, d := range list {
		if d.Offline() || d.Status == nil {
			away = append(away, d.Name)
		} else {
			there = append(there, d.Name)
		}
	}
	return append(there, away...), len(there)
}

// planJSON is what "rollout plan --json" prints.
type planJSON struct {
	Rollout  string           `json:"rollout"`
	Fleet    string           `json:"fleet"`
	Patch    string           `json:"patch"`
	Version  int64            `json:"version"`
	SHA256   string           `json:"sha256"`
	Expires  string           `json:"expires"` // RFC 3339; empty: never
	Signers  []string         `json:"signers"` // key ids
	Trusted  bool             `json:"trusted"` // verified here
	Plan     rollout.Plan     `json:"plan"`
	Waves    []forecast.Wave  `json:"waves"`
	Drones   []forecast.Drone `json:"drones"`
	Warnings []string         `json:"warnings"` // why the plan as a whole cannot go through
}

func (a *app) sayForecast(s *signedPatch, p rollout.Plan, look forecast.Forecast, now time.Time) error {
	if a.json {
		j := planJSON{Rollout: p.ID, Fleet: p.Fleet, Patch: p.Patch, Version: p.Version, SHA256: p.SHA256, Signers: s.signers, Trusted: s.trusted,
			Plan: p, Waves: look.Waves, Drones: look.Drones, Warnings: append([]string{}, look.Never...)}
		if !s.manifest.Expires.IsZero() {
			j.Expires = s.manifest.Expires.Format(time.RFC3339)
		}
		return a.printJSON(j)
	}
	r := words.Report{Head: fmt.Sprintf("Rollout %s to %d drones of fleet %s: %s.", p.ID, len(p.Drones), p.Fleet, fates(look))}
	r.Add("Patch", s.text(now)...)
	r.Add("Plan", planText(p))
	for _, w := range look.Waves {
		r.Add(progress.WaveName(w.Wave), fmt.Sprintf("%s: %s", after(w.FromMS), strings.Join(w.Drones, " ")))
	}
	r.Add("end", after(look.Waves[len(look.Waves)-1].UntilMS))
	for _, never := range look.Never {
		r.Add("CANNOT", never)
	}
	width, _ := a.terminal()
	if err := r.Write(a.out, width, a.bold()); err != nil {
		return err
	}
	return a.sayFates(look)
}

// sayFates lists the drones of which there is something to say.
func (a *app) sayFates(look forecast.Forecast) error {
	name := 0
	for _, d := range look.Drones {
		name = max(name, len(d.Drone))
	}
	lead := "\n"
	for _, d := range look.Drones {
		if d.Fate == forecast.Takes && d.Why == "" {
			continue
		}
		text := strings.TrimRight(fmt.Sprintf("%s  %-*s  %-8s %-8s  %s", lead, name, d.Drone, progress.WaveName(d.Wave), d.Fate, d.Why), " ")
		if _, err := fmt.Fprintln(a.out, text); err != nil {
			return err
		}
		lead = ""
	}
	return nil
}

// fates counts what would become of the offers.
func fates(look forecast.Forecast) string {
	var parts []string
	for _, x := range []struct {
		fate       forecast.Fate
		one, other string
	}{
		{forecast.Takes, "takes it", "take it"}, {forecast.Has, "has it already", "have it already"}, {forecast.Waits, "waits", "wait"},
		{forecast.Perhaps, "may refuse it", "may refuse it"}, {forecast.Refuses, "REFUSES it", "REFUSE it"}, {forecast.Absent, "is not there", "are not there"},
	} {
		switch n := look.Count(x.fate); n {
		case 0:
		case 1:
			parts = append(parts, "1 "+x.one)
		default:
			parts = append(parts, fmt.Sprintf("%d %s", n, x.other))
		}
	}
	return strings.Join(parts, ", ")
}

// after is an earliest time, from the start.
func after(ms int64) string {
	if ms == 0 {
		return "at once"
	}
	return "after " + words.Span(time.Duration(ms)*time.Millisecond) + " at the earliest"
}
