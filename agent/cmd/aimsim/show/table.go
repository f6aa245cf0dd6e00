package show

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/charmbracelet/lipgloss"

	"github.com/aim-control/aimlock/agent/telemetry"
)

// column is one column of the table. weight shares out what is left of the
// width; least is how wide the terminal must be for the column to be shown.
type column struct {
	title string
	width int
	least int
	cell  func(r *row, w World, now time.Time) string
	grow  int
}

var columns = []column{
	{title: "STATE", width: 13, cell: cellState},
	{title: "FLIGHT", width: 8, cell: cellFlight},
	{title: "LEDS", width: 4, cell: cellLEDs},
	{title: "", width: 11, least: 134, cell: cellPattern},
	{title: "WHY", width: 18, grow: 1, cell: cellWhy},
	{title: "LOCK", width: 20, least: 84, cell: cellLock},
	{title: "CONFIG", width: 12, least: 119, cell: cellConfig},
	{title: "HOTTEST", width: 13, least: 104, cell: cellHottest},
	{title: "SUPPLY", width: 11, least: 152, cell: cellSupply},
	{title: "HOLD", width: 10, least: 96, cell: cellHold},
	{title: "MQTT", width: 5, least: 140, cell: cellLink},
}

// table draws the drones that fit; the tale's lock is held.
func (m *Live) table(worlds map[string]World, now time.Time) []string {
	const nameWidth = 11
	widths, left := make([]int, len(columns)), m.width-nameWidth-2
	grow := 0
	for i, c := range columns {
		if m.width >= c.least {
			widths[i] = c.width
			left -= c.width + 1
			grow += c.grow
		}
	}
	for i, c := range columns {
		if widths[i] > 0 && c.grow > 0 && left > 0 {
			widths[i] += left * c.grow / grow
		}
	}
	line := " " + fit("DRONE", nameWidth)
	for i, c := range columns {
		if widths[i] > 0 {
			line += " " + fit(c.title, widths[i])
		}
	}
	lines := []string{faintStyle.Render(line)}
	names := m.tale.names
	most := max(1, m.height-15)
	for n, name := range names {
		if n == most && len(names) > most {
			return append(lines, faintStyle.Render(fmt.Sprintf(" and %d more: make the window taller", len(names)-n)))
		}
		r, w := m.tale.rows[name], worlds[name]
		line := " " + inkStyle.Render(fit(name, nameWidth))
		for i, c := range columns {
			if widths[i] > 0 {
				line += " " + fit(c.cell(r, w, now), widths[i])
			}
		}
		lines = append(lines, line)
	}
	return lines
}

func stateColour(state string) lipgloss.TerminalColor {
	switch state {
	case "NOMINAL":
		return green
	case "PAUSING", "UNCONFIRMED":
		return amber
	case "PAUSED":
		return red
	case "OVERRIDDEN":
		return violet
	case "RESUMING":
		return cyan
	}
	return faint
}

// cellState is quiet while all is well, and a block of colour when not.
func cellState(r *row, _ World, _ time.Time) string {
	style := lipgloss.NewStyle().Bold(true)
	if colour := stateColour(r.state); r.state == "NOMINAL" {
		style = style.Foreground(colour)
	} else {
		style = style.Background(colour).Foreground(onState)
	}
	return style.Render(fit(" "+r.state, 13))
}

func cellFlight(_ *row, w World, _ time.Time) string {
	switch w.Mode {
	case "AUTO":
		return inkStyle.Render("AUTO") + faintStyle.Render(fmt.Sprintf(" ↻%d", w.Leg))
	case "BRAKE":
		return paint(amber, w.Mode)
	case "DISARMED":
		return faintStyle.Render(w.Mode)
	}
	return paint(violet, w.Mode)
}

// cellLEDs are the levels of the drone's two LED lines, as the loop drives
// them: an agent that hangs shows.
func cellLEDs(_ *row, w World, _ time.Time) string {
	b, a := paint(dark, "●"), paint(dark, "●")
	if w.Blue {
		b = paint(blue, "●")
	}
	if w.Amber {
		a = paint(amber, "●")
	}
	return b + " " + a
}

func cellPattern(_ *row, w World, _ time.Time) string {
	s := w.Status
	if s == nil {
		return faintStyle.Render("off")
	}
	return faintStyle.Render(s.LED)
}

func cellWhy(_ *row, w World, _ time.Time) string {
	s := w.Status
	if s == nil {
		return faintStyle.Render("the agent does not answer")
	}
	var parts []string
	for _, c := range s.Causes {
		if c.Waived {
			parts = append(parts, paint(amber, c.Name+" waived: hold time spent"))
			continue
		}
		parts = append(parts, paint(red, briefly(c, s)))
	}
	for _, f := range s.Faults {
		parts = append(parts, paint(amber, f+" lost"))
	}
	if len(parts) == 0 {
		return faintStyle.Render("–")
	}
	return strings.Join(parts, faintStyle.Render(" · "))
}

// briefly is a cause in a few words; the log has them all.
func briefly(c telemetry.Cause, s *telemetry.Status) string {
	if c.Name != "lock" {
		return c.Name + ": " + strings.TrimPrefix(c.Text, c.Name+": ")
	}
	switch s.Lock.Verdict {
	case "OVERDUE":
		return "lock: overdue, not given back"
	case "ORPHAN":
		return "lock: holder dead, still kept"
	case "UNKNOWN":
		return "lock: kept by nobody known"
	}
	return "lock: " + s.Lock.Verdict
}

func cellLock(_ *row, w World, now time.Time) string {
	s := w.Status
	if s == nil {
		return ""
	}
	l := s.Lock
	if l.Verdict == "FREE" {
		return faintStyle.Render("free")
	}
	since := ms(s.UpMS-l.SinceMS) + now.Sub(time.UnixMilli(s.TimeMS))
	text := fmt.Sprintf("%s %.0f s", l.Holder, max(0, since.Seconds()))
	if l.Hot {
		return paint(red, text)
	}
	return inkStyle.Render(text)
}

// cellConfig is the version in force, and how far the patch at hand is.
func cellConfig(_ *row, w World, _ time.Time) string {
	s := w.Status
	if s == nil {
		return ""
	}
	version := inkStyle.Render(fmt.Sprint(s.Config.Version))
	switch s.Patch.State {
	case "", "IDLE":
		return version
	case "COMMITTED":
		return version + " " + faintStyle.Render("committed")
	case "REVERTED", "REJECTED":
		return version + " " + paint(red, strings.ToLower(s.Patch.State))
	}
	return version + " " + paint(cyan, strings.ToLower(s.Patch.State))
}

const barCells = 6

// cellHottest is a bar from 20 to 110 °C and the figure.
func cellHottest(_ *row, w World, _ time.Time) string {
	if !w.Known {
		return faintStyle.Render("–")
	}
	colour := lipgloss.TerminalColor(green)
	switch {
	case w.HottestC >= 95:
		colour = red
	case w.HottestC >= 80:
		colour = amber
	}
	filled := math.Max(0, math.Min(1, (w.HottestC-20)/90)) * barCells
	const eighths = " ▏▎▍▌▋▊▉"
	bar := strings.Repeat("█", int(filled))
	if part := int((filled - math.Floor(filled)) * 8); part > 0 && len([]rune(bar)) < barCells {
		bar += string([]rune(eighths)[part])
	}
	rest := strings.Repeat("·", max(0, barCells-len([]rune(bar))))
	return paint(colour, bar) + paint(dark, rest) + paint(colour, fmt.Sprintf(" %3.0f°", w.HottestC))
}

// cellSupply is what the first supply gives.
func cellSupply(_ *row, w World, _ time.Time) string {
	if w.Status == nil || len(w.Status.Supply) == 0 {
		return faintStyle.Render("–")
	}
	s := w.Status.Supply[0]
	if !s.OK {
		return paint(amber, "unknown")
	}
	return inkStyle.Render(fmt.Sprintf("%.1fV", float64(s.MilliV)/1000)) + faintStyle.Render(fmt.Sprintf(" %.1fA", float64(s.MilliA)/1000))
}

// cellHold is the hold time used by the cause that used most of it.
func cellHold(_ *row, w World, _ time.Time) string {
	s := w.Status
	if s == nil {
		return ""
	}
	var used time.Duration
	bounded := false
	for _, c := range s.Causes {
		if c.Name != "motor" && c.Name != "companion" {
			bounded = true
			used = max(used, ms(c.HeldMS))
		}
	}
	if !bounded || w.MaxHold == 0 {
		return faintStyle.Render("–")
	}
	return inkStyle.Render(fmt.Sprintf("%4.1f", used.Seconds())) + faintStyle.Render(fmt.Sprintf("/%.0fs", w.MaxHold.Seconds()))
}

func cellLink(r *row, _ World, _ time.Time) string {
	if r.online {
		return paint(green, "up")
	}
	return paint(amber, "down")
}
