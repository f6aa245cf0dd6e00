package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/aim-control/aimlock/agent/cmd/aimctl/progress"
	"github.com/aim-control/aimlock/agent/cmd/aimctl/words"
	"github.com/aim-control/aimlock/agent/rollout/run"
	"github.com/aim-control/aimlock/agent/telemetry"
)

// statusJSON is a rollout as "rollout status --json" prints it, one a line.
type statusJSON struct {
	Rollout string           `json:"rollout"`
	Fleet   string           `json:"fleet"`
	From    string           `json:"from"`    // file or broker
	SaidMS  int64            `json:"said_ms"` // when, Unix
	Runs    bool             `json:"runs"`    // from file: a process leads it on this machine; from broker: its controller is connected
	Waits   bool             `json:"waits"`   // from file: a request waits for such a process
	State   progress.State   `json:"state"`
	Drones  []progress.Drone `json:"drones"`
}

func (a *app) rolloutStatusCmd() *cobra.Command {
	var f askFlags
	var r reach
	var atBroker bool
	cmd := &cobra.Command{
		Use:   "status [ID]",
		Short: "How a rollout goes, who leads it, and what to do",
		Long: `status says how rollout ID goes: who leads, whether that process runs, the wave,
each drone, what is left of the bake, and what to do. Without an ID it lists all
rollouts.

It reads the state file where the rollout is led from this machine. Elsewhere,
and with --at-broker, it asks the broker, which keeps what the leading process
said last.`,
		Example: "  aimctl rollout status hotfix-42\n  aimctl rollout status --at-broker --broker mqtts://broker:8883 --fleet north",
		Args:    args(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, list []string) error {
			id := strings.Join(list, "")
			if id != "" && !telemetry.ValidID(id) {
				return usagef("rollout %q: 1 to 64 of A-Z a-z 0-9 . _ -", id)
			}
			f.fleet = r.fleet
			var all []statusJSON
			var err error
			if !atBroker {
				all, err = fromFiles(f, id)
			}
			if err == nil && len(all) == 0 {
				all, err = a.fromBroker(cmd, r, id)
				if err != nil && !atBroker {
					err = fmt.Errorf("none is led from this machine, and at the broker: %w", err)
				}
			}
			if err != nil {
				return err
			}
			return a.sayRollouts(all, id)
		},
	}
	r.flags(cmd)
	cmd.Flags().StringVar(&f.state, "state", "", "the rollout's state `FILE`, where \"rollout start\" was given one")
	cmd.Flags().BoolVar(&atBroker, "at-broker", false, "ask the broker, although there is a state file")
	return cmd
}

// fromFiles reads the rollouts that are led from this machine, the newest first.
func fromFiles(f askFlags, id string) ([]statusJSON, error) {
	paths := []string{f.state}
	if f.state == "" {
		var err error
		if paths, err = stateFiles(f.fleet, id); err != nil {
			return nil, err
		}
	}
	var all []statusJSON
	for _, path := range paths {
		saved, err := run.Load(path)
		if err == nil && id != "" && saved.Rollout.Plan.ID != id {
			err = fmt.Errorf("%s is rollout %s's", path, saved.Rollout.Plan.ID)
		}
		if err != nil {
			return nil, plain(err)
		}
		s := statusJSON{Rollout: saved.Rollout.Plan.ID, Fleet: saved.Rollout.Plan.Fleet, From: "file",
			State: progress.Of(saved), Drones: progress.DronesOf(saved.Rollout)}
		if s.Runs, err = run.Running(path); err != nil && !errors.Is(err, fs.ErrPermission) {
			return nil, plain(err)
		}
		if s.Waits, err = run.Waiting(path); err != nil {
			return nil, plain(err)
		}
		if st, err := os.Stat(path); err == nil {
			s.SaidMS = st.ModTime().UnixMilli()
		}
		all = append(all, s)
	}
	return all, nil
}

// fromBroker reads what the leading processes said last.
func (a *app) fromBroker(cmd *cobra.Command, r reach, id string) ([]statusJSON, error) {
	b, err := a.reachBroker(cmd, r)
	if err != nil {
		return nil, err
	}
	ctx, stop := interruptible(cmd.Context())
	defer stop()
	all, err := b.rollouts(ctx, or(id, "+"))
	switch {
	case err != nil:
		return nil, err
	case len(all) == 0 && id != "":
		return nil, fmt.Errorf("broker %s knows no rollout %s of fleet %s", b.name, id, b.fleet)
	case len(all) == 0:
		return nil, fmt.Errorf("broker %s knows no rollout of fleet %s", b.name, b.fleet)
	}
	return all, nil
}

func (b *broker) rollouts(ctx context.Context, id string) ([]statusJSON, error) {
	kept, err := b.survey(ctx, []string{telemetry.ControllerTopic(b.fleet), telemetry.RolloutTopic(b.fleet, id)})
	if err != nil {
		return nil, err
	}
	var all []statusJSON
	var leads telemetry.Controller
	for _, m := range kept {
		_, of, ok := telemetry.ParseFleetTopic(m.Topic)
		var v telemetry.Rollout
		switch {
		case !ok || len(m.Payload) == 0:
		case of == "":
			_ = telemetry.Decode(m.Payload, &leads) // what cannot be read is nobody's word
		case telemetry.Decode(m.Payload, &v) == nil && v.ID == of:
			s := statusJSON{Rollout: v.ID, Fleet: v.Fleet, From: "broker", SaidMS: v.TimeMS}
			s.State, s.Drones = progress.OfMessage(&v)
			all = append(all, s)
		}
	}
	for i := range all {
		all[i].Runs = leads.Online && leads.Rollout == all[i].Rollout && leads.Epoch == all[i].State.Epoch
	}
	slices.SortFunc(all, func(x, y statusJSON) int { return int(y.SaidMS - x.SaidMS) })
	return all, nil
}

func (a *app) sayRollouts(all []statusJSON, id string) error {
	for _, s := range all {
		switch {
		case a.json:
			if err := a.printJSON(s); err != nil {
				return err
			}
		case id == "":
			if _, err := fmt.Fprintln(a.out, s.line()); err != nil {
				return err
			}
		default:
			if err := a.sayRollout(s); err != nil {
				return err
			}
		}
	}
	return nil
}

// line is a rollout in a list.
func (s statusJSON) line() string {
	text := fmt.Sprintf("%s  fleet %s  %s", words.Clean(s.Rollout, 64), words.Clean(s.Fleet, 32), words.Clean(s.State.Status, 12))
	if !s.ended() {
		text += ", " + progress.Doing(s.State)
		if !s.Runs {
			text += ", NOBODY LEADS IT"
		}
	}
	return text + "; " + progress.Counts(s.State.Counts)
}

func (s statusJSON) ended() bool { return s.State.Status == "FINISHED" || s.State.Status == "STOPPED" }

// sayRollout is a rollout on a page, with its drones.
func (a *app) sayRollout(s statusJSON) error {
	at := progress.Place{ID: s.Rollout, Fleet: s.Fleet}
	age := time.Since(time.UnixMilli(s.SaidMS))
	switch {
	case s.ended():
	case s.From == "file" && s.Runs:
		at.Process = "A process leads it on this machine."
	case s.From == "file":
		at.Process, at.Age = "NO PROCESS leads it on this machine. Drones at work go on, and nobody watches them.", age
		at.Again = []string{"Go on with it: give the \"aimctl rollout start\" that began it again."}
		if s.Waits {
			at.Process += " A request waits for it."
		}
	case s.Runs:
		at.Process, at.Age = "Its controller is connected.", age
	default:
		at.Process, at.Age = "Its controller is NOT CONNECTED. Drones at work go on, and nobody watches them.", age
		at.Again = []string{"Go on with it where it is led: give the \"aimctl rollout start\" that began it again."}
	}
	width, _ := a.terminal()
	if err := progress.Report(s.State, s.Drones, at).Write(a.out, width, a.bold()); err != nil {
		return err
	}
	fmt.Fprintln(a.out)
	for _, l := range progress.Table(s.Drones) {
		if _, err := fmt.Fprintln(a.out, "  "+l); err != nil {
			return err
		}
	}
	return nil
}
