package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	tea "github.com/charmbracelet/bubbletea"
	"github.com/spf13/cobra"

	"github.com/aim-control/aimlock/agent/cmd/aimctl/fleet"
	"github.com/aim-control/aimlock/agent/cmd/aimctl/lights"
	"github.com/aim-control/aimlock/agent/telemetry"
)

// ledWait is how long a drone's kept status may take to come from the broker.
const ledWait = 3 * time.Second

// followLED shows what a drone's LEDs show, as its status says it.
func (a *app) followLED(cmd *cobra.Command, r reach, s lights.Scene) error {
	b, err := a.reachBroker(cmd, r)
	if err != nil {
		return err
	}
	ctx, stop := interruptible(cmd.Context())
	defer stop()
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
	topics := []string{telemetry.Topic(b.fleet, s.Drone, telemetry.LeafAvailability), telemetry.Topic(b.fleet, s.Drone, telemetry.LeafStatus)}
	connect := func() (telemetry.Link, error) { return b.connect(ctx, 0, topics, receive) }
	l, err := connect()
	if err != nil {
		return err
	}
	defer l.Close()
	var f fleet.Fleet
	if !a.animates() {
		return a.printFollowed(ctx, &f, notes, s)
	}
	go b.stay(ctx, l, connect, func(err error) { put(note{link: true, err: err}) })
	link := ""
	return a.animate(ctx, ledView{scene: s, news: func(first bool) (func(*lights.Scene), bool) {
		tick := time.NewTimer(time.Second) // a drone falls silent without a message
		defer tick.Stop()
		if first {
			tick.Reset(0)
		}
		select {
		case n := <-notes:
			if !n.link {
				f.Apply(n.msg)
			} else if link = ""; n.err != nil {
				link = "NO LINK TO THE BROKER. "
			}
		case <-tick.C:
		case <-ctx.Done():
			return nil, false
		}
		p, unknown := f.Shows(s.Drone, time.Now())
		return func(s *lights.Scene) {
			s.Now, s.Known, s.Note = p, unknown == "", link+followed(s.Drone, unknown)
		}, true
	}})
}

func followed(drone, unknown string) string {
	if unknown != "" {
		return fmt.Sprintf("What %s shows now is not known: %s", drone, unknown)
	}
	return "→ what " + drone + " shows now."
}

// printFollowed waits for the status that the broker keeps, and prints it.
func (a *app) printFollowed(ctx context.Context, f *fleet.Fleet, notes <-chan note, s lights.Scene) error {
	limit := time.NewTimer(ledWait)
	defer limit.Stop()
	for status := false; !status; {
		select {
		case n := <-notes:
			c, ok := f.Apply(n.msg)
			status = ok && c.Kind == fleet.KindStatus
		case <-limit.C:
			return fmt.Errorf("%s has no status at the broker: is that its name? See: aimctl watch", s.Drone)
		case <-ctx.Done():
			return &exit{code: exitFailed}
		}
	}
	p, unknown := f.Shows(s.Drone, time.Now())
	s.Now, s.Known, s.Note = p, unknown == "", followed(s.Drone, unknown)
	return a.printLEDs(s)
}

// animate draws until the reader quits or ctx ends.
func (a *app) animate(ctx context.Context, v ledView) error {
	v.began, v.look = time.Now(), lights.Look{Width: 80, Height: 24, Style: fleet.NewPlain()}
	if colourful() {
		v.look.Style = fleet.NewStyle(os.Stdout)
	}
	_, err := tea.NewProgram(v, tea.WithContext(ctx), tea.WithAltScreen(), tea.WithInput(a.in), tea.WithOutput(os.Stdout)).Run()
	if errors.Is(err, tea.ErrProgramKilled) && ctx.Err() != nil {
		return nil
	}
	return err
}

// ledView is the terminal program around a scene.
type ledView struct {
	scene lights.Scene
	look  lights.Look
	began time.Time
	// news waits for what to change in the scene; it runs beside the drawing,
	// one call at a time. nil: the scene stays.
	news func(first bool) (change func(*lights.Scene), more bool)
}

type ledNews struct{ change func(*lights.Scene) }

func (v ledView) Init() tea.Cmd { return tea.Batch(v.wait(), v.listen(true)) }

func (v ledView) listen(first bool) tea.Cmd {
	if v.news == nil {
		return nil
	}
	return func() tea.Msg {
		if change, more := v.news(first); more {
			return ledNews{change}
		}
		return nil
	}
}

// wait ends when an LED changes.
func (v ledView) wait() tea.Cmd {
	at := time.Since(v.began)
	return tea.Tick(v.scene.Next(int64(at)), func(now time.Time) tea.Msg { return moment(now) })
}

func (v ledView) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case moment:
		v.scene.At = int64(time.Time(msg).Sub(v.began))
		return v, v.wait()
	case ledNews:
		msg.change(&v.scene)
		return v, v.listen(false)
	case tea.WindowSizeMsg:
		if msg.Width > 0 && msg.Height > 0 { // a serial console may not know
			v.look.Width, v.look.Height = msg.Width, msg.Height
		}
	case tea.KeyMsg:
		switch msg.String() {
		case "q", "esc", "ctrl+c":
			return v, tea.Quit
		case "down", "j":
			v.look.Scroll = min(v.look.Scroll+1, 30)
		case "up", "k":
			v.look.Scroll = max(v.look.Scroll-1, 0)
		}
	}
	return v, nil
}

func (v ledView) View() string { return lights.View(v.scene, v.look) }
