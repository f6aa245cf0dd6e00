package main

import (
	"bytes"
	"context"
	"strconv"
	"strings"
	"sync"
	"time"

	mochi "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/packets"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/aim-control/aimlock/agent/config"
	"github.com/aim-control/aimlock/agent/telemetry"
	"github.com/aim-control/aimlock/firmware/patch"
)

// patrol is a drone at the far end of the wire: enough of an agent to take
// offers and reverts. Its tempers:
//
//	good     commits
//	hot      holds for a stuck lock; commits past it, and flies on
//	reverts  a check fails in its trial
//	rejects  the content
//	pauses   commits, and pauses for a new cause
//	waits    for its window, until the script says "free"
type patrol struct {
	h      *hub
	name   string
	temper string

	mu      sync.Mutex
	n       uint64
	live    []byte // content in force
	old     []byte
	report  telemetry.Report
	content []byte // of the offer at hand
	status  telemetry.Status
	offers  int
}

// cmdPatrol flies a drone until the script ends: patrol TEMPER NAME...
func cmdPatrol(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: patrol TEMPER NAME...")
	}
	ctx, cancel := context.WithCancel(context.Background())
	var all sync.WaitGroup
	ts.Defer(func() { cancel(); all.Wait() })
	h := theHub(ts)
	for _, name := range args[1:] {
		p := &patrol{h: h, name: name, temper: args[0], live: config.Default()}
		p.status = telemetry.Status{Schema: 1, Boot: "boot-" + name, Drone: name, Fleet: "north", State: "NOMINAL", Flight: "armed", FC: "ok",
			Lock: telemetry.Lock{Verdict: "FREE"}, LED: "healthy", Online: true}
		p.status.Flight = "disarmed"
		if p.temper == "hot" {
			p.status.State, p.status.Requested, p.status.Flight, p.status.Causes = "PAUSED", true, "holding", []telemetry.Cause{{Name: "lock"}}
			p.status.Lock = telemetry.Lock{Verdict: "OVERDUE", Hot: true, Holder: "fleet-updater", PID: 4312}
		}
		h.patrols.Store(name, p)
		p.publish(ts, telemetry.LeafAvailability, true, &telemetry.Availability{Schema: 1, Boot: p.status.Boot, Online: true, Conn: 1})
		p.tellStatus()
		ts.Check(h.Subscribe(p.topic(telemetry.LeafOffer), 1, func(_ *mochi.Client, _ packets.Subscription, pk packets.Packet) { p.offer(bytes.Clone(pk.Payload)) }))
		ts.Check(h.Subscribe(p.topic(telemetry.LeafCommand+"+"), 1, func(_ *mochi.Client, _ packets.Subscription, pk packets.Packet) {
			p.revert(bytes.Clone(pk.Payload), strings.TrimPrefix(pk.TopicName, p.topic(telemetry.LeafCommand)))
		}))
		all.Go(func() { p.beat(ctx) })
	}
}

func (p *patrol) topic(leaf string) string { return telemetry.Topic("north", p.name, leaf) }

func (p *patrol) publish(ts *testscript.TestScript, leaf string, retained bool, m telemetry.Message) {
	b, err := telemetry.Append(nil, m)
	ts.Check(err)
	ts.Check(p.h.Publish(p.topic(leaf), b, retained, 1))
}

// say is publish where nobody can be told of an error; the script then waits in vain.
func (p *patrol) say(leaf string, retained bool, m telemetry.Message) {
	if b, err := telemetry.Append(nil, m); err == nil {
		p.h.Publish(p.topic(leaf), b, retained, 1)
	}
}

func (p *patrol) beat(ctx context.Context) {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			p.say(telemetry.LeafTelemetry, false, &telemetry.Telemetry{Schema: 1, Boot: p.status.Boot})
		case <-ctx.Done():
			return
		}
	}
}

func (p *patrol) tellStatus() {
	p.n++
	st := p.status
	st.TimeMS, st.UpMS = time.Now().UnixMilli(), int64(p.n)
	live, err := config.ParseLive("", p.live)
	if err != nil {
		return
	}
	st.Config = telemetry.Config{Version: live.Version, SHA256: patch.Hash(p.live), Valid: true}
	st.Patch = telemetry.Patch{State: p.report.State, ID: p.report.Patch}
	p.say(telemetry.LeafStatus, true, &st)
}

func (p *patrol) tell(state, reason string) {
	p.n++
	r := &p.report
	r.Schema, r.Boot, r.N, r.UpMS, r.State, r.Reason = 1, p.status.Boot, p.n, int64(p.n), state, reason
	p.say(telemetry.LeafReport, true, r)
}

// offer takes what lies on patch/offer. An offer that comes again is told how
// far it is.
func (p *patrol) offer(b []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(b) == 0 {
		if p.report.State == "WAITING" {
			p.tell("IDLE", "withdrawn")
		}
		return
	}
	var e telemetry.Envelope
	var o telemetry.Offer
	if telemetry.Decode(b, &e) != nil || patch.Verify([]string{p.h.trusted}, 1, e.Payload, e.Signatures) != nil || telemetry.Decode(e.Payload, &o) != nil || o.Drone != p.name {
		return
	}
	m, err := patch.ParseManifest(o.Package.Manifest)
	if err != nil {
		return
	}
	p.offers++
	again := p.report.Patch == m.ID && p.report.Rollout == o.Rollout
	p.report.Patch, p.report.Rollout, p.report.Epoch, p.content = m.ID, o.Rollout, o.Epoch, o.Package.Content
	if again {
		p.tell(p.report.State, p.report.Reason)
		return
	}
	p.tell("STAGED", "")
	switch p.temper {
	case "waits":
		p.tell("WAITING", "window")
	case "rejects":
		p.tell("REJECTED", "content")
	default:
		p.try()
	}
}

// try is the trial of the offer at hand.
func (p *patrol) try() {
	p.tell("APPLYING", "")
	p.tell("TRIAL", "")
	if p.temper == "reverts" {
		p.tell("REVERTED", "check: 10-radio fails")
		p.tellStatus()
		return
	}
	p.old, p.live = p.live, p.content
	p.tell("COMMITTED", "")
	switch p.temper {
	case "hot":
		p.tellStatus() // the cause it had before ends a moment later
		p.status.State, p.status.Requested, p.status.Flight, p.status.Causes = "NOMINAL", false, "armed", nil
		p.status.Lock = telemetry.Lock{Verdict: "FREE"}
	case "pauses":
		p.status.State, p.status.Causes = "PAUSED", []telemetry.Cause{{Name: "config"}}
	}
	p.tellStatus()
}

func (p *patrol) revert(b []byte, id string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	reply := &telemetry.Reply{Schema: 1, Boot: p.status.Boot, ID: id, Outcome: "refused", Reason: "patch: another one is current"}
	signed, err := patch.ParseSignedRevert(b)
	if err != nil {
		return
	}
	r, err := patch.ParseRevert(signed.Revert)
	if err == nil && r.Patch == p.report.Patch && p.report.State == "COMMITTED" {
		reply.Outcome, reply.Reason = "done", ""
		p.live, p.status.Causes, p.status.State = p.old, nil, "NOMINAL"
		p.tell("REVERTED", "command")
		p.tellStatus()
	}
	p.say(telemetry.LeafReply+id, false, reply)
}

func thePatrol(ts *testscript.TestScript, name string) *patrol {
	v, ok := theHub(ts).patrols.Load(name)
	if !ok {
		ts.Fatalf("no drone %s flies here", name)
	}
	return v.(*patrol)
}

// cmdFree opens the window of drones that wait: free NAME...
func cmdFree(ts *testscript.TestScript, neg bool, args []string) {
	for _, name := range args {
		p := thePatrol(ts, name)
		p.mu.Lock()
		p.temper = "good"
		if p.report.State == "WAITING" {
			p.try()
		}
		p.mu.Unlock()
	}
}

// cmdFlies checks a drone's configuration and how often it was offered a patch,
// 0 or more: flies NAME VERSION OFFERED.
func cmdFlies(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: flies NAME VERSION never|offered")
	}
	p := thePatrol(ts, args[0])
	p.mu.Lock()
	defer p.mu.Unlock()
	live, err := config.ParseLive("", p.live)
	ts.Check(err)
	if got := strconv.FormatInt(live.Version, 10); got != args[1] {
		ts.Fatalf("%s has version %s, want %s", args[0], got, args[1])
	}
	if (p.offers == 0) != (args[2] == "never") {
		ts.Fatalf("%s was offered the patch %d times, want %s", args[0], p.offers, args[2])
	}
}
