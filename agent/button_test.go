package agent

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aim-control/aimlock/agent/pause"
)

// TestButton holds the technician's button in every way: only one that was open
// and is then held for three seconds, on the ground for certain, makes an
// archive, and one; the LEDs show it; whatever else is told.
func TestButton(t *testing.T) {
	t.Parallel()
	out := play(t, func(s *script) {
		hold := func(d time.Duration) {
			s.world.Press(true)
			time.Sleep(d) // virtual
			s.world.Press(false)
			time.Sleep(time.Second) // virtual
		}
		asked := func() (n int) {
			for {
				select {
				case <-s.bundles:
					n++
				default:
					return n
				}
			}
		}
		ended := func(text string, ok bool) {
			s.tell(s.ctx, event{kind: bundled, text: text, ok: ok})
			time.Sleep(100 * time.Millisecond) // virtual
		}
		time.Sleep(4 * time.Second) // virtual
		hold(2900 * time.Millisecond)
		s.expect("too short: nothing", asked() == 0 && s.now().LED == "healthy")

		s.world.Press(true)
		time.Sleep(3600 * time.Millisecond) // virtual
		s.expect("taken", asked() == 1 && s.now().LED == "button")
		time.Sleep(20 * time.Second) // virtual
		s.expect("once, and being made", asked() == 0 && s.now().LED == "button")
		s.world.Press(false)
		time.Sleep(time.Second) // virtual
		s.after(0, "a second press meanwhile")
		hold(4 * time.Second)
		s.expect("one at a time", asked() == 0 && s.now().LED == "button")
		s.after(0, "made")
		ended("/state/bundles/patrol-01-1.tar.gz", true)
		s.expect("shown", s.now().LED == "bundled")
		time.Sleep(3500 * time.Millisecond) // virtual
		s.expect("as before", s.now().LED == "healthy")

		s.after(0, "fails at once: the LEDs are tested all the same")
		s.world.Press(true)
		time.Sleep(3400 * time.Millisecond) // virtual
		s.expect("taken", asked() == 1)
		s.world.Press(false)
		ended("no aimctl", false)
		s.expect("the LEDs blink on", s.now().LED == "button")
		time.Sleep(2500 * time.Millisecond) // virtual
		s.expect("not made", s.now().LED == "healthy")

		s.must(s.world.Break("line:BUTTON", "float"))
		time.Sleep(5 * time.Minute) // virtual
		s.must(s.world.Break("line:BUTTON", "nack"))
		hold(10 * time.Second)
		s.must(s.world.Fix("line:BUTTON"))
		s.expect("a loose wire is no press", asked() == 0)

		s.must(s.world.Break("fc", "stop"))
		s.after(3*time.Second, "whether it is on the ground is not known")
		hold(5 * time.Second)
		s.must(s.world.Fix("fc"))
		s.after(3*time.Second, "armed")
		s.airborne()
		hold(5 * time.Second)
		s.expect("refused", asked() == 0 && s.now().LED == "healthy")
	})
	const refused = "warn  bundle.refused: the technician's button makes no archive: "
	for _, want := range []string{
		refused + "one is being made",
		`bundle.made: the technician's button: a diagnostic archive is made path="/state/bundles/patrol-01-1.tar.gz"`,
		"warn  bundle.failed: the technician's button: no archive: no aimctl",
	} {
		if strings.Count(out, want) != 1 {
			t.Errorf("not once: %q, in\n%s", want, out)
		}
	}
	if n := strings.Count(out, refused+"the flight controller does not say that it is disarmed; aimctl bundle makes one"); n != 2 {
		t.Errorf("refused %d times without being disarmed, want 2:\n%s", n, out)
	}
}

// TestButtonStuck: a button that is pressed from the start, as a shorted wire
// is, never counts, nor does one that cannot be read; once it was open it does.
func TestButtonStuck(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1)
		rec := &recorder{persister: r.keep, start: time.Now()}
		r.loop.keep = rec
		now := int64(time.Hour)
		press := func(level pause.Tri, d time.Duration) int {
			for end := now + int64(d); now < end; now += int64(lineEvery) {
				r.loop.observe(event{kind: line, index: int(lineButton), level: level, at: now}, now)
			}
			return strings.Count(rec.out.String(), "bundle.refused") // taken, but not known to be disarmed
		}
		if press(pause.Yes, time.Minute) != 0 || press(pause.Unknown, time.Minute) != 0 || press(pause.Yes, time.Minute) != 0 {
			t.Error("a stuck button was taken")
		}
		press(pause.No, time.Second)
		if press(pause.Yes, 2*time.Second) != 0 || press(pause.Unknown, time.Second) != 0 || press(pause.Yes, 2*time.Second) != 0 {
			t.Error("a hold that was not seen through was taken")
		}
		if press(pause.Yes, time.Minute) != 1 || press(pause.No, time.Second) != 1 || press(pause.Yes, time.Minute) != 2 {
			t.Errorf("a press that counts was not taken once:\n%s", &rec.out)
		}
	})
}

// TestButtonArmsMeanwhile: who arms while an archive is made sees the flight's
// patterns.
func TestButtonArmsMeanwhile(t *testing.T) {
	t.Parallel()
	play(t, func(s *script) {
		time.Sleep(4 * time.Second) // virtual
		s.world.Press(true)
		time.Sleep(4 * time.Second) // virtual
		s.expect("taken", s.now().LED == "button")
		s.airborne()
		s.expect("armed", s.now().LED == "healthy")
		s.must(s.world.Break("motor1", "nack"))
		time.Sleep(5 * time.Second) // virtual
		s.expect("lost", s.now().LED == "lost")
	})
}
