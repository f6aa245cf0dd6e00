package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/aim-control/aimlock/agent/cmd/aimctl/words"
	"github.com/aim-control/aimlock/agent/locksmith"
)

// clearRow is what "lock clear --json" prints.
type clearRow struct {
	Cleared  bool    `json:"cleared"`
	Was      string  `json:"was"` // the verdict before
	Holder   string  `json:"holder"`
	Proof    string  `json:"proof"`
	Epoch    uint64  `json:"epoch"`
	OldEpoch uint64  `json:"old_epoch"`
	Now      lockRow `json:"now"`
}

func (a *app) lockClearCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "clear",
		Short: "Free the lock if its holder is provably gone; else say what holds it",
		Long: `clear frees a lock whose holder is provably gone: the process is dead, or the
drone has rebooted since. The agent does so by itself; clear is for when it does
not run.

It never takes a lock from a living process, however late: exit code 3, and what
holds it. There is no --force.`,
		Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, id, err := a.smith()
			if err != nil {
				return err
			}
			gone, err := s.Reclaim(cmd.Context(), locksmith.Claim{
				Role: locksmith.RoleTechnician, Holder: person(), Reason: "aimctl lock clear"})
			if err != nil {
				return err
			}
			look, err := s.Look()
			if err != nil {
				return err
			}
			refused := gone == nil && look.Verdict.Refused()
			if a.json {
				err = a.printJSON(clearJSON(gone, look))
			} else if refused {
				fmt.Fprintln(a.out, "NOT cleared: it is in use.")
				width, _ := a.terminal()
				err = lockReport(look, a.place(id)).Write(a.out, width, a.bold())
			} else {
				err = a.sayCleared(gone)
			}
			if err == nil && refused {
				return &exit{code: exitRefused}
			}
			return err
		},
	}
}

func (a *app) sayCleared(gone *locksmith.Evidence) error {
	if gone == nil {
		_, err := fmt.Fprintln(a.out, "Nothing to clear: nobody holds the lock.")
		return err
	}
	_, err := fmt.Fprintf(a.out, "Cleared: the lock is free.\nIt was %s's (pid %d, %s).\nProof: %s.\n",
		words.Clean(gone.Holder, 64), gone.PID, gone.Role, words.Clean(gone.Proof, 400))
	return err
}

func clearJSON(gone *locksmith.Evidence, look locksmith.Look) clearRow {
	r := clearRow{Was: look.Verdict.String(), Now: row(look)}
	if gone != nil {
		r.Cleared, r.Was = true, gone.Verdict.String()
		r.Holder, r.Proof, r.Epoch, r.OldEpoch = gone.Holder, gone.Proof, gone.Epoch, gone.OldEpoch
	}
	return r
}
