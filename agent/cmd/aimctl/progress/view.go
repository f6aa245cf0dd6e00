package progress

import (
	"fmt"
	"strings"
	"time"

	"github.com/charmbracelet/lipgloss"
	"github.com/charmbracelet/x/ansi"

	"github.com/aim-control/aimlock/agent/cmd/aimctl/fleet"
	"github.com/aim-control/aimlock/agent/cmd/aimctl/words"
	"github.com/aim-control/aimlock/agent/rollout"
)

// Look is how the board is drawn.
type Look struct {
	Width, Height int // of the terminal, cells
	Zone          *time.Location
	Style         *fleet.Style
	Keys          string // the last line; empty: none
}

// Heights of the board's parts, lines.
const (
	maxWaves = 6 // waves shown at a time
	maxBusy  = 5 // drones shown one by one
	barWidth = 20
)

// View draws the board at a moment. Nothing in it is wider than o.Width nor
// longer than o.Height.
func (b *Board) View(now time.Time, o Look) string {
	o.Width, o.Height = max(o.Width, 40), max(o.Height, 12)
	if !b.known {
		return b.clip(o, []string{" " + o.Style.Bold.Render("AIMLOCK") + " rollout: connecting to the broker"})
	}
	s := b.Rollout(now)
	lines := append(b.head(s, o), "")
	lines = append(lines, b.waves(s, o)...)
	lines = append(lines, "")
	lines = append(lines, b.busy(s, o)...)
	foot := b.foot(o)
	room := o.Height - 1 - len(lines) - len(foot)
	for _, l := range b.lines[max(0, len(b.lines)-max(min(room, 12), 0)):] {
		lines = append(lines, o.Style.Dim.Render(" "+LastLine(l.at, o.Zone, l.drone, l.text)))
	}
	lines = lines[:min(len(lines), max(o.Height-1-len(foot), 0))]
	return b.clip(o, append(lines, foot...))
}

func (b *Board) clip(o Look, lines []string) string {
	lines = lines[:min(len(lines), o.Height-1)]
	for i, l := range lines {
		lines[i] = ansi.Truncate(strings.TrimRight(l, " "), o.Width, "…")
	}
	return strings.Join(lines, "\n") + "\n"
}

// head says what it is, how it stands and why.
func (b *Board) head(s rollout.State, o Look) []string {
	p, st := s.Plan, o.Style
	status := st.Blue
	switch s.Status {
	case rollout.Paused, rollout.Waiting, rollout.Unclear:
		status = st.Amber
	case rollout.RollingBack, rollout.Stopped:
		status = st.Red
	}
	top := fmt.Sprintf(" %s rollout %s %s  fleet %s → configuration %d", st.Bold.Render("AIMLOCK"), p.ID, status.Render(string(s.Status)), p.Fleet, p.Version)
	lines := []string{top}
	if b.link != nil {
		lines = append(lines, st.Red.Render(" NO LINK TO THE BROKER, trying again: ")+words.Clean(b.link.Error(), 200))
	}
	if s.Reason != "" {
		lines = append(lines, status.Render(" "+words.Clean(s.Reason, 300)))
	}
	for _, l := range ToDo(State{Status: string(s.Status), Ask: s.Ask}, p.ID) {
		if cmd, ok := strings.CutPrefix(l, "\t"); ok {
			lines = append(lines, "    "+cmd)
		}
	}
	return lines
}

// waves are the waves around the present one, each with its bar.
func (b *Board) waves(s rollout.State, o Look) []string {
	all := rows(s)
	from := max(min(s.Wave-maxWaves/2, len(all)-maxWaves), 0)
	to := min(from+maxWaves, len(all))
	var lines []string
	for _, r := range all[from:to] {
		text := fmt.Sprintf(" %-8s %s %4d of %-4d", WaveName(r.wave), bar(r, o), r.done(), r.all)
		if r.wave == s.Wave {
			text += " " + nowDoes(s)
		}
		lines = append(lines, text)
	}
	if more := len(all) - to; more > 0 {
		lines = append(lines, o.Style.Dim.Render(fmt.Sprintf(" … and %d more waves", more)))
	}
	return lines
}

// nowDoes says what the present wave does.
func nowDoes(s rollout.State) string {
	switch {
	case s.Done():
		return ""
	case s.Status == rollout.RollingBack:
		return "taking back"
	case s.Phase == rollout.Offering:
		return "offering"
	}
	if ns, beats, _ := s.BakeLeft(); ns > 0 || beats > 0 {
		return "baking"
	}
	return "baked"
}

// bar is a wave's drones as a bar, in the order: through, busy, gone wrong, not
// there, to come.
func bar(r row, o Look) string {
	st := o.Style
	bad := r.counts[rollout.Failed] + r.counts[rollout.TimedOut] + r.counts[rollout.Rejected] + r.counts[rollout.Reverted]
	var out strings.Builder
	cells, drones := 0, 0
	for _, part := range []struct {
		n     int
		glyph string
		style lipgloss.Style
	}{
		{r.counts[rollout.Succeeded], "█", st.Blue},
		{r.counts[rollout.InProgress], "▒", st.Amber},
		{bad, "x", st.Red},
		{r.counts[rollout.Offline] + r.counts[rollout.Superseded], "·", st.Dim},
		{r.counts[rollout.Pending], "░", st.Dim},
	} {
		drones += part.n
		end := drones * barWidth / max(r.all, 1)
		if end > cells {
			out.WriteString(part.style.Render(strings.Repeat(part.glyph, end-cells)))
		}
		cells = max(cells, end)
	}
	return out.String()
}

// busy are the drones at work, and those with which something is wrong.
func (b *Board) busy(s rollout.State, o Look) []string {
	counts := map[string]int{}
	var list []rollout.Drone
	for _, d := range s.Drones {
		counts[string(d.Outcome)]++
		switch d.Outcome {
		case rollout.Succeeded, rollout.Pending:
		default:
			list = append(list, d)
		}
	}
	lines := []string{fmt.Sprintf(" %d drones: %s", len(s.Drones), Counts(counts))}
	ns, beats, drone := s.BakeLeft()
	if text := BakeText(time.Duration(ns), beats, drone); text != "" {
		lines = append(lines, " Bake: "+text)
	}
	for i, d := range list {
		if i == maxBusy {
			lines = append(lines, o.Style.Dim.Render(fmt.Sprintf(" … and %d more", len(list)-i)))
			break
		}
		tone := o.Style.Amber
		if d.Outcome != rollout.InProgress {
			tone = o.Style.Red
		}
		away := ""
		if !d.Online {
			away = " (not connected)"
		}
		lines = append(lines, tone.Render(fmt.Sprintf(" %-12s %-11s", d.Name, d.Outcome))+" "+Why(DroneOf(d))+away)
	}
	return append(lines, "")
}

func (b *Board) foot(o Look) []string {
	var lines []string
	if b.Note != "" {
		lines = append(lines, "", o.Style.Amber.Render(" "+b.Note))
	}
	if o.Keys != "" {
		lines = append(lines, "", o.Style.Dim.Render(" "+o.Keys))
	}
	return lines
}
