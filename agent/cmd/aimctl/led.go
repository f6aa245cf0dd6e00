package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/aim-control/aimlock/agent/cmd/aimctl/words"
	"github.com/aim-control/aimlock/hal/led"
)

// ledRow is one pattern as --json prints it.
type ledRow struct {
	Pattern string `json:"pattern"`
	Looks   string `json:"looks"`
	Means   string `json:"means"`
	Now     bool   `json:"now"`
}

func (a *app) ledCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "led",
		Short: "What the blue and the amber LED say, and which pattern the drone shows now",
		Long: `led prints every pattern of the two LEDs with its meaning. On a drone, the
pattern that is shown now is marked. When several hold, the uppermost is shown.`,
		Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			now, note := a.ledNow(cmd)
			var rows []ledRow
			for _, p := range led.Patterns() {
				rows = append(rows, ledRow{p.String(), p.Looks(), p.Means(), p.String() == now})
			}
			if a.json {
				return a.printJSON(rows)
			}
			return a.printLEDs(rows, note)
		},
	}
}

// ledNow is the word of the pattern that the drone shows now; "" with a note
// when there is no drone to ask.
func (a *app) ledNow(cmd *cobra.Command) (now, note string) {
	id, err := a.load()
	if err != nil {
		return "", "Which one a drone shows now: run this on the drone."
	}
	st, err := askStatus(cmd.Context(), id.Paths.Run)
	if dead := (*noAgent)(nil); errors.As(err, &dead) && !dead.hangs {
		return "", fmt.Sprintf("The agent of %s is not running: both should be off.", id.Drone)
	}
	if err != nil {
		return "", fmt.Sprintf("What %s shows now is not known: %v", id.Drone, err)
	}
	return st.LED, "→ what " + id.Drone + " shows now."
}

func (a *app) printLEDs(rows []ledRow, note string) error {
	looks := 0
	for _, r := range rows {
		looks = max(looks, len([]rune(r.Looks)))
	}
	width, _ := a.terminal()
	bold := a.bold()
	for _, r := range rows {
		mark := "  "
		if r.Now {
			mark = "→ "
		}
		for i, line := range words.Wrap(r.Means, width-looks-5) {
			l := fmt.Sprintf("%s%-*s   %s", mark, looks, r.Looks, line)
			if i > 0 {
				l = fmt.Sprintf("  %-*s   %s", looks, "", line)
			}
			if r.Now && bold != nil {
				l = bold(l)
			}
			if _, err := fmt.Fprintln(a.out, l); err != nil {
				return err
			}
		}
	}
	_, err := fmt.Fprintf(a.out, "\n%s\n", note)
	return err
}
