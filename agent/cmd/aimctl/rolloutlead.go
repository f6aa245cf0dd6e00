package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/aim-control/aimlock/agent/rollout"
	"github.com/aim-control/aimlock/agent/rollout/run"
)

// errInterrupted: somebody ended the process, not the rollout.
var errInterrupted = errors.New("interrupted")

// lead runs a rollout to its end and says how it ended. saved is how it stands.
func (a *app) lead(ctx context.Context, o run.Options, saved run.Saved) error {
	if err := alone(ctx, o); err != nil {
		return err
	}
	signal.Ignore(syscall.SIGPIPE) // who reads its output may end; it goes on
	show := a.display(o)
	o.Progress = show.box.put
	r, err := run.New(o)
	if err != nil {
		return plain(err)
	}
	show.begin(saved)
	if a.drawable() {
		err = show.live(ctx, r)
	} else {
		err = show.lines(ctx, r)
	}
	if now, loadErr := run.Load(o.State); loadErr == nil { // else nothing was ever kept
		saved = now
	}
	return a.ended(show, o, saved, err)
}

// dying is how long a process that was killed may take to let go of the state.
const dying = 2 * time.Second

// alone sees that no other process leads the rollout on this machine.
func alone(ctx context.Context, o run.Options) error {
	for until := time.Now().Add(dying); ; {
		on, err := run.Running(o.State)
		switch {
		case err != nil:
			return plain(err)
		case !on:
			return nil
		case time.Now().After(until) || !sleep(ctx, 50*time.Millisecond):
			return refused("another process leads rollout %s on this machine; look at it: aimctl rollout status %s", o.Plan.ID, o.Plan.ID)
		}
	}
}

// runs runs the runner; an end by ctx is errInterrupted.
func runs(ctx context.Context, r *run.Runner) error {
	_, err := r.Run(ctx)
	var other *run.OtherError
	if err != nil && ctx.Err() != nil && !errors.Is(err, run.ErrState) && !errors.As(err, &other) {
		return fmt.Errorf("%w: %w", errInterrupted, err)
	}
	return err
}

// ended says how a runner ended and what that means.
func (a *app) ended(show *display, o run.Options, saved run.Saved, err error) error {
	var other *run.OtherError
	switch {
	case err == nil:
		show.end(saved, "")
		if saved.Rollout.Status == rollout.Stopped {
			return &exit{code: exitStopped}
		}
		return nil
	case errors.Is(err, errInterrupted):
		text := "INTERRUPTED before anything was offered."
		if saved.Schema != 0 {
			text = fmt.Sprintf("INTERRUPTED: rollout %s stands at %s. Drones at work go on, and nobody watches them. The same command goes on with it:\n\t%s",
				o.Plan.ID, saved.Rollout.Status, commandLine(os.Args))
		}
		show.end(saved, text)
		if !a.json {
			show.print("\n%s\n", text)
		}
		return &exit{code: exitTemp}
	case errors.Is(err, run.ErrRuns): // since a moment ago
		err = refused("%w", plain(err))
	case errors.As(err, &other) && !other.Lost:
		err = refused("%w; to overrule it, give --take-over", plain(err))
	case errors.As(err, &other):
		err = refused("%w", plain(err))
	}
	show.end(saved, plain(err).Error())
	return err
}

// commandLine is a command as it can be typed again.
func commandLine(argv []string) string {
	const plainText = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789%+,-./:=@_"
	var out []string
	for _, s := range argv {
		if s == "" || strings.Trim(s, plainText) != "" {
			s = "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
		}
		out = append(out, s)
	}
	return strings.Join(out, " ")
}
