package telemetry

import (
	"context"
	"errors"
	"testing"
	"time"
)

// A listener gets what is retained and what comes, over a reconnect.
func TestListen(t *testing.T) {
	t.Parallel()
	b := startBroker(t)
	dial, err := Broker(b.url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Publish("aim/v1/north/a/status", []byte("kept"), true, 1); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	got, up, done := make(chan Received, 64), make(chan bool, 64), make(chan error, 1)
	go func() {
		done <- Listen(ctx, dial, "viewer", []string{"aim/v1/north/+/status", "aim/v1/north/+/event"},
			func(r Received) { got <- r }, func(u bool, _ uint64, _ error) { up <- u })
	}()
	wait := func(want string, retained bool) {
		t.Helper()
		select {
		case r := <-got:
			if string(r.Payload) != want || r.Retained != retained {
				t.Errorf("%q, retained %v; want %q", r.Payload, r.Retained, want)
			}
		case <-time.After(patience):
			t.Fatalf("no %q", want)
		}
	}
	wait("kept", true)
	if !<-up {
		t.Error("down at the start")
	}
	if err := b.Publish("aim/v1/north/a/event", []byte("now"), false, 0); err != nil {
		t.Fatal(err)
	}
	wait("now", false)
	b.kick()
	wait("kept", true)
	if <-up {
		t.Error("the loss is not told")
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// Without the rights a listener ends instead of waiting for ever.
func TestListenRefused(t *testing.T) {
	t.Parallel()
	b := startBroker(t)
	b.access.refuse = func(_ string, write bool) bool { return !write }
	dial, err := Broker(b.url, nil)
	if err != nil {
		t.Fatal(err)
	}
	var no *RefusedError
	if err := Listen(t.Context(), dial, "x", []string{"aim/v1/#"}, func(Received) {}, nil); !errors.As(err, &no) || no.What != "aim/v1/#" {
		t.Error(err)
	}
}
