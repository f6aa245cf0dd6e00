// Command aimsim flies a simulated fleet: every drone runs the real agent in a
// process of its own on a simulated board, and a scenario tells what happens
// to it.
//
//	aimsim story             the incident and its cure, told in a minute and a half
//	aimsim fly               a fleet on patrol, for aimctl in another shell
//	aimsim run FILE…|-       play scenarios; - reads lines from standard input
//	aimsim run               an idle fleet that takes lines as they are typed
//	aimsim check FILE…       syntax only
//	aimsim verbs             the scenario language
//
// It exits with 0 if every expectation held, 1 if one failed, 2 if a scenario
// or the command line is malformed.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/aim-control/aimlock/agent/cmd/aimsim/scenario"
)

// version is stamped by the build.
var version = "dev"

// Exit codes.
const (
	exitOK     = 0
	exitFailed = 1
	exitSyntax = 2
)

func main() { os.Exit(command(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }

// errFailed is a run in which an expectation failed; it has been told already.
var errFailed = errors.New("an expectation failed")

// errSyntax marks errors of the command line.
type errSyntax struct{ error }

// command runs one command line and returns its exit code.
func command(args []string, in io.Reader, out, errs io.Writer) int {
	root := &cobra.Command{
		Use:           "aimsim",
		Short:         "Fly a simulated fleet with the real agent",
		Version:       version,
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          cobra.ArbitraryArgs, // else cobra tells an unknown command in its own way
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				return errSyntax{fmt.Errorf("unknown command %q", args[0])}
			}
			return c.Help()
		},
	}
	root.SetArgs(args)
	root.SetIn(in)
	root.SetOut(out)
	root.SetErr(errs)
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return errSyntax{err} })
	root.AddCommand(storyCommand(), flyCommand(), runCommand(), checkCommand(), verbsCommand(), childCommand(), holdCommand())
	err := root.Execute()
	var wrong errSyntax
	var lines scenario.Errors
	switch {
	case err == nil:
		return exitOK
	case errors.Is(err, errFailed):
		return exitFailed
	case errors.As(err, &lines):
		fmt.Fprintln(errs, lines)
		return exitSyntax
	case errors.As(err, &wrong):
		fmt.Fprintf(errs, "aimsim: %v; see aimsim --help\n", err)
		return exitSyntax
	}
	fmt.Fprintf(errs, "aimsim: %v\n", err)
	return exitFailed
}

// wrongArgs makes an error of the number of arguments one of syntax.
func wrongArgs(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if err := check(c, args); err != nil {
			return errSyntax{err}
		}
		return nil
	}
}

func checkCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "check FILE…",
		Short: "Check the syntax of scenarios",
		Args:  wrongArgs(cobra.MinimumNArgs(1)),
		RunE: func(c *cobra.Command, args []string) error {
			for _, name := range args {
				steps, err := readScenario(name)
				if err != nil {
					return err
				}
				if err := checkScenario(steps, 0); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

func verbsCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "verbs",
		Short: "Explain the scenario language",
		Args:  wrongArgs(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error {
			out := c.OutOrStdout()
			fmt.Fprint(out, language)
			for _, v := range scenario.Verbs() {
				fmt.Fprintf(out, "  %s\n        %s\n", v.Usage, v.What)
			}
			fmt.Fprint(out, fieldsText)
			return nil
		},
	}
}

const language = `One line is one step:   [@DURATION] VERB [DRONES] ARGS

  @DURATION  time since the start at which the line runs; without it a line
             runs when the one before is done. Lines that begin with # are comments.
  DRONES     names and globs (patrol-0*), short names (p3), ranges (p1..p4),
             all, all-p3 (all but p3), lists (p1,p3 or all,-p3,-p5)

`

const fieldsText = `
Fields of expect and wait are those of "aimctl status --json", as state,
lock.verdict, config.version, causes, waived, flight, led, online; besides
  sim.…   what is true in the simulated world: sim.mode, sim.request, sim.flying,
          sim.agent (up or down), sim.starts, sim.boots, sim.motor_max_c, …
  seen.…  what came in by MQTT: seen.online, seen.state, seen.events (their kinds),
          seen.gaps, seen.disorder, …
On a list, = asks for an element (an empty value: for an empty list), ~ for text in one.
`
