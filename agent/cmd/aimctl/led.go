package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/aim-control/aimlock/agent/cmd/aimctl/lights"
	"github.com/aim-control/aimlock/agent/cmd/aimctl/words"
	"github.com/aim-control/aimlock/agent/telemetry"
	"github.com/aim-control/aimlock/hal/led"
)

// ledRow is one pattern as --json prints it.
type ledRow struct {
	Pattern string    `json:"pattern"`
	Looks   string    `json:"looks"`
	Means   string    `json:"means"`
	Now     bool      `json:"now"`
	Steps   []ledStep `json:"steps"` // one period
}

type ledStep struct {
	MS    float64 `json:"ms"`
	Blue  bool    `json:"blue"`
	Amber bool    `json:"amber"`
}

func (a *app) ledCmd() *cobra.Command {
	var r reach
	var drone string
	cmd := &cobra.Command{
		Use:   "led [PATTERN]",
		Short: "What the blue and the amber LED say, and which pattern the drone shows now",
		Long: `led shows the patterns of the two LEDs with their meaning, or one PATTERN. When
several hold, the uppermost is shown. In a terminal they blink as on a drone (q
ends it); elsewhere it is a table, with --json as data.

On a drone the pattern that is shown now is marked; --drone follows another one
over MQTT: its pattern, not the moment of its blinks.`,
		Example: "  aimctl led\n  aimctl led rolled-back\n  aimctl led --drone patrol-03",
		Args:    args(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, list []string) error {
			s := lights.Scene{Patterns: led.Patterns(), Drone: drone}
			switch {
			case drone != "" && len(list) > 0:
				return usagef("a PATTERN, or --drone: not both")
			case drone != "" && !telemetry.ValidName(drone):
				return usagef("drone %q: a name is [a-z0-9][a-z0-9-]{0,31}", drone)
			case drone != "":
				return a.followLED(cmd, r, s)
			case len(list) > 0:
				p, err := led.Parse(list[0])
				if err != nil {
					return &exit{exitUsage, plain(err)}
				}
				s.Patterns = []led.Pattern{p}
				return a.showLEDs(cmd.Context(), s, nil)
			}
			return a.showLEDs(cmd.Context(), s, func(s *lights.Scene) { a.askLED(cmd.Context(), s) })
		},
	}
	r.flags(cmd)
	cmd.Flags().StringVar(&drone, "drone", "", "follow the LEDs of this drone, `NAME`")
	return cmd
}

// showLEDs draws a scene: animated in a terminal, else once. ask, if any, says
// what the drone shows now.
func (a *app) showLEDs(ctx context.Context, s lights.Scene, ask func(*lights.Scene)) error {
	if a.animates() {
		v := ledView{scene: s}
		if ask != nil {
			v.news = func(first bool) (change func(*lights.Scene), more bool) {
				if !first && !sleep(ctx, time.Second) {
					return nil, false
				}
				var now lights.Scene
				ask(&now)
				return func(s *lights.Scene) { s.Drone, s.Now, s.Known, s.Note = now.Drone, now.Now, now.Known, now.Note }, true
			}
		}
		return a.animate(ctx, v)
	}
	if ask != nil {
		ask(&s)
	}
	return a.printLEDs(s)
}

// animates tells whether output is a terminal that can be drawn on.
func (a *app) animates() bool {
	_, ok := a.terminal()
	return ok && !a.json && os.Getenv("TERM") != "dumb" && term.IsTerminal(int(a.in.Fd()))
}

// askLED asks the agent on this drone, if it is one.
func (a *app) askLED(ctx context.Context, s *lights.Scene) {
	id, err := a.load()
	if err != nil {
		s.Note = "Which one a drone shows now: run this on the drone, or say --drone NAME."
		return
	}
	s.Drone = id.Drone
	st, err := askStatus(ctx, id.Paths.Run)
	switch dead := (*noAgent)(nil); {
	case errors.As(err, &dead) && !dead.hangs:
		s.Note = fmt.Sprintf("The agent of %s is not running: both should be off.", id.Drone)
	case err != nil:
		s.Note = fmt.Sprintf("What %s shows now is not known: %v", id.Drone, err)
	default:
		s.Now, err = led.Parse(st.LED)
		s.Known = err == nil
		s.Note = "→ what " + id.Drone + " shows now."
		if err != nil {
			s.Note = fmt.Sprintf("%s shows %s, which this aimctl does not know.", id.Drone, words.Clean(st.LED, 20))
		}
	}
}

// printLEDs prints a scene once.
func (a *app) printLEDs(s lights.Scene) error {
	if a.json {
		rows := []ledRow{}
		for _, p := range s.Patterns {
			row := ledRow{p.String(), p.Looks(), p.Means(), s.Known && p == s.Now, nil}
			for _, step := range p.Steps() {
				row.Steps = append(row.Steps, ledStep{step.Lasts.Seconds() * 1000, step.Blue, step.Amber})
			}
			rows = append(rows, row)
		}
		return a.printJSON(rows)
	}
	width, _ := a.terminal()
	_, err := fmt.Fprint(a.out, lights.Page(s, width, a.bold()))
	return err
}
