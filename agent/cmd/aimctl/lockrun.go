package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/aim-control/aimlock/agent/locksmith"
)

// What "lock run" exports to its command.
const (
	envName  = "AIM_LOCK_NAME"
	envEpoch = "AIM_LOCK_EPOCH"
)

// waitForever is --wait without a duration.
const waitForever = "forever"

// runFlags are the flags of "lock run".
type runFlags struct {
	wait   string // "", waitForever or a duration
	ttl    time.Duration
	reason string
	role   string
}

func (a *app) lockRunCmd() *cobra.Command {
	var f runFlags
	cmd := &cobra.Command{
		Use:   "run [flags] -- CMD [ARG...]",
		Short: "Run a command under the lock, as flock(1) does",
		Long: `run takes the lock, runs CMD, and gives the lock back when CMD ends. The lease is
renewed meanwhile. CMD finds ` + envName + ` and ` + envEpoch + ` in its environment.

If the lease is lost all the same (the machine was suspended past its end, or
somebody was granted the lock by an override), CMD gets SIGTERM: it must not
write any more.

Exit code: CMD's, 128+N when signal N ended it; 75 when the lock was refused or
the wait timed out; 126 or 127 when CMD cannot be run or found.`,
		Example: "  aimctl lock run --reason 'new patrol area' -- vi /etc/aimlock/aim_lock_config.conf\n" +
			"  aimctl lock run --wait=1m -- ./update.sh",
		Args: args(cobra.MinimumNArgs(1)),
		RunE: func(cmd *cobra.Command, argv []string) error { return a.lockRun(cmd.Context(), f, argv) },
	}
	fl := cmd.Flags()
	fl.SetInterspersed(false)
	fl.StringVar(&f.wait, "wait", "", "wait for the lock instead of giving up; --wait=1m waits no longer than `DURATION`")
	fl.Lookup("wait").NoOptDefVal = waitForever
	fl.DurationVar(&f.ttl, "ttl", 0, "length of the lease, renewed while CMD runs (default: the live file's lock.ttl, which is also the most)")
	fl.StringVar(&f.reason, "reason", "", "`TEXT` that others read while the lock is taken (default: the command)")
	fl.StringVar(&f.role, "role", locksmith.RoleTechnician, "technician or orchestrator")
	return cmd
}

func (a *app) lockRun(ctx context.Context, f runFlags, argv []string) error {
	if f.role != locksmith.RoleTechnician && f.role != locksmith.RoleOrchestrator {
		return usagef("--role is technician or orchestrator, not %q", f.role)
	}
	if f.ttl < 0 {
		return usagef("--ttl %v is negative", f.ttl)
	}
	s, _, err := a.smith()
	if err != nil {
		return err
	}
	c := locksmith.Claim{Role: f.role, Holder: person(), Reason: f.reason, TTL: f.ttl}
	if c.Reason == "" {
		c.Reason = "runs " + filepath.Base(argv[0])
	}
	lease, err := a.acquire(ctx, s, c, f.wait)
	var refused *locksmith.Refused
	if errors.As(err, &refused) {
		return &exit{exitTemp, fmt.Errorf("the lock is refused: %s: %s", refused.Look.Verdict, refused.Look.Words())}
	}
	if err != nil {
		return err
	}
	if gone := lease.Reclaimed(); gone != nil {
		fmt.Fprintf(a.err, "aimctl: took over the lock of a holder that is gone: %v\n", gone)
	}
	env := append(os.Environ(), envName+"="+lockName, envEpoch+"="+strconv.FormatUint(lease.Epoch(), 10))
	code, err := a.underLease(lease, argv, env)
	if rel := lease.Release(); rel != nil && err == nil && !errors.Is(rel, locksmith.ErrReleased) {
		err = fmt.Errorf("give the lock back: %w", plain(rel))
	}
	if code == exitDone && err != nil {
		code = exitFailed
	}
	if code == exitDone {
		return nil
	}
	return &exit{code, err}
}

// acquire takes the lease, with the patience that --wait asks for.
func (a *app) acquire(ctx context.Context, s *locksmith.Smith, c locksmith.Claim, wait string) (*locksmith.Lease, error) {
	ctx, stop := interruptible(ctx)
	defer stop()
	if wait == "" {
		return s.Acquire(ctx, c)
	}
	if wait != waitForever {
		d, err := time.ParseDuration(wait)
		if err != nil || d < 0 {
			return nil, usagef("--wait=%s is no duration; say --wait=30s, or --wait alone to wait for ever", wait)
		}
		ctx, stop = context.WithTimeout(ctx, d)
		defer stop()
	}
	return s.Wait(ctx, c, func(l locksmith.Look) {
		fmt.Fprintf(a.err, "aimctl: waiting for the lock: %s: %s\n", l.Verdict, l.Words())
	})
}
