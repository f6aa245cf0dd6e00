package show

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aim-control/aimlock/agent/cmd/aimsim/play"
	"github.com/aim-control/aimlock/hal/led"
)

// Result is how a run ended, beside its lines.
type Result struct {
	Failures []play.Failure
	Judged   int // expectations
	Stopped  error
	Dir      string // the folder, if it stays
	Gaps     int    // numbers of events that never came
	Events   int
	Width    int // to fold lines at; 0: none is known
}

// Summary tells the whole run in a table a drone, what became of the locks,
// what the LEDs said, and the verdict. The tale has ended.
func (t *Tale) Summary(r Result) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.ended
	var b strings.Builder
	fmt.Fprintf(&b, "Time in each state, seconds, over %s\n\n", span(now.Sub(t.start)))
	t.stateTable(&b, now)
	t.patchTable(&b, r.Width)
	t.patchReports(&b, r.Width)
	t.lockEvents(&b, r.Width)
	t.ledLegend(&b, r.Width)
	fmt.Fprintf(&b, "\nMQTT delivered %d events, %d missing.\n", r.Events, r.Gaps)
	if r.Dir != "" {
		fmt.Fprintf(&b, "Everything stays in %s\n", r.Dir)
	}
	b.WriteString("\n" + r.verdict() + "\n")
	return b.String()
}

// stateTable leaves out states in which no drone was.
func (t *Tale) stateTable(b *strings.Builder, now time.Time) {
	var used []string
	for _, s := range states {
		if slices.ContainsFunc(t.names, func(name string) bool { return t.rows[name].in(s, now) >= leastTime }) {
			used = append(used, s)
		}
	}
	fmt.Fprintf(b, "  %-11s", "drone")
	for _, s := range used {
		fmt.Fprintf(b, "%*s", len(s)+2, s)
	}
	width := 20
	for _, name := range t.names {
		width = max(width, len(t.rows[name].causeWords()))
	}
	fmt.Fprintf(b, "  %-*s %s\n", width, "causes", "LEDs")
	for _, name := range t.names {
		r := t.rows[name]
		fmt.Fprintf(b, "  %-11s", name)
		for _, s := range used {
			cell := "–"
			if d := r.in(s, now); d >= leastTime {
				cell = fmt.Sprintf("%.1f", d.Seconds())
			}
			fmt.Fprintf(b, "%*s", len(s)+2, cell)
		}
		fmt.Fprintf(b, "  %-*s %s\n", width, r.causeWords(), strings.Join(r.leds, " "))
	}
}

// leastTime in a state shows in the table.
const leastTime = 50 * time.Millisecond

func (r *row) causeWords() string {
	if len(r.causes) == 0 {
		return "–"
	}
	words := slices.Clone(r.causes)
	for i, w := range words {
		if slices.Contains(r.waived, w) {
			words[i] += "(waived)"
		}
	}
	return strings.Join(words, " ")
}

// lockEvents tells what the drones reported of their locks.
func (t *Tale) lockEvents(b *strings.Builder, width int) {
	t.alike(b, width, "What the drones reported of their locks, with the evidence", func(r *row) (all []string) {
		for _, e := range r.locks {
			all = append(all, e.Kind+": "+e.Text+evidence(e))
		}
		return all
	})
}

// alike tells what each drone has to say; what several say alike stands once.
func (t *Tale) alike(b *strings.Builder, width int, title string, says func(*row) []string) {
	var lines []Line
	g := gather{out: func(l Line) { lines = append(lines, l) }}
	for _, name := range t.names {
		for _, text := range says(t.rows[name]) {
			g.add(Line{Drones: []string{name}, Text: text})
		}
	}
	g.rest()
	if len(lines) == 0 {
		return
	}
	b.WriteString("\n" + title + "\n\n")
	for _, l := range lines {
		fmt.Fprintf(b, "  %-15s %s\n", label(l.Drones, t.names), wrap(l.Text+alike(l), 18, width))
	}
}

func (t *Tale) ledLegend(b *strings.Builder, width int) {
	head := "\nWhat the LEDs said\n\n"
	for _, p := range led.Patterns() {
		for _, name := range t.names {
			if slices.Contains(t.rows[name].leds, p.String()) {
				line := fmt.Sprintf("%-11s %-47s %s", p, p.Looks(), p.Means())
				if width > 0 && width < 125 {
					line = fmt.Sprintf("%-11s %s: %s", p, p.Looks(), p.Means())
				}
				fmt.Fprintf(b, "%s  %s\n", head, wrap(line, 14, width))
				head = ""
				break
			}
		}
	}
}

func (r Result) verdict() string {
	var b strings.Builder
	failed := len(r.Failures)
	for _, f := range r.Failures {
		fmt.Fprintf(&b, "✗ %s\n", f)
	}
	if r.Stopped != nil {
		fmt.Fprintf(&b, "✗ stopped: %v\n", r.Stopped)
	}
	switch {
	case failed == 0 && r.Stopped == nil:
		fmt.Fprintf(&b, "✓ every expectation held (%d).", r.Judged)
	default:
		fmt.Fprintf(&b, "✗ %d failed; %d expectations were judged.", failed, r.Judged)
	}
	return b.String()
}

func alike(l Line) string {
	if l.Alike == 0 {
		return ""
	}
	return fmt.Sprintf("  (+%d alike)", l.Alike)
}
