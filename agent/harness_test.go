package agent

import (
	"context"
	"io"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aim-control/aimlock/agent/config"
	"github.com/aim-control/aimlock/agent/locksmith"
	"github.com/aim-control/aimlock/agent/pause"
	"github.com/aim-control/aimlock/agent/telemetry"
	"github.com/aim-control/aimlock/board"
	"github.com/aim-control/aimlock/firmware/durable"
	"github.com/aim-control/aimlock/firmware/durable/faultfs"
	"github.com/aim-control/aimlock/hal"
	"github.com/aim-control/aimlock/hal/sim"
)

// slowDisk is a disk that stalls for 500 ms at every third sync.
type slowDisk struct {
	durable.Sys
	syncs, stalls atomic.Uint64
}

func (d *slowDisk) Fdatasync(fd int) error {
	if d.syncs.Add(1)%3 == 0 {
		d.stalls.Add(1)
		time.Sleep(500 * time.Millisecond) // virtual: the disk's time, not the test's
	}
	return d.Sys.Fdatasync(fd)
}

// slowLink is a broker that takes everything, but now and then 30 s for it.
type slowLink struct {
	rng    *rand.Rand
	rarely int // one message in so many stalls
	mu     *sync.Mutex
	sent   map[string]int
	next   uint16
	acked  chan uint16
	done   chan struct{}
	once   sync.Once
}

func (k *slowLink) dial(context.Context, telemetry.Hello) (telemetry.Link, error) {
	return &slowLink{rng: k.rng, rarely: k.rarely, mu: k.mu, sent: k.sent, acked: make(chan uint16, 64), done: make(chan struct{})}, nil
}

func (k *slowLink) Subscribe(string, byte) error { return nil }

func (k *slowLink) Publish(topic string, qos byte, _ bool, _ []byte) (uint16, error) {
	_, _, leaf, _ := telemetry.ParseTopic(topic)
	k.mu.Lock()
	stall := k.rng.IntN(k.rarely) == 0
	if stall {
		k.sent["stalls"]++
	}
	k.sent[leaf]++
	k.next++
	id := k.next
	k.mu.Unlock()
	if stall {
		time.Sleep(30 * time.Second) // virtual: the broker's time
	}
	if qos == 1 {
		select {
		case k.acked <- id:
		case <-k.done:
		}
	}
	return id, nil
}

func (k *slowLink) Acked() <-chan uint16  { return k.acked }
func (k *slowLink) Done() <-chan struct{} { return k.done }
func (k *slowLink) Err() error            { return nil }
func (k *slowLink) Close() error          { k.once.Do(func() { close(k.done) }); return nil }

// rig is the agent's loop with everything real around it but the kernel: the
// drivers on a simulated board, the persister on a disk in memory, the uplink
// on a link that stalls.
type rig struct {
	parts
	world  *sim.World
	link   *slowLink
	disk   *slowDisk
	oracle *oracle
	live   *config.Live
}

func newRig(t testing.TB, seed uint64) *rig {
	t.Helper()
	fs := faultfs.New()
	if err := fs.Mkdirat(-100, "/state", 0o755); err != nil {
		t.Fatal(err)
	}
	return rigOn(t, seed, fs, sim.New(simBoard(t), seed), "boot-1")
}

func simBoard(t testing.TB) *board.Board {
	t.Helper()
	b, err := board.Lookup("sim")
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// rigOn makes a rig on a world and a disk, where it finds what an earlier one
// has left.
func rigOn(t testing.TB, seed uint64, fs durable.Sys, world *sim.World, boot string) *rig {
	t.Helper()
	live, err := config.ParseLive("default", config.Default())
	if err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	clock := func() int64 { return int64(time.Since(start)) + 1 }
	b := simBoard(t)
	r := &rig{world: world, live: live}
	r.link = &slowLink{rng: rand.New(rand.NewPCG(seed, 3)), rarely: 3000, mu: new(sync.Mutex), sent: map[string]int{}}
	r.disk = &slowDisk{Sys: fs}
	r.sys = r.disk
	id := &config.Identity{Drone: "patrol-01", Fleet: "north", Board: "sim", Paths: config.Paths{State: "/state"}}
	r.s = Start{Identity: id, Board: b, Version: "test", Log: slog.New(slog.NewTextHandler(io.Discard, nil)), Notify: func(string) {},
		Host: locksmith.Host{BootID: boot, Now: clock}}
	r.state, _ = openState(r.sys, "/state/"+stateName)
	r.box = newOutbox(r.sys, "/state/journal")
	r.keep = newPersister(r.sys, boot, "/state/"+lastGoodName, r.state, r.box, r.s.Log)
	r.begins(r.lastGood())
	r.baseline = r.state.get().Baseline
	if r.hw, err = hal.Open(b, r.world); err != nil {
		t.Fatal(err)
	}
	r.events, r.bundles = make(chan event, events), make(chan struct{}, 1)
	r.oracle = newOracle(r.events, live.SafePause)
	r.src = source{clock: clock, out: r.oracle.tap}
	r.loop = r.newLoop()
	r.up, err = telemetry.NewUplink(telemetry.Options{Fleet: "north", Drone: "patrol-01", Dial: r.link.dial, Boot: boot, Version: "test", Conn: 1,
		Journal: r.box, Jitter: func() time.Duration { return 0 }})
	if err != nil {
		t.Fatal(err)
	}
	r.loop.up, r.keep.wake = r.up, r.up.Wake
	return r
}

// run runs everything until ctx ends.
func (r *rig) run(ctx context.Context) {
	var wg sync.WaitGroup
	r.world.Observe(r.oracle.observe)
	wg.Go(func() { r.world.Run(ctx) })
	wg.Go(func() { r.oracle.run(ctx) })
	wg.Go(func() { r.keep.run(ctx) })
	wg.Go(func() { _ = r.up.Run(ctx) })
	for _, bus := range r.hw.Buses {
		wg.Go(func() { r.src.sampleBus(ctx, bus, []int{0, 1, 2, 3}, []int{0}) })
	}
	wg.Go(func() { r.src.sampleCompanion(ctx, r.hw.Companion) })
	for id, in := range []hal.Input{r.hw.Disarmed, r.hw.Holding, r.hw.Heartbeat, r.hw.Button} {
		wg.Go(func() { r.src.watchLine(ctx, in, lineID(id)) })
	}
	r.loop.run(ctx)
	wg.Wait()
}

// tell sends what a watch would.
func (r *rig) tell(ctx context.Context, ev event) {
	ev.at = r.src.clock()
	r.src.send(ctx, ev)
}

func lockEvent(v locksmith.Verdict, hot bool) event {
	return event{kind: lockReport, lock: &locksmith.Report{Look: locksmith.Look{Verdict: v, HasRecord: true}, Hot: hot}}
}

// oracle stands between the sources and the loop, knows from the data sheet's
// side alone when HOT is proven, and holds the request line against it.
type oracle struct {
	tap   chan event
	to    chan<- event
	mu    sync.Mutex
	hot   [pause.MaxMotors]int
	comp  int
	cfg   config.SafePause
	proof int64         // when HOT was last proven, ns of the world's time
	worst time.Duration // latest rise after its proof
	rises int
	late  int // rises without a proof within 10 ms before
}

func newOracle(to chan<- event, cfg config.SafePause) *oracle {
	return &oracle{tap: make(chan event), to: to, cfg: cfg}
}

func (o *oracle) run(ctx context.Context) {
	for {
		select {
		case ev := <-o.tap:
			o.judge(ev)
			select {
			case o.to <- ev:
			case <-ctx.Done():
				return
			}
		case <-ctx.Done():
			return
		}
	}
}

// judge notes proofs. Everything that can make the request rise counts: hot
// samples, a hot lock, and the lines, whose edges end an override or a hold.
func (o *oracle) judge(ev event) {
	o.mu.Lock()
	defer o.mu.Unlock()
	count := func(n *int, limit float64) {
		if !ev.ok || float64(ev.milliC) < limit*1000 {
			*n = 0
			return
		}
		if *n++; *n >= pause.HotSamples {
			o.proof = ev.at
		}
	}
	switch ev.kind {
	case motorTemp:
		count(&o.hot[ev.index], o.cfg.Motor.Hot)
	case compTemp:
		count(&o.comp, o.cfg.Companion.Hot)
	case lockReport:
		if ev.lock.Hot {
			o.proof = ev.at
		}
	case line:
		if lineID(ev.index) < lineHeartbeat {
			o.proof = ev.at
		}
	}
}

// observe is called at each change of a line of the board.
func (o *oracle) observe(line string, high bool, at time.Duration) {
	if line != board.PauseReq || !high {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.rises++
	after := at - time.Duration(o.proof)
	o.worst = max(o.worst, after)
	if after > 10*time.Millisecond {
		o.late++
	}
}
