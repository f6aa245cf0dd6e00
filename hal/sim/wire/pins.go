package wire

import (
	"fmt"
	"syscall"
	"time"

	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/physic"

	"github.com/aim-control/aimlock/hal/sim"
	"github.com/aim-control/aimlock/hal/sim/internal/edges"
)

// bus is a bus of the world.
type bus struct {
	c      *Client
	name   string
	handle uint32
}

func (b *bus) String() string { return "sim:" + b.name }

// Tx is the world's Tx, with its errors and its time.
func (b *bus) Tx(addr uint16, w, r []byte) error {
	if len(w) > sim.MaxTransfer || len(r) > sim.MaxTransfer {
		return fmt.Errorf("wire: bus %s: %d bytes out, %d in: %w", b.name, len(w), len(r), syscall.EINVAL)
	}
	if r == nil {
		r = []byte{} // a reply without bytes is expected
	}
	_, _, err := b.c.call(frame{op: opTx, handle: b.handle, arg: uint64(addr)<<16 | uint64(len(r)), data: w}, r, nil, txTime)
	return err
}

// SetSpeed is not supported, as on the real boards.
func (b *bus) SetSpeed(physic.Frequency) error {
	return fmt.Errorf("wire: bus %s: speed is fixed: %w", b.name, syscall.EOPNOTSUPP)
}

func (b *bus) Close() error { return b.c.drop(b.handle) }

// drop closes a handle at the server.
func (c *Client) drop(handle uint32) error {
	_, _, err := c.call(frame{op: opClose, handle: handle}, nil, nil, callTime)
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.inputs, handle)
	return err
}

// Input is an input line of the world.
type Input struct {
	c      *Client
	name   string
	handle uint32
	edges  *edges.Queue
}

// In chooses the edges, forgets remembered ones, and ends a Halt.
func (p *Input) In(_ gpio.Pull, edge gpio.Edge) error {
	p.edges.Renew()
	_, _, err := p.c.call(frame{op: opIn, handle: p.handle, arg: uint64(edge)}, nil, nil, callTime)
	return err
}

// Sense asks the world for the level. A lost world is an error, never Low.
func (p *Input) Sense() (gpio.Level, error) {
	level, _, err := p.c.call(frame{op: opSense, handle: p.handle}, nil, nil, callTime)
	return err == nil && level != 0, err
}

// Read is Sense with errors read as Low: use Sense.
func (p *Input) Read() gpio.Level {
	l, _ := p.Sense()
	return l
}

// WaitForEdge waits for an edge since the last wait: true. False: the time is
// over, or the pin is halted. A negative timeout waits without end. The loss
// of the world counts as one edge, which Sense then explains.
func (p *Input) WaitForEdge(timeout time.Duration) bool { return p.edges.Wait(timeout) }

// Halt frees a waiting goroutine; waits return false until In.
func (p *Input) Halt() error {
	p.edges.Halt()
	return nil
}

// Close halts the pin and gives it back.
func (p *Input) Close() error {
	p.edges.Halt()
	return p.c.drop(p.handle)
}

func (p *Input) String() string         { return p.name }
func (p *Input) Name() string           { return p.name }
func (p *Input) Number() int            { return -1 }
func (p *Input) Function() string       { return "In" }
func (p *Input) Pull() gpio.Pull        { return gpio.PullNoChange }
func (p *Input) DefaultPull() gpio.Pull { return gpio.PullNoChange }

// Output is an output line of the world.
type Output struct {
	c      *Client
	name   string
	handle uint32
}

// Out drives the line; nil means that the world has done it.
func (o *Output) Out(l gpio.Level) error {
	_, _, err := o.c.call(frame{op: opOut, handle: o.handle, arg: bit(l)}, nil, nil, callTime)
	return err
}

// PWM is not supported.
func (o *Output) PWM(gpio.Duty, physic.Frequency) error {
	return fmt.Errorf("wire: line %s: %w", o.name, syscall.EOPNOTSUPP)
}

// Halt does nothing: an output has no waiting goroutine.
func (o *Output) Halt() error { return nil }

// Close gives the line back, at its present level.
func (o *Output) Close() error { return o.c.drop(o.handle) }

func (o *Output) String() string   { return o.name }
func (o *Output) Name() string     { return o.name }
func (o *Output) Number() int      { return -1 }
func (o *Output) Function() string { return "Out" }

func bit(l gpio.Level) uint64 {
	if l {
		return 1
	}
	return 0
}
