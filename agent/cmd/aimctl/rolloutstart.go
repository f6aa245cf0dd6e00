package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/aim-control/aimlock/agent/cmd/aimctl/forecast"
	"github.com/aim-control/aimlock/agent/rollout"
	"github.com/aim-control/aimlock/agent/rollout/run"
	"github.com/aim-control/aimlock/agent/telemetry"
)

// startFlags are the flags of "rollout start".
type startFlags struct {
	planFlags
	key, state, controller string
	takeOver               bool
}

func (a *app) rolloutStartCmd() *cobra.Command {
	var f startFlags
	cmd := &cobra.Command{
		Use:   "start DIR",
		Short: "Lead a rollout to its end, or go on with it",
		Long: `start brings the patch in DIR to the fleet and leads the rollout to its end, in
the foreground. What it knows is kept in a file (--state; without it
$XDG_STATE_HOME or ~/.local/state, aimlock/FLEET/ID.json). Ctrl-C ends it in
order; nothing more is offered then, and drones at work go on. However it ended,
kill -9 included, the same command goes on where it was.

In a terminal it draws the waves and drones (p pauses, r resumes, y approves, B
takes back). Elsewhere it prints a line for whatever happens, or with --json one
document a line: at_ms, rollout, kind, and by kind
  begin, end  text, state, drones
  state       state: status, phase, wave, waves, ask, reason, controller, epoch,
              patch, version, watched_ms, bake_left_ms, beats_left, counts
  drone       drones: drone, wave, outcome, reason, patch, said, online, has,
              version_before, version
  say         text, and drone unless it is about the rollout
  link        up, and text when it is down

One controller leads a fleet at a time. Another one is refused and told who
leads. --take-over ends that one's process; the drones of its rollout keep what
they have. To go on with that rollout instead, bring its state file along.

Exit code 0 finished; 4 stopped, and the patch taken back; 75 interrupted, to be
gone on with; 3 refused: the patch, or another controller leads; 1 failed.`,
		Example: `  aimctl rollout start hotfix --key operator.key --canary 3 --waves 25%,50%,100% --bake 10m
  aimctl rollout start hotfix --key operator.key --id second-try --approve canary --json`,
		Args: args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, list []string) error { return a.rolloutStart(cmd, list[0], f) },
	}
	f.flags(cmd)
	fl := cmd.Flags()
	fl.StringVar(&f.key, "key", "", "minisign secret key `FILE` that signs the offers, one of the drones' trust.command")
	fl.StringVar(&f.state, "state", "", "`FILE` for the rollout's state")
	fl.StringVar(&f.controller, "controller", "", "`NAME` under which you lead (default: USER.HOST)")
	fl.BoolVar(&f.takeOver, "take-over", false, "although another controller leads the fleet, or left a rollout unfinished")
	return cmd
}

// starting is a rollout that is about to be led.
type starting struct {
	startFlags
	patch  *signedPatch
	broker *broker
	o      run.Options // the plan's id, until the plan is known
}

func (a *app) rolloutStart(cmd *cobra.Command, dir string, f startFlags) error {
	now := time.Now()
	st, err := a.startOptions(cmd, dir, f, now)
	if err != nil {
		return err
	}
	ctx, stop := interruptible(cmd.Context())
	defer stop()
	saved, err := run.Load(st.o.State)
	switch {
	case err == nil && saved.Rollout.Plan.Patch != st.patch.manifest.ID:
		return refused("rollout %s brings patch %s, not %s; give another --id", st.o.Plan.ID, saved.Rollout.Plan.Patch, st.patch.manifest.ID)
	case err == nil:
		if err := f.read(cmd.Flags()); err != nil {
			return err
		}
		if err := f.changed(cmd.Flags(), st.patch, saved.Rollout.Plan); err != nil {
			return err
		}
		st.o.Plan = saved.Rollout.Plan
	case errors.Is(err, fs.ErrNotExist):
		if st.o.Plan, err = a.freshPlan(ctx, cmd, st, now); err != nil {
			return err
		}
		if saved.Rollout, err = rollout.New(st.o.Plan); err != nil {
			return plain(err)
		}
	default:
		return plain(err)
	}
	return a.lead(ctx, st.o, saved)
}

// startOptions are what a runner needs beside its plan, of which they have the
// id.
func (a *app) startOptions(cmd *cobra.Command, dir string, f startFlags, now time.Time) (*starting, error) {
	if f.key == "" {
		return nil, usagef("say who offers it: --key FILE, a minisign secret key of the drones' trust.command")
	}
	if f.controller = or(f.controller, controllerName()); !telemetry.ValidID(f.controller) {
		return nil, usagef("--controller %q: 1 to 64 of A-Z a-z 0-9 . _ -", f.controller)
	}
	s, b, err := a.patchAndBroker(cmd, dir, f.reach, f.trust, now)
	if err != nil {
		return nil, err
	}
	st := &starting{startFlags: f, patch: s, broker: b,
		o: run.Options{Controller: f.controller, TakeOver: f.takeOver, State: f.state, Package: s.pkg, Dial: b.dial}}
	if st.o.Key, err = a.readKey(f.key); err != nil {
		return nil, err
	}
	t, err := a.trusts(cmd, nil)
	if err == nil {
		err = t.mayOffer(st.o.Key)
	}
	if err != nil {
		return nil, err
	}
	st.o.Plan.ID = or(f.id, s.manifest.ID)
	if !telemetry.ValidID(st.o.Plan.ID) {
		return nil, usagef("--id %q: 1 to 64 of A-Z a-z 0-9 . _ -", st.o.Plan.ID)
	}
	if st.o.State == "" {
		st.o.State, err = stateFile(b.fleet, st.o.Plan.ID)
	}
	return st, err
}

// freshPlan makes the plan of a new rollout, and refuses one that is known to
// fail: its first refusal would take the patch back from everybody.
func (a *app) freshPlan(ctx context.Context, cmd *cobra.Command, st *starting, now time.Time) (rollout.Plan, error) {
	p, look, err := st.lookAhead(ctx, cmd, st.patch, st.broker, now)
	if err != nil {
		return p, err
	}
	if len(look.Never) > 0 {
		return p, refused("%s", look.Never[0])
	}
	var bad []string
	for _, d := range look.Drones {
		switch d.Fate {
		case forecast.Refuses:
			bad = append(bad, d.Drone+" ("+d.Why+")")
		case forecast.Waits, forecast.Perhaps, forecast.Absent:
			fmt.Fprintf(a.err, "aimctl: %s %s: %s\n", d.Drone, d.Fate, d.Why)
		}
	}
	if len(bad) > 0 {
		return p, refused("nothing was offered: these would refuse the patch, which would stop the rollout: %s", strings.Join(bad, ", "))
	}
	return p, nil
}

// controllerName is who leads: this user on this machine.
func controllerName() string {
	name, host := os.Getenv("USER"), "host"
	if u, err := user.Current(); err == nil && name == "" {
		name = u.Username
	}
	if h, err := os.Hostname(); err == nil {
		host = h
	}
	clean := strings.Map(func(r rune) rune {
		if telemetry.ValidID(string(r)) {
			return r
		}
		return '-'
	}, name+"."+host)
	return clean[:min(len(clean), 64)]
}
