package agent

import (
	"context"
	"math/rand/v2"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aim-control/aimlock/agent/config"
	"github.com/aim-control/aimlock/agent/locksmith"
	"github.com/aim-control/aimlock/agent/pause"
	"github.com/aim-control/aimlock/agent/telemetry"
)

// fly is a day of a drone: flights with heat, stuck locks, pilots and faults,
// drawn from the seed.
func fly(ctx context.Context, r *rig, rng *rand.Rand, until time.Duration) {
	sleep := func(d time.Duration) bool {
		t := time.NewTimer(d)
		defer t.Stop()
		return wait(ctx, t.C)
	}
	r.tell(ctx, event{kind: liveFile, change: &config.Change{Data: config.Default(), Hash: "h", Live: r.live}})
	r.tell(ctx, lockEvent(locksmith.Free, false))
	for start := time.Now(); time.Since(start) < until; {
		_ = r.world.Arm()
		_ = r.world.TakeOff()
		sleep(time.Duration(20+rng.IntN(40)) * time.Second)
		switch rng.IntN(5) {
		case 0, 1:
			m := 1 + rng.IntN(4)
			_ = r.world.HeatMotor(m, 100+20*rng.Float64())
			sleep(20 * time.Second)
			_ = r.world.CoolMotor(m)
		case 2: // taken, and soon overdue; half of the time the bus is stuck as well
			if rng.IntN(2) == 0 {
				_ = r.world.Break("bus:motors", "stuck")
				sleep(3 * time.Second)
			}
			r.tell(ctx, lockEvent(locksmith.Held, false))
			sleep(time.Duration(100+rng.IntN(300)) * time.Millisecond)
			r.tell(ctx, lockEvent(locksmith.Overdue, true))
			sleep(time.Duration(rng.IntN(200)) * time.Second)
			r.tell(ctx, lockEvent(locksmith.Free, false))
			_ = r.world.Fix("bus:motors")
		case 3:
			_ = r.world.HeatCompanion(90)
			sleep(20 * time.Second)
			_ = r.world.CoolCompanion()
		case 4:
			r.world.Chaos(0.2)
			sleep(5 * time.Minute)
			r.world.Chaos(0)
		}
		sleep(time.Minute)
		_ = r.world.PilotTake()
		sleep(time.Second)
		_ = r.world.PilotRelease()
		_ = r.world.Land()
		sleep(5 * time.Minute)
	}
}

// day runs the rig for so long and returns how much it grew after its first
// hour.
func day(t *testing.T, r *rig, length time.Duration) (heap int64, goroutines int) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); r.run(ctx) }()
	go fly(ctx, r, rand.New(rand.NewPCG(7, 7)), length)
	time.Sleep(time.Hour) // virtual
	before, n := heapNow(), runtime.NumGoroutine()
	time.Sleep(length - time.Hour) // virtual
	heap, goroutines = heapNow()-before, runtime.NumGoroutine()-n
	cancel()
	<-done
	return heap, goroutines
}

func heapNow() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// TestDay is 24 virtual hours with faults by seed: the request line follows
// its proof within 10 ms although the bus sticks for a second, the disk stalls
// for half a second and the broker for half a minute; nothing grows.
func TestDay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		length := 24 * time.Hour
		if raceDetector {
			length = 6 * time.Hour
		}
		r := newRig(t, 42)
		heap, goroutines := day(t, r, length)
		o := r.oracle
		t.Logf("%d requests, the latest %v after its proof; %d turns; %d disk stalls; heap %+d bytes, goroutines %+d; sent %v",
			o.rises, o.worst, r.turns.Load(), r.disk.stalls.Load(), heap, goroutines, r.link.sent)
		if !raceDetector && (o.rises < 50 || r.disk.stalls.Load() < 50 || r.link.sent["stalls"] < 10) {
			t.Errorf("too little happened in a day: nothing was tested")
		}
		if o.late > 0 {
			t.Errorf("%d of %d requests came more than 10 ms after their proof, the worst %v", o.late, o.rises, o.worst)
		}
		if goroutines > 2 || heap > 2<<20 {
			t.Errorf("grew by %d goroutines, %d bytes", goroutines, heap)
		}
	})
}

// inLoop are the three things that a loop must never do itself, as mutants.
var inLoop = map[string]func(*rig){
	"reads a bus":  func(r *rig) { r.loop.up = busReader{r.up, r} },
	"persists":     func(r *rig) { r.loop.keep = writer{r.keep} },
	"publishes":    func(r *rig) { r.loop.up = sender{r} },
	"nothing else": func(*rig) {}, // the control: the same day without a mutant
}

// TestMutantsInLoop shows that TestDay's measure catches a loop that blocks.
func TestMutantsInLoop(t *testing.T) {
	for name, mutate := range inLoop {
		if raceDetector && name != "nothing else" {
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, 42)
				r.link.rarely = 20
				mutate(r)
				day(t, r, 8*time.Hour)
				o := r.oracle
				t.Logf("%d of %d requests late, the worst %v", o.late, o.rises, o.worst)
				if mutant := name != "nothing else"; mutant != (o.late > 0) {
					t.Errorf("%d late requests in a loop that %s", o.late, name)
				}
			})
		})
	}
}

// busReader reads a sensor when telemetry is due.
type busReader struct {
	publisher
	r *rig
}

func (b busReader) SetTelemetry(p []byte) {
	_, _ = b.r.hw.Buses[0].Sensors[0].Sense()
	b.publisher.SetTelemetry(p)
}

// writer writes to the disk at once.
type writer struct{ *persister }

func (w writer) report(r report) { w.write(r) }

// sender sends at once.
type sender struct{ r *rig }

func (s sender) SetStatus(p []byte) { s.send(telemetry.LeafStatus, p) }

func (s sender) SetTelemetry(p []byte) { s.send(telemetry.LeafTelemetry, p) }

func (s sender) send(leaf string, p []byte) {
	_, _ = s.r.link.Publish(telemetry.Topic("north", "patrol-01", leaf), 0, false, p)
}

// TestSteadyTurnAllocatesNothing turns the loop by hand: samples, lines, LEDs
// and telemetry with its encoding, each second. It is serial: a goroutine
// elsewhere would be counted.
func TestSteadyTurnAllocatesNothing(t *testing.T) {
	r := newRig(t, 1)
	now := int64(time.Hour)
	l := r.loop
	l.clock = func() int64 { return now }
	l.turn(event{kind: liveFile, change: &config.Change{Data: config.Default(), Hash: "h", Live: r.live}})
	level := pause.Yes
	second := func() {
		for range 10 {
			now += int64(100 * time.Millisecond)
			for i := range 4 {
				l.turn(event{kind: motorTemp, at: now, index: i, milliC: 55000, ok: true})
			}
			l.turn(event{kind: supply, at: now, ok: true, power: power{14600, 18500, 270100}})
			level ^= pause.Yes ^ pause.No
			l.turn(event{kind: line, at: now, index: int(lineHeartbeat), level: level})
			l.turn(event{kind: line, at: now, index: int(lineDisarmed), level: pause.No})
			l.turn(event{kind: line, at: now, index: int(lineHolding), level: pause.No})
			l.turn(event{kind: compTemp, at: now, milliC: 50000, ok: true})
		}
	}
	for range 10 { // until the start's news are told
		second()
	}
	before := l.msg.telemetry.Seq
	if n := testing.AllocsPerRun(20, second); n != 0 && !raceDetector {
		t.Errorf("%v allocations in a steady second of 90 turns", n)
	}
	if l.msg.telemetry.Seq == before {
		t.Error("no telemetry was encoded")
	}
}
