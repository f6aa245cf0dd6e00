package hal

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/physic"

	"github.com/aim-control/aimlock/board"
)

// lampRefresh is how often a lamp is set although nothing changed: after a
// brown-out it is dark for that long at most.
const lampRefresh = time.Second

// face is what a lamp paints on: an RGB chip, or LEDs of the kernel.
type face interface {
	// show makes the picture of lampBlue and lampAmber be seen. It may take a
	// second.
	show(picture uint32) error
}

// lamp shows the two status LEDs where that may take long: a transfer takes a
// second on a stuck bus, and what stands behind a file of the kernel is not
// known. So a goroutine does it: whoever drives a pin only says what is to be
// shown and goes on. What was said last is shown; a hang of the caller shows,
// because nothing changes any more.
type lamp struct {
	face face
	want atomic.Uint32         // lampBlue, lampAmber
	err  atomic.Pointer[error] // of the last attempt; nil: none or well
	wake chan struct{}
	quit chan struct{}
	done chan struct{}
	once sync.Once
}

const lampBlue, lampAmber = 1, 2

func newLamp(f face) *lamp {
	l := &lamp{face: f, wake: make(chan struct{}, 1), quit: make(chan struct{}), done: make(chan struct{})}
	go l.paint()
	return l
}

// paint shows at every change and every lampRefresh, and after a
// failure waits as rounds do, so that a stuck chip does not take the bus from
// the sensors. It ends with quit, dark.
func (l *lamp) paint() {
	defer close(l.done)
	timer := time.NewTimer(0)
	defer timer.Stop()
	var wait time.Duration
	for {
		wake := l.wake
		if wait > 0 {
			wake = nil
		}
		select {
		case <-l.quit:
			l.want.Store(0)
			_ = l.set()
			return
		case <-wake:
		case <-timer.C:
		}
		if err := l.set(); err == nil {
			wait = 0
			timer.Reset(lampRefresh)
		} else {
			wait = min(max(2*wait, benchMin), benchMax)
			timer.Reset(wait)
		}
	}
}

func (l *lamp) set() error {
	err := l.face.show(l.want.Load())
	if err != nil {
		l.err.Store(&err)
	} else if l.err.Load() != nil {
		l.err.Store(nil)
	}
	return err
}

// Close makes the lamp dark and ends its goroutine: within a transfer, or two
// if one is under way.
func (l *lamp) Close() error {
	l.once.Do(func() { close(l.quit) })
	<-l.done
	if err := l.err.Load(); err != nil {
		return *err
	}
	return nil
}

// use makes the lamp the board's LEDs.
func (h *Hardware) use(l *lamp) {
	h.lamp = l
	h.Blue, h.Amber = &lampPin{l, board.LEDBlue, lampBlue}, &lampPin{l, board.LEDAmber, lampAmber}
}

// lampPin is one colour of a lamp.
type lampPin struct {
	l    *lamp
	name string
	bit  uint32
}

var _ gpio.PinOut = (*lampPin)(nil)

// Out says what is to be shown, at once. Its error is that of the latest
// transfer, at most a refresh and a transfer ago.
func (p *lampPin) Out(level gpio.Level) error {
	before := uint32(0)
	if level {
		before = p.l.want.Or(p.bit)
	} else {
		before = p.l.want.And(^p.bit)
	}
	if (before&p.bit != 0) != bool(level) {
		select {
		case p.l.wake <- struct{}{}:
		default:
		}
	}
	if err := p.l.err.Load(); err != nil {
		return fmt.Errorf("hal: drive %s: %w", p.name, *err)
	}
	return nil
}

// PWM always fails.
func (p *lampPin) PWM(gpio.Duty, physic.Frequency) error {
	return fmt.Errorf("hal: %s: PWM: %w", p.name, errors.ErrUnsupported)
}

// Halt switches the colour off.
func (p *lampPin) Halt() error { return p.Out(gpio.Low) }

func (p *lampPin) String() string   { return p.name }
func (p *lampPin) Name() string     { return p.name }
func (p *lampPin) Number() int      { return -1 }
func (p *lampPin) Function() string { return "Out" }
