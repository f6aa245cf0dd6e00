package show

import (
	"slices"
	"strings"
	"time"

	"github.com/aim-control/aimlock/agent/telemetry"
)

// States in the order of the summary; down stands for no answer.
var states = []string{"NOMINAL", "PAUSING", "UNCONFIRMED", "PAUSED", "OVERRIDDEN", "RESUMING", down}

const down = "DOWN"

// row is what is kept of one drone.
type row struct {
	status *telemetry.Status
	online bool
	state  string
	since  time.Time
	spent  map[string]time.Duration // by state
	causes []string                 // ever, in order
	waived []string
	leds   []string
	locks  []telemetry.Event // what the drone reported about its lock

	first, last int64                        // version of the configuration in force
	reports     map[string]*telemetry.Report // the newest of each patch
	ends        []*telemetry.Report          // how patches ended, in order
}

func newRow(now time.Time) *row {
	return &row{state: down, since: now, spent: map[string]time.Duration{}, reports: map[string]*telemetry.Report{}}
}

// take takes in a status; nil: the agent does not answer.
func (r *row) take(at time.Time, s *telemetry.Status) {
	r.status = s
	state := down
	if s != nil {
		state = s.State
		for _, c := range s.Causes {
			if c.Name != applying {
				once(&r.causes, c.Name)
			}
		}
		for _, w := range s.Waived {
			once(&r.waived, w)
		}
		once(&r.leds, s.LED)
		if s.Config.SHA256 != "" { // else it flies on what it has built in, until it has read the file
			r.last = s.Config.Version
		}
		if r.first == 0 {
			r.first = r.last
		}
	} else {
		once(&r.leds, "off")
	}
	if state != r.state {
		r.spent[r.state] += at.Sub(r.since)
		r.state, r.since = state, at
	}
}

// event keeps what a drone says about its lock.
func (r *row) event(e telemetry.Event) {
	if strings.HasPrefix(e.Kind, "lock.") && e.Kind != "lock.held" && e.Kind != "lock.free" && len(r.locks) < 100 {
		r.locks = append(r.locks, e)
	}
}

// in is the time spent in a state so far.
func (r *row) in(state string, now time.Time) time.Duration {
	d := r.spent[state]
	if r.state == state {
		d += now.Sub(r.since)
	}
	return d
}

// restart forgets the times: the story begins.
func (r *row) restart(now time.Time) {
	r.spent = map[string]time.Duration{}
	r.since = now
	r.first = r.last
}

func once(list *[]string, word string) {
	if word != "" && !slices.Contains(*list, word) {
		*list = append(*list, word)
	}
}
