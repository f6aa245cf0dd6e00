package hal

import (
	"errors"
	"io"
	"os"

	"golang.org/x/sys/unix"
	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/i2c"
	"periph.io/x/conn/v3/physic"

	"github.com/aim-control/aimlock/board"
)

// bench is a board on a bench: wires by our names, and one chip answer for
// every address but the missing ones. It notes what happens in order.
type bench struct {
	wires   map[string]*wire
	missing map[string]bool // lines and buses that are not there
	absent  map[uint16]bool // chips that do not answer
	files   map[string]string
	blind   bool // inputs without Sense
	tmp105  bool // its chips are TMP105
	log     []string
	open    int // things opened and not closed
}

var errMissing = errors.New("not on this bench")

func newBench() *bench {
	return &bench{wires: map[string]*wire{}, missing: map[string]bool{}, absent: map[uint16]bool{}, files: map[string]string{}}
}

type benchBus struct{ b *bench }

func (b *bench) Bus(bus board.Bus) (i2c.BusCloser, error) {
	if b.missing[bus.Name] {
		return nil, errMissing
	}
	b.open++
	return benchBus{b}, nil
}

func (benchBus) String() string                  { return "bench" }
func (benchBus) SetSpeed(physic.Frequency) error { return nil }
func (b benchBus) Close() error                  { b.b.open--; b.b.log = append(b.b.log, "close bus"); return nil }
func (b benchBus) Tx(addr uint16, w, r []byte) error {
	switch {
	case b.b.absent[addr]:
		return unix.ENXIO
	case w[0] == 0 && b.b.tmp105:
		copy(r, []byte{0x19, 0x00}) // 25 °C
	case w[0] == 1 && b.b.tmp105:
		copy(r, []byte{0x78}) // configured
	case w[0] == 0:
		copy(r, []byte{0x0C, 0x81}) // 25 °C, extended
	case w[0] == 1:
		copy(r, []byte{0x60, 0xF0}) // configured
	}
	return nil
}

// benchWire notes what is done to an output, and its closing.
type benchWire struct {
	*wire
	b    *bench
	name string
}

func (w benchWire) SetValue(v int) error {
	w.b.log = append(w.b.log, w.name+[]string{" off", " on"}[v])
	return w.wire.SetValue(v)
}

func (w benchWire) Close() error { w.b.open--; return w.wire.Close() }

func (b *bench) wire(l board.Line) (benchWire, error) {
	if b.missing[l.Name] {
		return benchWire{}, errMissing
	}
	if b.wires[l.Name] == nil {
		b.wires[l.Name] = &wire{}
	}
	b.open++
	return benchWire{b.wires[l.Name], b, l.Name}, nil
}

func (b *bench) Input(l board.Line) (gpio.PinIn, error) {
	w, err := b.wire(l)
	if err != nil {
		return nil, err
	}
	p := newInput(l, l.Offset)
	p.line = w
	if b.blind {
		return struct {
			gpio.PinIn
			io.Closer
		}{p, p}, nil
	}
	return p, nil
}

func (b *bench) Output(l board.Line, initial gpio.Level) (gpio.PinOut, error) {
	w, err := b.wire(l)
	if err != nil {
		return nil, err
	}
	if initial {
		return nil, errors.New("asked for an output that starts high")
	}
	w.level = 0
	return &output{name: l.Name, num: l.Offset, line: w}, nil
}

func (b *bench) ReadFile(path string) ([]byte, error) {
	if s, ok := b.files[path]; ok {
		return []byte(s), nil
	}
	return nil, os.ErrNotExist
}
