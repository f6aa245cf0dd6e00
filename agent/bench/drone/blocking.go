package main

import (
	"errors"
	"sync"
	"time"

	"golang.org/x/sys/unix"
	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/i2c"
	"periph.io/x/conn/v3/physic"

	"github.com/aim-control/aimlock/board"
)

// blocking is a board that costs what the kernel's does: a transfer is one
// system call that blocks for the bits' time, as I2C_RDWR does, a look at a
// line or a change of one is one that returns at once, and edges of the
// heartbeat come from a thread that waits in the kernel. What it answers is
// fixed: 25 °C, disarmed.
type blocking struct{}

func (blocking) Bus(b board.Bus) (i2c.BusCloser, error) { return blockingBus{b.Name}, nil }

func (blocking) Input(l board.Line) (gpio.PinIn, error) {
	p := &blockingInput{name: l.Name, high: l.Name == board.Disarmed, edges: make(chan struct{}, 1), halted: make(chan struct{})}
	if l.Name == board.Heartbeat {
		go p.beat()
	}
	return p, nil
}

func (blocking) Output(l board.Line, initial gpio.Level) (gpio.PinOut, error) {
	return blockingOutput{gpio.INVALID, l.Name}, nil
}

func (blocking) ReadFile(string) ([]byte, error) { return []byte("45000\n"), look() }

// look is a system call that returns at once.
func look() error {
	var t unix.Timespec
	return unix.ClockGettime(unix.CLOCK_BOOTTIME, &t)
}

// block is a system call that takes d.
func block(d time.Duration) error {
	t := unix.NsecToTimespec(int64(d))
	return unix.Nanosleep(&t, nil)
}

// bare makes the transfers of eight sensors at 10 Hz and nothing else: what the
// machine itself takes for them.
func bare() {
	for range 2 {
		go func() {
			for {
				for range 4 {
					_ = block(5 * byteTime)
				}
				_ = block(100*time.Millisecond - 20*byteTime)
			}
		}()
	}
	select {}
}

// blockingBus has a TMP102 at every address: 25 °C in extended mode.
type blockingBus struct{ name string }

const byteTime = 9 * 10 * time.Microsecond // at 100 kHz, acknowledge included

func (b blockingBus) Tx(addr uint16, w, r []byte) error {
	n, err := answer(addr, w, r)
	return errors.Join(err, block(time.Duration(n)*byteTime))
}

// TxAll is one system call for all, as I2C_RDWR takes several messages.
func (b blockingBus) TxAll(addrs []uint16, w, r [][]byte) (err error) {
	bytes := 0
	for i := range addrs {
		n, e := answer(addrs[i], w[i], r[i])
		bytes += n
		if err = e; err != nil {
			break // the rest is not sent
		}
	}
	if e := block(time.Duration(bytes) * byteTime); err == nil {
		err = e
	}
	return err
}

// answer is what a configured TMP102 says, and how many bytes pass; below the
// chips' addresses nobody answers.
func answer(addr uint16, w, r []byte) (n int, err error) {
	if addr < 0x40 {
		return 1, unix.ENXIO
	}
	if len(w) == 1 && len(r) == 2 {
		if r[0], r[1] = 0x0C, 0x81; w[0] == 1 {
			r[0], r[1] = 0x60, 0xD0 // configured, by the agent before this one
		}
	}
	return 2 + len(w) + len(r), nil
}

func (b blockingBus) String() string                  { return b.name }
func (blockingBus) SetSpeed(f physic.Frequency) error { return nil }
func (blockingBus) Close() error                      { return nil }

type blockingInput struct {
	name  string
	edges chan struct{}

	mu     sync.Mutex
	high   bool
	halted chan struct{}
}

// beat changes the level at 2 Hz, as the flight controller does.
func (p *blockingInput) beat() {
	for block(250*time.Millisecond) == nil {
		p.mu.Lock()
		p.high = !p.high
		p.mu.Unlock()
		select {
		case p.edges <- struct{}{}:
		default:
		}
	}
}

func (p *blockingInput) Sense() (gpio.Level, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return gpio.Level(p.high), look()
}

func (p *blockingInput) WaitForEdge(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-p.edges:
		return true
	case <-p.halted:
	case <-t.C:
	}
	return false
}

func (p *blockingInput) Halt() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-p.halted:
	default:
		close(p.halted)
	}
	return nil
}

func (p *blockingInput) Read() gpio.Level              { l, _ := p.Sense(); return l }
func (p *blockingInput) In(gpio.Pull, gpio.Edge) error { return nil }
func (p *blockingInput) String() string                { return p.name }
func (p *blockingInput) Name() string                  { return p.name }
func (p *blockingInput) Number() int                   { return -1 }
func (p *blockingInput) Function() string              { return "In" }
func (p *blockingInput) Pull() gpio.Pull               { return gpio.PullNoChange }
func (p *blockingInput) DefaultPull() gpio.Pull        { return gpio.PullNoChange }

type blockingOutput struct {
	gpio.PinIO
	name string
}

func (o blockingOutput) String() string       { return o.name }
func (o blockingOutput) Name() string         { return o.name }
func (blockingOutput) Halt() error            { return nil }
func (blockingOutput) Out(l gpio.Level) error { return look() }
