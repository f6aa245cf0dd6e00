package show

import (
	"fmt"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/aim-control/aimlock/agent/cmd/aimsim/fleet"
	"github.com/aim-control/aimlock/agent/cmd/aimsim/play"
	"github.com/aim-control/aimlock/agent/cmd/aimsim/scenario"
	"github.com/aim-control/aimlock/agent/telemetry"
)

// Tale takes in what happens and keeps it for whoever shows it. It is safe for
// concurrent use.
type Tale struct {
	mu     sync.Mutex
	start  time.Time
	begun  bool
	ended  time.Time // zero: not yet
	names  []string  // of the fleet
	rows   map[string]*row
	gather gather
	lines  []Line // given out, newest last, at most keepLines
	given  int    // of all time
	title  string // of the chapter

	rollouts []*telemetry.Rollout // the newest word on each
	patches  []string             // that were reported on
}

const keepLines = 2000

// NewTale begins a tale about drones with these names.
func NewTale(names []string) *Tale {
	t := &Tale{start: time.Now(), names: names, rows: map[string]*row{}}
	for _, name := range names {
		t.rows[name] = newRow(time.Now())
	}
	t.gather.out = func(l Line) {
		if len(t.lines) == keepLines {
			t.lines = append(t.lines[:0], t.lines[keepLines/2:]...)
		}
		t.lines = append(t.lines, l)
		t.given++
	}
	return t
}

// Begin sets the zero of the time stamps.
func (t *Tale) Begin(at time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.gather.rest()
	t.start, t.begun = at, true
	for _, r := range t.rows {
		r.restart(at)
	}
}

// End closes the tale: what comes later, as the fleet is taken down, is no
// part of it.
func (t *Tale) End() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ended = time.Now()
}

// Note takes in what the fleet has seen.
func (t *Tale) Note(n fleet.Note) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.ended.IsZero() {
		return
	}
	if n.Kind == fleet.NoteFleet {
		t.say(n.At, "", Warning, n.Text)
		return
	}
	if n.Kind == fleet.NoteByHand {
		t.say(n.At, "", Quiet, "  │ "+n.Text)
		return
	}
	if n.Kind == fleet.NoteRollout {
		for _, s := range t.heardRollout(n.Rollout) {
			t.say(n.At, "", s.tone, s.text)
		}
		return
	}
	r := t.rows[n.Drone]
	if r == nil {
		return
	}
	switch n.Kind {
	case fleet.NoteStatus:
		old := r.status
		r.take(n.At, n.Status)
		for _, s := range narrate(old, n.Status) {
			t.say(n.At, n.Drone, s.tone, s.text)
		}
	case fleet.NoteEvent:
		r.event(*n.Event)
		t.event(n)
	case fleet.NoteReport:
		if t.heardReport(r, n.Report) {
			for _, s := range narrateReport(n.Report) {
				t.say(n.At, n.Drone, s.tone, s.text)
			}
		}
	case fleet.NoteLink:
		r.online = n.Online
		if n.Online {
			t.say(n.At, n.Drone, Quiet, "online at the broker")
		} else {
			t.say(n.At, n.Drone, Warning, strings.TrimSuffix("offline at the broker: "+n.Text, ": "))
		}
	case fleet.NoteAgent:
		t.logged(n)
	case fleet.NoteProcess:
		t.say(n.At, n.Drone, Plain, n.Text)
	}
}

// event tells that a fleet server has heard of what matters.
func (t *Tale) event(n fleet.Note) {
	if n.Event.Level == "warn" || n.Event.Level == "error" {
		t.say(n.At, n.Drone, Quiet, "by MQTT: event "+n.Event.Kind)
	}
}

// transition is how the agent's log begins the line of a change of state.
var transition = regexp.MustCompile(`^[A-Z]+ → [A-Z]+: `)

// logged tells what an agent logs as an error or a warning.
func (t *Tale) logged(n fleet.Note) {
	if transition.MatchString(n.Text) {
		return // the status tells it, with the LEDs
	}
	switch n.Level {
	case "ERROR":
		t.say(n.At, n.Drone, Bad, "ERROR "+brief(n.Text))
	case "WARN":
		t.say(n.At, n.Drone, Warning, "WARN "+brief(n.Text))
	}
}

// Mark takes in what the player does.
func (t *Tale) Mark(m play.Mark) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch do := m.Step.Do.(type) {
	case scenario.Say:
		if !m.Done {
			t.title = do.Text
			t.say(m.At, "", Chapter, do.Text)
		}
		return
	case scenario.Sleep:
		return
	case scenario.Expect:
		if m.Done && len(m.Failures) == 0 {
			t.say(m.At, "", Passed, fmt.Sprintf("%s (after %s)", spaced(m.Step.Text), span(m.Took)))
		}
	case scenario.Rollout:
		if !m.Done {
			t.say(m.At, "", Action, spaced(m.Step.Text))
		} else if len(m.Failures) == 0 && m.Output != "" {
			t.say(m.At, "", Passed, fmt.Sprintf("rollout of %s: %s (after %s)", do.Patch, m.Output, span(m.Took)))
		}
		m.Output = ""
	default:
		if !m.Done {
			t.say(m.At, "", Action, spaced(m.Step.Text))
		}
	}
	for _, line := range strings.Split(m.Output, "\n") {
		if line != "" {
			t.say(m.At, "", Quiet, "  │ "+line)
		}
	}
	for _, f := range m.Failures {
		t.say(m.At, "", Failed, f.String())
	}
}

// spaced is a line of a scenario without the blanks that align it.
func spaced(text string) string { return strings.Join(strings.Fields(text), " ") }

func (t *Tale) say(at time.Time, drone string, tone Tone, text string) {
	l := Line{At: at.Sub(t.start), Before: !t.begun, Tone: tone, Text: text}
	if drone != "" {
		l.Drones = []string{drone}
	}
	t.gather.add(l)
}

// News gives out the lines that came since the line number from, in order, and
// the number to ask from next. final gives out also what still waits for
// others to say the same.
func (t *Tale) News(from int, final bool) ([]Line, int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if final {
		t.gather.rest()
	} else {
		t.gather.flush(time.Since(t.start))
	}
	n := min(t.given-from, len(t.lines))
	return append([]Line(nil), t.lines[len(t.lines)-n:]...), t.given
}

func ms(n int64) time.Duration { return time.Duration(n) * time.Millisecond }
