//go:build e2e

package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aim-control/aimlock/hal/led"
)

// shows watches the LEDs for some seconds and holds how often they light up
// and for how long against the pattern's table. On a busy host neither board nor
// test may get to it in time, so it looks up to three times: a wrong pattern is
// wrong each time.
func (r *rig) shows(t *testing.T, p led.Pattern, seconds int) {
	t.Helper()
	for left := 2; ; left-- {
		switch wrong := r.watched(p, seconds); {
		case len(wrong) == 0:
			return
		case left == 0:
			t.Errorf("%s", strings.Join(wrong, "; "))
			return
		}
	}
}

// watched is one look. What is measured is that time.
func (r *rig) watched(p led.Pattern, seconds int) (wrong []string) {
	const tolerance = 0.12 // of the time: the host is shared and the board emulated
	span := time.Duration(seconds) * time.Second
	from := time.Now()
	levels := [2]bool{r.w.is(lineBlue), r.w.is(lineAmber)}
	<-time.After(span)
	for i, line := range []int{lineBlue, lineAmber} {
		rises, lit := 0, time.Duration(0)
		on, since := levels[i], from
		for _, e := range append(r.w.changes(line, from), edge{from.Add(span), line, false}) {
			if e.at.After(from.Add(span)) {
				break
			}
			if on {
				lit += e.at.Sub(since)
			}
			if e.on && !on {
				rises++
			}
			on, since = e.on, e.at
		}
		wantRises, wantLit := expected(p, i, span)
		if d := lit - wantLit; rises < wantRises-1 || rises > wantRises+1 || max(d, -d) > time.Duration(tolerance*float64(span)) {
			wrong = append(wrong, fmt.Sprintf("%v: line %d lights up %d times for %v in %v, want %d times for %v", p, line, rises, lit.Round(time.Millisecond), span, wantRises, wantLit))
		}
	}
	return wrong
}

// expected is how often and for how long the table has one LED lit.
func expected(p led.Pattern, which int, span time.Duration) (rises int, lit time.Duration) {
	was := false
	for now := int64(0); now < int64(span); {
		blue, amber, next := p.At(now)
		on := [2]bool{blue, amber}[which]
		next = min(next, int64(span)-now)
		if on {
			lit += time.Duration(next)
		}
		if on && !was {
			rises++
		}
		was, now = on, now+next
	}
	return rises, lit
}
