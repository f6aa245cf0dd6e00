package sim

import (
	"fmt"
	"os"
	"slices"
	"syscall"
	"time"

	"periph.io/x/conn/v3/gpio"

	"github.com/aim-control/aimlock/board"
	"github.com/aim-control/aimlock/hal/sim/internal/edges"
)

// Input is an opened input line. It remembers one edge until it is waited for.
type Input struct {
	w        *World
	l        *line
	debounce int64
	edges    *edges.Queue

	// Guarded by the world's mu.
	edge     gpio.Edge
	level    bool  // after debouncing
	edgeAt   int64 // of the newest edge; never: there was none
	settleAt int64
	closed   bool
}

// Input opens an input line with edges both ways. Any number may be open; each
// sees every edge. The result is an *Input.
func (w *World) Input(l board.Line) (gpio.PinIn, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.advance()
	ln := w.lines[l.Name]
	if ln == nil || ln.out {
		return nil, fmt.Errorf("sim: board %s has no input %q: %w", w.board.Name, l.Name, syscall.ENOENT)
	}
	p := &Input{
		w: w, l: ln, debounce: int64(l.Debounce), edge: gpio.BothEdges, level: ln.level,
		edges: edges.New(), settleAt: never, edgeAt: never,
	}
	ln.pins = append(ln.pins, p)
	return p, nil
}

// raw tells the pin of a change on the line. mu is held.
func (p *Input) raw(now int64, high bool) {
	p.settleAt = never
	switch {
	case p.debounce <= 0:
		p.change(high)
	case high != p.level:
		p.settleAt = now + p.debounce
	}
}

// settled ends a debounce time that is over. mu is held.
func (p *Input) settled(now int64) {
	if p.settleAt <= now {
		p.settleAt = never
		p.change(p.l.level)
	}
}

func (p *Input) change(high bool) {
	if p.level == high {
		return
	}
	p.level = high
	p.edgeAt = p.w.now
	if p.edge == gpio.BothEdges || p.edge == gpio.RisingEdge && high || p.edge == gpio.FallingEdge && !high {
		p.edges.Notify()
	}
}

// In chooses the edges, forgets remembered ones, and ends a Halt. The pull is
// wired, so any pull is accepted.
func (p *Input) In(_ gpio.Pull, edge gpio.Edge) error {
	p.w.mu.Lock()
	defer p.w.mu.Unlock()
	p.w.advance()
	if p.closed {
		return p.errorf(os.ErrClosed)
	}
	p.edge = edge
	p.edges.Renew()
	return nil
}

// Sense reads the level, after debouncing. A failed read is an error.
func (p *Input) Sense() (gpio.Level, error) {
	p.w.mu.Lock()
	defer p.w.mu.Unlock()
	p.w.advance()
	switch {
	case p.closed:
		return gpio.Low, p.errorf(os.ErrClosed)
	case p.l.fault == nack:
		return gpio.Low, p.errorf(syscall.EIO)
	}
	return gpio.Level(p.level), nil
}

// EdgeAge says how long ago the newest edge was; false: there was none.
func (p *Input) EdgeAge() (time.Duration, bool) {
	p.w.mu.Lock()
	defer p.w.mu.Unlock()
	p.w.advance()
	return time.Duration(p.w.now - p.edgeAt), p.edgeAt != never
}

// Read is Sense with errors read as Low: use Sense.
func (p *Input) Read() gpio.Level {
	l, _ := p.Sense()
	return l
}

// WaitForEdge waits for an edge since the last wait: true. False: the time is
// over, or the pin is halted. A negative timeout waits without end.
func (p *Input) WaitForEdge(timeout time.Duration) bool {
	p.w.mu.Lock()
	p.w.advance()
	p.w.mu.Unlock()
	return p.edges.Wait(timeout)
}

// Halt frees a waiting goroutine; waits return false until In.
func (p *Input) Halt() error {
	p.edges.Halt()
	return nil
}

// Close halts the pin and gives it back.
func (p *Input) Close() error {
	p.Halt()
	p.w.mu.Lock()
	defer p.w.mu.Unlock()
	p.closed = true
	p.l.pins = slices.DeleteFunc(p.l.pins, func(q *Input) bool { return q == p })
	return nil
}

func (p *Input) errorf(err error) error { return fmt.Errorf("sim: line %s: %w", p.l.name, err) }

func (p *Input) String() string         { return p.l.name }
func (p *Input) Name() string           { return p.l.name }
func (p *Input) Number() int            { return -1 }
func (p *Input) Function() string       { return "In" }
func (p *Input) Pull() gpio.Pull        { return gpio.PullNoChange }
func (p *Input) DefaultPull() gpio.Pull { return gpio.PullNoChange }
