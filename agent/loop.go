package agent

import (
	"context"
	"sync/atomic"
	"time"

	"periph.io/x/conn/v3/gpio"

	"github.com/aim-control/aimlock/agent/config"
	"github.com/aim-control/aimlock/agent/locksmith"
	"github.com/aim-control/aimlock/agent/pause"
	"github.com/aim-control/aimlock/agent/telemetry"
	"github.com/aim-control/aimlock/hal/led"
)

const (
	turnEvery   = 500 * time.Millisecond // the longest that the loop sleeps
	statusEvery = time.Minute
	saveEvery   = time.Second // hold time used is saved that often while a request is on
)

// publisher takes what is to be sent. It copies, keeps the newest, and never
// blocks: telemetry.Uplink.
type publisher interface {
	SetStatus(p []byte)
	SetTelemetry(p []byte)
}

// keeper takes what is to be kept. It never blocks either: persister.
type keeper interface {
	report(r report)
	keepPause(s pause.Saved)
	keepConfig(data []byte, baseline string)
}

// loop is the agent's one straight line: an event, a step of the pause
// machine, the request line, the LEDs, then what is to be kept and sent, then
// the watchdog. Nothing in it blocks but the lines' ioctls. It belongs to one
// goroutine; everybody else speaks to it through the channel.
type loop struct {
	in      <-chan event
	clock   func() int64 // CLOCK_BOOTTIME, ns
	wall    func() time.Time
	up      publisher
	keep    keeper
	turns   *atomic.Uint64               // completed ones: what the watchdog is fed with
	log     Logger                       // for what cannot be kept
	inForce *atomic.Pointer[config.Live] // for those who ask from outside
	ring    *atomic.Pointer[shownRing]

	request, blue, amber pin

	m     pause.Machine
	facts facts
	conf  configBook
	lock  lockBook
	patch telemetry.Patch
	ids   ids

	since     [pause.Causes]int64 // of each cause that holds
	fc        pause.Tri           // as last reported
	online    bool
	linkNote  string
	troubles  []string // parts of the agent that are broken
	lostMotor [pause.MaxMotors]bool
	lostComp  bool

	button  button
	bundles chan<- struct{} // asks for an archive

	pattern   led.Pattern
	patternAt int64
	ledNext   int64

	msg       messages
	sendNext  int64 // telemetry is due
	saveNext  int64 // hold time is due
	statusDue int64
	dirty     bool // the status has changed
	unsaved   bool // the machine has changed
}

// ids is who this drone is, for its messages.
type ids struct {
	drone, fleet, boot, version, reset string

	motors    int
	companion bool // has a temperature
}

// run turns until ctx ends. It lets go of request and LEDs on every way out, a
// panic included.
func (l *loop) run(ctx context.Context) {
	defer l.stop()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		ev := event{kind: tick}
		select {
		case ev = <-l.in:
		case <-timer.C:
		case <-ctx.Done():
			return
		}
		l.turn(ev)
		timer.Reset(time.Duration(l.next() - l.clock()))
	}
}

// turn is one turn of the loop. What waits behind ev, such as the other samples
// of its bus, is observed in the same turn; what it proves is on the request
// line at once.
func (l *loop) turn(ev event) {
	now := l.clock()
	l.observe(ev, now)
	for range len(l.in) {
		l.observe(<-l.in, now)
	}
	l.settle(now)
	l.light(now)
	l.save(now)
	l.publish(now)
	l.turns.Add(1)
}

// stop is the last turn: the request is released whatever holds.
func (l *loop) stop() {
	l.request.drive(gpio.Low)
	l.blue.drive(gpio.Low)
	l.amber.drive(gpio.Low)
	l.keep.keepPause(l.m.Save())
}

// next is when the loop must turn though nothing happens.
func (l *loop) next() int64 {
	return min(l.m.Next(), l.ledNext, l.sendNext, l.statusDue, l.clock()+int64(turnEvery))
}

// save hands the machine's state over when it changed, and each second while a
// hold is being used up.
func (l *loop) save(now int64) {
	if l.unsaved || (l.m.State().Requests() && now >= l.saveNext) {
		l.unsaved, l.saveNext = false, now+int64(saveEvery)
		l.keep.keepPause(l.m.Save())
	}
}

// step gives the machine one event, and the line what came of it at once.
func (l *loop) step(ev pause.Event) {
	var acts pause.Actions
	l.m, acts = l.m.Step(ev)
	if err := l.request.drive(gpio.Level(acts.Request)); err != nil {
		l.trouble("request-line", err.Error())
	} else if l.request.mended {
		l.mended("request-line")
	}
	if acts.Count > 0 {
		l.dirty, l.unsaved = true, true
		l.tell(acts, ev.At)
	}
}

// observe takes the event into facts and machine.
func (l *loop) observe(ev event, now int64) {
	switch ev.kind {
	case motorTemp:
		l.facts.motors[ev.index].take(ev.milliC, ev.ok, ev.at)
		l.step(pause.Event{Kind: pause.MotorTemp, At: now, Index: uint8(ev.index), MilliC: ev.milliC, OK: ev.ok})
	case compTemp:
		l.facts.companion.take(ev.milliC, ev.ok, ev.at)
		l.step(pause.Event{Kind: pause.CompTemp, At: now, MilliC: ev.milliC, OK: ev.ok})
	case supply:
		l.facts.supplies[ev.index].take(ev.power, ev.ok, ev.at)
	case line:
		l.facts.take(lineID(ev.index), ev.level, ev.at, ev.edge)
		if lineID(ev.index) == lineButton {
			l.press(ev.level, now)
		}
	case bundled:
		l.bundled(ev.text, ev.ok, now)
	case lockReport:
		l.looked(ev.lock, now)
	case liveFile:
		l.fileChanged(ev.change, now)
	case order:
		l.obey(ev.order, now)
	case link:
		l.linked(ev.ok, ev.text, now)
	case ask:
		ev.reply <- append([]byte(nil), l.statusBytes(now)...)
	case trouble:
		if ev.ok {
			l.mended(ev.text)
		} else {
			l.trouble(l.splitTrouble(ev.text))
		}
	default:
		l.patching(ev, now)
	}
}

// settle brings the machine up to the present: the lines as far as they can
// be believed, samples that grew old, deadlines that passed.
func (l *loop) settle(now int64) {
	fc := l.facts.flightController(now)
	l.fcChanged(fc, now)
	disarmed, holding := l.facts.level(lineDisarmed, now), l.facts.level(lineHolding, now)
	if disarmed != l.m.Disarmed() || holding != l.m.Holding() {
		l.dirty = true
		l.step(pause.Event{Kind: pause.Lines, At: now, Disarmed: disarmed, Holding: holding})
	}
	l.sensorsLost(now)
	if l.conf.pending && disarmed == pause.Yes {
		l.adopt(now)
	}
	if now >= l.m.Next() || l.request.failed {
		l.step(pause.Event{Kind: pause.Tick, At: now})
	}
}

// policy translates the live file's values into the machine's.
func policy(c config.SafePause) pause.Policy {
	p := pause.Policy{MaxHold: int64(c.MaxHold), Confirm: int64(c.Confirm), Motor: thermal(c.Motor), Companion: thermal(c.Companion)}
	for _, word := range c.On {
		if cause, ok := pause.ParseCause(word); ok {
			p.On = p.On.With(cause, true)
		}
	}
	return p
}

func thermal(t config.Thermal) pause.Thermal {
	milli := func(c float64) int32 { return int32(c * 1000) }
	return pause.Thermal{Warm: milli(t.Warm), Hot: milli(t.Hot), Clear: milli(t.Clear), ClearFor: int64(t.ClearFor)}
}

// lockBook is the latest look at the lock.
type lockBook struct {
	last locksmith.Report
	seen bool
}
