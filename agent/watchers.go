package agent

import (
	"fmt"

	"github.com/aim-control/aimlock/agent/pause"
)

// fcChanged reports the flight controller's loss and return.
func (l *loop) fcChanged(fc pause.Tri, now int64) {
	if fc == l.fc || fc == pause.Unknown {
		return
	}
	was := l.fc
	l.fc, l.dirty = fc, true
	switch {
	case fc == pause.No && l.facts.clash != 0:
		l.say(report{kind: "fc.lost", level: levelError, text: "flight controller lost: DISARMED and HOLDING are on together; check the wires"}, now)
	case fc == pause.No:
		l.say(report{kind: "fc.lost", level: levelError, text: "flight controller lost: its heartbeat has stopped; its lines are not believed until it is back"}, now)
	case was == pause.No:
		l.say(report{kind: "fc.back", level: levelInfo, text: "flight controller is back"}, now)
	}
}

// sensorsLost reports temperatures that became UNKNOWN, and those that came
// back. UNKNOWN alone never pauses.
func (l *loop) sensorsLost(now int64) {
	for i := range l.ids.motors {
		if lost := l.facts.lost(l.facts.motors[i].at, now); lost != l.lostMotor[i] {
			l.lostMotor[i] = lost
			l.sensorChanged(motorName(i), lost, now)
			if lost {
				l.step(pause.Event{Kind: pause.MotorTemp, At: now, Index: uint8(i)})
			}
		}
	}
	if lost := l.ids.companion && l.facts.lost(l.facts.companion.at, now); lost != l.lostComp {
		l.lostComp = lost
		l.sensorChanged("companion", lost, now)
		if lost {
			l.step(pause.Event{Kind: pause.CompTemp, At: now})
		}
	}
	for i := range l.facts.supplies {
		s := &l.facts.supplies[i]
		if lost := l.facts.lost(s.at, now); lost != s.lost {
			s.lost, l.dirty = lost, true
			l.supplyChanged(s.name, lost, now)
		}
	}
}

// supplyChanged reports a power monitor's loss and return: it decides nothing.
func (l *loop) supplyChanged(name string, lost bool, now int64) {
	r := report{kind: "sensor.back", level: levelInfo, text: name + ": voltage and current are known again", pairs: pairs("sensor", name)}
	if lost {
		r.kind, r.level, r.text = "sensor.lost", levelWarn, name+": no voltage and current for 3 s; UNKNOWN is shown, it neither pauses nor blocks; aimctl doctor looks at the power monitor"
	}
	l.say(r, now)
}

func (l *loop) sensorChanged(name string, lost bool, now int64) {
	l.dirty = true
	r := report{kind: "sensor.back", level: levelInfo, text: name + ": temperature is known again", pairs: pairs("sensor", name)}
	if lost {
		r.kind, r.level, r.text = "sensor.lost", levelWarn, name+": no temperature for 3 s; UNKNOWN blocks patches, it does not pause"
	}
	l.say(r, now)
}

// motorNames saves the turn an allocation.
var motorNames = func() (names [pause.MaxMotors]string) {
	for i := range names {
		names[i] = fmt.Sprintf("motor%d", i+1)
	}
	return
}()

func motorName(i int) string { return motorNames[i] }

// linked reports the broker's coming and going.
func (l *loop) linked(up bool, why string, now int64) {
	if up == l.online && why == l.linkNote {
		return
	}
	changed := up != l.online
	l.online, l.linkNote, l.dirty = up, why, true
	switch {
	case up && why != "":
		l.say(report{kind: "link.refused", level: levelWarn, text: "the broker is reached but refuses commands: " + why}, now)
	case up && changed:
		l.say(report{kind: "link.up", level: levelInfo, text: "the broker is reached"}, now)
	case changed:
		l.say(report{kind: "link.down", level: levelWarn, text: "the broker is lost; events wait in the journal", pairs: pairs("why", why)}, now)
	}
}

// obey carries a verified command out. Its reply is what became of it. What is
// refused changes nothing: it must not come true later.
func (l *loop) obey(c *command, now int64) {
	out := outcome{word: "done"}
	switch c.verb {
	case "pause":
		if why := l.refuses(c.hold); why != "" {
			out = outcome{"refused", why}
			break
		}
		l.step(pause.Event{Kind: pause.CmdPause, At: now, Hold: c.hold})
		if !l.m.InForce().Has(pause.Command) {
			out = outcome{"refused", spent}
		}
	case "resume":
		l.step(pause.Event{Kind: pause.CmdResume, At: now})
		if left := l.m.InForce(); left != 0 {
			out.reason = "still paused for: " + words(left)
		}
	case "report":
	default:
		out = outcome{"refused", fmt.Sprintf("this agent knows no command %q; use pause, resume, report, withdraw or revert", clip(c.verb, 40))}
	}
	l.dirty = true
	c.reply <- out
}

const spent = "commanded holds are used up for this flight"

// refuses says why a commanded pause of so long is not taken; "": it is.
func (l *loop) refuses(hold int64) string {
	switch {
	case hold <= 0:
		return "the command names no hold; give one above zero"
	case l.m.State() == pause.Overridden:
		return "the pilot has taken over: nothing is requested until disarmed"
	case l.m.Waived().Has(pause.Command):
		return spent
	case !l.m.Policy().On.Has(pause.Command):
		return "safe_pause.on does not name command"
	}
	return ""
}
