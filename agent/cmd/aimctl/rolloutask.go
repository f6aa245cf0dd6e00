package main

import (
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/spf13/cobra"

	"github.com/aim-control/aimlock/agent/cmd/aimctl/progress"
	"github.com/aim-control/aimlock/agent/rollout/run"
	"github.com/aim-control/aimlock/agent/telemetry"
)

// askWait is how long a request may wait for the process that leads: it looks
// several times a second while the broker is reached.
const askWait = 10 * time.Second

// askFlags find a rollout's state file.
type askFlags struct{ fleet, state string }

func (f *askFlags) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.fleet, "fleet", "", "the fleet's `NAME`, where several have a rollout of this name")
	cmd.Flags().StringVar(&f.state, "state", "", "the rollout's state `FILE`, where \"rollout start\" was given one")
}

// askJSON is what pause, resume, approve, abort and rollback print with --json.
type askJSON struct {
	Rollout string         `json:"rollout"`
	Verb    string         `json:"verb"`
	Taken   bool           `json:"taken"` // by the process that leads; else it waits for one
	Runs    bool           `json:"runs"`  // a process leads it on this machine
	State   progress.State `json:"state"`
}

func (a *app) askCmd(verb run.Verb, short, more string) *cobra.Command {
	var f askFlags
	cmd := &cobra.Command{
		Use:   string(verb) + " ID",
		Short: short,
		Long: fmt.Sprintf(`%[1]s asks the process that leads rollout ID on this machine ("rollout start") and
waits until it has been heard. Without such a process the request is kept, and
carried out when "rollout start" goes on with the rollout; a later request takes
its place. %[2]s

Exit code 0 when it was carried out, 1 when it waits, 3 when the rollout has
ended, or asks for no approval.`, verb, more),
		Example: "  aimctl rollout " + string(verb) + " hotfix-42",
		Args:    args(cobra.ExactArgs(1)),
		RunE:    func(_ *cobra.Command, list []string) error { return a.ask(verb, list[0], f) },
	}
	f.flags(cmd)
	return cmd
}

func (a *app) ask(verb run.Verb, id string, f askFlags) error {
	if !telemetry.ValidID(id) {
		return usagef("rollout %q: 1 to 64 of A-Z a-z 0-9 . _ -", id)
	}
	path, saved, err := loadRollout(f, id)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("no rollout %s was led by you from this machine; ask where it is led: aimctl rollout status %s says who leads", id, id)
	}
	if err != nil {
		return err
	}
	if saved.Rollout.Done() {
		return refused("rollout %s has ended: %s", id, saved.Rollout.Status)
	}
	if verb == run.Approve && saved.Rollout.Ask == "" {
		return refused("rollout %s asks for no approval now; it is %s: %s", id, saved.Rollout.Status, progress.Doing(progress.Of(saved)))
	}
	if err := run.Ask(path, verb, controllerName()); err != nil {
		return plain(err)
	}
	on, err := run.Running(path)
	if err != nil {
		return plain(err)
	}
	taken := false
	if on {
		if taken, err = heard(path, askWait); err != nil {
			return plain(err)
		}
	}
	if saved, err = run.Load(path); err != nil {
		return plain(err)
	}
	return a.sayAsked(askJSON{id, string(verb), taken, on, progress.Of(saved)})
}

// loadRollout finds and reads a rollout's state file.
func loadRollout(f askFlags, id string) (string, run.Saved, error) {
	path, err := findState(f.state, f.fleet, id)
	if err != nil {
		return "", run.Saved{}, err
	}
	saved, err := run.Load(path)
	if err == nil && saved.Rollout.Plan.ID != id {
		err = fmt.Errorf("%s is rollout %s's", path, saved.Rollout.Plan.ID)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		err = plain(err)
	}
	return path, saved, err
}

// heard waits until the request is carried out; false: not within d.
func heard(path string, d time.Duration) (bool, error) {
	late := time.NewTimer(d)
	defer late.Stop()
	look := time.NewTicker(20 * time.Millisecond)
	defer look.Stop()
	for {
		if waits, err := run.Waiting(path); err != nil || !waits {
			return err == nil, err
		}
		select {
		case <-look.C:
		case <-late.C:
			return false, nil
		}
	}
}

func (a *app) sayAsked(j askJSON) error {
	if a.json {
		if err := a.printJSON(j); err != nil {
			return err
		}
	} else if j.Taken {
		reason := ""
		if j.State.Reason != "" {
			reason = ": " + j.State.Reason
		}
		if _, err := fmt.Fprintf(a.out, "%s: done; rollout %s is %s%s\n", j.Verb, j.Rollout, j.State.Status, reason); err != nil {
			return err
		}
	}
	switch {
	case j.Taken:
		return nil
	case a.json:
		return &exit{code: exitFailed}
	case j.Runs:
		return fmt.Errorf("rollout %s is led, but the request was not taken within %v: the broker is not reached; it is carried out when it is", j.Rollout, askWait)
	}
	return fmt.Errorf("no process leads rollout %s on this machine. The request to %s is kept, and carried out when the \"aimctl rollout start\" that began it is given again", j.Rollout, j.Verb)
}
