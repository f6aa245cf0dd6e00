// Package lights draws the patterns of the status LEDs for a terminal. It never
// looks at a clock: the moment is an argument.
package lights

import (
	"fmt"
	"strings"
	"time"

	"github.com/charmbracelet/lipgloss"
	"github.com/charmbracelet/x/ansi"

	"github.com/aim-control/aimlock/agent/cmd/aimctl/fleet"
	"github.com/aim-control/aimlock/agent/cmd/aimctl/words"
	"github.com/aim-control/aimlock/hal/led"
)

// Scene is what is drawn.
type Scene struct {
	Patterns []led.Pattern // a table of these; a single one stands alone, large
	Drone    string        // whose LEDs are followed; empty: nobody's
	Now      led.Pattern   // what that drone shows, if Known
	Known    bool
	Note     string // what else to say
	At       int64  // ns since the drawing began
}

// Look is how it is drawn.
type Look struct {
	Width, Height int // of the terminal, cells
	Scroll        int // lines scrolled down
	Style         *fleet.Style
}

// Next is how long after a moment an LED of the scene changes; at least 5 ms,
// at most a second.
func (s Scene) Next(at int64) time.Duration {
	next := int64(time.Second)
	for _, p := range append([]led.Pattern{s.Now}, s.Patterns...) {
		_, _, n := p.At(at)
		next = min(next, n)
	}
	return max(time.Duration(next), 5*time.Millisecond)
}

// View draws a scene. Nothing in it is wider than the terminal nor longer.
func View(s Scene, l Look) string {
	l.Width, l.Height = max(l.Width, 8), max(l.Height, 2)
	var head, body []string
	switch {
	case len(s.Patterns) == 1:
		head = l.single(s, s.Patterns[0])
	case s.Known && l.Height >= 8:
		head = []string{" " + l.Style.Bold.Render(s.Drone+" shows "+s.Now.String())}
		if l.Height >= 20 {
			head = append(head, l.large(s.Now, s.At)...)
		}
	}
	if len(s.Patterns) > 1 {
		body = l.table(s)
	}
	var foot []string
	if s.Note != "" {
		for _, line := range words.Wrap(s.Note, l.Width-1) {
			foot = append(foot, " "+line)
		}
	}
	keys := " q quit"
	room := max(l.Height-len(head)-len(foot)-2, 1)
	if len(body) > room {
		from := max(min(l.Scroll, len(body)-room), 0)
		body, keys = body[from:from+room], keys+"   ↑↓ scroll"
	}
	lines := append(append(head, body...), "")
	lines = append(append(lines, foot...), l.Style.Dim.Render(keys))
	if over := len(lines) - l.Height; over > 0 {
		lines = append(lines[:max(len(lines)-1-over, 0)], lines[len(lines)-1])
	}
	for i := range lines {
		lines[i] = ansi.Truncate(lines[i], l.Width, "…")
	}
	return strings.Join(lines, "\n")
}

// Columns, cells: mark and LEDs, the longest word, the longest look.
const (
	dotsWidth  = 8
	wordWidth  = 13
	looksWidth = 44
)

// table has a row for each pattern: both LEDs as they are now, word, on a wide
// terminal what it looks like in words, and the meaning; on a narrow one the
// meaning stands below.
func (l Look) table(s Scene) []string {
	lines := []string{l.Style.Bold.Render("  B A   PATTERN") + l.Style.Dim.Render("   B blue, A amber")}
	for _, p := range s.Patterns {
		mark, tone := "  ", l.Style.Plain
		if s.Known && p == s.Now {
			mark, tone = "→ ", l.Style.Bold
		}
		first, indent := fmt.Sprintf("%-*s", wordWidth, p), dotsWidth+wordWidth
		if l.Width >= 100 {
			first, indent = first+fmt.Sprintf("%-*s", looksWidth, p.Looks()), indent+looksWidth
		}
		narrow := l.Width < 50
		if narrow {
			first, indent = p.String(), dotsWidth
		}
		means := words.Wrap(p.Means(), l.Width-indent)
		if !narrow {
			first, means = first+means[0], means[1:]
		}
		lines = append(lines, tone.Render(mark)+l.dots(p, s.At)+"   "+tone.Render(first))
		for _, line := range means {
			lines = append(lines, strings.Repeat(" ", indent)+tone.Render(line))
		}
	}
	return lines
}

// dots are the two LEDs at a moment, blue and amber.
func (l Look) dots(p led.Pattern, at int64) string {
	blue, amber, _ := p.At(at)
	dot := func(lit bool, s lipgloss.Style) string {
		if lit {
			return s.Render("●")
		}
		return l.Style.Dim.Render("○")
	}
	return dot(blue, l.Style.Blue) + " " + dot(amber, l.Style.Amber)
}
