package fleet

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/charmbracelet/lipgloss"
	"github.com/charmbracelet/x/ansi"
	"github.com/muesli/termenv"

	"github.com/aim-control/aimlock/agent/cmd/aimctl/words"
	"github.com/aim-control/aimlock/agent/telemetry"
)

// Style is how the table is coloured. Colour only repeats what the words say.
type Style struct{ Plain, Bold, Dim, Blue, Amber, Red lipgloss.Style }

// NewStyle makes the styles for a terminal.
func NewStyle(w io.Writer) *Style { return style(lipgloss.NewRenderer(w)) }

// NewPlain makes styles without any colour.
func NewPlain() *Style {
	r := lipgloss.NewRenderer(io.Discard)
	r.SetColorProfile(termenv.Ascii)
	return style(r)
}

func style(r *lipgloss.Renderer) *Style {
	fg := func(light, dark string) lipgloss.Style {
		return r.NewStyle().Foreground(lipgloss.AdaptiveColor{Light: light, Dark: dark})
	}
	return &Style{
		Plain: r.NewStyle(),
		Bold:  r.NewStyle().Bold(true),
		Dim:   fg("245", "243"),
		Blue:  fg("26", "75"),
		Amber: fg("130", "214"),
		Red:   fg("160", "203").Bold(true),
	}
}

// column widths, cells; what is left goes to the last column, the reason.
type columns struct{ name, state, flight, conf, power, seen int }

func (f *Fleet) columns(o Look) columns {
	c := columns{name: 5, state: 18, flight: 9, conf: 7, seen: 7}
	for _, n := range f.names {
		c.name = max(c.name, len(n))
	}
	if f.powered && o.Width >= 110 {
		c.power = 18
	}
	if o.Width < 100 {
		c.conf = 0
	}
	if o.Width < 90 {
		c.flight = 0
	}
	if o.Width < 70 {
		c.name = min(c.name, 12)
	}
	return c
}

func (f *Fleet) heading(o Look) string {
	c := f.columns(o)
	cells := cell("LED", 5) + cell("DRONE", c.name+2) + cell("STATE", c.state) + cell("FLIGHT", c.flight) +
		cell("CONFIG", c.conf) + cell("SUPPLY", c.power) + cell("HEARD", c.seen) + "WHY"
	return o.Style.Bold.Render(clip(" "+cells, o.Width))
}

func (f *Fleet) row(d *Drone, now time.Time, o Look) string {
	c := f.columns(o)
	st := o.Style
	state, flight, conf, supply, why := "?", "", "", d.power(now), "no status yet"
	if s := d.Status; s != nil {
		age := now.Sub(d.statusAt)
		state = fmt.Sprintf("%-11s %s", words.Clean(s.State, 11), words.Short(age+ms(s.UpMS-s.SinceMS)))
		flight = words.Clean(s.Flight, 10)
		conf = fmt.Sprintf("v%d%s", s.Config.Version, confMark(s.Config))
		why = whyText(s, age)
	}
	tone := st.Plain
	switch rank := d.rank(now); {
	case rank == rankGone:
		tone = st.Dim
		// What it said last may not be true any more: it must not stand where
		// the present state stands.
		state, flight, supply, why = d.gone(now), "", "", d.last()
	case rank == rankUnconfirmed:
		tone = st.Red
	case rank > rankWell:
		tone = st.Amber
	}
	heard := "-"
	if !d.heard.IsZero() {
		heard = words.Short(now.Sub(d.heard))
	}
	text := cell(d.Name, c.name+2) + cell(state, c.state) + cell(flight, c.flight) + cell(conf, c.conf) + cell(supply, c.power) + cell(heard, c.seen)
	return " " + d.dots(now, o) + "  " + tone.Render(clip(text+why, o.Width-6))
}

// power says what the first supply gives, how many there are besides, and how
// old that is unless it is new.
func (d *Drone) power(now time.Time) string {
	if len(d.supply) == 0 {
		return ""
	}
	s, text := d.supply[0], "?"
	if s.OK {
		text = fmt.Sprintf("%.1fV %.1fA", float64(s.MilliV)/1000, float64(s.MilliA)/1000)
		if age := now.Sub(d.supplyAt) + ms(int64(s.AgeMS)); age > supplyNew {
			text += " " + words.Short(age)
		}
	}
	if n := len(d.supply) - 1; n > 0 {
		text += fmt.Sprintf(" +%d", n)
	}
	return text
}

// supplyNew is the age up to which a figure stands without it.
const supplyNew = 3 * time.Second

// gone says since when a drone is not there.
func (d *Drone) gone(now time.Time) string {
	switch {
	case d.Offline() && d.linkAt.IsZero():
		return "OFFLINE"
	case d.Offline():
		return fmt.Sprintf("%-11s %s", "OFFLINE", words.Short(now.Sub(d.linkAt)))
	case d.heard.IsZero():
		return "SILENT"
	}
	return fmt.Sprintf("%-11s %s", "SILENT", words.Short(now.Sub(d.heard)))
}

// last says what a drone that is gone said last.
func (d *Drone) last() string {
	var parts []string
	if d.Offline() {
		if r := words.Clean(d.Link.Reason, 60); r != "" {
			parts = append(parts, r)
		}
	}
	if d.Status != nil {
		parts = append(parts, "last said "+words.Clean(d.Status.State, 11)+", "+words.Clean(d.Status.Flight, 10))
	}
	return strings.Join(parts, "; ")
}

func ms(n int64) time.Duration { return time.Duration(n) * time.Millisecond }

// dots are the two LEDs as they are now: blue, amber.
func (d *Drone) dots(now time.Time, o Look) string {
	p, ok := d.pattern(now)
	if !ok {
		return o.Style.Dim.Render("· ·")
	}
	blue, amber, _ := p.At(now.UnixNano())
	dot := func(lit bool, s lipgloss.Style) string {
		if lit {
			return s.Render("●")
		}
		return o.Style.Dim.Render("○")
	}
	return dot(blue, o.Style.Blue) + " " + dot(amber, o.Style.Amber)
}

// whyText says why a drone is not simply flying on. age is the status's.
func whyText(s *telemetry.Status, age time.Duration) string {
	var parts []string
	for _, c := range s.Causes {
		text := words.Clean(c.Name, 12)
		if c.Name == "lock" {
			text = lockWhy(s, age)
		}
		if c.Waived {
			text += ", hold used up"
		}
		parts = append(parts, text)
	}
	if !hasCause(s, "lock") && s.Lock.Verdict != "FREE" {
		parts = append(parts, lockWhy(s, age))
	}
	if len(parts) == 0 {
		parts = append(parts, stateWhy(s.State)...)
	}
	switch {
	case !s.Config.Valid && !hasCause(s, "config"):
		parts = append(parts, "file invalid")
	case s.Config.Valid && s.Config.Pending:
		parts = append(parts, "file changed, waits for disarm")
	case s.Config.Valid && s.Config.Drift:
		parts = append(parts, "file changed by hand")
	}
	if s.Patch.State != "" && s.Patch.State != "IDLE" && s.Patch.State != "COMMITTED" {
		parts = append(parts, "patch "+words.Clean(s.Patch.State, 12))
	}
	if len(s.Faults) > 0 {
		parts = append(parts, "fault: "+words.Clean(strings.Join(s.Faults, " "), 80))
	}
	return strings.Join(parts, "; ")
}

// stateWhy says why a drone without a cause is not simply flying on.
func stateWhy(state string) []string {
	switch state {
	case "OVERRIDDEN":
		return []string{"pilot or failsafe flies"}
	case "RESUMING":
		return []string{"cause gone, goes on"}
	case "PAUSING", "UNCONFIRMED", "PAUSED":
		return []string{"cause gone, waits a little"}
	}
	return nil
}

// lockWhy says the lock with its holder and for how long he has it.
func lockWhy(s *telemetry.Status, age time.Duration) string {
	text := "lock " + words.Clean(s.Lock.Verdict, 10)
	if who := words.Clean(s.Lock.Holder, 40); who != "" {
		text += " " + who
		if s.Lock.Verdict != "BOOT" {
			text += " " + words.Short(age+ms(s.UpMS-s.Lock.SinceMS))
		}
	}
	return text
}

// confMark marks a configuration that is not simply the fleet's.
func confMark(c telemetry.Config) string {
	switch {
	case !c.Valid:
		return "!"
	case c.Drift || c.Pending:
		return "*"
	}
	return ""
}

// cell pads or cuts text to width cells, with a gap of one; width 0 leaves the
// column out.
func cell(text string, width int) string {
	if width == 0 {
		return ""
	}
	text = clip(text, width-1)
	return text + strings.Repeat(" ", width-ansi.StringWidth(text))
}

func clip(text string, width int) string { return ansi.Truncate(text, max(width, 0), "…") }
