package main

import (
	"errors"
	"fmt"
	"os"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/aim-control/aimlock/agent/config"
	"github.com/aim-control/aimlock/agent/locksmith"
	"github.com/aim-control/aimlock/firmware/durable"
)

func (a *app) lockCommitCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "commit FILE",
		Short: "Under \"lock run\": put FILE in the place of the live file, if the lease still holds",
		Long: `commit replaces the live file with FILE, whole or not at all, durably. It is for
commands of "aimctl lock run", whose lease it uses: right before the switch it
makes sure, under the commit lock, that nobody was granted the lock since. So a
command that was stopped for a while can not undo what another did meanwhile.

FILE is checked first; one with faults is not put in place.

Exit code: 3 when FILE has faults; 75 when the lease is over or somebody else is
in a commit. The live file is untouched then.`,
		Example: "  aimctl lock run --wait -- sh -c './make-config >new.conf && aimctl lock commit new.conf'",
		Args:    args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, argv []string) error {
			epoch, err := strconv.ParseUint(os.Getenv(envEpoch), 10, 64)
			if err != nil || os.Getenv(envName) != lockName {
				return usagef("commit works under a lease only: aimctl lock run -- aimctl lock commit %s", argv[0])
			}
			s, id, err := a.smith()
			if err != nil {
				return err
			}
			data, err := durable.Read(durable.Linux, argv[0], config.MaxLive)
			if err != nil {
				return err
			}
			if _, err := config.CheckLive(argv[0], data, id.Safety); err != nil {
				return &exit{exitRefused, fmt.Errorf("%w\nthe live file is untouched", err)}
			}
			return commitRefused(putLive(id.Paths.Config, data, func(write func() error) error {
				return s.CommitAs(cmd.Context(), epoch, write)
			}))
		},
	}
}

func commitRefused(err error) error {
	for _, refusal := range []error{locksmith.ErrStale, locksmith.ErrExpired, locksmith.ErrCommitBusy} {
		if errors.Is(err, refusal) {
			return &exit{exitTemp, fmt.Errorf("NOT committed, the live file is untouched: %w", plain(err))}
		}
	}
	return err
}
