package agent

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	mqtt "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/listeners"
	"github.com/mochi-mqtt/server/v2/packets"

	"github.com/aim-control/aimlock/agent/locksmith"
	"github.com/aim-control/aimlock/agent/telemetry"
	"github.com/aim-control/aimlock/firmware/durable"
	"github.com/aim-control/aimlock/firmware/patch"
	"github.com/aim-control/aimlock/hal/sim"
)

// patience bounds what a test waits for; nothing waits so long when all is well.
const patience = 20 * time.Second

// heard is what came to the broker, in order.
type heard struct {
	leaf     string
	payload  []byte
	retained bool
}

// fleetEnd is the operators' end of an embedded broker.
type fleetEnd struct {
	*mqtt.Server
	t    *testing.T
	url  string
	got  chan heard
	past []heard // already taken from got
	once sync.Once
}

// shut closes the broker; again is harmless.
func (f *fleetEnd) shut() { f.once.Do(func() { f.Close() }) }

// everybody lets all in.
type everybody struct{ mqtt.HookBase }

func (everybody) ID() string { return "everybody" }
func (everybody) Provides(b byte) bool {
	return b == mqtt.OnConnectAuthenticate || b == mqtt.OnACLCheck
}
func (everybody) OnConnectAuthenticate(*mqtt.Client, packets.Packet) bool { return true }
func (everybody) OnACLCheck(*mqtt.Client, string, bool) bool              { return true }

func newBroker(t *testing.T) *fleetEnd {
	t.Helper()
	f := &fleetEnd{t: t, got: make(chan heard, 4096),
		Server: mqtt.New(&mqtt.Options{InlineClient: true, Logger: slog.New(slog.NewTextHandler(io.Discard, nil))})}
	l := listeners.NewTCP(listeners.Config{ID: "t", Address: "127.0.0.1:0"})
	for _, err := range []error{f.AddHook(new(everybody), nil), f.AddListener(l), f.Serve()} {
		if err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(f.shut)
	f.url = "mqtt://" + l.Address()
	err := f.Subscribe("aim/#", 1, func(_ *mqtt.Client, _ packets.Subscription, pk packets.Packet) {
		_, _, leaf, _ := telemetry.ParseTopic(pk.TopicName)
		f.got <- heard{leaf, bytes.Clone(pk.Payload), pk.FixedHeader.Retain}
	})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// wait takes messages until one on leaf, decoded into m, is what is looked for.
func (f *fleetEnd) wait(what, leaf string, m telemetry.Message, ok func() bool) {
	f.t.Helper()
	late := time.After(patience)
	for {
		select {
		case h := <-f.got:
			f.past = append(f.past, h)
			if h.leaf != leaf {
				continue
			}
			if err := telemetry.Decode(h.payload, m); err != nil {
				f.t.Fatal(err)
			}
			if ok() {
				return
			}
		case <-late:
			f.t.Fatalf("no %s within %v; the last on %s: %+v", what, patience, leaf, m)
		}
	}
}

// flying is a running agent, its world and everything around it.
type flying struct {
	*fleetEnd
	Start
	world *sim.World
	log   *lockedBuffer
	stop  context.CancelFunc
	done  chan error
}

func takeOff(t *testing.T, prepare func(*Start)) *flying {
	t.Helper()
	f := &flying{fleetEnd: newBroker(t), done: make(chan error, 1)}
	f.Start, f.log = newDrone(t, f.url)
	f.world = f.Opener.(*sim.World)
	prepare(&f.Start)
	ctx, stop := context.WithCancel(t.Context())
	f.stop = stop
	go f.world.Run(ctx)
	go func() { f.done <- Run(ctx, f.Start) }()
	return f
}

// until waits until the world is as ok says.
func (f *flying) until(what string, ok func(sim.State) bool) {
	f.t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	late := time.After(patience)
	for !ok(f.world.Snapshot()) {
		select {
		case <-tick.C:
		case <-late:
			f.t.Fatalf("%s: not within %v: %+v\n%s", what, patience, f.world.Snapshot(), f.log)
		}
	}
}

// TestEndToEnd is the incident on one drone, in real time, with real files and
// a broker: what the reboot left is reclaimed before the first connection; an
// updater outlives its lease; the drone holds, says why and who; the updater
// lets go and the drone flies on; the operator pauses and resumes it; the
// service is stopped in the middle of a hold.
func TestEndToEnd(t *testing.T) {
	t.Parallel()
	key, err := patch.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	f := takeOff(t, func(s *Start) {
		stale(t, *s)
		s.Identity.Trust.Threshold, s.Identity.Trust.Command = 1, []string{key.Public()}
	})
	defer f.stop()
	var st telemetry.Status
	var ev telemetry.Event
	f.wait("reclaim at the broker", telemetry.LeafEvent, &ev, func() bool { return ev.Kind == "lock.reclaimed" })
	if !slices.Contains(ev.Evidence, telemetry.Evidence{Key: "when", Value: "before the network"}) || !strings.HasPrefix(ev.Text, "stale lock reclaimed from fleet-updater (pid ") {
		t.Errorf("the reclaim: %+v", ev)
	}
	f.until("ready to fly", func(sim.State) bool { return f.world.Arm() == nil && f.world.TakeOff() == nil })
	f.wait("status in the air", telemetry.LeafStatus, &st, func() bool { return st.Flight == "armed" && st.Lock.Verdict == "FREE" })

	lease := f.hog(time.Second)
	f.wait("HOT status", telemetry.LeafStatus, &st, func() bool { return st.Lock.Hot && st.Requested })
	if st.Lock.Holder != "fleet-updater" || st.Lock.Reason != "nightly" || st.Causes[0].Name != "lock" {
		t.Errorf("who and why: %+v", st)
	}
	f.until("the request line is on, the drone holds", func(w sim.State) bool { return w.Request && w.Mode == "BRAKE" })
	f.wait("PAUSED", telemetry.LeafStatus, &st, func() bool { return st.State == "PAUSED" && st.LED == "holding" })
	if got := askStatus(t, f.Identity.Paths.Run); got.State != "PAUSED" || !got.Online {
		t.Errorf("the socket says %+v", got)
	}
	if err := lease.Release(); err != nil {
		t.Error(err)
	}
	f.until("flies on", func(w sim.State) bool { return !w.Request && w.Mode == "AUTO" })
	f.wait("NOMINAL", telemetry.LeafStatus, &st, func() bool { return st.State == "NOMINAL" })

	f.command(key, 1, "pause", time.Minute)
	f.command(key, 1, "resume", 0) // the counter again: refused
	f.wait("PAUSED by the operator", telemetry.LeafStatus, &st, func() bool { return st.State == "PAUSED" && st.Causes[0].Name == "command" })
	f.stop()
	if err := <-f.done; err != nil {
		t.Errorf("Run ended with %v", err)
	}
	if f.world.Snapshot().Request {
		t.Error("the request is on after the end")
	}
	var gone telemetry.Availability
	f.wait("goodbye", telemetry.LeafAvailability, &gone, func() bool { return !gone.Online })
	if gone.Reason == "connection lost" {
		t.Error("the broker had to send the will")
	}
	f.afterwards()
}

// hog takes the lock as the incident's updater did, with a lease of so long,
// and keeps it.
func (f *flying) hog(ttl time.Duration) *locksmith.Lease {
	f.t.Helper()
	p := f.Identity.Paths
	smith, err := locksmith.Open(durable.Linux, locksmith.Paths{Run: p.Run, State: p.State, Name: LockName}, f.Host, func() time.Duration { return time.Minute })
	if err != nil {
		f.t.Fatal(err)
	}
	lease, err := smith.Acquire(context.Background(), locksmith.Claim{Role: locksmith.RoleOrchestrator, Holder: "fleet-updater", Reason: "nightly", TTL: ttl})
	if err != nil {
		f.t.Fatal(err)
	}
	return lease
}

// command sends a signed command and takes its reply.
func (f *flying) command(key patch.SecretKey, counter uint64, verb string, hold time.Duration) {
	f.t.Helper()
	cmd := telemetry.Command{Schema: telemetry.Schema, ID: verb + "-1", Fleet: "north", Drone: "patrol-01", Boot: f.Host.BootID,
		Counter: counter, Verb: verb, HoldMS: hold.Milliseconds()}
	if err := f.Publish(telemetry.Topic("north", "patrol-01", telemetry.LeafCommand+cmd.ID), sign(f.t, cmd, key), false, 1); err != nil {
		f.t.Fatal(err)
	}
	var reply telemetry.Reply
	f.wait("reply to "+verb, telemetry.LeafReply+cmd.ID, &reply, func() bool { return true })
	if want := map[string]string{"pause": "done", "resume": "refused"}[verb]; reply.Outcome != want {
		f.t.Errorf("%s: %+v, want %s", verb, reply, want)
	}
}

// afterwards holds what was heard and kept against each other: the event
// numbers are without a gap, the counter and the configuration are on disk, the
// log has the line that people search for.
func (f *flying) afterwards() {
	f.t.Helper()
	var n uint64
	for _, h := range f.past {
		var ev telemetry.Event
		if h.leaf != telemetry.LeafEvent {
			continue
		}
		if err := telemetry.Decode(h.payload, &ev); err != nil || ev.N != n+1 || ev.Boot != f.Host.BootID {
			f.t.Errorf("event %d after %d (%v): %+v", ev.N, n, err, ev)
		}
		n = ev.N
	}
	if n < 8 {
		f.t.Errorf("%d events only", n)
	}
	state, lost := openState(durable.Linux, filepath.Join(f.Identity.Paths.State, stateName))
	if s := state.get(); lost != nil || s.Counter != 1 || s.Conn < connBlock || s.Baseline == "" {
		f.t.Errorf("the saved state: %+v, %v", s, lost)
	}
	for _, want := range []string{"ERROR aim_lock_config.conf: HOT cause=lock verdict=OVERDUE holder=\"fleet-updater (pid ", "WARN stale lock reclaimed from fleet-updater (pid ", "INFO aimd stops"} {
		if !strings.Contains(f.log.String(), want) {
			f.t.Errorf("the log does not say %q:\n%s", want, f.log)
		}
	}
}
