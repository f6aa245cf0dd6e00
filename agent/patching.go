package agent

import (
	"fmt"

	"github.com/aim-control/aimlock/agent/config"
	"github.com/aim-control/aimlock/agent/pause"
)

// freshWithin is how old the flight state may be on which a patch is applied.
const freshWithin = int64(1e9)

// seen is what the applier must know of the loop, at one moment.
type seen struct {
	at                int64
	disarmed, holding pause.Tri // believed, and read within freshWithin
	state             pause.State
	present           pause.Set // causes that hold
	requested         bool      // the request line is on, and was driven without an error
	unknown           string    // which temperature or line is UNKNOWN; "": none
	lockHot           bool
	looked            bool         // the live file was read since the start
	live              *config.Live // in force
	hash              string
	data              []byte // of hash; nil for the built-in defaults; not to be changed
}

// patching is the loop's side of a patch: the loop answers what it sees,
// asserts the interlock, shows the state and takes the new file in force.
func (l *loop) patching(ev event, now int64) {
	switch ev.kind {
	case peek:
		ev.seen <- l.seen(now)
	case interlock:
		l.step(pause.Event{Kind: pause.Interlock, At: now, Hot: pause.TriOf(ev.ok)})
	case patchState:
		l.dirty = l.dirty || l.patch != ev.patch
		l.patch = ev.patch
	case ours:
		l.conf.ours = ev.text
	case switched:
		l.switched(ev.change, ev.ok, now)
	}
	if ev.done != nil {
		close(ev.done)
	}
}

func (l *loop) seen(now int64) seen {
	s := seen{at: now, disarmed: l.fresh(lineDisarmed, now), holding: l.fresh(lineHolding, now), state: l.m.State(),
		present: l.m.Present(), requested: l.m.State().Requests() && !l.request.failed,
		lockHot: l.lock.last.Hot, looked: l.conf.disk != nil, live: l.conf.live, hash: l.conf.hash, data: l.conf.data}
	switch {
	case l.fc != pause.Yes:
		s.unknown = "the flight controller"
	case l.lostComp:
		s.unknown = "the companion computer's temperature"
	}
	for i := range l.ids.motors {
		if l.lostMotor[i] {
			s.unknown = motorName(i) + "'s temperature"
		}
	}
	return s
}

func (l *loop) fresh(id lineID, now int64) pause.Tri {
	if now-l.facts.line[id].at > freshWithin {
		return pause.Unknown
	}
	return l.facts.level(id, now)
}

// switched takes a file in force that the store has put in place: it is no
// drift, and waits for nothing. Only a committed one becomes the last good one.
func (l *loop) switched(c *config.Change, committed bool, now int64) {
	l.conf.disk, l.conf.problem, l.conf.pending, l.conf.drift = c, "", false, false
	news := l.conf.hash != c.Hash
	l.conf.live, l.conf.hash, l.conf.data = c.Live, c.Hash, c.Data
	l.inForce.Store(c.Live)
	l.dirty = true
	if committed {
		l.conf.baseline, l.conf.ours = c.Hash, ""
		l.keep.keepConfig(c.Data, c.Hash)
	}
	if news {
		l.say(report{kind: "config.switched", level: levelInfo, text: fmt.Sprintf("configuration version %d is in force (%s)", c.Live.Version, short(c.Hash)),
			pairs: pairs("version", fmt.Sprint(c.Live.Version), "sha256", c.Hash)}, now)
	}
	l.step(pause.Event{Kind: pause.ConfigLook, At: now, Hot: pause.No})
	l.step(pause.Event{Kind: pause.SetPolicy, At: now, Policy: policy(c.Live.SafePause)})
}
