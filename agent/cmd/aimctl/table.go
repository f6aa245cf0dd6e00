package main

import (
	"context"
	"errors"
	"os"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"github.com/aim-control/aimlock/agent/cmd/aimctl/fleet"
)

// watchTable draws the fleet until the reader quits or ctx ends.
func (a *app) watchTable(ctx context.Context, b *broker, notes <-chan note) error {
	style := fleet.NewPlain()
	if colourful() {
		style = fleet.NewStyle(os.Stdout)
	}
	t := table{
		fleet: new(fleet.Fleet), notes: notes,
		look: fleet.Look{Name: b.fleet, Width: 80, Height: 24, Zone: time.Local, Style: style},
	}
	_, err := tea.NewProgram(t, tea.WithContext(ctx), tea.WithAltScreen(), tea.WithOutput(os.Stdout)).Run()
	if errors.Is(err, tea.ErrProgramKilled) && ctx.Err() != nil {
		return nil
	}
	return err
}

// table is the terminal program around the fleet's model. It adds nothing but
// keys and the passing of time.
type table struct {
	fleet *fleet.Fleet
	notes <-chan note
	look  fleet.Look
	now   time.Time
}

type (
	batch  []note
	moment time.Time
)

func (t table) Init() tea.Cmd { return tea.Batch(t.listen, t.wait()) }

// listen waits for the next messages and takes all that are there, so that a
// burst of a whole fleet costs one drawing.
func (t table) listen() tea.Msg {
	got := batch{<-t.notes}
	for len(got) < inbox {
		select {
		case n := <-t.notes:
			got = append(got, n)
		default:
			return got
		}
	}
	return got
}

// wait ends when the picture changes by time alone.
func (t table) wait() tea.Cmd {
	return tea.Tick(t.fleet.Next(time.Now()), func(now time.Time) tea.Msg { return moment(now) })
}

func (t table) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case batch:
		for _, n := range msg {
			if !n.link {
				t.fleet.Apply(n.msg)
			} else if t.look.Broker = ""; n.err != nil {
				t.look.Broker = "NO LINK TO THE BROKER"
			}
		}
		return t, t.listen
	case moment:
		t.now = time.Time(msg)
		t.fleet.Tick(t.now)
		return t, t.wait()
	case tea.WindowSizeMsg:
		t.look.Width, t.look.Height = msg.Width, msg.Height
	case tea.KeyMsg:
		return t.key(msg.String())
	}
	return t, nil
}

func (t table) key(key string) (tea.Model, tea.Cmd) {
	last := max(len(t.fleet.Drones())-1, 0)
	switch key {
	case "q", "esc", "ctrl+c":
		return t, tea.Quit
	case "t":
		t.look.Trouble = !t.look.Trouble
	case "l", "?":
		t.look.Legend = !t.look.Legend
	case "down", "j":
		t.look.Scroll = min(t.look.Scroll+1, last)
	case "up", "k":
		t.look.Scroll = max(t.look.Scroll-1, 0)
	case "pgdown", " ":
		t.look.Scroll = min(t.look.Scroll+10, last)
	case "pgup":
		t.look.Scroll = max(t.look.Scroll-10, 0)
	case "home", "g":
		t.look.Scroll = 0
	}
	return t, nil
}

func (t table) View() string {
	if t.now.IsZero() {
		t.now = time.Now()
	}
	return t.fleet.View(t.now, t.look)
}
