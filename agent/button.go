package agent

import (
	"time"

	"github.com/aim-control/aimlock/agent/pause"
)

const (
	pressFor = 3 * time.Second // the technician's button counts when it is held so long
	testFor  = 2 * time.Second // the LEDs are shown at least so long
	endFor   = 3 * time.Second // that the archive is made shows so long
)

// button is the technician's button: held while disarmed it shows that the
// LEDs work and has a diagnostic archive made.
type button struct {
	open  bool  // it was seen open since it was taken last: one that is stuck is taken never
	busy  bool  // an archive is being made
	since int64 // when it was pressed; 0: it is not
	test  int64 // until when the LEDs are tested
	done  int64 // until when it shows that the archive is made
}

// press takes the button's level. A failed read is no press.
func (l *loop) press(level pause.Tri, now int64) {
	b := &l.button
	switch {
	case level != pause.Yes:
		b.open, b.since = b.open || level == pause.No, 0
	case b.since == 0:
		b.since = now
	case b.open && now-b.since >= int64(pressFor):
		b.open = false
		l.pressed(now)
	}
}

// pressed has an archive made, on the ground alone: it takes time of the
// computer that flies. Whether it is on the ground must be known.
func (l *loop) pressed(now int64) {
	why := "the flight controller does not say that it is disarmed"
	if l.m.Disarmed() == pause.Yes {
		why = "one is being made"
		if !l.button.busy {
			select {
			case l.bundles <- struct{}{}:
				l.button.busy, l.button.test = true, now+int64(testFor)
				return
			default:
			}
		}
	}
	l.say(report{kind: "bundle.refused", level: levelWarn, text: "the technician's button makes no archive: " + why + "; aimctl bundle makes one"}, now)
}

// bundled tells what became of the archive; text is its path, or why there is
// none.
func (l *loop) bundled(text string, ok bool, now int64) {
	b := &l.button
	b.busy = false
	if !ok {
		l.say(report{kind: "bundle.failed", level: levelWarn, text: "the technician's button: no archive: " + text}, now)
		return
	}
	b.done = max(now, b.test) + int64(endFor)
	l.say(report{kind: "bundle.made", level: levelInfo, text: "the technician's button: a diagnostic archive is made", pairs: pairs("path", text)}, now)
}
