package telemetry

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aim-control/aimlock/firmware/durable"
	mqtt "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/listeners"
	"github.com/mochi-mqtt/server/v2/packets"
)

// patience bounds what a test waits for; nothing waits so long when all is well.
const patience = 20 * time.Second

// access is the broker's access rules, and the place where its packets show.
type access struct {
	mqtt.HookBase
	mu     sync.Mutex
	refuse func(topic string, write bool) bool // nil: nothing
	mute   bool                                // take publishes, acknowledge none
	auth   func(user string) bool              // nil: everybody
}

func (a *access) ID() string { return "access" }
func (a *access) Provides(b byte) bool {
	return bytes.Contains([]byte{mqtt.OnConnectAuthenticate, mqtt.OnACLCheck, mqtt.OnPacketEncode}, []byte{b})
}

func (a *access) OnConnectAuthenticate(_ *mqtt.Client, pk packets.Packet) bool {
	return a.auth == nil || a.auth(string(pk.Connect.Username))
}

func (a *access) OnACLCheck(_ *mqtt.Client, topic string, write bool) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.refuse == nil || !a.refuse(topic, write)
}

// OnPacketEncode turns acknowledgements into those of a message never sent.
func (a *access) OnPacketEncode(_ *mqtt.Client, pk packets.Packet) packets.Packet {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.mute && pk.FixedHeader.Type == packets.Puback {
		pk.PacketID = 0xffff
	}
	return pk
}

// heardMsg is a message that the broker got.
type heardMsg struct {
	topic    string
	payload  []byte
	retained bool
	qos      byte
}

// mochi is an embedded broker on a free port.
type mochi struct {
	*mqtt.Server
	url    string
	access *access
	heard  chan heardMsg
}

func startBroker(t *testing.T) *mochi {
	t.Helper()
	s := mqtt.New(&mqtt.Options{InlineClient: true, Logger: slog.New(slog.NewTextHandler(io.Discard, nil))})
	b := &mochi{Server: s, access: &access{}, heard: make(chan heardMsg, 4096)}
	if err := s.AddHook(b.access, nil); err != nil {
		t.Fatal(err)
	}
	l := listeners.NewTCP(listeners.Config{ID: "t", Address: "127.0.0.1:0"})
	if err := s.AddListener(l); err != nil {
		t.Fatal(err)
	}
	if err := s.Serve(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	b.url = "mqtt://" + l.Address()
	err := s.Subscribe("aim/#", 1, func(_ *mqtt.Client, _ packets.Subscription, pk packets.Packet) {
		b.heard <- heardMsg{pk.TopicName, bytes.Clone(pk.Payload), pk.FixedHeader.Retain, pk.FixedHeader.Qos}
	})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// kick ends every client's connection without a goodbye.
func (b *mochi) kick() {
	for id, cl := range b.Clients.GetAll() {
		if id != mqtt.InlineClientId {
			cl.Net.Conn.Close() // Stop might forget the will
		}
	}
}

// next waits for a message whose topic ends in leaf.
func (b *mochi) next(t *testing.T, leaf string) heardMsg {
	t.Helper()
	late := time.After(patience)
	for {
		select {
		case m := <-b.heard:
			if strings.HasSuffix(m.topic, "/"+leaf) {
				return m
			}
		case <-late:
			t.Fatalf("no message on %s", leaf)
		}
	}
}

// nextAvailability waits for one that is online or not.
func (b *mochi) nextAvailability(t *testing.T, online bool) Availability {
	t.Helper()
	for {
		var a Availability
		if err := Decode(b.next(t, LeafAvailability).payload, &a); err != nil {
			t.Fatal(err)
		}
		if a.Online == online {
			return a
		}
	}
}

// journal is an Outbox in memory.
type journal struct {
	mu      sync.Mutex
	entries []durable.Entry
	acked   uint64
	fail    error
	acks    chan uint64
}

func newJournal() *journal { return &journal{acks: make(chan uint64, 4096)} }

func (j *journal) add(data ...[]byte) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, d := range data {
		j.entries = append(j.entries, durable.Entry{N: j.acked + uint64(len(j.entries)) + 1, Data: d})
	}
}

func (j *journal) Pending(max int) ([]durable.Entry, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if err := j.fail; err != nil {
		j.fail = nil
		return nil, err
	}
	return append([]durable.Entry(nil), j.entries[:min(max, len(j.entries))]...), nil
}

func (j *journal) Ack(n uint64) error {
	j.mu.Lock()
	for len(j.entries) > 0 && j.entries[0].N <= n {
		j.entries = j.entries[1:]
	}
	j.acked = n
	j.mu.Unlock()
	j.acks <- n
	return nil
}

func (j *journal) waitAck(t *testing.T, n uint64) {
	t.Helper()
	for late := time.After(patience); ; {
		select {
		case got := <-j.acks:
			if got == n {
				return
			}
		case <-late:
			t.Fatalf("entry %d is never acknowledged", n)
		}
	}
}

// run starts an uplink without jitter; stop ends it and waits.
func run(t *testing.T, o Options) (u *Uplink, stop context.CancelCauseFunc) {
	t.Helper()
	if o.Fleet == "" {
		o.Fleet, o.Drone, o.Boot = "north", "patrol-03", "boot-1"
	}
	o.Jitter = func() time.Duration { return 0 }
	u, err := NewUplink(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := u.Run(ctx); err != nil {
			t.Errorf("Run: %v", err)
		}
	}()
	stop = func(cause error) {
		cancel(cause)
		select {
		case <-done:
		case <-time.After(patience):
			t.Error("Run does not end")
		}
	}
	t.Cleanup(func() { stop(nil) })
	return u, stop
}

func event(t testing.TB, n uint64) []byte {
	return encode(t, &Event{Schema: Schema, Boot: "boot-1", N: n, Kind: "test"})
}

// link is what OnLink said.
type link struct {
	up   bool
	conn uint64
	err  error
}

func links() (chan link, func(bool, uint64, error)) {
	c := make(chan link, 64)
	return c, func(up bool, conn uint64, err error) { c <- link{up, conn, err} }
}

func nextLink(t *testing.T, c chan link, up bool) link {
	t.Helper()
	late := time.After(patience)
	for {
		select {
		case l := <-c:
			if l.up == up {
				return l
			}
		case <-late:
			t.Fatalf("link never up=%v", up)
		}
	}
}
