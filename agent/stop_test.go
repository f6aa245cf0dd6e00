package agent

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aim-control/aimlock/firmware/durable"
	"github.com/aim-control/aimlock/firmware/durable/faultfs"
)

// TestSignalIsNoError: a signal ends the agent as asked. Since Go 1.26 the
// context of signal.NotifyContext carries the signal as its cause.
func TestSignalIsNoError(t *testing.T) {
	t.Parallel()
	s, log := newDrone(t, "mqtt://127.0.0.1:9")
	ctx, cancel := context.WithCancelCause(t.Context())
	s.Notify = func(state string) {
		if state == "READY=1" {
			cancel(errors.New("terminated signal received"))
		}
	}
	if err := Run(ctx, s); err != nil {
		t.Errorf("Run ended with %v", err)
	}
	if !strings.Contains(log.String(), `aimd stops; the request is released why="terminated signal received"`) {
		t.Errorf("the log does not say why it stopped:\n%s", log)
	}
}

// TestEndBeforeStart: an end that comes while the start is under way leaves
// nothing behind, and nothing waits for a loop that never runs.
func TestEndBeforeStart(t *testing.T) {
	t.Parallel()
	s, _ := newDrone(t, "mqtt://127.0.0.1:9")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := Run(ctx, s); err != nil {
		t.Errorf("Run ended with %v", err)
	}
	if _, err := os.Stat(filepath.Join(s.Identity.Paths.Run, StatusSocket)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the status socket is left: %v", err)
	}
}

// TestStopOnStuckBus ends while every transfer sticks: the request is off at
// once, the end comes within a transfer's time.
func TestStopOnStuckBus(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 5)
		ctx, cancel := context.WithCancel(t.Context())
		r.keep.trouble = func(string, string) {}
		done := make(chan struct{})
		go func() { defer close(done); r.run(ctx) }()
		s := &script{rig: r, recorder: &recorder{persister: r.keep}, t: t, ctx: ctx}
		if s.order("pause", time.Minute).word != "done" {
			t.Error("no pause")
		}
		s.must(r.world.Break("bus:motors", "stuck"))
		time.Sleep(3 * time.Second) // virtual
		if !r.world.Snapshot().Request {
			t.Error("the request is off before the end: nothing is tested")
		}
		end := time.Now()
		cancel()
		synctest.Wait()
		if r.world.Snapshot().Request {
			t.Error("the request is on although the agent was told to end")
		}
		<-done
		if d := time.Since(end); d > 3*time.Second {
			t.Errorf("the end took %v", d)
		}
	})
}

// TestLastWordsAreKept: what is said at the very end is in the journal, though
// the disk is slow, and the state is the last one.
func TestLastWordsAreKept(t *testing.T) {
	t.Parallel()
	s, _ := newDrone(t, "mqtt://127.0.0.1:9")
	ctx, cancel := context.WithCancel(t.Context())
	s.Notify = func(state string) {
		if state == "READY=1" {
			cancel()
		}
	}
	if err := Run(ctx, s); err != nil {
		t.Fatal(err)
	}
	box := newOutbox(durable.Linux, filepath.Join(s.Identity.Paths.State, journalName))
	if last := lastEvent(t, box); last.Kind != "agent.stopped" {
		t.Errorf("the last event is %+v", last)
	}
	if err := box.close(); err != nil {
		t.Error(err)
	}
}

// TestFeed feeds for completed turns only, and reports a watchdog that cannot
// be fed, and that it can again.
func TestFeed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var told, fed atomic.Int64
		var broken atomic.Bool
		p := &parts{events: make(chan event, 100)}
		p.src = source{clock: func() int64 { return 1 }, out: p.events}
		p.s.Notify = func(state string) {
			if state == "WATCHDOG=1" {
				told.Add(1)
			}
		}
		p.s.Feed = func() error {
			if broken.Load() {
				return errors.New("no such device")
			}
			fed.Add(1)
			return nil
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go p.feed(ctx)
		turn := func() { p.turns.Add(1); time.Sleep(feedEvery); synctest.Wait() } // virtual
		for range 3 {
			turn()
		}
		time.Sleep(time.Minute) // virtual: the loop hangs
		if told.Load() != 3 || fed.Load() != 3 {
			t.Errorf("fed %d and told %d times for three turns", fed.Load(), told.Load())
		}
		broken.Store(true)
		turn()
		broken.Store(false)
		turn()
		turn()
		if ev := <-p.events; ev.kind != trouble || ev.ok || ev.text != "watchdog: no such device" {
			t.Errorf("got %+v", ev)
		}
		if ev := <-p.events; ev.kind != trouble || !ev.ok || ev.text != "watchdog" || len(p.events) != 0 {
			t.Errorf("got %+v, and %d more", ev, len(p.events))
		}
	})
}

// sore is a listener whose first accepts fail, as they do when the process is
// out of descriptors.
type sore struct {
	net.Listener
	left atomic.Int64
}

func (s *sore) Accept() (net.Conn, error) {
	if s.left.Add(-1) >= 0 {
		return nil, &net.OpError{Op: "accept", Err: syscall.EMFILE}
	}
	return s.Listener.Accept()
}

// TestSocketOutlivesAFailedAccept: one failure is not the end of the socket.
func TestSocketOutlivesAFailedAccept(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	l, err := listenStatus(dir)
	if err != nil {
		t.Fatal(err)
	}
	in := make(chan event)
	bad := &sore{Listener: l}
	bad.left.Store(3)
	done := make(chan struct{})
	go func() {
		defer close(done)
		serveStatus(t.Context(), bad, source{clock: func() int64 { return 1 }, out: in})
	}()
	c, err := net.Dial("unix", filepath.Join(dir, StatusSocket))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	select {
	case ev := <-in:
		ev.reply <- []byte("status")
	case <-time.After(20 * time.Second):
		t.Error("nobody was answered after a failed accept")
	}
	l.Close()
	<-done
}

// TestReserveTouchesNoDisk: a connection whose number is reserved already waits
// for nobody who is writing.
func TestReserveTouchesNoDisk(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		state, _ := openState(faultfs.New(), "/s")
		p := &parts{state: state}
		p.reserve(1)
		if got := state.get().Conn; got < connBlock {
			t.Errorf("%d numbers reserved", got)
		}
		state.gate.enter() // somebody writes, for ever
		done := make(chan struct{})
		go func() { defer close(done); p.reserve(2) }()
		select {
		case <-done:
		case <-time.After(time.Hour): // virtual
			t.Error("it waits for the disk")
			state.gate.leave()
			<-done
		}
	})
}

// TestNoLockIsAFault: an agent that cannot watch the lock flies, and its status
// says so for as long as it lasts.
func TestNoLockIsAFault(t *testing.T) {
	t.Parallel()
	s, log := newDrone(t, "mqtt://127.0.0.1:9")
	s.Host.BootID = "no\nboot"
	ready := make(chan struct{})
	s.Notify = func(state string) {
		if state == "READY=1" {
			close(ready)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- Run(ctx, s) }()
	<-ready
	if st := askStatus(t, s.Identity.Paths.Run); !slices.Contains(st.Faults, "lock") {
		t.Errorf("the status says nothing: %+v", st)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if !strings.Contains(log.String(), "ERROR lock: locksmith: boot id") {
		t.Errorf("the log says nothing:\n%s", log)
	}
}
