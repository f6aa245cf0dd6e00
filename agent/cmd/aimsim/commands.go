package main

import (
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/aim-control/aimlock/agent/cmd/aimsim/scenario"
)

// flags are those of every command that flies a fleet.
type flags struct {
	drones      int
	dir         string
	seed        uint64
	fleet       string
	broker      string
	operator    string
	plain, keep bool
	interactive bool
}

func (f *flags) add(c *cobra.Command) {
	s := c.Flags()
	s.IntVar(&f.drones, "drones", 0, "how many drones (default: what the scenario says, or 3)")
	s.StringVar(&f.dir, "dir", "", "folder of the fleet, new or empty; it stays (default: a temporary one)")
	s.Uint64Var(&f.seed, "seed", 1, "of the simulated worlds")
	s.StringVar(&f.fleet, "fleet", "north", "the fleet's name")
	s.StringVar(&f.broker, "broker", "", "mqtt://HOST:PORT on the loopback; {drone} in it becomes each drone's name (default: a broker of its own)")
	s.StringVar(&f.operator, "operator", "operator", "user name of aimsim itself at the broker")
	s.BoolVar(&f.plain, "plain", false, "lines instead of the live view")
	s.BoolVar(&f.keep, "keep", false, "keep a temporary folder")
}

func storyCommand() *cobra.Command {
	var f flags
	c := &cobra.Command{
		Use:   "story",
		Short: "Tell the incident and its cure: a lock that stays behind, and a patch that goes past it",
		Args:  wrongArgs(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error {
			steps, err := scenario.Parse("story.aim", storyText)
			if err != nil {
				return err
			}
			return fly(c, f, "the lock that nobody let go, and the cure", steps, false)
		},
	}
	f.add(c)
	return c
}

func flyCommand() *cobra.Command {
	f := flags{interactive: true}
	c := &cobra.Command{
		Use:   "fly",
		Short: "Fly a fleet on patrol for aimctl in another shell",
		Long: `Fly a fleet on patrol and say what aimctl in another shell needs to work on it.

It takes lines as they are typed, and flies until quit, the end of standard
input or Ctrl-C.`,
		Args: wrongArgs(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error {
			steps, err := scenario.Parse("fly.aim", flyText)
			if err != nil {
				return err
			}
			return fly(c, f, title(nil), steps, false)
		},
	}
	f.add(c)
	return c
}

func runCommand() *cobra.Command {
	var f flags
	c := &cobra.Command{
		Use:   "run [FILE… | -]",
		Short: "Play scenarios on a simulated fleet",
		Long: `Play scenarios, one after the other, on one simulated fleet.

With - the lines are read from standard input until its end. Without a file, or
with --interactive, the fleet stays up and takes lines as they are typed.`,
		RunE: func(c *cobra.Command, args []string) error {
			follow := slices.Contains(args, "-")
			if follow && (f.interactive || len(args) > 1) {
				return errSyntax{errors.New("- stands alone: it takes the whole scenario from standard input")}
			}
			var steps []scenario.Step
			for _, name := range args {
				if follow {
					break
				}
				more, err := readScenario(name)
				if err != nil {
					return err
				}
				steps = append(steps, more...)
			}
			f.interactive = f.interactive || len(args) == 0
			return fly(c, f, title(args), steps, follow)
		},
	}
	f.add(c)
	c.Flags().BoolVarP(&f.interactive, "interactive", "i", false, "take lines from standard input as well, and stay up until quit or its end")
	return c
}

func title(args []string) string {
	switch len(args) {
	case 0:
		return "type: arm all, take-off all, lock p1 … (aimsim verbs lists them)"
	case 1:
		return args[0]
	}
	return fmt.Sprintf("%s and %d more", args[0], len(args)-1)
}
