package show

import (
	"regexp"
	"slices"
	"strings"
	"time"
)

// together is how long a line waits for other drones that say the same.
const together = 350 * time.Millisecond

// gather holds lines back for a moment, and makes one line of what several
// drones say at the same time.
type gather struct {
	queue []*group
	out   func(Line)
}

type group struct {
	Line
	key string // empty: nothing joins any more
	due time.Duration
}

var numbers = regexp.MustCompile(`[0-9]+`)

// add takes a line of one drone, or of none: such a line is never merged, and
// nothing after it joins what was before.
func (g *gather) add(l Line) {
	if len(l.Drones) != 1 {
		for _, q := range g.queue {
			q.key = ""
		}
		g.queue = append(g.queue, &group{Line: l, due: l.At})
		return
	}
	name := l.Drones[0]
	key := string('0'+rune(l.Tone)) + numbers.ReplaceAllString(strings.ReplaceAll(l.Text, name, "@"), "#")
	for _, q := range g.queue {
		if q.key == key && !slices.Contains(q.Drones, name) {
			q.Drones = append(q.Drones, name)
			if l.Text != q.Text {
				q.Alike++
			}
			return
		}
	}
	g.queue = append(g.queue, &group{Line: l, key: key, due: l.At + together})
}

// flush gives out, in order, what nothing can join any more at the time now.
func (g *gather) flush(now time.Duration) {
	for len(g.queue) > 0 && g.queue[0].due <= now {
		l := g.queue[0].Line
		g.queue = g.queue[1:]
		slices.Sort(l.Drones)
		g.out(l)
	}
}

// rest gives out everything.
func (g *gather) rest() { g.flush(1 << 62) }
