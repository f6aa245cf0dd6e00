package agent

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"

	"github.com/aim-control/aimlock/agent/locksmith"
	"github.com/aim-control/aimlock/agent/pause"
	"github.com/aim-control/aimlock/firmware/durable"
	"github.com/aim-control/aimlock/firmware/durable/faultfs"
	"github.com/aim-control/aimlock/hal/sim"
)

// TestStateOpensLate starts on a disk that takes nothing: the agent flies, and
// once there is room the counters on the disk hold, whatever was written in
// memory meanwhile.
func TestStateOpensLate(t *testing.T) {
	t.Parallel()
	for _, errno := range []error{unix.ENOSPC, unix.EROFS, unix.EIO} {
		for _, fresh := range []bool{true, false} {
			fs := faultfs.New()
			if !fresh {
				f, _ := openState(fs, "/s")
				if err := f.update(func(s *savedState) { s.Counter, s.Conn, s.Baseline = 100, 5000, "h" }); err != nil {
					t.Fatal(err)
				}
				f.close()
			}
			sick := fs.Process()
			sick.FailFrom(1, errno)
			f, lost := openState(sick, "/s")
			if lost == nil {
				t.Errorf("%v: nothing was said", errno)
			}
			raise := func(s *savedState) { s.Counter = max(s.Counter, 7); s.Conn = 1000 }
			if err := f.update(raise); err == nil || f.get().Counter != 0 {
				t.Errorf("%v: an update was kept: %v", errno, err)
			}
			sick.Heal()
			if err := f.update(raise); err != nil {
				t.Errorf("%v, with room again: %v", errno, err)
			}
			f.close()
			again, lost := openState(fs, "/s")
			if got := again.get(); lost != nil || (fresh && got.Counter != 7) || (!fresh && (got.Counter != 100 || got.Baseline != "h")) {
				t.Errorf("%v, fresh %v: the disk has %+v, lost %v", errno, fresh, got, lost)
			}
		}
	}
}

// TestDamagedStateIsReplaced: a state that no slot holds is begun anew, and can
// be written again.
func TestDamagedStateIsReplaced(t *testing.T) {
	t.Parallel()
	for name, data := range map[string][]byte{"garbage": bytes.Repeat([]byte{0x55}, 2*4096), "too long": make([]byte, 1<<20), "no JSON": nil} {
		fs := faultfs.New()
		if data == nil {
			slots, err := durable.OpenSlots(fs, "/s", maxState)
			if err == nil {
				err = slots.Write([]byte("{"))
			}
			if err != nil {
				t.Fatal(err)
			}
		} else {
			fs.Put("/s", data, 0o644)
		}
		f, lost := openState(fs, "/s")
		if lost == nil {
			t.Errorf("%s: nothing was said", name)
		}
		if err := f.update(func(s *savedState) { s.Counter = 9 }); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if again, lost := openState(fs, "/s"); lost != nil || again.get().Counter != 9 {
			t.Errorf("%s: afterwards %+v, %v", name, again.get(), lost)
		}
	}
}

// TestKeptLater: what could not be written is written once the disk works,
// though nothing new has come; a newer one is never overwritten by it.
func TestKeptLater(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		fs := faultfs.New()
		p := keeperOn(t, fs, "boot-1")
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); p.run(ctx) }()
		fs.FailFrom(1, unix.ENOSPC)
		p.keepConfig([]byte("version = 1\n"), "h1")
		p.keepPause(pause.Saved{Waived: pause.Of(pause.Lock)})
		synctest.Wait()
		p.keepPause(pause.Saved{Waived: pause.Of(pause.Config)})
		synctest.Wait()
		fs.Heal()
		time.Sleep(time.Minute) // virtual
		if got, err := durable.Read(fs, "/"+lastGoodName, 1<<10); err != nil || string(got) != "version = 1\n" {
			t.Errorf("the configuration: %q, %v", got, err)
		}
		if s, _ := openState(fs, "/"+stateName); s.get().Baseline != "h1" || s.get().Pause.Waived != pause.Of(pause.Config) {
			t.Errorf("the state: %+v", s.get())
		}
		cancel()
		<-done
	})
}

// TestNumbersAfterALateJournal: the journal could not be opened at the start;
// numbers that this boot has used are not used again.
func TestNumbersAfterALateJournal(t *testing.T) {
	t.Parallel()
	fs := faultfs.New()
	first := keeperOn(t, fs, "boot-1")
	for range 3 {
		first.report(report{kind: "test", level: levelInfo, text: "x"})
	}
	first.drain()
	if err := first.journal.close(); err != nil {
		t.Fatal(err)
	}
	sick := fs.Process()
	sick.FailFrom(1, unix.EMFILE)
	state, _ := openState(sick, "/"+stateName)
	p := newPersister(sick, "boot-1", "/"+lastGoodName, state, newOutbox(sick, "/journal"), first.log)
	say := func() {
		p.report(report{kind: "test", level: levelInfo, text: "x"})
		p.drain()
	}
	say()
	sick.Heal()
	say()
	if got := numbers(t, p.journal); !slices.Equal(got, []uint64{1, 2, 3, 5}) {
		t.Errorf("numbers %v, want 1 2 3, a gap for the one that was lost, 5", got)
	}
}

// TestReplayOnALateState: a counter that could not be read at the start still
// refuses the commands of before.
func TestReplayOnALateState(t *testing.T) {
	t.Parallel()
	c := newCourt(t)
	sick := c.fs.Process()
	sick.FailFrom(1, unix.EIO)
	state, lost := openState(sick, "/agent.state")
	if lost == nil {
		t.Fatal("the state was read")
	}
	c.state = state
	old := good()
	old.Counter = 50
	if _, err := c.judge("c1", sign(t, old, c.alice, c.bob)); !errors.Is(err, errNotKept) {
		t.Errorf("with a dead disk: %v", err)
	}
	sick.Heal()
	if _, err := c.judge("c1", sign(t, old, c.alice, c.bob)); !errors.Is(err, errReplay) {
		t.Errorf("a counter passed long ago: %v", err)
	}
	if _, err := c.judge("c1", sign(t, good(), c.alice, c.bob)); err != nil {
		t.Errorf("a new one: %v", err)
	}
}

// TestFullDiskInFlight flies with a disk that is full from the start, through
// the loop: it pauses, says so once, and once that it works again.
func TestFullDiskInFlight(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		fs := faultfs.New()
		fs.Put("/state/x", nil, 0o644)
		fs.FailFrom(1, unix.ENOSPC)
		r := rigOn(t, 5, fs, sim.New(simBoard(t), 5), "boot-1")
		rec := &recorder{persister: r.keep, start: time.Now()}
		r.loop.keep = rec
		ctx, cancel := context.WithCancel(t.Context())
		r.keep.trouble = func(part, why string) { r.tell(ctx, event{kind: trouble, ok: why == "", text: troubleText(part, why)}) }
		done := make(chan struct{})
		go func() { defer close(done); r.run(ctx) }()
		s := &script{rig: r, recorder: rec, t: t, ctx: ctx}
		s.airborne()
		s.tell(s.ctx, lockEvent(locksmith.Overdue, true))
		time.Sleep(5 * time.Second) // virtual
		s.expect("held, and says what is broken", s.now().State == "PAUSED" && slices.Contains(s.now().Faults, "journal") && slices.Contains(s.now().Faults, "state"))
		fs.Heal()
		time.Sleep(time.Minute) // virtual
		s.expect("mended", len(s.now().Faults) == 0)
		cancel()
		<-done
		for _, part := range []string{"journal", "state"} {
			if out := rec.out.String(); strings.Count(out, "trouble: "+part+": ") != 1 || strings.Count(out, "mended: "+part+" works again") != 1 {
				t.Errorf("%s: not said once each:\n%s", part, out)
			}
		}
		if s, lost := openState(fs.Process(), "/state/"+stateName); lost != nil || s.get().Baseline == "" {
			t.Errorf("the state on disk: %+v, %v", s.get(), lost)
		}
	})
}
