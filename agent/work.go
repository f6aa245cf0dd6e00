package agent

import (
	"context"
	"crypto/tls"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/aim-control/aimlock/agent/config"
	"github.com/aim-control/aimlock/agent/locksmith"
	"github.com/aim-control/aimlock/agent/telemetry"
	"github.com/aim-control/aimlock/board"
)

// newUplink makes the drone's end of MQTT. Connection numbers are reserved on
// disk before they are used, a block at a time.
func (p *parts) newUplink(ctx context.Context) error {
	id := p.s.Identity
	conn := p.state.get().Conn + 1
	p.reserve(conn)
	var tlsConfig *tls.Config
	if strings.HasPrefix(id.MQTT.Broker, "mqtts:") {
		var err error
		if tlsConfig, err = telemetry.TLSConfig(id.MQTT.CA, id.MQTT.Cert, id.MQTT.Key, "", p.patches.floor()); err != nil {
			return err
		}
	}
	o := orders{id: id, ring: p.ring, boot: p.s.Host.BootID, state: p.state, patches: p.patches}
	up, err := telemetry.NewUplink(telemetry.Options{
		Fleet: id.Fleet, Drone: id.Drone, Broker: id.MQTT.Broker, TLS: tlsConfig, Boot: p.s.Host.BootID, Version: p.s.Version,
		Conn: conn, Journal: p.box, Jitter: p.s.Jitter, Log: p.s.Log,
		OnCommand: func(cmd string, payload []byte) {
			reply := o.handle(ctx, p.src, cmd, payload)
			p.s.Log.Info("command", "id", cmd, "outcome", reply.Outcome, "reason", reply.Reason)
			if b, err := telemetry.Append(nil, &reply); err == nil {
				p.up.Reply(cmd, b)
			}
		},
		OnOffer: func(payload []byte) {
			select {
			case p.patches.offers <- payload:
			case <-ctx.Done():
			}
		},
		OnLink: func(up bool, conn uint64, err error) {
			ev := event{kind: link, at: p.src.clock(), ok: up}
			if err != nil {
				ev.text = clip(err.Error(), 300)
			}
			p.reserve(conn)
			p.src.send(ctx, ev)
		},
	})
	if err != nil {
		return err
	}
	p.up, p.loop.up, p.keep.wake, p.keep.patches = up, up, up.Wake, up.SetReport
	return nil
}

// reserve makes sure that the numbers after conn are on disk as used. It runs
// on the uplink's goroutine, and touches the disk once in many connections.
func (p *parts) reserve(conn uint64) {
	if conn+connBlock/2 <= p.reserved.Load() {
		return
	}
	if err := p.state.update(func(s *savedState) { s.Conn = conn + connBlock }); err != nil {
		p.s.Log.Warn("connection numbers are not saved; an old will may be believed after a restart", "err", err)
		return
	}
	p.reserved.Store(conn + connBlock)
}

// work starts everybody and waits. When ctx ends the loop lets go of the
// request first; the uplink says goodbye; what is left is written. So it is
// when the loop panics.
func (p *parts) work(parent context.Context) error {
	ctx, cancel := context.WithCancelCause(parent)
	// keepers outlive the rest, so that the last reports reach log and journal.
	keepCtx, keepDone := context.WithCancel(context.WithoutCancel(ctx))
	var users, keepers sync.WaitGroup
	defer func() {
		cancel(nil)
		users.Wait()
		keepDone()
		keepers.Wait()
	}()
	p.keep.trouble = func(part, why string) {
		p.src.send(ctx, event{kind: trouble, at: p.src.clock(), ok: why == "", text: troubleText(part, why)})
	}
	keepers.Go(func() { p.keep.run(keepCtx) })
	p.sources(ctx, &users, cancel)
	users.Go(func() { serveStatus(ctx, p.socket, p.src) })
	users.Go(func() { <-ctx.Done(); p.socket.Close() })
	users.Go(func() {
		if err := p.up.Run(ctx); err != nil {
			cancel(err)
		}
	})
	users.Go(func() { p.feed(ctx) })
	users.Go(func() { p.patches.run(ctx) })
	p.s.Notify("READY=1")
	p.loop.run(ctx) // on this goroutine: it is the agent
	p.s.Notify("STOPPING=1")
	why := context.Cause(ctx)
	p.say(report{kind: "agent.stopped", level: levelInfo, text: "aimd stops; the request is released", pairs: pairs("why", why.Error())})
	if parent.Err() != nil { // as asked; its cause may be a signal
		return nil
	}
	return why
}

func troubleText(part, why string) string {
	if why == "" {
		return part
	}
	return part + ": " + why
}

// sources starts what feeds the loop: a goroutine a bus, a line, a watch.
func (p *parts) sources(ctx context.Context, wg *sync.WaitGroup, cancel context.CancelCauseFunc) {
	index := map[string]int{} // no motor has a supply's name
	for _, list := range [][]board.Sensor{p.s.Board.Motors, p.s.Board.Supplies} {
		for i, s := range list {
			index[s.Name] = i
		}
	}
	for _, bus := range p.hw.Buses {
		var motors, supplies []int
		for _, s := range bus.Sensors {
			motors = append(motors, index[s.Name])
		}
		for _, s := range bus.Supplies {
			supplies = append(supplies, index[s.Name])
		}
		wg.Go(func() { p.src.sampleBus(ctx, bus, motors, supplies) })
	}
	if p.hw.Companion.Sense != nil {
		wg.Go(func() { p.src.sampleCompanion(ctx, p.hw.Companion) })
	}
	wg.Go(func() { p.src.watchLine(ctx, p.hw.Disarmed, lineDisarmed) })
	wg.Go(func() { p.src.watchLine(ctx, p.hw.Holding, lineHolding) })
	wg.Go(func() { p.src.watchLine(ctx, p.hw.Heartbeat, lineHeartbeat) })
	if p.hw.Button != nil {
		wg.Go(func() { p.src.watchLine(ctx, p.hw.Button, lineButton) })
		wg.Go(func() { p.makeBundles(ctx) })
	}
	wg.Go(func() { p.watchFile(ctx, cancel) })
	if p.smith != nil {
		wg.Go(func() { p.watchLock(ctx, cancel) })
		wg.Go(func() { p.overdue.run(ctx) })
	}
}

func (p *parts) watchFile(ctx context.Context, cancel context.CancelCauseFunc) {
	changes := make(chan config.Change)
	go func() {
		defer close(changes)
		err := config.Watch(ctx, p.s.Identity.Paths.Config, p.s.Identity.Safety, changes)
		if err != nil && ctx.Err() == nil {
			cancel(fmt.Errorf("agent: watch of the live file: %w", err))
		}
	}()
	for c := range changes {
		p.src.send(ctx, event{kind: liveFile, at: p.src.clock(), change: &c})
	}
}

func (p *parts) watchLock(ctx context.Context, cancel context.CancelCauseFunc) {
	reports := make(chan locksmith.Report)
	go func() {
		defer close(reports)
		err := p.smith.Watch(ctx, func() time.Duration { return p.inForce.Load().Lock.GCInterval }, reports)
		if err != nil && ctx.Err() == nil {
			cancel(fmt.Errorf("agent: watch of the lock: %w", err))
		}
	}()
	for r := range reports {
		p.src.send(ctx, event{kind: lockReport, at: p.src.clock(), lock: &r})
		p.overdue.look(r.Look)
	}
}

// The start, the connect included, is over after forgetAfter seconds; what has
// come back since is given back every forgetEvery: a reconnect's handshake, what
// a report needed.
const (
	forgetAfter = 5
	forgetEvery = 60
)

// feed feeds the watchdogs, but only for turns that were completed since the
// last time: a hung loop starves them.
func (p *parts) feed(ctx context.Context) {
	tick := time.NewTicker(feedEvery)
	defer tick.Stop()
	var fed uint64
	var failed bool
	for n := 0; wait(ctx, tick.C); n++ {
		if n%forgetEvery == forgetAfter {
			if err := forgetStart(); err != nil {
				p.s.Log.Debug("memory of the start is kept", "err", err)
			}
		}
		turns := p.turns.Load()
		if turns == fed {
			continue
		}
		fed = turns
		p.s.Notify("WATCHDOG=1")
		if p.s.Feed == nil {
			continue
		}
		switch err := p.s.Feed(); {
		case err != nil:
			failed = true
			p.src.send(ctx, event{kind: trouble, at: p.src.clock(), text: troubleText("watchdog", err.Error())})
		case failed:
			failed = false
			p.src.send(ctx, event{kind: trouble, at: p.src.clock(), ok: true, text: "watchdog"})
		}
	}
}
