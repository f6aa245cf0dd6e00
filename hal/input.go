package hal

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
	"periph.io/x/conn/v3/gpio"

	"github.com/aim-control/aimlock/board"
)

// reader is the requested line behind an input: *gpiocdev.Line.
type reader interface {
	Value() (int, error)
	Close() error
}

// input is a line as the board table configured it, with edges of both kinds.
type input struct {
	name string
	num  int
	pull gpio.Pull
	line reader

	edges   chan struct{} // one element: an edge since the last wait
	newest  atomic.Int64  // edge's CLOCK_MONOTONIC, ns; 0: none
	waiting sync.Mutex    // held by the one waiter
	timer   *time.Timer   // of the waiter, reused

	mu     sync.Mutex
	halted chan struct{} // closed by Halt, renewed by In
}

var (
	_ Input   = (*input)(nil)
	_ Stamped = (*input)(nil)
)

// newInput returns an input without its line: the line's event handler needs
// the input before the line exists.
func newInput(l board.Line, num int) *input {
	p := &input{name: l.Name, num: num, pull: pullOf(l), edges: make(chan struct{}, 1), halted: make(chan struct{})}
	p.timer = time.NewTimer(time.Hour)
	p.timer.Stop()
	return p
}

func pullOf(l board.Line) gpio.Pull {
	switch {
	case l.PullUp:
		return gpio.PullUp
	case l.PullDown:
		return gpio.PullDown
	}
	return gpio.PullNoChange
}

// edge notes an edge and its CLOCK_MONOTONIC, which is what the kernel stamps
// edges with. It never blocks: it runs in the event reader.
func (p *input) edge(at time.Duration) {
	p.newest.Store(int64(at))
	select {
	case p.edges <- struct{}{}:
	default:
	}
}

// Sense implements Input.
func (p *input) Sense() (gpio.Level, error) {
	v, err := p.line.Value()
	if err != nil {
		return gpio.Low, fmt.Errorf("hal: read %s: %w", p.name, err)
	}
	return v != 0, nil
}

// EdgeAge implements Stamped.
func (p *input) EdgeAge() (time.Duration, bool) {
	at := p.newest.Load()
	var now unix.Timespec
	if at == 0 || unix.ClockGettime(unix.CLOCK_MONOTONIC, &now) != nil {
		return 0, false
	}
	return time.Duration(now.Nano() - at), true
}

// Read implements gpio.PinIn. It cannot tell a failed read, which is Low: use
// Sense wherever a misreading matters.
func (p *input) Read() gpio.Level {
	l, _ := p.Sense()
	return l
}

// In ends a Halt and forgets edges not yet waited for. The board table has set
// the pull and both edges; anything else is refused.
func (p *input) In(pull gpio.Pull, edge gpio.Edge) error {
	if pull != gpio.PullNoChange && pull != p.pull || edge != gpio.BothEdges && edge != gpio.NoEdge {
		return fmt.Errorf("hal: %s is an input with %v and %v; change the board table", p.name, p.pull, gpio.BothEdges)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-p.halted:
		p.halted = make(chan struct{})
	default:
	}
	select {
	case <-p.edges:
	default:
	}
	return nil
}

// WaitForEdge implements Input. A negative timeout waits without end, 0 only
// looks whether an edge came since the last wait.
func (p *input) WaitForEdge(timeout time.Duration) bool {
	p.waiting.Lock()
	defer p.waiting.Unlock()
	p.mu.Lock()
	halted := p.halted
	p.mu.Unlock()
	select {
	case <-halted:
		return false
	default:
	}
	var expired <-chan time.Time
	if timeout >= 0 {
		p.timer.Reset(timeout)
		defer p.timer.Stop()
		expired = p.timer.C
	}
	select {
	case <-p.edges:
		return true
	case <-halted:
		return false
	case <-expired:
	}
	select { // an edge at the very moment counts
	case <-p.edges:
		return true
	default:
		return false
	}
}

// Halt frees a waiting goroutine, and every later wait until In.
func (p *input) Halt() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-p.halted:
	default:
		close(p.halted)
	}
	return nil
}

// Close frees a waiting goroutine and gives the line back.
func (p *input) Close() error {
	p.Halt()
	if err := p.line.Close(); err != nil {
		return fmt.Errorf("hal: close %s: %w", p.name, err)
	}
	return nil
}

func (p *input) String() string         { return p.name }
func (p *input) Name() string           { return p.name }
func (p *input) Number() int            { return p.num }
func (p *input) Function() string       { return "In" }
func (p *input) Pull() gpio.Pull        { return p.pull }
func (p *input) DefaultPull() gpio.Pull { return gpio.PullNoChange }
