package main

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/aim-control/aimlock/agent/config"
)

// changeFlags are the flags of what changes the live file.
type changeFlags struct {
	as  string
	yes bool
}

func (f *changeFlags) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.as, "as", "", "`NAME` that others read while the lock is taken, and in the history (default: yours)")
	cmd.Flags().BoolVar(&f.yes, "yes", false, "do not ask")
}

func (a *app) revertCmd() *cobra.Command {
	var f changeFlags
	cmd := &cobra.Command{
		Use:   "revert N",
		Short: "Make something older the live file again, as a local change",
		Long: `revert makes what "config history" lists as number N the live file again, under
the lock. N may be the beginning of its hash.

It is a change on this drone alone, as "config edit" makes one: checked strictly
and against the safety floor of the identity, shown, and asked for. The version in
it is an old one; a local change may have that, and raises nothing: the next patch
must be above what it had to be above before. The fleet takes a patch back for all
with "aimctl command revert".

Exit code: 1 when you say no; 3 when it has faults now; 75 when somebody else has
the lock, a patch is on trial, or the live file was changed meanwhile.`,
		Example: "  aimctl config revert 6",
		Args:    args(cobra.ExactArgs(1)),
		RunE:    func(cmd *cobra.Command, argv []string) error { return a.configRevert(cmd, argv[0], f) },

		ValidArgsFunction: a.completeHistory(1),
	}
	f.flags(cmd)
	return cmd
}

func (a *app) configRevert(cmd *cobra.Command, word string, f changeFlags) error {
	c, err := a.newChange("config revert "+word, f.as, f.yes)
	if err != nil {
		return err
	}
	h, err := a.history()
	if err != nil {
		return err
	}
	row, ok, err := h.find(word)
	if err == nil && !ok {
		err = fmt.Errorf("the history has no %s; see aimctl config history", quoted(word))
	}
	if err != nil {
		return err
	}
	next, err := h.content(row)
	if err != nil {
		return err
	}
	version, err := c.check(rowName(row), next)
	if err != nil {
		return &exit{exitRefused, fmt.Errorf("%w\n%s is refused: the live file is untouched", err, rowName(row))}
	}
	if bytes.Equal(next, c.base) {
		if a.json {
			sha := config.Hash(next)
			return a.printJSON(changed{Version: version, SHA256: sha, Was: sha, NextAbove: c.high()})
		}
		_, err := fmt.Fprintf(a.out, "Nothing to do: the live file is %s.\n", rowName(row))
		return err
	}
	if err := c.show(fmt.Sprintf("%s (%s)", rowName(row), row.From()), next); err != nil {
		return err
	}
	if !c.yes {
		answer, err := a.question(cmd.Context(), c.say, "\nPut it in place? (y)es, (n)o:", "yYnN")
		if err != nil {
			return unanswered(err)
		}
		if answer == "n" || answer == "N" {
			return errDeclined
		}
	}
	switch err := c.put(cmd.Context(), next); {
	case errors.Is(err, errChangedMeanwhile):
		return &exit{exitTemp, fmt.Errorf("%w: it is untouched. Look and decide anew: aimctl config diff %s live", err, word)}
	case err != nil:
		return err
	}
	return c.done(cmd.Context(), version, next)
}
