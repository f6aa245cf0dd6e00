package agent

import (
	"periph.io/x/conn/v3/gpio"

	"github.com/aim-control/aimlock/agent/pause"
	"github.com/aim-control/aimlock/hal/led"
)

// light renders the LEDs' pattern. The loop itself makes the blips, so that a
// hang shows.
func (l *loop) light(now int64) {
	if p := led.Pick(l.view(now)); p != l.pattern {
		l.pattern, l.patternAt, l.ledNext, l.dirty = p, now, now, true
	}
	if now < l.ledNext {
		return
	}
	blue, amber, next := l.pattern.At(now - l.patternAt)
	l.ledNext = now + next
	errBlue, errAmber := l.blue.drive(gpio.Level(blue)), l.amber.drive(gpio.Level(amber))
	switch {
	case errBlue != nil:
		l.trouble("led", errBlue.Error())
	case errAmber != nil:
		l.trouble("led", errAmber.Error())
	case l.blue.mended || l.amber.mended:
		l.mended("led")
	}
}

// view is what there is to show.
func (l *loop) view(now int64) led.View {
	s, b := l.m.State(), &l.button
	ground := l.m.Disarmed() == pause.Yes
	v := led.View{
		Button:     ground && (b.busy || now < b.test),
		Bundled:    ground && now < b.done,
		Lost:       l.fc == pause.No || l.lostComp,
		Asking:     s == pause.Pausing || s == pause.Unconfirmed,
		Holding:    s == pause.Paused,
		Leaving:    s == pause.Resuming || s == pause.Overridden,
		Applying:   l.patch.State == patchApplying,
		RolledBack: l.patch.State == patchReverted,
		Trial:      l.patch.State == patchTrial,
		Warm:       l.m.Warm(),
	}
	for _, lost := range l.lostMotor {
		v.Lost = v.Lost || lost
	}
	for i := range l.facts.supplies {
		v.Lost = v.Lost || l.facts.supplies[i].lost
	}
	return v
}
