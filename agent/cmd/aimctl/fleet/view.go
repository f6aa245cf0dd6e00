package fleet

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/charmbracelet/lipgloss"

	"github.com/aim-control/aimlock/agent/cmd/aimctl/words"
	"github.com/aim-control/aimlock/hal/led"
)

// Look is how the table is drawn.
type Look struct {
	Name          string // the fleet's
	Broker        string // what to say of the link to the broker; "": nothing
	Width, Height int    // of the terminal, cells
	Scroll        int    // rows scrolled down
	Trouble       bool   // what needs attention first, else by name
	Legend        bool   // the LEDs' meanings instead of the events
	Zone          *time.Location
	Style         *Style
}

// View draws the fleet at a moment. Nothing in it is wider than o.Width nor
// longer than o.Height.
func (f *Fleet) View(now time.Time, o Look) string {
	o.Width, o.Height = max(o.Width, 40), max(o.Height, 8)
	drones := f.Drones()
	if o.Trouble {
		slices.SortStableFunc(drones, func(a, b *Drone) int { return b.rank(now) - a.rank(now) })
	}
	foot := f.foot(o)
	room := o.Height - 5 - len(foot)
	lines := []string{f.title(now, o), "", f.heading(o)}
	lines = append(lines, f.rows(drones, now, o, room)...)
	lines = append(lines, "")
	lines = append(lines, foot...)
	lines = append(lines, o.Style.Dim.Render(clip(" q quit   ↑↓ scroll   t trouble first   l what the LEDs mean", o.Width)))
	return strings.Join(lines, "\n")
}

// rows are at most room lines of drones; what does not fit is counted.
func (f *Fleet) rows(drones []*Drone, now time.Time, o Look, room int) []string {
	if len(drones) == 0 {
		return []string{o.Style.Dim.Render(" No drone has reported yet.")}
	}
	from := max(min(o.Scroll, len(drones)-room), 0)
	to := min(from+room, len(drones))
	rest := len(drones) - to
	if rest > 0 {
		to, rest = to-1, rest+1
	}
	var lines []string
	for _, d := range drones[from:to] {
		lines = append(lines, f.row(d, now, o))
	}
	if rest > 0 {
		lines = append(lines, o.Style.Dim.Render(fmt.Sprintf(" … %d more (↓)", rest)))
	}
	return lines
}

// Next is how long until the picture may change by time alone: an LED or a
// second.
func (f *Fleet) Next(now time.Time) time.Duration {
	next := int64(time.Second) - now.UnixNano()%int64(time.Second)
	for _, d := range f.drones {
		if p, ok := d.pattern(now); ok {
			_, _, n := p.At(now.UnixNano())
			next = min(next, n)
		}
	}
	return max(time.Duration(next), 30*time.Millisecond)
}

// Shows says what a drone's LEDs show, or why that is not known.
func (f *Fleet) Shows(name string, now time.Time) (p led.Pattern, unknown string) {
	d := f.drones[name]
	if d == nil || d.Status == nil && !d.Offline() {
		return led.Off, "no status yet"
	}
	p, ok := d.pattern(now)
	switch {
	case ok:
		return p, ""
	case d.Silent(now) || d.Offline():
		return p, strings.TrimSpace(d.gone(now) + " " + d.last())
	}
	return p, "pattern " + words.Clean(d.Status.LED, 20) + ", which this aimctl does not know"
}

// pattern is what the drone's LEDs show; ok is false when that is not known.
func (d *Drone) pattern(now time.Time) (led.Pattern, bool) {
	if d.Status == nil || d.Silent(now) || d.Offline() {
		return led.Off, false
	}
	p, err := led.Parse(d.Status.LED)
	return p, err == nil
}

// How much a drone needs attention, the least first.
const (
	rankWell = iota
	rankSensor
	rankCause // a cause, but it flies on; or it is overridden or resuming
	rankPaused
	rankNew // no status yet
	rankGone
	rankUnconfirmed
)

func (d *Drone) rank(now time.Time) int {
	switch {
	case d.Silent(now) || d.Offline():
		return rankGone
	case d.Status == nil:
		return rankNew
	case d.Status.State == "UNCONFIRMED":
		return rankUnconfirmed
	case d.Status.Requested:
		return rankPaused
	case d.Status.State != "NOMINAL" || len(d.Status.Causes) > 0:
		return rankCause
	case len(d.Status.Faults) > 0:
		return rankSensor
	}
	return rankWell
}

// title counts the fleet.
func (f *Fleet) title(now time.Time, o Look) string {
	var count [rankUnconfirmed + 1]int
	for _, d := range f.drones {
		count[d.rank(now)]++
	}
	st := o.Style
	parts := []string{
		" " + st.Bold.Render("AIMLOCK") + " fleet " + o.Name,
		fmt.Sprintf("%d drones", len(f.drones)),
	}
	if o.Broker != "" {
		parts = slices.Insert(parts, 1, st.Red.Render(o.Broker))
	}
	for _, p := range []struct {
		n    int
		word string
		s    lipgloss.Style
	}{
		{count[rankUnconfirmed], "UNCONFIRMED", st.Red},
		{count[rankGone], "gone", st.Red},
		{count[rankPaused], "paused", st.Amber},
		{count[rankCause] + count[rankSensor] + count[rankNew], "to look at", st.Amber},
		{count[rankWell], "well", st.Blue},
	} {
		if p.n > 0 {
			parts = append(parts, p.s.Render(fmt.Sprintf("%d %s", p.n, p.word)))
		}
	}
	left := clip(strings.Join(parts, "  "), o.Width)
	gap := o.Width - lipgloss.Width(left) - 10
	if gap < 0 {
		return left
	}
	return left + strings.Repeat(" ", gap) + st.Dim.Render("  "+now.In(o.Zone).Format("15:04:05"))
}

// foot is the lower part: the newest warnings and errors, or the legend. It leaves room for
// some drones.
func (f *Fleet) foot(o Look) []string {
	var lines []string
	if o.Legend {
		for _, p := range led.Patterns() {
			lines = append(lines, clip(fmt.Sprintf(" %-42s  %s", p.Looks(), p.Means()), o.Width))
		}
	} else {
		// What is merely informative shows in the table itself.
		for i := len(f.Events) - 1; i >= 0 && len(lines) < max(o.Height/3, 3); i-- {
			if f.Events[i].Level != "info" {
				lines = append(lines, f.eventLine(f.Events[i], o))
			}
		}
		slices.Reverse(lines)
	}
	if most := max(o.Height-8, 0); len(lines) > most && o.Legend {
		lines = lines[:most]
	} else if len(lines) > most {
		lines = lines[len(lines)-most:]
	}
	if len(lines) > 0 {
		lines = append(lines, "")
	}
	return lines
}

func (f *Fleet) eventLine(c Change, o Look) string {
	style, kind := o.Style.Plain, ""
	switch c.Level {
	case "error":
		style = o.Style.Red
	case "warn":
		style = o.Style.Amber
	}
	if c.Kind != KindEvent {
		kind = strings.ToUpper(c.Kind) + " "
	}
	return style.Render(clip(fmt.Sprintf(" %s %s  %s%s", c.At.In(o.Zone).Format("15:04:05"), c.Drone, kind, c.Text), o.Width))
}
