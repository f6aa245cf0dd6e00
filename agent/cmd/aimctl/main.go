// Command aimctl is the command line of Aimlock for the technician beside a
// drone and for the operator of a fleet.
//
//	aimctl status                        what this drone does, why, and what to do
//	aimctl led                           what the LEDs say; in a terminal they blink
//	aimctl doctor                        what is wrong with this drone, and the remedy
//	aimctl bundle                        all that a diagnosis needs, in one archive
//	aimctl config check FILE             is this file good
//	aimctl config history                what was in force, newest first
//	aimctl config diff A B               how two of them, or files, differ
//	aimctl config edit                   edit the live file: on a copy, checked, locked
//	aimctl config revert N               make something older the live file again
//	aimctl config keys                   every key there is
//	aimctl lock status                   who holds the configuration lock
//	aimctl lock run -- CMD               run a command under the lock
//	aimctl lock commit FILE              under lock run: put FILE in place, if the lease holds
//	aimctl lock clear                    free a lock whose holder is provably gone
//	aimctl watch                         every drone of the fleet, live
//	aimctl command pause|resume|report   tell drones to hold, go on or report
//	aimctl command withdraw|revert       drop a patch that waits, take one back
//	aimctl patch keygen|new|sign         make the fleet's next live file
//	aimctl patch show|verify DIR         what a patch is; what a drone makes of it
//	aimctl rollout plan|start|status|…   bring a patch to a fleet
//
// Exit codes: 0 done, 1 failed, 2 usage, 3 refused by policy. "lock run" ends
// with its command's code, or with 75 when it did not get the lock; "rollout
// start" with 4 when it was stopped, with 75 when it is to be gone on with;
// "config diff" ends with 0, 1 or 2 as diff does.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// Exit codes.
const (
	exitDone    = 0
	exitFailed  = 1
	exitUsage   = 2
	exitRefused = 3
	exitStopped = 4  // a rollout was stopped, and its patch taken back
	exitTemp    = 75 // EX_TEMPFAIL of sysexits.h: try again later
)

// exit is an error that knows the exit code it stands for. An exit without a
// cause prints nothing: all is said already.
type exit struct {
	code int
	err  error
}

func (e *exit) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit code %d", e.code)
	}
	return e.err.Error()
}

func (e *exit) Unwrap() error { return e.err }

func usagef(format string, args ...any) error {
	return &exit{exitUsage, fmt.Errorf(format, args...)}
}

func main() { os.Exit(execute()) }

func execute() int {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	a := &app{out: os.Stdout, err: os.Stderr, in: os.Stdin}
	root := a.root()
	cmd, err := root.ExecuteContextC(ctx)
	if err == nil {
		return exitDone
	}
	var e *exit
	if !errors.As(err, &e) {
		e = &exit{exitFailed, err}
	}
	if e.err != nil {
		fmt.Fprintf(os.Stderr, "aimctl: %v\n", e.err)
	}
	if e.code == exitUsage && e.err != nil {
		fmt.Fprintf(os.Stderr, "Try: %s --help\n", cmd.CommandPath())
	}
	return e.code
}

// interruptible returns a context that ends at the first interrupt; a second
// one kills as usual, unless it comes at once: timeout(1) sends its signal
// twice. "lock run" does without: it hands signals on.
func interruptible(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, func() { time.AfterFunc(500*time.Millisecond, stop) })
	return ctx, stop
}
