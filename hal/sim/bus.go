package sim

import (
	"fmt"
	"math/rand/v2"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	"periph.io/x/conn/v3/i2c"
	"periph.io/x/conn/v3/physic"

	"github.com/aim-control/aimlock/board"
)

// MaxTransfer is the most bytes one direction of a transfer may have, as in
// the kernel's i2c-dev.
const MaxTransfer = 8192

const (
	bitTime   = 10 * time.Microsecond   // 100 kHz
	stuckTime = 1040 * time.Millisecond // what the kernel waited on a stuck bus
)

// bus is one I²C bus. Transfers take turns through turn, which is a channel
// and no mutex: who waits on it lets virtual time go on.
type bus struct {
	w      *World
	name   string
	target string
	turn   chan struct{}
	rng    *rand.Rand
	parts  map[uint16]*part // by address
	joined []byte           // what a joined transfer has read so far; turn guards it
}

// chip is the registers of a chip. The world's mu is held in all methods; now
// never goes back.
type chip interface {
	write(now int64, data []byte)
	read(now int64, r []byte)
	reset(now int64)   // a brown-out
	convert(now int64) // what is measured may change after this
}

// part is a chip with its place on the board. Chips that are not simulated
// are not on their bus.
type part struct {
	name string // what Break calls it
	chip chip
}

func newBus(w *World, name string) *bus {
	target := "bus:" + name
	return &bus{w: w, name: name, target: target, turn: make(chan struct{}, 1), rng: w.random(target), parts: map[uint16]*part{}}
}

// Bus opens a bus of the board. Any number may be open at a time; their
// transfers take turns.
func (w *World) Bus(b board.Bus) (i2c.BusCloser, error) {
	if bus := w.buses[b.Name]; bus != nil {
		return &openBus{bus: bus}, nil
	}
	return nil, fmt.Errorf("sim: board %s has no bus %q: %w", w.board.Name, b.Name, syscall.ENOENT)
}

// openBus is what Bus returns.
type openBus struct {
	bus    *bus
	closed atomic.Bool
}

func (o *openBus) String() string { return "sim:" + o.bus.name }

// Close ends the use of this opening; a transfer under way goes on.
func (o *openBus) Close() error {
	o.closed.Store(true)
	return nil
}

// SetSpeed is not supported, as on the real boards.
func (o *openBus) SetSpeed(physic.Frequency) error {
	return fmt.Errorf("sim: bus %s: speed is fixed: %w", o.bus.name, syscall.EOPNOTSUPP)
}

// Tx writes w, then reads r, and takes the time of its bits. Errors keep the
// number that the kernel gives: ENXIO no acknowledge, ETIMEDOUT a stuck bus,
// after 1.04 s.
func (o *openBus) Tx(addr uint16, w, r []byte) error {
	if o.closed.Load() {
		return fmt.Errorf("sim: bus %s: %w", o.bus.name, os.ErrClosed)
	}
	if addr > 0x7F || len(w)+len(r) == 0 || len(w) > MaxTransfer || len(r) > MaxTransfer {
		return fmt.Errorf("sim: bus %s: address %#x, %d bytes out, %d in: %w", o.bus.name, addr, len(w), len(r), syscall.EINVAL)
	}
	if err := o.bus.transfer(addr, w, r); err != 0 {
		return fmt.Errorf("sim: bus %s: chip %#02x: %w", o.bus.name, addr, err)
	}
	return nil
}

// transfer takes the bus for one transfer; 0 is success.
func (b *bus) transfer(addr uint16, w, r []byte) syscall.Errno {
	b.turn <- struct{}{}
	defer func() { <-b.turn }()
	return b.carryOut(addr, w, r)
}

// carryOut makes a transfer on a bus that is taken.
func (b *bus) carryOut(addr uint16, w, r []byte) syscall.Errno {
	switch b.fault(addr) {
	case nack:
		time.Sleep(11 * bitTime) // start, address, stop
		return syscall.ENXIO
	case stuck:
		time.Sleep(stuckTime)
		return syscall.ETIMEDOUT
	}
	time.Sleep(transferTime(len(w), len(r)))
	b.w.mu.Lock()
	defer b.w.mu.Unlock()
	b.w.advance()
	return b.exchange(addr, w, r)
}

// transferTime is the time of the bits: nine a byte, addresses included, and
// start and stop conditions.
func transferTime(w, r int) time.Duration {
	bits := 1
	for _, n := range [...]int{w, r} {
		if n > 0 {
			bits += 1 + 9*(1+n)
		}
	}
	return time.Duration(bits) * bitTime
}

// fault returns the kind of fault that meets a transfer as it begins.
func (b *bus) fault(addr uint16) string {
	b.w.mu.Lock()
	defer b.w.mu.Unlock()
	b.w.advance()
	if kind := b.w.kind(b.target); kind != "" {
		return kind
	}
	if p := b.parts[addr]; p != nil {
		return b.w.kind(p.name)
	}
	if addr == 0 && len(b.parts) > 0 {
		return "" // general call
	}
	return nack // nobody there
}

// exchange moves the bytes; the world's mu is held.
func (b *bus) exchange(addr uint16, w, r []byte) syscall.Errno {
	p := b.parts[addr]
	switch {
	case addr == 0:
		return b.generalCall(w, r)
	case p == nil:
		return syscall.ENXIO
	}
	if _, never := p.chip.(interface{ writeOnly() }); never && len(r) > 0 {
		return syscall.ENXIO
	}
	if len(w) > 0 {
		p.chip.write(b.w.now, w)
	}
	if len(r) > 0 {
		p.chip.read(b.w.now, r)
	}
	if b.w.kind(b.target) == garbage || b.w.kind(p.name) == garbage {
		for i := range r {
			r[i] = byte(b.rng.Uint32())
		}
	}
	return 0
}

// generalCall is address 0: 0x06 resets every chip that knows it, other bytes
// mean nothing to them, and nobody answers a read.
func (b *bus) generalCall(w, r []byte) syscall.Errno {
	if len(r) > 0 {
		return syscall.ENXIO
	}
	if len(w) == 1 && w[0] == 0x06 {
		for _, p := range b.parts {
			if _, hears := p.chip.(interface{ hearsReset() }); hears {
				p.chip.reset(b.w.now)
			}
		}
	}
	return 0
}

// fit puts a chip on a bus of the board; a bus that the board lacks has none.
func (w *World) fit(bus string, addr uint16, name string, c chip) {
	if b := w.buses[bus]; b != nil && c != nil {
		p := &part{name: name, chip: c}
		b.parts[addr] = p
		w.parts = append(w.parts, p)
	}
}
