package telemetry

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"
	"time"
)

// A connection begins with the availability; then status, the journal in
// order, telemetry; a stop ends with the reason, not with the will.
func TestUplinkLife(t *testing.T) {
	t.Parallel()
	b := startBroker(t)
	j := newJournal()
	for n := range uint64(40) { // more than a window
		j.add(event(t, n+1))
	}
	j.add(ReportEntry([]byte{0x80}, 0))
	u, stop := run(t, Options{Broker: b.url, Journal: j, Conn: 7, Version: "1.2"})
	u.SetStatus([]byte("old"))
	u.SetStatus([]byte("status"))
	u.SetTelemetry([]byte("telemetry"))

	m := <-b.heard
	var a Availability
	if err := Decode(m.payload, &a); err != nil || m.topic != "aim/v1/north/patrol-03/availability" {
		t.Fatalf("first message on %s: %v", m.topic, err)
	}
	if !a.Online || a.Conn != 7 || a.Boot != "boot-1" || a.Version != "1.2" || m.qos != 1 {
		t.Errorf("availability %+v, QoS %d", a, m.qos)
	}
	for n := range uint64(40) {
		var e Event
		if err := Decode(b.next(t, LeafEvent).payload, &e); err != nil || e.N != n+1 {
			t.Fatalf("event %d, want %d: %v", e.N, n+1, err)
		}
	}
	if m := b.next(t, LeafReport); !bytes.Equal(m.payload, []byte{0x80}) {
		t.Errorf("report %x", m.payload)
	}
	j.waitAck(t, 41)
	stop(errors.New("update of the agent"))
	if a := b.nextAvailability(t, false); a.Reason != "update of the agent" || a.Conn != 7 {
		t.Errorf("goodbye %+v", a)
	}
	for leaf, want := range map[string]string{LeafStatus: "status", LeafReport: "\x80"} {
		if pk, ok := b.Topics.Retained.Get("aim/v1/north/patrol-03/" + leaf); !ok || string(pk.Payload) != want {
			t.Errorf("retained %s: %q", leaf, pk.Payload)
		}
	}
	for _, leaf := range []string{LeafTelemetry, LeafEvent} {
		if _, ok := b.Topics.Retained.Get("aim/v1/north/patrol-03/" + leaf); ok {
			t.Errorf("%s is retained", leaf)
		}
	}
}

// A cut connection publishes the will with its number; the next one has the
// next number and says the status again, unchanged as it is.
func TestReconnect(t *testing.T) {
	t.Parallel()
	b := startBroker(t)
	c, onLink := links()
	u, _ := run(t, Options{Broker: b.url, Conn: 3, OnLink: onLink})
	u.SetStatus([]byte("status"))
	b.next(t, LeafStatus)
	if l := nextLink(t, c, true); l.conn != 3 || l.err != nil {
		t.Errorf("link %+v", l)
	}
	b.kick()
	if a := b.nextAvailability(t, false); a.Conn != 3 || a.Reason != "connection lost" {
		t.Errorf("will %+v", a)
	}
	if l := nextLink(t, c, false); l.conn != 3 || !errors.Is(l.err, ErrLink) {
		t.Errorf("lost %+v", l)
	}
	if a := b.nextAvailability(t, true); a.Conn != 4 {
		t.Errorf("availability %+v", a)
	}
	if m := b.next(t, LeafStatus); string(m.payload) != "status" {
		t.Errorf("status %q", m.payload)
	}
	b.kick()
	if a := b.nextAvailability(t, false); a.Conn != 4 {
		t.Errorf("second will %+v", a)
	}
}

// An entry counts only when the connection that carried it acknowledged it: a
// broker that took it and died proves nothing.
func TestNoFalseAcknowledgement(t *testing.T) {
	t.Parallel()
	b := startBroker(t)
	b.access.mute = true // nobody is connected yet
	j := newJournal()
	j.add(event(t, 1), event(t, 2))
	u, _ := run(t, Options{Broker: b.url, Journal: j})
	b.next(t, LeafEvent)
	b.next(t, LeafEvent)
	u.Reply("c-1", []byte("reply"))
	b.next(t, LeafReply+"c-1")
	b.access.mu.Lock()
	b.access.mute = false
	b.access.mu.Unlock()
	j.mu.Lock()
	acked := j.acked
	j.mu.Unlock()
	if acked != 0 {
		t.Fatal("acknowledged by somebody else's id")
	}
	b.kick()
	b.nextAvailability(t, true)
	b.next(t, LeafReply+"c-1") // again
	for n := range uint64(2) {
		var e Event
		if err := Decode(b.next(t, LeafEvent).payload, &e); err != nil || e.N != n+1 {
			t.Fatalf("event %d, want %d: %v", e.N, n+1, err)
		}
	}
	j.waitAck(t, 2)
}

// A refused subscription is noticed (paho's token says nothing), reported,
// and no reason to fall silent.
func TestRefusedSubscription(t *testing.T) {
	t.Parallel()
	b := startBroker(t)
	b.access.refuse = func(_ string, write bool) bool { return !write }
	c, onLink := links()
	j := newJournal()
	j.add(event(t, 1))
	run(t, Options{Broker: b.url, OnLink: onLink, Journal: j, OnCommand: func(string, []byte) {}})
	nextLink(t, c, true)
	var no *RefusedError
	if l := nextLink(t, c, true); !errors.As(l.err, &no) || no.Code != 0x80 {
		t.Errorf("refused: %v", l.err)
	}
	b.next(t, LeafEvent)
}

// Refused at the door: reported with the remedy, tried again with a new number.
func TestRefusedConnection(t *testing.T) {
	t.Parallel()
	b := startBroker(t)
	b.access.auth = func(user string) bool { return user != "north/patrol-03" }
	c, onLink := links()
	run(t, Options{Broker: b.url, OnLink: onLink})
	for conn := range uint64(2) {
		var no *RefusedError
		if l := nextLink(t, c, false); l.conn != conn || !errors.As(l.err, &no) || no.What != "connection" {
			t.Errorf("%+v", l)
		}
	}
}

// Commands are subscribed anew on each connection, handled one at a time, and
// a handler that hangs holds up nothing else.
func TestCommands(t *testing.T) {
	t.Parallel()
	b := startBroker(t)
	got, hold := make(chan string, 256), make(chan struct{})
	u, _ := run(t, Options{Broker: b.url, OnCommand: func(id string, p []byte) {
		got <- fmt.Sprintf("%s %s", id, p)
		<-hold
	}})
	send := func(id string) {
		if err := b.Publish("aim/v1/north/patrol-03/command/"+id, []byte("do "+id), false, 1); err != nil {
			t.Error(err)
		}
	}
	b.subscribed(t)
	send("first")
	select {
	case c := <-got:
		if c != "first do first" {
			t.Errorf("command %q", c)
		}
	case <-time.After(patience):
		t.Fatal("no command")
	}
	for i := range 3 * maxCommands { // the handler hangs: these wait or are dropped
		send(fmt.Sprint("c", i))
	}
	u.SetTelemetry([]byte("alive"))
	b.next(t, LeafTelemetry)
	u.Reply("first", []byte("done"))
	if m := b.next(t, LeafReply+"first"); string(m.payload) != "done" || m.qos != 1 {
		t.Errorf("reply %q, QoS %d", m.payload, m.qos)
	}
	close(hold)
	b.kick()
	b.nextAvailability(t, true)
	again := time.NewTicker(100 * time.Millisecond)
	defer again.Stop()
	for late := time.After(patience); ; {
		select {
		case c := <-got:
			if c == "after do after" {
				return
			}
		case <-again.C: // the broker may send the backlog first, and the queue may be full
			send("after")
		case <-late:
			t.Fatal("no command after the reconnect")
		}
	}
}

// Every queue has its bound.
func TestBounds(t *testing.T) {
	t.Parallel()
	u, err := NewUplink(Options{Fleet: "north", Drone: "a", Broker: "mqtt://localhost"})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 3 * maxCommands {
		u.receive("aim/v1/north/a/command/1", nil, false)
		if ok := u.Reply("id", nil); ok != (i < maxReplies) {
			t.Errorf("reply %d: %v", i, ok)
		}
	}
	if len(u.commands) != maxCommands || len(u.replies) != maxReplies {
		t.Errorf("%d commands, %d replies", len(u.commands), len(u.replies))
	}
	if u.Reply("a/b", nil) || u.Reply("", nil) || u.Reply("#", nil) {
		t.Error("an id that is none is taken")
	}
}

// subscribed waits until the drone's subscription is there.
func (b *mochi) subscribed(t *testing.T) {
	t.Helper()
	late := time.After(patience)
	for {
		for _, cl := range b.Clients.GetAll() {
			if !cl.Closed() && len(cl.State.Subscriptions.GetAll()) > 0 && cl.ID != "inline" {
				return
			}
		}
		select {
		case <-late:
			t.Fatal("never subscribed")
		case <-time.After(time.Millisecond):
		}
	}
}

// What is retained, foreign or malformed never reaches a handler.
func TestReceive(t *testing.T) {
	t.Parallel()
	u, err := NewUplink(Options{Fleet: "north", Drone: "a", Dial: func(context.Context, Hello) (Link, error) { return nil, nil }})
	if err != nil {
		t.Fatal(err)
	}
	const base = "aim/v1/north/a/"
	for topic, retained := range map[string]bool{
		base + "command/1": true, base + "command/": false, base + "command/a/b": false, base + "status": false,
		"aim/v1/north/b/command/1": false, "aim/v1/south/a/command/1": false, "x": false, base + "command/\x1b[2J": false,
	} {
		u.receive(topic, nil, retained)
	}
	u.receive(base+"command/1", make([]byte, maxEnvelope+1), false)
	if len(u.commands) != 0 {
		t.Fatalf("kept %+v", <-u.commands)
	}
	u.receive(base+"command/1", nil, false)
	if len(u.commands) != 1 {
		t.Fatal("a good command is not kept")
	}
}

func TestOptions(t *testing.T) {
	t.Parallel()
	for _, o := range []Options{
		{}, {Fleet: "North", Drone: "a", Broker: "mqtt://localhost"}, {Fleet: "a", Drone: "+", Broker: "mqtt://localhost"},
		{Fleet: "a", Drone: "b"}, {Fleet: "a", Drone: "b", Broker: "mqtt://10.0.0.1"}, {Fleet: "a", Drone: "b", Broker: "mqtts://x"},
		{Fleet: "a", Drone: "b", Broker: "mqtt://127.0.0.1@evil"}, {Fleet: "a", Drone: "b", Broker: "http://localhost"},
		{Fleet: "a", Drone: "b", Broker: "mqtt://localhost/path"},
	} {
		if _, err := NewUplink(o); err == nil {
			t.Errorf("%+v accepted", o)
		}
	}
	if _, err := NewUplink(Options{Fleet: "a", Drone: "b", Broker: "mqtt://u:p@[::1]"}); err != nil {
		t.Error(err)
	}
}
