package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/aim-control/aimlock/agent/cmd/aimctl/progress"
	"github.com/aim-control/aimlock/agent/cmd/aimctl/words"
	"github.com/aim-control/aimlock/agent/rollout/run"
)

// maxUnread bounds the lines that wait for a terminal or a pipe that does not
// read; the oldest go.
const maxUnread = 4096

// mailbox is between the runner and what shows it: the runner never waits for a
// terminal that was stopped or a pipe that is full.
type mailbox struct {
	mu    sync.Mutex
	p     run.Progress
	full  bool
	lost  int           // lines that went unread
	ready chan struct{} // capacity 1
}

// put is the runner's Progress: the newest state, and all that was said.
func (m *mailbox) put(p run.Progress) {
	m.mu.Lock()
	say := append(m.p.Say, p.Say...)
	more := max(len(say)-maxUnread, 0)
	say, m.lost = say[more:], m.lost+more
	m.p, m.full = p, true
	m.p.Say = say
	m.mu.Unlock()
	select {
	case m.ready <- struct{}{}:
	default:
	}
}

// get takes what is there.
func (m *mailbox) get() (p run.Progress, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	p, ok = m.p, m.full
	if m.lost > 0 {
		p.Say = append([]run.Line{{Text: fmt.Sprintf("… %d lines were not read in time", m.lost)}}, p.Say...)
	}
	m.p, m.full, m.lost = run.Progress{}, false, 0
	return p, ok
}

// display shows a rollout that is led from here.
type display struct {
	a     *app
	o     run.Options
	box   mailbox
	board progress.Board

	shown run.Saved // what the lines have told
	down  bool      // so was the link
	deaf  bool      // nobody reads the output any more
}

func (a *app) display(o run.Options) *display {
	return &display{a: a, o: o, box: mailbox{ready: make(chan struct{}, 1)}}
}

// lines runs the runner and prints a line for whatever happens.
func (d *display) lines(ctx context.Context, r *run.Runner) error {
	done := make(chan error, 1)
	go func() { done <- runs(ctx, r) }()
	for {
		select {
		case <-d.box.ready:
			d.tell()
		case err := <-done:
			d.tell()
			return err
		}
	}
}

// tell prints what has come in.
func (d *display) tell() {
	p, ok := d.box.get()
	if !ok {
		return
	}
	now := time.Now()
	if down := p.Link != nil; down != d.down {
		d.down = down
		d.link(p.Link)
	}
	for _, l := range p.Say {
		if d.a.json {
			d.event(progress.Event{Kind: "say", Drone: l.Drone, Text: l.Text})
		} else {
			d.print("%s\n", progress.LastLine(now, time.Local, l.Drone, l.Text))
		}
	}
	if d.a.json {
		d.changes(p.Saved)
	}
	d.shown = p.Saved
}

func (d *display) link(err error) {
	if !d.a.json {
		fmt.Fprintln(d.a.err, "aimctl: "+linkText(err))
		return
	}
	up := err == nil
	e := progress.Event{Kind: "link", Up: &up}
	if err != nil {
		e.Text = plain(err).Error()
	}
	d.event(e)
}

// changes prints which drones and what of the state differ from what was told.
func (d *display) changes(now run.Saved) {
	was := d.shown.Rollout
	var changed []progress.Drone
	for i, x := range now.Rollout.Drones {
		if i >= len(was.Drones) || progress.DroneOf(x) != progress.DroneOf(was.Drones[i]) {
			changed = append(changed, progress.DroneOf(x))
		}
	}
	if len(changed) > 0 {
		d.event(progress.Event{Kind: "drone", Drones: changed})
	}
	if s := now.Rollout; s.Status != was.Status || s.Phase != was.Phase || s.Wave != was.Wave || s.Ask != was.Ask || s.Reason != was.Reason {
		st := progress.Of(now)
		d.event(progress.Event{Kind: "state", State: &st})
	}
}

// begin says what is about to be led.
func (d *display) begin(saved run.Saved) {
	s, p := saved.Rollout, saved.Rollout.Plan
	d.shown = saved
	brings := "configuration"
	if p.Keep {
		brings = "keys version"
	}
	what := fmt.Sprintf("Rollout %s: patch %s, %s %d, to %d drones of fleet %s", p.ID, p.Patch, brings, p.Version, len(p.Drones), p.Fleet)
	switch {
	case saved.Schema == 0:
		what += " in " + wavesText(s.Waves)
	case s.Done():
		what += " has ended already"
	default:
		st := progress.Of(saved)
		what += " goes on: " + st.Status + ", " + progress.Doing(st)
	}
	if d.a.json {
		st := progress.Of(saved)
		d.event(progress.Event{Kind: "begin", Text: what, State: &st, Drones: progress.DronesOf(s)})
		return
	}
	for _, par := range []string{what + ".", "Plan: " + planText(p) + ".", "State: " + d.o.State} {
		lines := []string{par}
		if width, ok := d.a.terminal(); ok {
			lines = words.Wrap(par, width)
		}
		d.print("%s\n", strings.Join(lines, "\n  "))
	}
}

func wavesText(n int) string {
	switch n {
	case 1:
		return "one canary"
	case 2:
		return "a canary and a wave"
	}
	return fmt.Sprintf("a canary and %d waves", n-1)
}

// end says how it ended; text, in JSON, why this process does.
func (d *display) end(saved run.Saved, text string) {
	st, list := progress.Of(saved), progress.DronesOf(saved.Rollout)
	if d.a.json {
		d.event(progress.Event{Kind: "end", Text: text, State: &st, Drones: list})
		return
	}
	if saved.Schema == 0 { // nothing was begun
		return
	}
	d.print("\n")
	for _, l := range progress.Summary(st, list) {
		d.print("%s\n", l)
	}
}

func (d *display) event(e progress.Event) {
	e.AtMS, e.Rollout = time.Now().UnixMilli(), d.o.Plan.ID
	b, err := json.Marshal(e)
	if err == nil {
		d.print("%s\n", b)
	}
}

// print writes to whoever reads. When nobody does any more, the rollout goes on.
func (d *display) print(format string, args ...any) {
	if d.deaf {
		return
	}
	if _, err := fmt.Fprintf(d.a.out, format, args...); err != nil {
		d.deaf = true
		fmt.Fprintf(d.a.err, "aimctl: nobody reads the output any more (%v); the rollout goes on. Look at it: aimctl rollout status %s\n", err, d.o.Plan.ID)
	}
}
