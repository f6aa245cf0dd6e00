package show

import (
	"fmt"
	"strings"
	"time"

	"github.com/charmbracelet/lipgloss"
	"github.com/charmbracelet/x/ansi"
)

// Colours. They only help: every meaning also stands in words.
var (
	blue    = lipgloss.AdaptiveColor{Light: "#0057d9", Dark: "#3d9bff"}
	amber   = lipgloss.AdaptiveColor{Light: "#b36b00", Dark: "#ffb000"}
	green   = lipgloss.AdaptiveColor{Light: "#00752f", Dark: "#3fd07f"}
	red     = lipgloss.AdaptiveColor{Light: "#c4002b", Dark: "#ff5c6c"}
	violet  = lipgloss.AdaptiveColor{Light: "#7a35c9", Dark: "#c49bff"}
	cyan    = lipgloss.AdaptiveColor{Light: "#006d80", Dark: "#56c8d8"}
	faint   = lipgloss.AdaptiveColor{Light: "#767676", Dark: "#7d8590"}
	ink     = lipgloss.AdaptiveColor{Light: "#1c1c1c", Dark: "#e6e6e6"}
	dark    = lipgloss.AdaptiveColor{Light: "#d0d0d0", Dark: "#3a3f47"}
	onState = lipgloss.AdaptiveColor{Light: "#ffffff", Dark: "#101216"}

	faintStyle = lipgloss.NewStyle().Foreground(faint)
	inkStyle   = lipgloss.NewStyle().Foreground(ink)
	boldStyle  = lipgloss.NewStyle().Foreground(ink).Bold(true)
)

func paint(c lipgloss.TerminalColor, s string) string {
	return lipgloss.NewStyle().Foreground(c).Render(s)
}

// fit makes s exactly width cells wide: cut with … or filled with blanks.
func fit(s string, width int) string {
	if width <= 0 {
		return ""
	}
	if n := ansi.StringWidth(s); n > width {
		s = ansi.Truncate(s, width, "…")
	}
	return s + strings.Repeat(" ", max(0, width-ansi.StringWidth(s)))
}

// fitRight is fit with the blanks before.
func fitRight(s string, width int) string {
	return strings.Repeat(" ", max(0, width-ansi.StringWidth(s))) + fit(s, min(width, ansi.StringWidth(s)))
}

// View draws the whole picture.
func (m *Live) View() string {
	now := time.Now()
	m.tale.mu.Lock()
	head := m.head(now)
	table := m.table(now)
	m.tale.mu.Unlock()
	foot := m.foot()
	room := m.height - len(head) - len(table) - len(foot)
	all := append(head, table...)
	all = append(all, m.log(room)...)
	all = append(all, foot...)
	if len(all) > m.height {
		all = all[:m.height]
	}
	for i := range all {
		all[i] = fit(all[i], m.width)
	}
	return strings.Join(all, "\n")
}

// head is the name, the clock and the chapter.
func (m *Live) head(now time.Time) []string {
	clock := "starting"
	if m.tale.begun {
		d := now.Sub(m.tale.start)
		clock = fmt.Sprintf("%02d:%04.1f", int(d.Minutes()), d.Seconds()-60*float64(int(d.Minutes())))
	}
	left := " " + lipgloss.NewStyle().Background(blue).Foreground(onState).Bold(true).Render(" AIMLOCK ") + " " + faintStyle.Render(m.title)
	top := fit(left, m.width-10) + fitRight(boldStyle.Render(clock), 9)
	lines := []string{top, ""}
	title := m.tale.title
	if title == "" {
		title = "The drones start."
	}
	for i, l := range strings.Split(ansi.Wordwrap(title, max(20, m.width-6), ""), "\n") {
		if i < 3 {
			lines = append(lines, " "+paint(amber, "┃")+" "+boldStyle.Render(l))
		}
	}
	return append(lines, "")
}

// log is the newest lines that fit.
func (m *Live) log(room int) []string {
	if room < 3 {
		return nil
	}
	lines := []string{"", faintStyle.Render(" ── what happens " + strings.Repeat("─", max(0, m.width-18)))}
	room -= len(lines)
	begin := max(0, len(m.lines)-room)
	for _, l := range m.lines[begin:] {
		lines = append(lines, m.logLine(l))
	}
	for range room - (len(m.lines) - begin) {
		lines = append(lines, "")
	}
	return lines
}

func (m *Live) logLine(l Line) string {
	at := faintStyle.Render(stamp(l.At))
	who := faintStyle.Render(fit(label(l.Drones, m.tale.names), 14))
	text := l.Text
	switch l.Tone {
	case Chapter:
		return " " + at + "  " + boldStyle.Render("▌ "+text)
	case Action:
		return " " + at + "  " + paint(cyan, "▸ "+text)
	case Passed:
		return " " + at + "  " + paint(green, "✓ ") + faintStyle.Render(text)
	case Failed:
		return " " + at + "  " + paint(red, "✗ "+text)
	case Good:
		text = paint(green, text)
	case Warning:
		text = paint(amber, text)
	case Bad:
		text = paint(red, text)
	case Quiet:
		text = faintStyle.Render(text)
	default:
		text = inkStyle.Render(text)
	}
	return " " + at + "  " + who + " " + text + faintStyle.Render(alike(l))
}

// foot is the prompt, if there is one, and where everything is.
func (m *Live) foot() []string {
	hint := "Ctrl-C ends"
	if m.ending {
		hint = "ending …"
	}
	last := " " + faintStyle.Render(hint+" · "+m.footer)
	if m.submit == nil {
		return []string{last}
	}
	cursor := lipgloss.NewStyle().Reverse(true).Render(" ")
	return []string{" " + paint(cyan, "▸ ") + inkStyle.Render(string(m.input)) + cursor, last}
}
