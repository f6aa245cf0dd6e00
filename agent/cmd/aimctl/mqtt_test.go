package main

import (
	"encoding/json"
	"io"
	"log/slog"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	mochi "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/listeners"
	"github.com/mochi-mqtt/server/v2/packets"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/aim-control/aimlock/agent/telemetry"
	"github.com/aim-control/aimlock/firmware/patch"
)

// hub is a broker of a script's own, with the key that its drones trust.
type hub struct {
	*mochi.Server
	trusted string   // public key
	highest sync.Map // drone → counter of its newest command
	patrols sync.Map // drone → *patrol
}

// rules let everybody in, and everybody speak and listen within one fleet.
type rules struct{ mochi.HookBase }

func (*rules) Provides(b byte) bool {
	return b == mochi.OnConnectAuthenticate || b == mochi.OnACLCheck
}

func (*rules) OnConnectAuthenticate(*mochi.Client, packets.Packet) bool { return true }

func (*rules) OnACLCheck(_ *mochi.Client, topic string, _ bool) bool {
	return strings.HasPrefix(topic, "aim/v1/north/")
}

// cmdBroker starts a broker, sets $BROKER, and makes the key files
// operator.key, which the drones trust, and stranger.key, which they do not.
func cmdBroker(ts *testscript.TestScript, neg bool, args []string) {
	h := &hub{Server: mochi.New(&mochi.Options{InlineClient: true, Logger: slog.New(slog.NewTextHandler(io.Discard, nil))})}
	ts.Check(h.AddHook(new(rules), nil))
	tcp := listeners.NewTCP(listeners.Config{ID: "tcp", Address: "127.0.0.1:0"})
	ts.Check(h.AddListener(tcp))
	ts.Check(h.Serve())
	ts.Defer(func() { h.Close() })
	ts.Setenv("BROKER", "mqtt://"+tcp.Address())
	var err error
	h.trusted, err = writeKey(ts.MkAbs("operator.key"))
	ts.Check(err)
	ts.Setenv("TRUSTED", h.trusted)
	_, err = writeKey(ts.MkAbs("stranger.key"))
	ts.Check(err)
	ts.Value(procsKey{}).(*procs).hub = h
}

// cmdPublish publishes a JSON file as the message of its leaf, with the
// present time unless it names one: publish DRONE LEAF FILE [retained].
func cmdPublish(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 {
		ts.Fatalf("usage: publish DRONE LEAF FILE [retained]")
	}
	h := theHub(ts)
	now := time.Now().UnixMilli()
	var m telemetry.Message
	switch args[1] {
	case telemetry.LeafStatus:
		m = &telemetry.Status{Schema: 1, TimeMS: now}
	case telemetry.LeafAvailability:
		m = &telemetry.Availability{Schema: 1, TimeMS: now}
	case telemetry.LeafEvent:
		m = &telemetry.Event{Schema: 1, TimeMS: now}
	default:
		ts.Fatalf("no message for the leaf %q", args[1])
	}
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(args[2])), m))
	data, err := telemetry.Append(nil, m)
	ts.Check(err)
	ts.Check(h.Publish(telemetry.Topic("north", args[0], args[1]), data, len(args) > 3, 1))
}

// cmdDrone lets a drone answer commands as an agent does that trusts
// operator.key: drone NAME done|refused|silent.
func cmdDrone(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: drone NAME done|refused|silent")
	}
	h, drone := theHub(ts), args[0]
	ts.Check(h.Subscribe(telemetry.Topic("north", drone, telemetry.LeafCommand+"+"), 1,
		func(_ *mochi.Client, _ packets.Subscription, pk packets.Packet) {
			if args[1] == "silent" {
				return
			}
			r := h.judge(drone, pk)
			if args[1] == "refused" && r.Outcome == "done" {
				r.Outcome, r.Reason = "refused", "not while a patch is being applied"
			}
			data, err := telemetry.Append(nil, r)
			if err == nil {
				h.Publish(telemetry.Topic("north", drone, telemetry.LeafReply+r.ID), data, false, 1)
			}
		}))
}

// judge is what a drone with boot id "boot-7" makes of a command.
func (h *hub) judge(drone string, pk packets.Packet) *telemetry.Reply {
	_, _, leaf, _ := telemetry.ParseTopic(pk.TopicName)
	r := &telemetry.Reply{Schema: 1, Boot: "boot-7", ID: strings.TrimPrefix(leaf, telemetry.LeafCommand), Outcome: "refused"}
	var env telemetry.Envelope
	var c telemetry.Command
	if err := telemetry.Decode(pk.Payload, &env); err != nil {
		r.Reason = err.Error()
		return r
	}
	if err := patch.Verify([]string{h.trusted}, 1, env.Payload, env.Signatures); err != nil {
		r.Reason = err.Error()
		return r
	}
	if err := telemetry.Decode(env.Payload, &c); err != nil {
		r.Reason = err.Error()
		return r
	}
	before, _ := h.highest.Swap(drone, c.Counter)
	switch {
	case pk.FixedHeader.Retain:
		r.Reason = "retained"
	case c.ID != r.ID, c.Fleet != "north", c.Drone != drone, c.Boot != r.Boot:
		r.Reason = "for another drone, boot or id"
	case before != nil && c.Counter <= before.(uint64):
		r.Reason = "the counter has not risen"
	case c.Verb == "pause" && c.HoldMS != 90_000, c.Verb != "pause" && c.HoldMS != 0:
		r.Reason = "another hold than the script asked for"
	default:
		r.Outcome = "done"
	}
	return r
}

// cmdSubscribed waits until the broker has N subscriptions of programs.
func cmdSubscribed(ts *testscript.TestScript, neg bool, args []string) {
	h := theHub(ts)
	limit := time.Now().Add(patience)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for atomic.LoadInt64(&h.Info.Subscriptions) < 3 {
		if time.Now().After(limit) {
			ts.Fatalf("nobody has subscribed to three topics within %v", patience)
		}
		<-tick.C
	}
}

// cmdCut throws every program off the broker.
func cmdCut(ts *testscript.TestScript, neg bool, args []string) {
	for _, c := range theHub(ts).Clients.GetAll() {
		if !c.Net.Inline {
			c.Stop(io.ErrUnexpectedEOF)
		}
	}
}

// writeKey makes a secret key file and returns the public key.
func writeKey(path string) (public string, err error) {
	k, err := patch.GenerateKey()
	if err != nil {
		return "", err
	}
	text, err := k.MarshalText()
	if err != nil {
		return "", err
	}
	return k.Public(), os.WriteFile(path, text, 0o600)
}

func theHub(ts *testscript.TestScript) *hub {
	h := ts.Value(procsKey{}).(*procs).hub
	if h == nil {
		ts.Fatalf("say \"broker\" first")
	}
	return h
}
