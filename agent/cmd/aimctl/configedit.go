package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/aim-control/aimlock/agent/config"
	"github.com/aim-control/aimlock/firmware/durable"
)

func (a *app) editCmd() *cobra.Command {
	var f changeFlags
	cmd := &cobra.Command{
		Use:   "edit",
		Short: "Edit the live file: on a copy, checked, put in place under the lock",
		Long: `edit opens a copy of the live file in $VISUAL or $EDITOR, as visudo does. When the
editor ends, the copy is checked strictly and against the safety floor of the
identity; every fault is listed with its line and what would be right, and you may
edit again. A file with faults is never put in place: there is no force.

Then the change is shown and asked for. The lock is taken only then: nobody waits
while you edit. If the live file was changed meanwhile, yours is not put over it.
Whatever goes wrong, your copy stays, and where is said.

The agent takes the change over as a local one once the drone is disarmed, and
reports it as drift. It stays until the next patch.

Exit code: 0 also when nothing was changed; 1 when you leave without saving; 3 when
the copy has faults and nobody is there to mend it; 75 when somebody else has the
lock, a patch is on trial, or the live file was changed meanwhile.`,
		Example: "  sudo aimctl config edit\n" +
			"  EDITOR='sed -i s/altitude_m.*/altitude_m=50/' aimctl config edit --yes --as survey-tool",
		Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error { return a.configEdit(cmd.Context(), f) },
	}
	f.flags(cmd)
	return cmd
}

func (a *app) configEdit(ctx context.Context, f changeFlags) error {
	c, err := a.newChange("config edit", f.as, f.yes)
	if err != nil {
		return err
	}
	if c.base == nil {
		return fmt.Errorf("there is no live file at %s to edit; bring one back: aimctl config revert N (see aimctl config history)", c.id.Paths.Config)
	}
	e := &editing{localChange: c}
	if e.editor, err = editorCommand(); err != nil {
		return err
	}
	if err := e.copy(); err != nil {
		return err
	}
	err = e.run(ctx)
	if err == nil || errors.Is(err, errUnchanged) {
		e.remove()
		if errors.Is(err, errUnchanged) {
			err = e.unchanged()
		}
		return err
	}
	return e.kept(err)
}

var (
	// errUnchanged: the copy is what the live file is.
	errUnchanged = errors.New("unchanged")
	// errFaulty: the copy has faults and is given up.
	errFaulty = errors.New("it has faults")
	// errAgain: to be edited again.
	errAgain = errors.New("edit again")
)

// run edits until the copy is in place, or given up.
func (e *editing) run(ctx context.Context) error {
	for {
		if err := e.a.runEditor(e.editor, e.path); err != nil {
			return err
		}
		err := e.finish(ctx)
		if !errors.Is(err, errAgain) {
			return err
		}
	}
}

// finish checks the copy, shows it, asks and puts it in place; errAgain: the
// person wants the editor once more.
func (e *editing) finish(ctx context.Context) error {
	next, err := e.read()
	if err == nil && bytes.Equal(next, e.base) {
		return errUnchanged
	}
	var version int64
	if err == nil {
		version, err = e.check(e.path, next)
	}
	if err != nil {
		return e.faulty(ctx, err)
	}
	if err := e.show("your copy", next); err != nil {
		return err
	}
	if !e.yes {
		switch answer, err := e.a.question(ctx, e.say, "\nPut it in place? (y)es, (e)dit again, e(x)it without saving:", "yYeExXnN"); {
		case err != nil:
			return unanswered(err)
		case answer == "e", answer == "E":
			return errAgain
		case answer != "y" && answer != "Y":
			return errDeclined
		}
	}
	for {
		err := e.put(ctx, next)
		switch {
		case err == nil:
			return e.done(ctx, version, next)
		case errors.Is(err, errChangedMeanwhile):
			return e.overtaken(ctx)
		}
		if busy := (*exit)(nil); e.yes || !errors.As(err, &busy) || busy.code != exitTemp {
			return err
		}
		fmt.Fprintf(e.a.err, "aimctl: %v\n", err)
		if answer, _ := e.a.question(ctx, e.say, "(t)ry again, e(x)it without saving:", "tTxX"); answer != "t" && answer != "T" {
			return &exit{code: exitTemp}
		}
	}
}

// faulty lists the faults and asks what now.
func (e *editing) faulty(ctx context.Context, faults error) error {
	var ps config.Problems
	n := "NOT usable"
	if errors.As(faults, &ps) {
		n = "1 fault"
		if len(ps) > 1 {
			n = fmt.Sprintf("%d faults", len(ps))
		}
	}
	fmt.Fprintf(e.say, "%v\n\nYour copy has %s. It is not put in place.\n", faults, n)
	if e.yes {
		return &exit{exitRefused, errFaulty}
	}
	for {
		answer, err := e.a.question(ctx, e.say, "(e)dit again, e(x)it without saving:", "eExXQ")
		switch {
		case err != nil:
			return &exit{exitRefused, errFaulty}
		case answer == "Q":
			fmt.Fprintln(e.say, "A file with faults is never put in place: there is no such way out here.")
		case answer == "x", answer == "X":
			return errDeclined
		default:
			return errAgain
		}
	}
}

// overtaken: another has changed the live file while this one was edited. The
// copy is kept; the person may begin again on the new file, or hold the copy
// against it.
func (e *editing) overtaken(ctx context.Context) error {
	lost := &exit{exitTemp, errChangedMeanwhile}
	fmt.Fprintln(e.say, "\nThe live file was CHANGED MEANWHILE by another: yours is not put over it.")
	if e.yes {
		return lost
	}
	answer, err := e.a.question(ctx, e.say, "(e)dit the new file (your copy stays), (m)y copy again, held against the new file, e(x)it without saving:", "eEmMxX")
	if err != nil || answer == "x" || answer == "X" {
		return lost
	}
	if err := e.localChange.read(); err != nil {
		return err
	}
	if e.base == nil {
		return errors.New("the live file is gone")
	}
	if answer == "e" || answer == "E" {
		fmt.Fprintf(e.say, "What you have edited stays in %s\n", e.path)
		if err := e.copy(); err != nil {
			return err
		}
	}
	return errAgain
}

// unchanged says that there was nothing to do.
func (e *editing) unchanged() error {
	if e.a.json {
		sha := config.Hash(e.base)
		return e.a.printJSON(changed{SHA256: sha, Was: sha, NextAbove: e.high()})
	}
	fmt.Fprintln(e.say, "Unchanged: the live file stays as it is.")
	return nil
}

// kept ends an edit that is not in place: where the copy is, and how it gets
// there without editing it again.
func (e *editing) kept(why error) error {
	if next, err := e.read(); err == nil && bytes.Equal(next, e.base) {
		e.remove()
		return why
	}
	if e.a.json {
		sha := config.Hash(e.base)
		_ = e.a.printJSON(changed{SHA256: sha, Was: sha, NextAbove: e.high(), Copy: e.path})
	}
	where := "NOT in place. What"
	if errors.Is(why, durable.ErrUnsure) {
		where = "what"
	}
	fmt.Fprintf(e.a.err, "aimctl: %s you have edited stays in\n  %s\n", where, e.path)
	if !errors.Is(why, errFaulty) && why != error(errDeclined) {
		fmt.Fprintf(e.a.err, "To put it in place later, over whatever is there then:\n  aimctl lock run -- aimctl lock commit %s\n", quoted(e.path))
	}
	return why
}
