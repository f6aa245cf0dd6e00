package sim

import (
	"context"
	"math"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/aim-control/aimlock/board"
)

// never is later than every event.
const never = math.MaxInt64

// World is one simulated drone: its board, its physics, its flight controller.
// All methods are safe for concurrent use. Times inside are nanoseconds since
// New.
type World struct {
	start time.Time
	seed  uint64
	poke  chan struct{} // wakes Run: the next event may have moved

	mu        sync.Mutex // held for moments, never while anything sleeps
	now       int64
	model     Model
	board     *board.Board
	buses     map[string]*bus
	parts     []*part // every chip
	motors    []*motor
	rails     []*rail
	lamp      lamp // nil: the board has no RGB chip
	companion temperature
	hotCPU    float64 // °C, NaN: none forced
	cpuRNG    *rand.Rand
	lines     map[string]*line
	inputs    []*line // by order of the board, for events in a fixed order
	fc        controller
	fly       flight
	faults    map[string]string // target → kind, by Break
	chaos     chaos
	released  uint64 // how often ReleaseOutputs was called
	observers []func(line string, high bool, at time.Duration)
}

// New returns the world of a board at rest on the ground: disarmed, cold,
// without faults. Chips that are not simulated do not answer. The board's
// slices are read only.
func New(b *board.Board, seed uint64) *World {
	w := &World{
		start: time.Now(), seed: seed, poke: make(chan struct{}, 1),
		model: DefaultModel(), board: b, hotCPU: math.NaN(),
		buses: map[string]*bus{}, lines: map[string]*line{}, faults: map[string]string{},
	}
	w.cpuRNG = w.random("companion")
	w.chaos.init(w)
	for _, d := range b.Buses {
		w.buses[d.Name] = newBus(w, d.Name)
	}
	spread := w.random("motors")
	for _, s := range b.Motors {
		w.addMotor(s, spread.Float64()*3-1.5)
	}
	for _, s := range b.Supplies {
		w.addRail(s)
	}
	w.addLamp(b.RGB)
	for _, l := range b.Inputs {
		ln := newLine(w, l, false)
		w.lines[l.Name] = ln
		w.inputs = append(w.inputs, ln)
	}
	for _, l := range b.Outputs {
		w.lines[l.Name] = newLine(w, l, true)
	}
	w.companion = temperature{c: w.model.CompanionC, steady: w.model.CompanionC, tau: w.model.Tau}
	w.fly.init(&w.model)
	w.fc.init(w)
	return w
}

// Run lets events happen at their time, and with them the edges that a waiting
// agent sees. It returns when ctx ends; the world then stands still between
// accesses, and catches up at the next one. One Run at a time is enough.
func (w *World) Run(ctx context.Context) {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		w.mu.Lock()
		w.advance()
		wait := w.next() - w.now
		w.mu.Unlock()
		timer.Reset(time.Duration(min(wait, int64(time.Hour))))
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		case <-w.poke:
		}
	}
}

// Model returns the model in force.
func (w *World) Model() Model {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.model
}

// SetModel changes the model from now on: what is under way (a braking, a
// climb) ends by the old one.
func (w *World) SetModel(m Model) {
	w.change(func() error {
		w.model = m.filled()
		w.setLoads()
		w.setCompanion()
		return nil
	})
}

// Observe has f called at every change of a line, with the world's time since
// New: of an input as its wire has it, of an output as the board drives it. f runs inside the world: it must be quick
// and must not call the world.
func (w *World) Observe(f func(line string, high bool, at time.Duration)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.observers = append(w.observers, f)
}

// change runs f at the present instant of the world, then its consequences,
// and wakes Run.
func (w *World) change(f func() error) error {
	w.mu.Lock()
	w.advance()
	err := f()
	w.settle()
	w.mu.Unlock()
	w.wake()
	return err
}

// wake has Run look at the next event's time again.
func (w *World) wake() {
	select {
	case w.poke <- struct{}{}:
	default:
	}
}

// advance lets every due event happen, in order of time. mu is held.
func (w *World) advance() {
	now := int64(time.Since(w.start))
	for at := w.next(); at <= now; at = w.next() {
		w.now = max(w.now, at)
		w.happen()
	}
	w.now = max(w.now, now)
}

// next returns the time of the next event, never if there is none.
func (w *World) next() int64 {
	at := min(w.fly.next(), w.fc.next(w), w.chaos.next())
	for _, l := range w.inputs {
		at = min(at, l.next())
	}
	return at
}

// happen lets the events of this instant happen.
func (w *World) happen() {
	w.chaos.happen(w)
	w.fly.happen(w.now)
	w.settle()
	for _, l := range w.inputs {
		l.happen(w)
	}
}

// settle draws the consequences of a change: faults act on lines, the script
// reads its pin and drives its lines, motors take their load.
func (w *World) settle() {
	w.applyFaults()
	w.fc.step(w)
	w.setLoads()
}

// random returns the stream of random numbers of one purpose.
func (w *World) random(purpose string) *rand.Rand {
	h := uint64(14695981039346656037) // FNV-1a, so that streams do not depend on their order
	for i := range len(purpose) {
		h = (h ^ uint64(purpose[i])) * 1099511628211
	}
	return rand.New(rand.NewPCG(w.seed, h))
}
