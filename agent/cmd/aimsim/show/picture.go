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
	worlds := map[string]World{} // before the tale is locked: the fleet has locks of its own
	for _, name := range m.tale.names {
		worlds[name] = m.look(name)
	}
	m.tale.mu.Lock()
	head := m.head(now)
	table := m.table(worlds, now)
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
	if title == "" && !m.tale.begun {
		title = "The drones start."
	} else if title == "" {
		title = "The fleet is up."
	}
	for i, l := range strings.Split(ansi.Wordwrap(title, max(20, m.width-6), ""), "\n") {
		if i < 3 {
			lines = append(lines, " "+paint(amber, "┃")+" "+boldStyle.Render(l))
		}
	}
	if l := m.tale.rolloutLine(); l != "" {
		lines = append(lines, l)
	}
	return append(lines, "")
}

// log is the newest lines that fit.
func (m *Live) log(room int) []string {
	if room < 4 {
		return nil
	}
	lines := []string{"", faintStyle.Render(" ── what happens " + strings.Repeat("─", max(0, m.width-18)))}
	room -= len(lines) + 1
	var newest []string
	for i := len(m.lines) - 1; i >= 0 && len(newest) < room; i-- {
		newest = append(m.logLine(m.lines[i]), newest...)
	}
	lines = append(lines, newest[max(0, len(newest)-room):]...)
	for range room - len(newest) {
		lines = append(lines, "")
	}
	return append(lines, "")
}

// most lines that one line of the story is folded into; agent.log has the rest.
const most = 3

// logLine is one line of the story, folded if it is long.
func (m *Live) logLine(l Line) []string {
	at := " " + faintStyle.Render(l.stamp()) + "  "
	head, style := "", toneStyle(l.Tone)
	switch l.Tone {
	case Chapter:
		head = style.Render("▌ ")
	case Action:
		head = style.Render("▸ ")
	case Passed:
		head = paint(green, "✓ ")
	case Failed:
		head = style.Render("✗ ")
	default:
		if len(l.Drones) > 0 {
			head = faintStyle.Render(fit(label(l.Drones, m.tale.names), 14)) + " "
		}
	}
	indent := ansi.StringWidth(at + head)
	lines := strings.Split(ansi.Wordwrap(l.Text+alike(l), max(20, m.width-indent-1), ""), "\n")
	if len(lines) > most {
		lines = lines[:most]
		lines[most-1] += " …"
	}
	for i := range lines {
		before := strings.Repeat(" ", indent)
		if i == 0 {
			before = at + head
		}
		lines[i] = before + style.Render(lines[i])
	}
	return lines
}

func toneStyle(t Tone) lipgloss.Style {
	switch t {
	case Chapter:
		return boldStyle
	case Action:
		return lipgloss.NewStyle().Foreground(cyan)
	case Good:
		return lipgloss.NewStyle().Foreground(green)
	case Warning:
		return lipgloss.NewStyle().Foreground(amber)
	case Bad, Failed:
		return lipgloss.NewStyle().Foreground(red)
	case Quiet, Passed:
		return faintStyle
	}
	return inkStyle
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
