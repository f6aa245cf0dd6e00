// Package edges is the waiting for edges that simulated lines and their
// remote ends share.
package edges

import (
	"sync"
	"time"
)

// Queue remembers one edge until it is waited for. Its methods are safe for
// concurrent use; nothing waits with a lock held, so virtual time goes on.
type Queue struct {
	edge chan struct{} // holds the remembered edge

	mu       sync.Mutex
	halted   chan struct{} // closed: halted
	isHalted bool
	timer    *time.Timer // idle, for the next wait
}

// New returns an empty queue.
func New() *Queue {
	return &Queue{edge: make(chan struct{}, 1), halted: make(chan struct{})}
}

// Notify remembers an edge. It never blocks.
func (q *Queue) Notify() {
	select {
	case q.edge <- struct{}{}:
	default:
	}
}

// Renew forgets a remembered edge and ends a Halt.
func (q *Queue) Renew() {
	q.mu.Lock()
	defer q.mu.Unlock()
	select {
	case <-q.edge:
	default:
	}
	if q.isHalted {
		q.isHalted, q.halted = false, make(chan struct{})
	}
}

// Halt frees waiting goroutines; waits return false until Renew.
func (q *Queue) Halt() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.isHalted {
		q.isHalted = true
		close(q.halted)
	}
}

// Wait waits for an edge since the last wait: true. False: the time is over,
// or the queue is halted. A negative timeout waits without end, 0 polls.
func (q *Queue) Wait(timeout time.Duration) bool {
	q.mu.Lock()
	halted, timer := q.halted, q.timer
	q.timer = nil
	q.mu.Unlock()
	defer q.giveBack(&timer)
	select {
	case <-halted:
		return false
	default:
	}
	select {
	case <-q.edge:
		return true
	default:
	}
	if timeout == 0 {
		return false
	}
	var over <-chan time.Time
	if timeout > 0 {
		if timer == nil {
			timer = time.NewTimer(timeout)
		} else {
			timer.Reset(timeout)
		}
		over = timer.C
	}
	select {
	case <-halted:
		return false
	case <-q.edge:
		return true
	case <-over:
		return false
	}
}

// giveBack keeps a timer for the next wait, so that waiting allocates nothing.
func (q *Queue) giveBack(timer **time.Timer) {
	if *timer == nil {
		return
	}
	(*timer).Stop()
	q.mu.Lock()
	q.timer = *timer
	q.mu.Unlock()
}
