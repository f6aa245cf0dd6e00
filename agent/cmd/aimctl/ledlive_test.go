package main

import (
	"strings"
	"testing"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"github.com/aim-control/aimlock/agent/cmd/aimctl/fleet"
	"github.com/aim-control/aimlock/agent/cmd/aimctl/lights"
	"github.com/aim-control/aimlock/hal/led"
)

// TestLEDView drives the terminal program by its messages: time makes it blink,
// news change what is followed, keys scroll and end it.
func TestLEDView(t *testing.T) {
	t.Parallel()
	began := time.Date(2026, 11, 23, 14, 0, 0, 0, time.UTC)
	asked := 0
	var m tea.Model = ledView{began: began, scene: lights.Scene{Patterns: led.Patterns()}, look: lights.Look{Width: 80, Height: 30, Style: fleet.NewPlain()},
		news: func(first bool) (func(*lights.Scene), bool) {
			if asked++; first != (asked == 1) {
				t.Errorf("call %d: first is %v", asked, first)
			}
			return func(s *lights.Scene) { s.Drone, s.Known, s.Now = "patrol-03", true, led.Warm }, asked < 3
		}}
	send := func(msg tea.Msg) tea.Cmd {
		var cmd tea.Cmd
		m, cmd = m.Update(msg)
		return cmd
	}
	shows := func(what string, want bool) {
		t.Helper()
		if strings.Contains(m.View(), what) != want {
			t.Errorf("shows %q: want %v:\n%s", what, want, m.View())
		}
	}
	shows("  ● ○   asking", true)
	if send(moment(began.Add(300*time.Millisecond))) == nil {
		t.Error("time no longer passes")
	}
	shows("  ○ ●   asking", true)
	news := m.(ledView).listen(true)
	for news != nil {
		msg, ok := news().(ledNews)
		if !ok {
			break
		}
		news = send(msg)
		shows("patrol-03 shows warm", true)
		shows("→ ○ ●   warm", true)
	}
	if asked != 3 {
		t.Errorf("asked %d times", asked)
	}
	send(tea.WindowSizeMsg{Width: 80, Height: 7})
	shows("healthy", false)
	for range 40 {
		send(tea.KeyMsg{Type: tea.KeyDown})
	}
	shows("healthy", true)
	for range 40 {
		send(tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune("k")})
	}
	shows("PATTERN", true)
	for _, key := range []tea.KeyMsg{{Type: tea.KeyRunes, Runes: []rune("q")}, {Type: tea.KeyCtrlC}, {Type: tea.KeyEsc}} {
		if cmd := send(key); cmd == nil || cmd() != tea.Quit() {
			t.Errorf("%v does not end it", key)
		}
	}
	if (ledView{}).listen(true) != nil {
		t.Error("a scene that stays has news")
	}
}
