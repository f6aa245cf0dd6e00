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

const (
	statusLimit = 64 << 10        // bytes, far above any status
	statusWait  = 2 * time.Second // the agent answers from memory
)

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
			st, err := askStatus(cmd.Context(), id.Paths.Run)
			if err != nil {
				return err
			}
			if a.json {
				return a.printJSON(st)
			}
			width, _ := a.terminal()
			report := words.Status(st, a.place(id))
			return report.Write(a.out, width, a.bold())
		},
	}
}

// place is where and when the reader reads.
func (a *app) place(id *config.Identity) words.Place {
	return words.Place{Live: id.Paths.Config, Now: time.Now(), Zone: time.Local}
}

// errNoAgent says that no agent answers, in words for the technician.
var errNoAgent = errors.New("the agent does not answer")

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
		return nil, fmt.Errorf("%w: it is not running (both LEDs off). "+
			"The flight controller flies on without it. Start it: systemctl start aimd; why it ended: journalctl -u aimd -n 50 (%w)", errNoAgent, err)
	case err != nil:
		return nil, fmt.Errorf("%w: %w", errNoAgent, err)
	}
	defer conn.Close()
	if t, ok := ctx.Deadline(); ok {
		conn.SetDeadline(t)
	}
	data, err := io.ReadAll(io.LimitReader(conn, statusLimit+1))
	if err != nil {
		return nil, fmt.Errorf("%w within %v: it hangs; restart it: systemctl restart aimd (%w)", errNoAgent, statusWait, err)
	}
	if len(data) > statusLimit {
		return nil, fmt.Errorf("what answers at %s is no agent: more than %d bytes", path, statusLimit)
	}
	st, err := decodeStatus(data)
	if err != nil {
		return nil, fmt.Errorf("the answer at %s: %w", path, err)
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
	if st.Faults == nil {
		st.Faults = []string{}
	}
	return st, nil
}
