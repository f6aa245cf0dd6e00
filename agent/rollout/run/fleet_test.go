package run

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aim-control/aimlock/agent/rollout"
	"github.com/aim-control/aimlock/agent/telemetry"
	"github.com/aim-control/aimlock/firmware/patch"
	mqtt "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/listeners"
	"github.com/mochi-mqtt/server/v2/packets"
)

// patience bounds what a test waits for; nothing waits so long when all is well.
const patience = 30 * time.Second

const (
	oldContent = "version = 1\n"
	newContent = "version = 2\n"
)

// everybody may do everything at the broker.
type everybody struct{ mqtt.HookBase }

func (*everybody) ID() string { return "everybody" }
func (*everybody) Provides(b byte) bool {
	return b == mqtt.OnConnectAuthenticate || b == mqtt.OnACLCheck
}
func (*everybody) OnConnectAuthenticate(*mqtt.Client, packets.Packet) bool { return true }
func (*everybody) OnACLCheck(*mqtt.Client, string, bool) bool              { return true }

// fleet is a broker with simulated drones, and an operator's keys and patch.
type fleet struct {
	t      *testing.T
	broker *mqtt.Server
	dial   telemetry.Dial
	key    patch.SecretKey
	pkg    *patch.Package
	drones map[string]*drone
	names  []string
	state  string
	wg     sync.WaitGroup
	stops  map[string]func() // drones that are there

	news chan struct{} // something was heard

	mu     sync.Mutex
	offers []string // drones, in the order of their first offers
	leads  []telemetry.Controller
	views  []telemetry.Rollout
}

func newFleet(t *testing.T, tempers ...temper) *fleet {
	t.Helper()
	f := &fleet{t: t, drones: map[string]*drone{}, stops: map[string]func(){}, news: make(chan struct{}, 1), state: filepath.Join(t.TempDir(), "rollout.json")}
	f.embed()
	f.populate(tempers...)
	return f
}

// embed starts a broker in this process.
func (f *fleet) embed() {
	f.t.Helper()
	f.broker = mqtt.New(&mqtt.Options{InlineClient: true, Logger: slog.New(slog.NewTextHandler(io.Discard, nil))})
	l := listeners.NewTCP(listeners.Config{ID: "t", Address: "127.0.0.1:0"})
	f.must(f.broker.AddHook(new(everybody), nil))
	f.must(f.broker.AddListener(l))
	f.must(f.broker.Serve())
	var err error
	f.dial, err = telemetry.Broker("mqtt://"+l.Address(), nil)
	f.must(err)
	f.must(f.broker.Subscribe("aim/#", 1, func(_ *mqtt.Client, _ packets.Subscription, pk packets.Packet) { f.hear(pk) }))
	f.t.Cleanup(func() { f.broker.Close() })
}

// populate makes the patch, and drones that fly until the test ends.
func (f *fleet) populate(tempers ...temper) {
	f.t.Helper()
	var err error
	f.key, err = patch.GenerateKey()
	f.must(err)
	f.pkg, err = patch.New(patch.Manifest{Kind: patch.KindConfig, ID: "p1", Fleet: "north", Targets: []string{patch.Everyone}, ConfigVersion: 2,
		BaseSHA256: patch.Hash([]byte(oldContent)), Created: time.Now().UTC().Truncate(time.Second)}, []byte(newContent))
	f.must(err)
	f.must(f.pkg.Sign(f.key))
	f.t.Cleanup(func() {
		for _, stop := range f.stops {
			stop()
		}
		f.wg.Wait()
	})
	for i, temper := range tempers {
		name := fmt.Sprintf("d%d", i+1)
		f.names = append(f.names, name)
		f.drones[name] = newDrone(name, f.key.Public(), temper)
		f.start(name)
	}
}

func (f *fleet) must(err error) {
	f.t.Helper()
	if err != nil {
		f.t.Fatal(err)
	}
}

// start switches a drone on: it connects, and again when it is cut off.
func (f *fleet) start(name string) {
	ctx, cancel := context.WithCancel(context.Background())
	f.stops[name] = cancel
	d := f.drones[name]
	f.wg.Go(func() {
		for ctx.Err() == nil {
			if err := d.fly(ctx, f.dial); err != nil && ctx.Err() == nil && !errors.Is(err, telemetry.ErrLink) {
				f.t.Errorf("%s: %v", d.name, err)
				return
			}
		}
	})
}

// kick cuts connections without a goodbye: all, or those whose client id
// begins so.
func (f *fleet) kick(prefix string) {
	for id, cl := range f.broker.Clients.GetAll() {
		if id != mqtt.InlineClientId && strings.HasPrefix(id, prefix) {
			cl.Net.Conn.Close()
		}
	}
}

// begun runs a rollout beside the test; progress tells it what happens.
type begun struct {
	*Runner
	progress chan Progress
	end      chan error
	state    rollout.State // when end has told
	stop     context.CancelCauseFunc
}

func (f *fleet) begin(o Options) *begun {
	f.t.Helper()
	b := &begun{progress: make(chan Progress, 4096), end: make(chan error, 1)}
	o.Progress = func(p Progress) { b.progress <- p }
	var err error
	b.Runner, err = New(o)
	f.must(err)
	ctx, cancel := context.WithCancelCause(f.t.Context())
	b.stop = cancel
	go func() {
		var err error
		b.state, err = b.Run(ctx)
		b.end <- err
	}()
	return b
}

// until waits for a state that fits.
func (b *begun) until(t *testing.T, what string, fits func(rollout.State) bool) rollout.State {
	t.Helper()
	late := time.After(patience)
	for {
		select {
		case p := <-b.progress:
			if fits(p.Saved.Rollout) {
				return p.Saved.Rollout
			}
		case err := <-b.end:
			t.Fatalf("ended before %s: %v", what, err)
		case <-late:
			t.Fatalf("never %s", what)
		}
	}
}

func (b *begun) wait(t *testing.T) (rollout.State, error) {
	t.Helper()
	select {
	case err := <-b.end:
		return b.state, err
	case <-time.After(patience):
		t.Fatal("no end")
	}
	return rollout.State{}, nil
}

func outcome(drone string, o rollout.Outcome) func(rollout.State) bool {
	return func(s rollout.State) bool { d, _ := s.Drone(drone); return d.Outcome == o }
}

func status(st rollout.Status) func(rollout.State) bool {
	return func(s rollout.State) bool { return s.Status == st }
}

// hear keeps what was said in the fleet.
func (f *fleet) hear(pk packets.Packet) {
	defer func() {
		select {
		case f.news <- struct{}{}:
		default:
		}
	}()
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, drone, leaf, ok := telemetry.ParseTopic(pk.TopicName); ok {
		if leaf == telemetry.LeafOffer && len(pk.Payload) > 0 && !bytes.Contains([]byte(strings.Join(f.offers, " ")), []byte(drone)) {
			f.offers = append(f.offers, drone)
		}
		return
	}
	var c telemetry.Controller
	var v telemetry.Rollout
	switch _, id, _ := telemetry.ParseFleetTopic(pk.TopicName); {
	case len(pk.Payload) == 0:
	case id == "" && telemetry.Decode(bytes.Clone(pk.Payload), &c) == nil:
		f.leads = append(f.leads, c)
	case id != "" && telemetry.Decode(bytes.Clone(pk.Payload), &v) == nil:
		f.views = append(f.views, v)
	}
}

// hears waits for a message on _controller, among those since the first n.
func (f *fleet) hears(n int, fits func(telemetry.Controller) bool) {
	f.t.Helper()
	for late := time.After(patience); ; {
		f.mu.Lock()
		found := slices.ContainsFunc(f.leads[n:], fits)
		f.mu.Unlock()
		if found {
			return
		}
		select {
		case <-f.news:
		case <-late:
			f.t.Fatal("never heard")
		}
	}
}

// heard is how many messages on _controller there were.
func (f *fleet) heard() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.leads)
}

func (f *fleet) plan() rollout.Plan {
	return rollout.Plan{ID: "r1", Drones: f.names, Canary: rollout.Canary{Count: 1}, BakeNS: 60e6, Heartbeats: 2, TimeoutNS: 20e9, SilenceNS: 5e9}
}

func (f *fleet) options() Options {
	return Options{Plan: f.plan(), Package: f.pkg, Key: f.key, Dial: f.dial, Controller: "op-a", State: f.state, Tick: 5 * time.Millisecond, Retry: 5 * time.Millisecond}
}

// run runs a rollout to its end.
func (f *fleet) run(o Options) (rollout.State, error) {
	f.t.Helper()
	r, err := New(o)
	f.must(err)
	ctx, cancel := context.WithTimeoutCause(f.t.Context(), patience, fmt.Errorf("no end within %v", patience))
	defer cancel()
	return r.Run(ctx)
}

func (f *fleet) outcomes(s rollout.State) string {
	var out []string
	for _, d := range s.Drones {
		out = append(out, string(d.Outcome))
	}
	return string(s.Status) + ": " + strings.Join(out, " ")
}

// leader is who leads, as the broker keeps it.
func (f *fleet) leader() (c telemetry.Controller) {
	f.t.Helper()
	pk, ok := f.broker.Topics.Retained.Get(telemetry.ControllerTopic("north"))
	if !ok {
		f.t.Fatal("nothing on _controller")
	}
	f.must(telemetry.Decode(bytes.Clone(pk.Payload), &c))
	return c
}
