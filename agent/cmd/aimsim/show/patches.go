package show

import (
	"fmt"
	"slices"
	"strings"

	"github.com/charmbracelet/lipgloss"

	"github.com/aim-control/aimlock/agent/rollout"
	"github.com/aim-control/aimlock/agent/telemetry"
)

// maxRollouts and maxPatches are remembered of a run.
const (
	maxRollouts = 64
	maxPatches  = 8 // columns of the summary
)

// heardRollout keeps the newest of each rollout and tells what is new.
func (t *Tale) heardRollout(r *telemetry.Rollout) []said {
	for i, old := range t.rollouts {
		if old.ID == r.ID {
			t.rollouts[i] = r
			return narrateRollout(old, r)
		}
	}
	if len(t.rollouts) == maxRollouts {
		t.rollouts = t.rollouts[1:]
	}
	t.rollouts = append(t.rollouts, r)
	return narrateRollout(nil, r)
}

// heardReport keeps how the patch ended on a drone; false: that was known.
func (t *Tale) heardReport(r *row, rep *telemetry.Report) (news bool) {
	if !slices.Contains(t.patches, rep.Patch) && rep.Patch != "" && len(t.patches) < maxPatches {
		t.patches = append(t.patches, rep.Patch)
	}
	old := r.reports[rep.Patch]
	r.reports[rep.Patch] = rep
	if old != nil && old.State == rep.State { // an agent that starts says again how the last one ended
		return false
	}
	if ended(rep.State) && len(r.ends) < 100 {
		r.ends = append(r.ends, rep)
	}
	return true
}

// patchTable tells a drone's configuration before and after, and what became
// of each patch on it.
func (t *Tale) patchTable(b *strings.Builder, width int) {
	if len(t.patches) == 0 {
		return
	}
	b.WriteString("\nConfigurations before and after, and what became of each patch\n\n")
	line := func(head string, cell func(patch string) string) {
		for _, p := range t.patches {
			head += fmt.Sprintf("  %-*s", patchWidth(p), cell(p))
		}
		b.WriteString(strings.TrimRight(head, " ") + "\n")
	}
	line(fmt.Sprintf("  %-11s %6s %6s", "drone", "before", "after"), func(patch string) string { return patch })
	for _, name := range t.names {
		r := t.rows[name]
		line(fmt.Sprintf("  %-11s %6d %6d", name, r.first, r.last), r.patchCell)
	}
	for _, r := range t.rollouts {
		text := fmt.Sprintf("rollout %s: %s, %d of %d drones have %s", r.ID, r.State, outcomes(r, rollout.Succeeded), len(r.Drones), r.Patch)
		if r.Reason != "" {
			text += "; " + r.Reason
		}
		fmt.Fprintf(b, "  %s\n", wrap(text, 4, width))
	}
}

func patchWidth(id string) int { return max(len(id), 20) }

// patchCell is what became of a patch on a drone, as it reported it.
func (r *row) patchCell(patch string) string {
	rep := r.reports[patch]
	switch {
	case rep == nil:
		return "not offered"
	case rep.Reason == "":
		return rep.State
	}
	return rep.State + ": " + rep.Reason
}

// patchReports are the reports themselves; what several report alike stands
// once.
func (t *Tale) patchReports(b *strings.Builder, width int) {
	t.alike(b, width, "What the drones reported of the patches", func(r *row) (all []string) {
		for _, rep := range r.ends {
			text := rep.Patch + ": " + rep.State
			if took := ms(rep.EndedMS - rep.OfferedMS); rep.EndedMS > 0 && rep.OfferedMS > 0 && took >= 0 {
				text += " after " + span(took)
			}
			all = append(all, text+because(rep)+evidenceOf(rep.Evidence, text+because(rep), patchShown))
		}
		return all
	})
}

// rolloutLine is the rollout at hand in the live view; "" before the first.
func (t *Tale) rolloutLine() string {
	if len(t.rollouts) == 0 {
		return ""
	}
	r := t.rollouts[len(t.rollouts)-1]
	colour, where := lipgloss.TerminalColor(cyan), "the canary"
	if r.Wave > 0 {
		where = fmt.Sprintf("wave %d of %d", r.Wave, r.Waves-1)
	}
	switch rollout.Status(r.State) {
	case rollout.Finished:
		colour, where = green, "all waves"
	case rollout.Stopped, rollout.RollingBack:
		colour, where = red, r.Reason
	case rollout.Paused, rollout.Waiting, rollout.Unclear:
		colour, where = amber, r.Reason
	default:
		where += " · " + strings.ToLower(r.Phase)
	}
	var bar strings.Builder
	wave := uint32(0)
	for _, d := range r.Drones {
		if d.Wave != wave {
			wave = d.Wave
			bar.WriteString(" ")
		}
		bar.WriteString(outcomeMark(d.State))
	}
	return fmt.Sprintf(" %s %s  %s  %s %s", faintStyle.Render("ROLLOUT"), boldStyle.Render(r.ID), bar.String(),
		lipgloss.NewStyle().Foreground(colour).Bold(true).Render(r.State), faintStyle.Render(where))
}

// outcomeMark is a drone of a rollout in one cell.
func outcomeMark(state string) string {
	switch rollout.Outcome(state) {
	case rollout.Succeeded:
		return paint(green, "■")
	case rollout.InProgress:
		return paint(cyan, "◧")
	case rollout.Pending:
		return paint(dark, "□")
	case rollout.Offline:
		return paint(amber, "–")
	}
	return paint(red, "✗")
}
