package main

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"github.com/aim-control/aimlock/agent/cmd/aimctl/fleet"
	"github.com/aim-control/aimlock/agent/telemetry"
)

// TestTable drives the terminal program by its messages: what it shows, what
// keys do, and that messages and time go on coming.
func TestTable(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 23, 14, 0, 0, 0, time.UTC)
	notes := make(chan note, inbox)
	var m tea.Model = table{fleet: new(fleet.Fleet), notes: notes,
		look: fleet.Look{Name: "north", Width: 80, Height: 24, Zone: time.UTC, Style: fleet.NewPlain()}}
	send := func(msg tea.Msg) tea.Cmd {
		var cmd tea.Cmd
		m, cmd = m.Update(msg)
		return cmd
	}
	key := func(k string) tea.Cmd {
		switch k {
		case "up":
			return send(tea.KeyMsg{Type: tea.KeyUp})
		case "down":
			return send(tea.KeyMsg{Type: tea.KeyDown})
		}
		return send(tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune(k)})
	}
	shows := func(what string, want bool) {
		t.Helper()
		if strings.Contains(m.View(), what) != want {
			t.Errorf("shows %q: want %v:\n%s", what, want, m.View())
		}
	}
	send(moment(now))
	shows("No drone has reported yet", true)
	for i := range 30 {
		st := &telemetry.Status{Schema: 1, State: "NOMINAL", LED: "healthy", Lock: telemetry.Lock{Verdict: "FREE"}, Config: telemetry.Config{Valid: true}}
		if i == 29 {
			st.State, st.Requested = "UNCONFIRMED", true
		}
		b, err := telemetry.Append(nil, st)
		if err != nil {
			t.Fatal(err)
		}
		notes <- note{msg: fleet.Msg{Topic: telemetry.Topic("north", fmt.Sprintf("p%02d", i), "status"), Payload: b, At: now}}
	}
	got, ok := table.listen(m.(table)).(batch)
	if !ok || len(got) != 30 {
		t.Fatalf("30 messages that wait come as a batch of %d", len(got))
	}
	if send(got) == nil {
		t.Error("it no longer listens after a batch")
	}
	if send(moment(now.Add(time.Second))) == nil {
		t.Error("time no longer passes")
	}
	shows("30 drones", true)
	shows("p00", true)
	shows("p29", false)
	key("t")
	shows("p29", true)
	key("t")
	key("down")
	shows("p00", false)
	key("up")
	shows("p00", true)
	key("l")
	shows("both off", true)
	key("l")
	send(tea.WindowSizeMsg{Width: 60, Height: 40})
	shows("p29", true)
	send(batch{{link: true, err: errors.New("EOF")}})
	shows("NO LINK TO THE BROKER", true)
	send(batch{{link: true}})
	shows("NO LINK TO THE BROKER", false)
	send(moment(now.Add(2 * time.Minute)))
	shows("SILENT", true)
	if cmd := key("q"); cmd == nil || cmd() != tea.Quit() {
		t.Error("q does not end it")
	}
}
