//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// The lines, numbered as on both boards.
const (
	lineDisarmed = iota
	lineHolding
	lineHeartbeat
	lineButton
	lineRequest
	lineBlue
	lineAmber
)

const (
	look  = 3 * time.Millisecond // between two looks at the lines
	beat  = 300 * time.Millisecond
	brake = 250 * time.Millisecond // from the request to HOLDING
)

// edge is a change of an output, as seen from outside, or of an input, just
// before it is driven.
type edge struct {
	at   time.Time
	line int
	on   bool
}

// wires are the lines of a board and the flight controller at their other end:
// its heartbeat beats, and it holds while it is asked to, as its script does.
type wires struct {
	q *qmp
	p pins

	mu    sync.Mutex
	level byte // of all eight lines, as last seen
	edges []edge
	want  byte // of the inputs
	deaf  bool // the flight controller does not answer requests
	dead  bool // and has no heartbeat
	err   error
	more  chan struct{} // closed at the next edge
}

// attach starts the flight controller: on the ground, disarmed. The outputs
// are watched until ctx ends.
func attach(ctx context.Context, q *qmp, p pins) *wires {
	w := &wires{q: q, p: p, want: 1 << lineDisarmed, more: make(chan struct{})}
	go w.run(ctx)
	return w
}

func (w *wires) run(ctx context.Context) {
	tick := time.NewTicker(look)
	defer tick.Stop()
	var driven byte
	var beats, asked time.Time
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		if w.q.reset() {
			driven = 0 // QEMU puts every input to low
		}
		level, err := w.p.levels()
		now := time.Now()
		if err == nil {
			w.see(level, now)
			err = w.drive(&driven)
		}
		w.mu.Lock()
		if err != nil && ctx.Err() == nil && w.err == nil {
			w.err = err
		}
		if now.Sub(beats) >= beat && !w.dead {
			w.want ^= 1 << lineHeartbeat
			beats = now
		}
		requested := w.level>>lineRequest&1 == 1
		switch {
		case !requested:
			asked = time.Time{}
		case asked.IsZero():
			asked = now
		}
		if flying := w.want>>lineDisarmed&1 == 0; flying && !w.deaf {
			w.put(lineHolding, requested && now.Sub(asked) >= brake)
		}
		w.mu.Unlock()
	}
}

// see notes what has changed.
func (w *wires) see(level byte, now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, line := range []int{lineRequest, lineBlue, lineAmber} {
		if on := level>>line&1 == 1; on != (w.level>>line&1 == 1) {
			w.edges = append(w.edges, edge{now, line, on})
			close(w.more)
			w.more = make(chan struct{})
		}
	}
	w.level = level
}

// drive brings the inputs to what they should be, one at a time.
func (w *wires) drive(driven *byte) error {
	w.mu.Lock()
	diff := *driven ^ w.want
	want := w.want
	w.mu.Unlock()
	for line := lineDisarmed; line <= lineButton; line++ {
		if diff>>line&1 == 0 {
			continue
		}
		w.mu.Lock()
		w.edges = append(w.edges, edge{time.Now(), line, want>>line&1 == 1})
		w.mu.Unlock()
		if err := w.p.drive(line, want>>line&1 == 1); err != nil {
			return err
		}
		*driven ^= 1 << line
	}
	return nil
}

// put sets an input; the caller has the lock.
func (w *wires) put(line int, on bool) {
	w.want &^= 1 << line
	if on {
		w.want |= 1 << line
	}
}

// set sets an input as the flight controller does.
func (w *wires) set(line int, on bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.put(line, on)
}

// arm takes off; disarm has landed.
func (w *wires) arm() { w.set(lineDisarmed, false) }

func (w *wires) disarm() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.put(lineHolding, false)
	w.put(lineDisarmed, true)
}

// answer says whether the flight controller takes notice of requests.
func (w *wires) answer(yes bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.deaf = !yes
}

// is reads an output as last seen.
func (w *wires) is(line int) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.level>>line&1 == 1
}

// changes are the edges of a line from a time on.
func (w *wires) changes(line int, from time.Time) []edge {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []edge
	for _, e := range w.edges {
		if e.line == line && e.at.After(from) {
			out = append(out, e)
		}
	}
	return out
}

// until waits until an output is on or off, and returns since when.
func (w *wires) until(line int, on bool, within time.Duration) (time.Time, error) {
	late := time.After(within)
	for {
		w.mu.Lock()
		more, err := w.more, w.err
		now := w.level>>line&1 == 1
		var at time.Time
		for _, e := range w.edges {
			if e.line == line {
				at = e.at
			}
		}
		w.mu.Unlock()
		switch {
		case err != nil:
			return time.Time{}, err
		case now == on:
			return at, nil
		}
		select {
		case <-more:
		case <-late:
			return time.Time{}, fmt.Errorf("line %d is not %v within %v", line, on, within)
		}
	}
}
