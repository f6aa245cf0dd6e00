package main

import (
	"context"
	"fmt"
	"os"
	"time"

	tea "github.com/charmbracelet/bubbletea"
	"golang.org/x/term"

	"github.com/aim-control/aimlock/agent/cmd/aimctl/fleet"
	"github.com/aim-control/aimlock/agent/cmd/aimctl/progress"
	"github.com/aim-control/aimlock/agent/rollout/run"
)

const liveKeys = "ctrl+c ends only this process   p pause   r resume   y approve   B take back"

// drawable tells whether a live view can be drawn and its keys be read.
func (a *app) drawable() bool {
	_, ok := a.terminal()
	return ok && !a.json && os.Getenv("TERM") != "dumb" && a.in != nil && term.IsTerminal(int(a.in.Fd()))
}

// live runs the runner under a view that redraws in place. What was drawn last
// stays on the screen.
func (d *display) live(ctx context.Context, r *run.Runner) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	style := fleet.NewPlain()
	if colourful() {
		style = fleet.NewStyle(os.Stdout)
	}
	m := view{d: d, ask: r.Do, stop: stop, done: make(chan error, 1),
		look: progress.Look{Width: 80, Height: 24, Zone: time.Local, Style: style, Keys: liveKeys}}
	result := make(chan error, 1)
	go func() {
		err := runs(ctx, r)
		result <- err
		m.done <- err
	}()
	last, err := tea.NewProgram(m, tea.WithOutput(os.Stdout), tea.WithInput(d.a.in), tea.WithoutSignalHandler()).Run()
	if err != nil { // the terminal has gone; the rollout has not
		fmt.Fprintf(d.a.err, "aimctl: nothing can be drawn any more: %v\n", err)
	} else if v, ok := last.(view); ok && v.ending && len(result) == 0 {
		return fmt.Errorf("%w: without a goodbye to the broker", errInterrupted)
	}
	return <-result
}

// view is the terminal program around the board.
type view struct {
	d      *display
	ask    func(v run.Verb, by string) error
	stop   context.CancelFunc
	done   chan error // the runner has ended
	look   progress.Look
	now    time.Time
	ending bool
	sure   bool // A was pressed once
}

type (
	told   struct{}
	second time.Time
	over   struct{}
)

func (v view) Init() tea.Cmd { return tea.Batch(v.listen, v.tick(), v.wait) }

func (v view) listen() tea.Msg { <-v.d.box.ready; return told{} }

func (v view) wait() tea.Msg { <-v.done; return over{} }

func (v view) tick() tea.Cmd {
	return tea.Tick(time.Second, func(now time.Time) tea.Msg { return second(now) })
}

func (v view) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case told:
		v.take()
		return v, v.listen
	case second:
		v.now = time.Time(msg)
		return v, v.tick()
	case over:
		v.take()
		v.look.Keys, v.d.board.Note = "", ""
		return v, tea.Quit
	case tea.WindowSizeMsg:
		v.look.Width, v.look.Height = msg.Width, msg.Height
	case tea.KeyMsg:
		return v.key(msg.String())
	}
	return v, nil
}

func (v *view) take() {
	if p, ok := v.d.box.get(); ok {
		v.now = time.Now()
		v.d.board.Take(p, v.now)
	}
}

func (v view) key(key string) (tea.Model, tea.Cmd) {
	sure := v.sure
	v.sure = false
	v.d.board.Note = ""
	switch key {
	case "ctrl+c":
		if v.ending {
			return v, tea.Quit
		}
		v.ending = true
		v.stop()
		v.d.board.Note = "ending; ctrl+c again does not wait for the broker"
	case "p":
		v.does(run.Pause)
	case "r":
		v.does(run.Resume)
	case "y":
		v.does(run.Approve)
	case "B":
		if v.sure = !sure; v.sure {
			v.d.board.Note = "press B again to stop the rollout and take the patch back from all drones"
		} else {
			v.does(run.Rollback)
		}
	}
	return v, nil
}

func (v view) does(verb run.Verb) {
	if err := v.ask(verb, v.d.o.Controller); err != nil {
		v.d.board.Note = plain(err).Error()
		return
	}
	v.d.board.Note = "asked to " + string(verb)
}

func (v view) View() string {
	if v.now.IsZero() {
		v.now = time.Now()
	}
	return v.d.board.View(v.now, v.look)
}
