package progress

import (
	"slices"
	"time"

	"github.com/aim-control/aimlock/agent/rollout"
	"github.com/aim-control/aimlock/agent/rollout/run"
)

// maxLines bounds what is kept of what was said.
const maxLines = 200

// Board is what a terminal shows of a running rollout. The zero Board knows
// nothing and is ready.
type Board struct {
	Note string // of the moment, such as "ending"; empty: none

	saved run.Saved
	at    time.Time // when saved was true
	known bool
	link  error // why the broker is not reached
	lines []said
}

type said struct {
	at          time.Time
	drone, text string
}

// Take takes what the runner told at a moment.
func (b *Board) Take(p run.Progress, at time.Time) {
	b.saved, b.at, b.known, b.link = p.Saved, at, true, p.Link
	for _, l := range p.Say {
		b.lines = append(b.lines, said{at, l.Drone, l.Text})
	}
	if more := len(b.lines) - maxLines; more > 0 {
		b.lines = slices.Delete(b.lines, 0, more)
	}
}

// Rollout is the state at a moment: while the broker is reached, the time has
// gone on since the runner told.
func (b *Board) Rollout(now time.Time) rollout.State {
	s := b.saved.Rollout
	if b.known && b.link == nil && !s.Done() {
		s.Now += int64(max(now.Sub(b.at), 0))
	}
	return s
}

// row is one wave.
type row struct {
	wave, all int
	counts    map[rollout.Outcome]int
}

func rows(s rollout.State) []row {
	list := make([]row, s.Waves)
	for i := range list {
		list[i] = row{wave: i, counts: map[rollout.Outcome]int{}}
	}
	for _, d := range s.Drones {
		list[d.Wave].all++
		list[d.Wave].counts[d.Outcome]++
	}
	return list
}

// done is how many drones of a wave have an outcome.
func (r row) done() int {
	return r.all - r.counts[rollout.Pending] - r.counts[rollout.InProgress]
}
