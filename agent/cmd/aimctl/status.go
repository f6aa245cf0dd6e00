package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"path/filepath"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/aim-control/aimlock/agent/cmd/aimctl/words"
	"github.com/aim-control/aimlock/agent/config"
	"github.com/aim-control/aimlock/agent/telemetry"
)

// statusSocket is the agent's status socket in the run folder.
const statusSocket = "status.sock"

// statusWait is how long the agent may take: it answers from memory.
const statusWait = 2 * time.Second

func (a *app) statusCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "status",
		Short: "What this drone does, why, since when, and what to do now",
		Long: `status asks the agent on this drone and says in words what the drone does,
why, who holds the configuration lock since when, and what to do now.

Nothing is changed. Exit code 1 when the agent does not answer.`,
		Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			id, err := a.load()
			if err != nil {
				return err
			}
			width, _ := a.terminal()
			st, err := askStatus(cmd.Context(), id.Paths.Run)
			if silent := (*noAgent)(nil); errors.As(err, &silent) && !a.json {
				silent.report(id.Drone).Write(a.err, width, a.bold())
				return &exit{code: exitFailed}
			}
			if err != nil {
				return err
			}
			if a.json {
				return a.printJSON(st)
			}
			report := words.Status(st, a.place(id))
			return report.Write(a.out, width, a.bold())
		},
	}
}

// place is where and when the reader reads.
func (a *app) place(id *config.Identity) words.Place {
	return words.Place{Live: id.Paths.Config, Now: time.Now(), Zone: time.Local}
}

// noAgent is the error of an agent that does not answer.
type noAgent struct {
	hangs bool // it has the socket open, but says nothing
	err   error
}

func (n *noAgent) Error() string {
	if n.hangs {
		return fmt.Sprintf("the agent does not answer within %v: %v", statusWait, n.err)
	}
	return fmt.Sprintf("the agent is not running: %v", n.err)
}

func (n *noAgent) Unwrap() error { return n.err }

// report tells a technician what that means and what to do.
func (n *noAgent) report(drone string) words.Report {
	r := words.Report{Head: drone + ": THE AGENT IS NOT RUNNING."}
	leds, start := "Both off.", "Start it:"
	cmd := "\tsystemctl start aimd"
	if n.hangs {
		r.Head = drone + ": THE AGENT HANGS: it does not answer."
		leds, start, cmd = "Whatever they show stands still.", "Start it again:", "\tsystemctl restart aimd"
	}
	r.Add("Flight", "Not known: treat the drone as ARMED. The flight controller flies on without the agent; nothing pauses it.")
	r.Add("LEDs", leds)
	r.Add("Do now", words.Steps([]string{start, cmd, "If it ends again, see why:", "\tjournalctl -u aimd -n 50"})...)
	r.Add("Error", words.Clean(n.err.Error(), 300))
	return r
}

// askStatus reads one status from the agent's socket in the run folder.
func askStatus(ctx context.Context, run string) (*telemetry.Status, error) {
	path := filepath.Join(run, statusSocket)
	ctx, cancel := context.WithTimeout(ctx, statusWait)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, "unix", path)
	switch {
	case errors.Is(err, fs.ErrPermission):
		return nil, fmt.Errorf("may not ask the agent at %s: run aimctl as root, or as a member of the socket's group: %w", path, err)
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED):
		return nil, &noAgent{err: err}
	case err != nil:
		return nil, &noAgent{hangs: true, err: err}
	}
	defer conn.Close()
	if t, ok := ctx.Deadline(); ok {
		conn.SetDeadline(t)
	}
	data, err := io.ReadAll(io.LimitReader(conn, telemetry.MaxStatus+1))
	if err == nil && len(data) == 0 {
		err = fmt.Errorf("%s: it hung up without a word", path)
	}
	if err != nil {
		return nil, &noAgent{hangs: true, err: err}
	}
	st, err := decodeStatus(data)
	if err != nil {
		return nil, fmt.Errorf("the answer at %s: %w", path, plain(err))
	}
	return st, nil
}

// decodeStatus decodes a status and makes its empty lists print as lists.
func decodeStatus(data []byte) (*telemetry.Status, error) {
	st := new(telemetry.Status)
	if err := telemetry.Decode(data, st); err != nil {
		return nil, err
	}
	if st.Causes == nil {
		st.Causes = []telemetry.Cause{}
	}
	if st.Waived == nil {
		st.Waived = []string{}
	}
	if st.Keys == nil {
		st.Keys = []string{}
	}
	if st.Faults == nil {
		st.Faults = []string{}
	}
	if st.Supply == nil {
		st.Supply = []telemetry.Supply{}
	}
	return st, nil
}
