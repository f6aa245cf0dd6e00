package agent

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/aim-control/aimlock/agent/locksmith"
	"github.com/aim-control/aimlock/agent/pause"
	"github.com/aim-control/aimlock/hal/led"
)

// TestLights compares what the LEDs show, each 10 ms, with the pattern's table:
// through a flight with a hold, a lost sensor, a lost flight controller and a
// warm motor.
func TestLights(t *testing.T) {
	t.Parallel()
	play(t, func(s *script) {
		seen := map[led.Pattern]int{}
		watch := func(d time.Duration) {
			for end := time.Now().Add(d); time.Now().Before(end); {
				time.Sleep(10 * time.Millisecond) // virtual
				synctest.Wait()
				p := s.loop.pattern
				blue, amber, _ := p.At(s.src.clock() - s.loop.patternAt)
				if w := s.world.Snapshot(); w.Blue != blue || w.Amber != amber {
					s.t.Fatalf("%v: blue %v, amber %v; want %v, %v", p, w.Blue, w.Amber, blue, amber)
				}
				seen[p]++
			}
		}
		s.airborne()
		watch(5 * time.Second)
		s.tell(s.ctx, lockEvent(locksmith.Overdue, true))
		watch(6 * time.Second)
		s.tell(s.ctx, lockEvent(locksmith.Free, false))
		watch(2 * time.Second)
		s.must(s.world.Break("motor3", "garbage"))
		watch(6 * time.Second)
		s.must(s.world.Fix("motor3"))
		watch(2 * time.Second)
		s.must(s.world.Break("fc", "stop"))
		watch(5 * time.Second)
		s.must(s.world.Fix("fc"))
		s.must(s.world.HeatMotor(1, 87))
		watch(90 * time.Second)
		for p, least := range map[led.Pattern]int{led.Healthy: 500, led.Asking: 50, led.Holding: 300, led.Lost: 500, led.Warm: 100} {
			if seen[p] < least {
				s.t.Errorf("%v was shown for %d × 10 ms only: nothing is tested", p, seen[p])
			}
		}
	})
}

// TestContradiction: DISARMED and HOLDING together are a broken wire: neither
// is believed, and the drone is not called disarmed.
func TestContradiction(t *testing.T) {
	t.Parallel()
	f := &facts{started: 1}
	at := func(d time.Duration) int64 { return int64(time.Minute + d) }
	beat := func(d time.Duration) {
		f.take(lineHeartbeat, pause.TriOf(f.line[lineHeartbeat].level != pause.Yes), at(d), 0)
	}
	for d := time.Duration(0); d <= 3*time.Second; d += 250 * time.Millisecond {
		beat(d)
		f.take(lineDisarmed, pause.Yes, at(d), 0)
		f.take(lineHolding, pause.Yes, at(d), 0)
		believed := d <= contradiction && d > 0 // the first level is no beat yet
		if got := f.level(lineDisarmed, at(d)); (got == pause.Yes) != believed {
			t.Errorf("after %v of contradiction DISARMED reads %v", d, got)
		}
	}
	mended := 3250 * time.Millisecond
	f.take(lineHolding, pause.No, at(mended), 0)
	beat(mended)
	if f.level(lineDisarmed, at(mended)) != pause.Yes || f.level(lineHolding, at(mended)) != pause.No {
		t.Errorf("not believed again: %+v", f)
	}
	if f.level(lineDisarmed, at(5*time.Second)) != pause.Unknown {
		t.Error("a level without a heartbeat is believed")
	}
}
