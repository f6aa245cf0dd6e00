package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/aim-control/aimlock/agent/cmd/aimsim/fleet"
	"github.com/aim-control/aimlock/agent/cmd/aimsim/play"
	"github.com/aim-control/aimlock/agent/cmd/aimsim/scenario"
	"github.com/aim-control/aimlock/agent/cmd/aimsim/show"
)

// upWithin bounds the time from the processes' start to the first status of
// every drone.
const upWithin = 20 * time.Second

// closeWithin bounds the end of a run after a signal.
const closeWithin = 20 * time.Second

// flight is one run of a fleet.
type flight struct {
	flags
	cmd    *cobra.Command
	title  string
	steps  []scenario.Step
	follow bool // lines come from standard input, and its end is the end
	fleet  *fleet.Fleet
	tale   *show.Tale
	player *play.Player
	typed  chan string

	temporary bool // the folder goes at the end
}

// fly starts a fleet, plays steps on it and tells how it went.
func fly(c *cobra.Command, f flags, title string, steps []scenario.Step, follow bool) error {
	if err := checkDrones(f.drones); err != nil {
		return err
	}
	if err := checkScenario(steps, f.drones); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(c.Context(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	x := &flight{flags: f, cmd: c, title: title, steps: steps, follow: follow, typed: make(chan string, 16)}
	x.temporary = f.dir == ""
	if x.temporary {
		var err error
		if x.dir, err = os.MkdirTemp("", "aimsim-"); err != nil {
			return err
		}
	}
	closed := make(chan struct{})
	defer close(closed)
	go func() {
		select {
		case <-closed:
			return
		case <-ctx.Done():
		}
		stop() // a second signal ends the program at once; the kernel then ends the children
		select {
		case <-closed:
		case <-time.After(closeWithin):
			fmt.Fprintf(c.ErrOrStderr(), "aimsim: does not end within %v; giving up\n", closeWithin)
			os.Exit(exitFailed)
		}
	}()
	failed, err := x.run(ctx, stop)
	if x.temporary && !f.keep && (!failed || ctx.Err() != nil) && err == nil {
		if rerr := os.RemoveAll(x.dir); rerr != nil {
			return rerr
		}
	}
	if err == nil && failed {
		return errFailed
	}
	return err
}

// run is the flight from the fleet's start to the summary.
func (x *flight) run(ctx context.Context, stop func()) (failed bool, err error) {
	n, settings := setup(x.steps, x.drones)
	x.tale = show.NewTale(fleet.Names(n))
	exe, err := os.Executable()
	if err != nil {
		return false, err
	}
	x.fleet, err = fleet.Start(context.Background(), fleet.Options{
		Drones: n, Fleet: x.flags.fleet, Dir: x.dir, Seed: x.seed, Broker: x.broker, Operator: x.operator,
		Settings: settings, Exe: []string{exe}, Note: x.tale.Note,
	})
	if err != nil {
		return false, err
	}
	if x.interactive || x.follow {
		for _, hint := range x.fleet.Hints() {
			x.tale.Note(fleet.Note{At: time.Now(), Kind: fleet.NoteByHand, Text: hint})
		}
	}
	viewing, endView := context.WithCancel(context.Background())
	var view sync.WaitGroup
	var viewErr error
	view.Go(func() { viewErr = x.show(viewing, stop) })
	playErr := x.play(ctx)
	x.tale.End()
	result := x.result(playErr)
	result.Width = x.width()
	closeErr := x.fleet.Close()
	endView()
	view.Wait()
	fmt.Fprint(x.cmd.OutOrStdout(), "\n"+x.tale.Summary(result))
	var wrong scenario.Errors
	if errors.As(playErr, &wrong) {
		return false, wrong
	}
	return len(result.Failures) > 0 || result.Stopped != nil, errors.Join(viewErr, closeErr)
}

// play waits for the drones and plays everything that is to be played.
func (x *flight) play(ctx context.Context) error {
	if err := x.awaitDrones(ctx); err != nil {
		return err
	}
	x.player = play.New(x.fleet, x.tale.Mark)
	defer x.player.Close()
	x.tale.Begin(x.player.Start())
	if x.follow {
		return x.read(ctx, true)
	}
	if !x.interactive {
		return x.player.Play(ctx, x.steps)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	typing := make(chan error, 1)
	go func() { typing <- x.read(ctx, false); cancel() }()
	err := x.player.Play(ctx, x.steps)
	if typed := <-typing; err == nil || ctx.Err() != nil {
		return typed
	}
	return err
}

// awaitDrones waits until every agent has answered.
func (x *flight) awaitDrones(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, upWithin, errors.New("not all agents answer; see their agent.log"))
	defer cancel()
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for {
		missing := ""
		for _, d := range x.fleet.Drones {
			if d.Status() != nil {
				continue
			}
			missing = d.Name
			if d.Starts() > 3 {
				return fmt.Errorf("the agent of %s ends again and again; see %s", d.Name, d.Folder.Log())
			}
		}
		if missing == "" {
			return nil
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return fmt.Errorf("%s: %w", missing, context.Cause(ctx))
		}
	}
}

// result gathers what the summary tells.
func (x *flight) result(playErr error) show.Result {
	r := show.Result{}
	if x.player != nil {
		r.Failures, r.Judged = x.player.Failures()
	}
	var wrong scenario.Errors
	switch {
	case playErr == nil || errors.Is(playErr, play.ErrQuit) || errors.As(playErr, &wrong):
	case errors.Is(playErr, context.Canceled) && x.interactive: // Ctrl-C is how it ends
	case errors.Is(playErr, context.Canceled):
		r.Stopped = errors.New("interrupted")
	default:
		r.Stopped = playErr
	}
	for _, d := range x.fleet.Drones {
		_, _, events, gaps := d.Seen()
		r.Events += len(events)
		r.Gaps += gaps
	}
	interrupted := errors.Is(playErr, context.Canceled)
	if x.keep || !x.temporary || !interrupted && (len(r.Failures) > 0 || r.Stopped != nil) {
		r.Dir = x.dir
	}
	return r
}
