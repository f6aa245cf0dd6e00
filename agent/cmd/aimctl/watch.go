package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/aim-control/aimlock/agent/cmd/aimctl/fleet"
	"github.com/aim-control/aimlock/agent/telemetry"
)

// inbox bounds what waits between the connection and the model. While it is
// full nothing more is read.
const inbox = 1024

// note is what comes in while watching: a message or a change of the link.
type note struct {
	msg  fleet.Msg
	link bool
	err  error // of the link; nil: it is back
}

func (a *app) watchCmd() *cobra.Command {
	var r reach
	var last time.Duration
	cmd := &cobra.Command{
		Use:   "watch",
		Short: "Every drone of the fleet, live",
		Long: `watch shows every drone of the fleet as it reports over MQTT: its LEDs, state,
supply, how long ago it was heard, and why it does not simply fly on.

In a terminal it is a table that redraws itself (q ends it). Elsewhere it prints
one line for each change, or with --json one document for each message.

A drone that has not been heard for 90 s is shown as SILENT, whatever it said
last.`,
		Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			b, err := a.reachBroker(cmd, r)
			if err != nil {
				return err
			}
			ctx, stop := interruptible(cmd.Context())
			defer stop()
			if last > 0 {
				ctx, stop = context.WithTimeout(ctx, last)
				defer stop()
			}
			return a.watch(ctx, b)
		},
	}
	r.flags(cmd)
	cmd.Flags().DurationVar(&last, "for", 0, "end after this `DURATION` (default: never)")
	return cmd
}

func (a *app) watch(ctx context.Context, b *broker) error {
	notes := make(chan note, inbox)
	put := func(n note) {
		select {
		case notes <- n:
		case <-ctx.Done():
		}
	}
	receive := func(topic string, payload []byte, retained bool) {
		put(note{msg: fleet.Msg{Topic: topic, Payload: payload, Retained: retained, At: time.Now()}})
	}
	_, drawn := a.terminal()
	topics := fleet.Topics(b.fleet)
	if drawn = drawn && !a.json; drawn {
		topics = append(topics, fleet.Telemetry(b.fleet))
	}
	connect := func() (telemetry.Link, error) { return b.connect(ctx, 0, topics, receive) }
	l, err := connect()
	if err != nil {
		return err
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		b.stay(ctx, l, connect, func(err error) { put(note{link: true, err: err}) })
	}()
	if drawn {
		err = a.watchTable(ctx, b, notes)
	} else {
		err = a.watchLines(ctx, notes)
	}
	l.Close()
	return err
}

// watchLines prints what changes, a line each, until ctx ends.
func (a *app) watchLines(ctx context.Context, notes <-chan note) error {
	var f fleet.Fleet
	w := bufio.NewWriter(a.out)
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	say := func(c fleet.Change) {
		if a.json {
			enc.Encode(c.JSON())
		} else if c.News {
			fmt.Fprintln(w, c.Line(time.Local))
		}
	}
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case n := <-notes:
			if n.link {
				fmt.Fprintln(a.err, "aimctl: "+linkText(n.err))
			} else if c, ok := f.Apply(n.msg); ok {
				say(c)
			}
		case now := <-tick.C:
			for _, c := range f.Tick(now) {
				say(c)
			}
		case <-ctx.Done():
			return w.Flush()
		}
		if len(notes) == 0 { // a burst costs one write
			if err := w.Flush(); err != nil {
				return err // the reader has gone
			}
		}
	}
}

func linkText(err error) string {
	if err == nil {
		return "the broker is back"
	}
	return fmt.Sprintf("the link to the broker is lost, trying again: %v", plain(err))
}

// colourful tells whether colours may be used at all.
func colourful() bool { return os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb" }
