package agent

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aim-control/aimlock/agent/pause"
	"github.com/aim-control/aimlock/board"
	"github.com/aim-control/aimlock/hal"
	"github.com/aim-control/aimlock/hal/sim"
)

// TestHeartbeatOfThePast: the flight controller died while the agent was held
// up. A beat from before that, which the agent sees only now, is as old as the
// kernel says: it does not make the dead one live on.
func TestHeartbeatOfThePast(t *testing.T) {
	t.Parallel()
	news := 0 // cases in which a change was first seen after the hold-up
	for beats := range 4 {
		t.Run(fmt.Sprint(beats), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { news += heldUp(t, time.Duration(beats)*250*time.Millisecond) })
		})
	}
	if news == 0 {
		t.Error("no case had a beat that was seen late: nothing was tested")
	}
}

// heldUp has a flight controller die so long after the loop stopped looking,
// which it does for 3 s.
func heldUp(t *testing.T, alive time.Duration) (news int) {
	b, err := board.Lookup("sim")
	if err != nil {
		t.Fatal(err)
	}
	w := sim.New(b, 1)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	go w.Run(ctx)
	h, err := hal.Open(b, w)
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	clock := func() int64 { return int64(time.Hour + time.Since(began)) }
	out := make(chan event)
	go source{clock, out}.watchLine(ctx, h.Heartbeat, lineHeartbeat)
	f := &facts{started: clock()}
	take := func(ev event) { f.take(lineHeartbeat, ev.level, ev.at, ev.edge) }
	for time.Since(began) < 5*time.Second {
		take(<-out)
	}
	if f.flightController(clock()) != pause.Yes {
		t.Fatal("the flight controller is not there to begin with")
	}
	before := f.line[lineHeartbeat].level
	time.Sleep(alive) // virtual
	if err := w.Break("fc", "stop"); err != nil {
		t.Fatal(err)
	}
	time.Sleep(3*time.Second - alive) // virtual
	for range 4 {
		take(<-out)
		if f.line[lineHeartbeat].level != before {
			news = 1
		}
		if got := f.flightController(clock()); got != pause.No {
			t.Errorf("dead for %v, and yet %v; its last beat was %v ago", 3*time.Second-alive, got, time.Duration(clock()-f.line[lineHeartbeat].change))
		}
	}
	stop()
	if err := h.Close(); err != nil {
		t.Error(err)
	}
	return news
}

// TestStampedChange: a change happened at its edge; an edge that is none of
// this change, or of no time at all, counts as now.
func TestStampedChange(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ at, edge, want int64 }{
		"at its edge":   {5000, 4000, 4000},
		"no edge known": {5000, 0, 5000},
		"an old edge":   {5000, 1000, 5000},
		"a later edge":  {5000, 5001, 5000},
	} {
		f := &facts{}
		f.take(lineHeartbeat, pause.No, 1, 0)
		f.take(lineHeartbeat, pause.Yes, 1000, 1000)
		f.take(lineHeartbeat, pause.No, c.at, c.edge)
		if got := f.line[lineHeartbeat]; got.change != c.want || got.at != c.at {
			t.Errorf("%s: changed at %d, looked at %d; want %d, %d", name, got.change, got.at, c.want, c.at)
		}
	}
}
