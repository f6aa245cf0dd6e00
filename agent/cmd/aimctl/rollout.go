package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/aim-control/aimlock/agent/cmd/aimctl/planfile"
	"github.com/aim-control/aimlock/agent/cmd/aimctl/words"
	"github.com/aim-control/aimlock/agent/rollout"
	"github.com/aim-control/aimlock/agent/telemetry"
	"github.com/aim-control/aimlock/firmware/patch"
)

func (a *app) rolloutCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "rollout",
		Short: "Bring a patch to a fleet: a canary first, then waves",
		Long: `rollout brings a signed patch to drones: to a canary first, then in waves, each
watched for a while, judged, and approved by a person where the plan says so
(after the canary, unless told otherwise). The first drone that refuses or
reverts it, does not commit in time, or pauses, fails or falls silent after it,
stops everything, and the patch is taken back from whoever has it. A plan file
may bear with some refusals and time-outs; see "rollout plan --help".

One process leads: "rollout start", in the foreground. What it knows it keeps in
a file, so that it may be ended at any time, even killed; the same command goes
on where it was. The others, from another shell, ask it or look at it.`,
		Example: `  aimctl rollout plan hotfix --broker mqtts://broker:8883
  aimctl rollout start hotfix --key operator.key --broker mqtts://broker:8883
  aimctl rollout status
  aimctl rollout rollback hotfix-42`,
		Args: cobra.ArbitraryArgs,
		RunE: group,
	}
	cmd.AddCommand(a.rolloutPlanCmd(), a.rolloutStartCmd(), a.rolloutStatusCmd(),
		a.askCmd("pause", "No further offers; drones at work go on", ""),
		a.askCmd("resume", "Go on after a pause, or in spite of a wave that proves too little", ""),
		a.askCmd("approve", "Let the next wave come, where the plan asks for approval", ""),
		a.askCmd("abort", "Stop; what has the patch keeps it",
			"Drones at work may end. A new rollout needs another --id."),
		a.askCmd("rollback", "Stop, and take the patch back from whoever has it",
			"It cannot be undone: a new rollout needs another --id, and perhaps another patch."))
	return cmd
}

// planFlags are how a plan is written on the command line.
type planFlags struct {
	reach
	drones, canary, waves, approve string
	path                           string // of a plan file
	file                           planfile.File
	id                             string
	trust                          []string
	bake, timeout, silence         time.Duration
	heartbeats, atOnce             int
}

// planNames are the flags that belong to a plan, which never changes once its
// rollout has begun.
var planNames = []string{"drones", "canary", "waves", "bake", "heartbeats", "timeout", "silence", "at-once", "approve", "plan"}

func (f *planFlags) flags(cmd *cobra.Command) {
	f.reach.flags(cmd)
	fl := cmd.Flags()
	fl.StringVar(&f.drones, "drones", "", "`NAMES` with commas between (default: all that the broker knows)")
	fl.StringVar(&f.canary, "canary", "3", "who goes first: a `NUMBER` of drones, or their names with commas between")
	fl.StringVar(&f.waves, "waves", "25%,50%,100%", "`SIZES` of the waves after it, in percent of all drones or as numbers; the last one repeats")
	fl.DurationVar(&f.bake, "bake", 10*time.Minute, "watch each wave for this `DURATION` after its last commit")
	fl.IntVar(&f.heartbeats, "heartbeats", 20, "and until each of its drones was heard so often")
	fl.DurationVar(&f.timeout, "timeout", 5*time.Minute, "a drone must come online, commit, and revert, within this `DURATION` each")
	fl.DurationVar(&f.silence, "silence", 150*time.Second, "a drone not heard for this `DURATION` after its commit has failed")
	fl.IntVar(&f.atOnce, "at-once", 0, "drones at work at a time (default: the whole wave)")
	fl.StringVar(&f.path, "plan", "", "TOML `FILE` with all of these, tags, a canary at random, rules and metrics; flags given as well win")
	fl.StringVar(&f.approve, "approve", "canary", "wait for \"rollout approve\" after: none, canary, or waves (each of them)")
	fl.StringVar(&f.id, "id", "", "`NAME` of the rollout (default: the patch's id)")
	fl.StringArrayVar(&f.trust, "trust", nil, "public `KEY` (RWQ…) or its file that must have signed the patch; may be repeated (default: the identity's)")
}

// plan makes a plan of the flags and the plan file; known are all the drones of
// the fleet, for when none is named, the first there of which are connected.
func (f *planFlags) plan(fl *pflag.FlagSet, s *signedPatch, known []string, there int) (rollout.Plan, error) {
	m := s.manifest
	p := rollout.Plan{ID: or(f.id, m.ID), Fleet: m.Fleet, Patch: m.ID, Version: m.ConfigVersion, SHA256: m.SHA256,
		Keep: m.Kind == patch.KindKeys, Drones: known, BakeNS: int64(f.bake), Heartbeats: f.heartbeats, TimeoutNS: int64(f.timeout), SilenceNS: int64(f.silence), AtOnce: f.atOnce}
	var err error
	if f.drones != "" {
		if p.Drones, err = names("--drones", f.drones); err != nil {
			return p, err
		}
		there = len(p.Drones)
	}
	f.file.Judged(&p)
	if !fl.Changed("canary") && f.path != "" {
		if p.Canary.Names, err = f.file.Chosen(p.Drones, there); err != nil {
			return p, usagef("%s: %w", f.path, err)
		}
	}
	if len(p.Canary.Names) > 0 {
	} else if n, isNumber := strconv.Atoi(f.canary); isNumber == nil {
		p.Canary.Count = n
		if !fl.Changed("canary") && f.file.Canary.Count == 0 {
			p.Canary.Count = min(n, len(p.Drones))
		}
	} else if p.Canary.Names, err = names("--canary", f.canary); err != nil {
		return p, err
	}
	if p.Waves, err = rollout.ParseSizes(f.waves); err != nil {
		return p, usagef("--waves: %w", plain(err))
	}
	switch f.approve {
	case "none":
	case string(rollout.ApproveCanary), string(rollout.ApproveWaves):
		p.Approve = rollout.Approve(f.approve)
	default:
		return p, usagef("--approve %s: none, canary or waves", f.approve)
	}
	if err := p.Validate(); err != nil {
		return p, usagef("%w", plain(err))
	}
	return p, nil
}

func names(flag, list string) ([]string, error) {
	var out []string
	for part := range strings.SplitSeq(list, ",") {
		n := strings.TrimSpace(part)
		if !telemetry.ValidName(n) {
			return nil, usagef("%s: %q: a name is [a-z0-9][a-z0-9-]{0,31}", flag, n)
		}
		if slices.Contains(out, n) {
			return nil, usagef("%s: %s is named twice", flag, n)
		}
		out = append(out, n)
	}
	return out, nil
}

// changed says which of the plan's flags were given and differ from a plan that
// has begun; nil: none.
func (f *planFlags) changed(fl *pflag.FlagSet, s *signedPatch, was rollout.Plan) error {
	now, err := f.plan(fl, s, was.Drones, len(was.Drones))
	if err != nil {
		return err
	}
	same := map[string]bool{
		"drones": slices.Equal(now.Drones, was.Drones), "canary": now.Canary.Count == was.Canary.Count && slices.Equal(now.Canary.Names, was.Canary.Names),
		"waves": slices.Equal(now.Waves, was.Waves), "bake": now.BakeNS == was.BakeNS, "heartbeats": now.Heartbeats == was.Heartbeats,
		"timeout": now.TimeoutNS == was.TimeoutNS, "silence": now.SilenceNS == was.SilenceNS, "at-once": now.AtOnce == was.AtOnce, "approve": now.Approve == was.Approve,
		"plan": slices.Equal(now.Rules, was.Rules) && slices.Equal(now.Metrics, was.Metrics) && now.Reboot == was.Reboot && now.HotAtOnce == was.HotAtOnce,
	}
	var list []string
	for _, n := range planNames {
		if fl.Changed(n) && !same[n] {
			list = append(list, "--"+n)
		}
	}
	if len(list) > 0 {
		return usagef("rollout %s has begun with another %s, and its plan does not change; leave that out to go on, or give another --id", was.ID, strings.Join(list, ", "))
	}
	return nil
}

// planText says a plan's rules on one line.
func planText(p rollout.Plan) string {
	span := func(ns int64) string {
		if d := time.Duration(ns); d%time.Second != 0 {
			return d.String()
		}
		return words.Span(time.Duration(ns))
	}
	text := fmt.Sprintf("each wave is watched for %s and %d heartbeats of each drone; a drone has %s to commit; silence of %s is a failure",
		span(p.BakeNS), p.Heartbeats, span(p.TimeoutNS), span(p.SilenceNS))
	if p.Reboot {
		text += "; each drone must restart meanwhile"
	}
	if p.AtOnce > 0 {
		text += fmt.Sprintf("; at most %d at a time", p.AtOnce)
	}
	switch p.Approve {
	case rollout.ApproveCanary:
		text += "; a person approves after the canary"
	case rollout.ApproveWaves:
		text += "; a person approves after each wave"
	}
	for _, r := range p.Rules {
		text += "; " + r.String() + ": " + string(r.Action)
	}
	for _, m := range p.Metrics {
		text += fmt.Sprintf("; %s must not be %s by more than %g %s", m.Name, m.Worse, m.Allowed, rollout.MetricNames[m.Name])
	}
	return text
}
