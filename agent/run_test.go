package agent

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/i2c"

	"github.com/aim-control/aimlock/agent/config"
	"github.com/aim-control/aimlock/agent/locksmith"
	"github.com/aim-control/aimlock/agent/telemetry"
	"github.com/aim-control/aimlock/board"
	"github.com/aim-control/aimlock/firmware/durable"
	"github.com/aim-control/aimlock/hal/sim"
)

// newDrone is a folder with an identity and a live file, and a board.
func newDrone(t *testing.T, broker string) (Start, *lockedBuffer) {
	t.Helper()
	dir := t.TempDir()
	b, err := board.Lookup("sim")
	if err != nil {
		t.Fatal(err)
	}
	host, err := locksmith.KernelHost()
	if err != nil {
		t.Fatal(err)
	}
	id := &config.Identity{Drone: "patrol-01", Fleet: "north", Board: "sim", MQTT: config.MQTT{Broker: broker},
		Paths: config.Paths{Config: filepath.Join(dir, config.LiveName), State: filepath.Join(dir, "state"), Run: filepath.Join(dir, "run")}}
	if err := os.WriteFile(id.Paths.Config, []byte("version = 7\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	out := &lockedBuffer{}
	return Start{Identity: id, Board: b, Opener: sim.New(b, 1), Host: host, Log: NewLog(out, false, false), Version: "test",
		Jitter: func() time.Duration { return 0 }}, out
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// stale leaves the record of a holder of another boot.
func stale(t *testing.T, s Start) {
	t.Helper()
	h, gone := s.Host, t.TempDir()
	h.BootID = "another-boot"
	if err := os.MkdirAll(s.Identity.Paths.State, 0o755); err != nil {
		t.Fatal(err)
	}
	smith, err := locksmith.Open(durable.Linux, locksmith.Paths{Run: gone, State: s.Identity.Paths.State, Name: LockName}, h, func() time.Duration { return time.Hour })
	if err != nil {
		t.Fatal(err)
	}
	if _, err := smith.Acquire(t.Context(), locksmith.Claim{Role: locksmith.RoleOrchestrator, Holder: "fleet-updater", Reason: "nightly"}); err != nil {
		t.Fatal(err)
	}
}

// TestRun starts an agent on what a reboot leaves: the stale lock is reclaimed
// before the network is touched; it is ready, says so, answers on its socket,
// feeds the watchdog with turns, and on its end lets go and says goodbye.
func TestRun(t *testing.T) {
	t.Parallel()
	broker, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer broker.Close()
	s, log := newDrone(t, "mqtt://"+broker.Addr().String())
	stale(t, s)
	recordAtDial := make(chan string, 1)
	go func() {
		if _, err := broker.Accept(); err == nil {
			b, _ := os.ReadFile(filepath.Join(s.Identity.Paths.State, LockName+".rec"))
			recordAtDial <- string(b)
		}
	}()
	told := make(chan string, 100)
	s.Notify = func(state string) { told <- state }
	fed := make(chan struct{}, 100)
	s.Feed = func() error { fed <- struct{}{}; return nil }
	s.Reset = "watchdog, undervoltage"
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- Run(ctx, s) }()
	if got := <-told; got != "READY=1" {
		t.Errorf("first told %q", got)
	}
	if rec := <-recordAtDial; strings.Contains(rec, "fleet-updater") || rec == "" {
		t.Errorf("the network was touched before the lock was reclaimed; the record: %s", rec)
	}
	<-fed
	if got := <-told; got != "WATCHDOG=1" {
		t.Errorf("then told %q", got)
	}
	st := askStatus(t, s.Identity.Paths.Run)
	if st.State != "NOMINAL" || st.Lock.Verdict != "FREE" || st.Config.Version != 7 || st.Boot != s.Host.BootID || st.Reset != s.Reset {
		t.Errorf("status %+v", st)
	}
	cancel()
	if err := <-done; err != nil {
		t.Errorf("Run ended with %v", err)
	}
	for _, want := range []string{"WARN stale lock reclaimed from fleet-updater", "BOOT", `when="before the network"`, "INFO configuration version 7 is in force", "INFO aimd stops",
		"WARN aimd test starts; the last reset was by: watchdog, undervoltage drone=patrol-01", `reset="watchdog, undervoltage"`} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log does not say %q:\n%s", want, log)
		}
	}
	if snap := s.Opener.(*sim.World).Snapshot(); snap.Request || snap.Blue || snap.Amber {
		t.Errorf("outputs are on after the end: %+v", snap)
	}
	if got := numbers(t, newOutbox(durable.Linux, filepath.Join(s.Identity.Paths.State, journalName))); len(got) < 3 || got[0] != 1 {
		t.Errorf("events %v wait for the broker", got)
	}
}

func askStatus(t *testing.T, run string) (st telemetry.Status) {
	t.Helper()
	c, err := net.Dial("unix", filepath.Join(run, StatusSocket))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	b, err := io.ReadAll(c)
	if err != nil {
		t.Fatal(err)
	}
	if err := telemetry.Decode(b, &st); err != nil {
		t.Fatal(err)
	}
	return st
}

// noBus is a board whose bus is missing, and which remembers its outputs.
type noBus struct{ *sim.World }

var errNoBus = errors.New("no bus: enable it with dtparam=i2c_arm=on")

func (noBus) Bus(board.Bus) (i2c.BusCloser, error) { return nil, errNoBus }

// shaky is a board whose LEDs panic as soon as the request is on: a bug in a
// driver, as far as the agent is concerned.
type shaky struct{ *sim.World }

func (s shaky) Output(l board.Line, initial gpio.Level) (gpio.PinOut, error) {
	out, err := s.World.Output(l, initial)
	if l.Name != board.PauseReq {
		return panics{out, s.World}, err
	}
	return out, err
}

type panics struct {
	gpio.PinOut
	w *sim.World
}

func (p panics) Out(l gpio.Level) error {
	if p.w.Snapshot().Request {
		panic("a bug")
	}
	return p.PinOut.Out(l)
}

// TestRunFails lets go of the request on every way out.
func TestRunFails(t *testing.T) {
	t.Parallel()
	s, _ := newDrone(t, "mqtt://127.0.0.1:9")
	w := s.Opener.(*sim.World)
	s.Opener = noBus{w}
	if err := Run(t.Context(), s); !errors.Is(err, errNoBus) {
		t.Errorf("a missing bus: %v", err)
	}
	if w.Snapshot().Request {
		t.Error("the request is on after a failed start")
	}
	s, _ = newDrone(t, "mqtt://127.0.0.1:9")
	s.Identity.Paths.Run = filepath.Join(s.Identity.Paths.Config, "run") // below a file
	if err := Run(t.Context(), s); err == nil || !strings.Contains(err.Error(), "[paths]") {
		t.Errorf("an impossible run folder: %v", err)
	}
}

// TestPanicReleases: a panic in the loop while the request is on takes the
// request with it, leaves nobody running, and keeps what was said.
func TestPanicReleases(t *testing.T) {
	t.Parallel()
	s, log := newDrone(t, "mqtt://127.0.0.1:9")
	if err := os.WriteFile(s.Identity.Paths.Config, []byte("version = \n"), 0o644); err != nil {
		t.Fatal(err)
	}
	w := s.Opener.(*sim.World)
	s.Opener = shaky{w}
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic was swallowed")
			}
		}()
		_ = Run(t.Context(), s)
	}()
	if w.Snapshot().Request {
		t.Error("the request is on after a panic")
	}
	if !strings.Contains(log.String(), "ERROR aim_lock_config.conf: HOT") {
		t.Errorf("the request was never on, or the log has lost why:\n%s", log)
	}
	box := newOutbox(durable.Linux, filepath.Join(s.Identity.Paths.State, journalName))
	if last := lastEvent(t, box); !strings.HasPrefix(last.Kind, "state.pa") { // pausing; paused, where amber was not due before
		t.Errorf("the last event in the journal is %+v, not the one before the panic", last)
	}
}

// TestStartErrors: whatever keeps the agent from starting says what to do, and
// leaves the outputs off.
func TestStartErrors(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		spoil func(*Start) error
		says  []string
	}{
		"run folder is a file": {func(s *Start) error { return os.WriteFile(s.Identity.Paths.Run, nil, 0o644) }, []string{"[paths]", "run"}},
		"socket is a folder": {func(s *Start) error {
			return os.MkdirAll(filepath.Join(s.Identity.Paths.Run, StatusSocket, "x"), 0o755)
		},
			[]string{StatusSocket, "remove it by hand"}},
		"no certificate": {func(s *Start) error {
			s.Identity.MQTT = config.MQTT{Broker: "mqtts://broker:8883", CA: "/nonexistent/ca.pem"}
			return nil
		}, []string{"/nonexistent/ca.pem"}},
		"no such line": {func(s *Start) error { b := *s.Board; b.Outputs = nil; s.Board = &b; return nil }, []string{"PAUSE_REQ", "board table"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, _ := newDrone(t, "mqtt://127.0.0.1:9")
			if err := c.spoil(&s); err != nil {
				t.Fatal(err)
			}
			err := Run(t.Context(), s)
			for _, want := range c.says {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("%v does not say %q", err, want)
				}
			}
			if snap := s.Opener.(*sim.World).Snapshot(); snap.Request || snap.Blue || snap.Amber {
				t.Errorf("outputs are on: %+v", snap)
			}
		})
	}
}
