package agent

import "github.com/aim-control/aimlock/agent/pause"

// patching is the loop's side of a patch: the loop answers what it sees,
// asserts the interlock, shows the state and takes the new file in force.
func (l *loop) patching(ev event, now int64) {
	switch ev.kind {
	case peek:
		ev.seen <- l.seen(now)
	case interlock:
		l.step(pause.Event{Kind: pause.Interlock, At: now, Hot: pause.TriOf(ev.ok)})
		close(ev.done)
	case patchState:
		if l.patch != ev.patch {
			l.patch, l.dirty = ev.patch, true
		}
	case switched:
		l.switched(ev, now)
	}
}

// seen is what the loop sees at this moment. A level is fresh: levels are read
// at least twice a second, and an old one is unknown.
func (l *loop) seen(now int64) seen {
	s := seen{at: now, disarmed: l.facts.level(lineDisarmed, now), holding: l.facts.level(lineHolding, now), state: l.m.State(),
		present: l.m.Present(), requested: l.m.State().Requests() && !l.request.failed, unknown: l.fc != pause.Yes || l.lostComp,
		online: l.online, live: l.conf.live, hash: l.conf.hash}
	for _, lost := range l.lostMotor {
		s.unknown = s.unknown || lost
	}
	return s
}

// switched takes a file in force that the store has put in place: no drift, and
// nothing to wait for. Only a committed one is kept as the last good one.
func (l *loop) switched(ev event, now int64) {
	c := ev.change
	l.conf.disk, l.conf.problem, l.conf.pending, l.conf.drift = c, "", false, false
	l.conf.live, l.conf.hash, l.conf.baseline = c.Live, c.Hash, c.Hash
	l.inForce.Store(c.Live)
	l.dirty = true
	l.step(pause.Event{Kind: pause.ConfigLook, At: now, Hot: pause.No})
	l.step(pause.Event{Kind: pause.SetPolicy, At: now, Policy: policy(c.Live.SafePause)})
	if ev.ok {
		l.keep.keepConfig(c.Data, c.Hash)
	}
	if ev.done != nil {
		close(ev.done)
	}
}
