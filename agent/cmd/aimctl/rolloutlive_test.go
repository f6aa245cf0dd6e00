package main

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"github.com/aim-control/aimlock/agent/cmd/aimctl/fleet"
	"github.com/aim-control/aimlock/agent/cmd/aimctl/progress"
	"github.com/aim-control/aimlock/agent/rollout"
	"github.com/aim-control/aimlock/agent/rollout/run"
)

func somewhere(t *testing.T, status rollout.Status) run.Saved {
	t.Helper()
	s, err := rollout.New(rollout.Plan{ID: "r1", Fleet: "north", Patch: "p1", Version: 42, SHA256: strings.Repeat("ab", 32), Drones: []string{"a", "b"},
		Canary: rollout.Canary{Count: 1}, BakeNS: 1, TimeoutNS: 1, SilenceNS: 1})
	if err != nil {
		t.Fatal(err)
	}
	s.Status = status
	return run.Saved{Schema: 1, Rollout: s}
}

// TestLive drives the live view by its messages: what it shows, what keys ask,
// and how it ends.
func TestLive(t *testing.T) {
	t.Parallel()
	a := &app{out: new(bytes.Buffer), err: new(bytes.Buffer)}
	d := a.display(run.Options{Controller: "tess"})
	var asked []string
	stopped := false
	var m tea.Model = view{d: d, stop: func() { stopped = true }, done: make(chan error, 1),
		ask: func(v run.Verb, by string) error {
			if asked = append(asked, string(v)+" by "+by); v == run.Approve {
				return errors.New("run: too many requests")
			}
			return nil
		},
		look: progress.Look{Width: 80, Height: 24, Zone: time.UTC, Style: fleet.NewPlain(), Keys: liveKeys}}
	send := func(msg tea.Msg) (ends bool) {
		var cmd tea.Cmd
		m, cmd = m.Update(msg)
		if _, isKey := msg.(tea.KeyMsg); cmd == nil || !isKey && msg != tea.Msg(over{}) {
			return false
		}
		_, ends = cmd().(tea.QuitMsg)
		return ends
	}
	key := func(k string) bool { return send(tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune(k)}) }
	shows := func(what string, want bool) {
		t.Helper()
		if strings.Contains(m.View(), what) != want {
			t.Errorf("shows %q: want %v:\n%s", what, want, m.View())
		}
	}
	shows("connecting to the broker", true)
	d.box.put(run.Progress{Saved: somewhere(t, rollout.Running), Say: []run.Line{{Drone: "a", Text: "TRIAL"}}})
	if _, ok := m.(view).listen().(told); !ok {
		t.Fatal("nobody was told")
	}
	send(told{})
	shows("rollout r1 RUNNING", true)
	shows("a            TRIAL", true)
	shows("y approve", true)
	key("p")
	shows("asked to pause", true)
	key("y")
	shows("too many requests", true)
	key("B")
	shows("press B again", true)
	key("r")
	shows("press B again", false)
	key("B")
	key("B")
	if got := strings.Join(asked, ", "); got != "pause by tess, approve by tess, resume by tess, rollback by tess" {
		t.Error(got)
	}
	d.box.put(run.Progress{Saved: somewhere(t, rollout.RollingBack), Link: errors.New("refused")})
	send(told{})
	shows("ROLLING_BACK", true)
	shows("NO LINK TO THE BROKER", true)
	if send(tea.KeyMsg{Type: tea.KeyCtrlC}) || !stopped {
		t.Error("the first ctrl+c must end the runner, not the view")
	}
	shows("ending; ctrl+c again", true)
	if !send(tea.KeyMsg{Type: tea.KeyCtrlC}) {
		t.Error("the second ctrl+c does not end the view")
	}
	d.box.put(run.Progress{Saved: somewhere(t, rollout.Stopped)})
	if !send(over{}) {
		t.Error("the end of the runner does not end the view")
	}
	shows("STOPPED", true)
	shows("ending", false)
	shows("y approve", false)
}

// Who does not read holds up nobody, and is told what was left out.
func TestMailbox(t *testing.T) {
	t.Parallel()
	m := mailbox{ready: make(chan struct{}, 1)}
	if _, ok := m.get(); ok {
		t.Error("something in an empty box")
	}
	for i := range maxUnread + 10 {
		m.put(run.Progress{Saved: run.Saved{Epoch: uint64(i)}, Say: []run.Line{{Text: fmt.Sprint(i)}}})
	}
	p, ok := m.get()
	if !ok || p.Saved.Epoch != maxUnread+9 || len(p.Say) != maxUnread+1 || p.Say[len(p.Say)-1].Text != fmt.Sprint(maxUnread+9) || p.Say[0].Text != "… 10 lines were not read in time" || p.Say[1].Text != "10" {
		t.Errorf("%v %d %d %v", ok, p.Saved.Epoch, len(p.Say), p.Say[0])
	}
	if _, ok := m.get(); ok {
		t.Error("taken twice")
	}
}

type closed struct{}

func (closed) Write([]byte) (int, error) { return 0, errors.New("broken pipe") }

// A reader that ends ends nothing.
func TestDeaf(t *testing.T) {
	t.Parallel()
	var errs bytes.Buffer
	a := &app{out: closed{}, err: &errs, json: true}
	d := a.display(run.Options{Plan: rollout.Plan{ID: "r1"}})
	d.begin(somewhere(t, rollout.Running))
	d.box.put(run.Progress{Saved: somewhere(t, rollout.Paused), Say: []run.Line{{Text: "x"}}})
	d.tell()
	if got := errs.String(); strings.Count(got, "\n") != 1 || !strings.Contains(got, "the rollout goes on. Look at it: aimctl rollout status r1") {
		t.Error(got)
	}
}

func TestCommandLine(t *testing.T) {
	t.Parallel()
	if got := commandLine([]string{"aimctl", "rollout", "--id", "a b", "--waves=25%,1", "it's", ""}); got != `aimctl rollout --id 'a b' --waves=25%,1 'it'\''s' ''` {
		t.Error(got)
	}
}
