//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aim-control/aimlock/agent/telemetry"
	"github.com/aim-control/aimlock/firmware/patch"
)

const (
	fleetName = "north"
	droneName = "patrol-01"
)

// heard is what the drone said, in the order in which it came.
type heard struct {
	at      time.Time
	leaf    string
	payload []byte
}

// operator is the fleet's end of the broker: it hears everything, and offers
// patches.
type operator struct {
	t    *testing.T
	dial telemetry.Dial
	key  patch.SecretKey // signs offers
	sign patch.SecretKey // signs patches

	mu   sync.Mutex
	past []heard
	more chan struct{}
}

func newOperator(t *testing.T, certs, port string) *operator {
	t.Helper()
	o := &operator{t: t, more: make(chan struct{})}
	config, err := telemetry.TLSConfig(filepath.Join(certs, "ca.pem"), filepath.Join(certs, "operator.pem"), filepath.Join(certs, "operator-key.pem"), "", time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	if o.dial, err = telemetry.Broker("mqtts://127.0.0.1:"+port, config); err != nil {
		t.Fatal(err)
	}
	for _, k := range []*patch.SecretKey{&o.key, &o.sign} {
		if *k, err = patch.GenerateKey(); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	up, done := make(chan struct{}, 16), make(chan error, 1)
	go func() {
		done <- telemetry.Listen(ctx, o.dial, "", []string{"aim/v1/#"}, o.got, func(bool, uint64, error) {
			select {
			case up <- struct{}{}:
			default:
			}
		})
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	select {
	case <-up:
	case err := <-done:
		done <- nil
		t.Fatalf("the broker: %v", err)
	case <-time.After(20 * time.Second):
		t.Fatal("the broker does not answer")
	}
	return o
}

func (o *operator) got(r telemetry.Received) {
	_, _, leaf, ok := telemetry.ParseTopic(r.Topic)
	if !ok {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.past = append(o.past, heard{time.Now(), leaf, r.Payload})
	close(o.more)
	o.more = make(chan struct{})
}

// now is a place in what was heard.
func (o *operator) now() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.past)
}

// hears waits for a message on a leaf, from a place on, that is what is looked
// for, and returns the place after it and when it came.
func (o *operator) hears(from int, what, leaf string, m telemetry.Message, within time.Duration, ok func() bool) (int, time.Time) {
	o.t.Helper()
	late := time.After(within)
	for {
		o.mu.Lock()
		more, news := o.more, o.past[from:]
		o.mu.Unlock()
		for _, h := range news {
			from++
			if h.leaf != leaf {
				continue
			}
			if err := telemetry.Decode(h.payload, m); err != nil {
				o.t.Fatal(err)
			}
			if ok() {
				return from, h.at
			}
		}
		select {
		case <-more:
		case <-late:
			o.t.Fatalf("no %s within %v; the last on %s: %+v", what, within, leaf, m)
		}
	}
}

// status waits for a status that is what is looked for.
func (o *operator) status(from int, what string, within time.Duration, ok func(telemetry.Status) bool) (telemetry.Status, int, time.Time) {
	o.t.Helper()
	var st telemetry.Status
	next, at := o.hears(from, what, telemetry.LeafStatus, &st, within, func() bool { return ok(st) })
	return st, next, at
}

// events are the events of a boot, in the order in which they came first.
func (o *operator) events(boot string) []telemetry.Event {
	o.t.Helper()
	o.mu.Lock()
	defer o.mu.Unlock()
	var all []telemetry.Event
	seen := map[uint64]bool{}
	for _, h := range o.past {
		var e telemetry.Event
		if h.leaf != telemetry.LeafEvent {
			continue
		}
		if err := telemetry.Decode(h.payload, &e); err != nil {
			o.t.Fatal(err)
		}
		if e.Boot == boot && !seen[e.N] {
			seen[e.N] = true
			all = append(all, e)
		}
	}
	return all
}

// ordered holds the events of a boot against their numbers: none is missing and
// none came before an older one. It returns their kinds.
func (o *operator) ordered(boot string) string {
	o.t.Helper()
	var kinds []string
	for i, e := range o.events(boot) {
		if e.N != uint64(i+1) {
			o.t.Errorf("event %d of boot %s came as number %d: %s", e.N, boot, i+1, e.Text)
		}
		kinds = append(kinds, e.Kind)
	}
	return strings.Join(kinds, " ")
}

// offer signs a patch and offers it to the drone, as a rollout does.
func (o *operator) offer(id string, version int64, content []byte, epoch uint64) {
	o.t.Helper()
	p, err := patch.New(patch.Manifest{ID: id, Fleet: fleetName, Targets: []string{patch.Everyone}, ConfigVersion: version}, content)
	if err == nil {
		err = p.Sign(o.sign)
	}
	if err != nil {
		o.t.Fatal(err)
	}
	offer := telemetry.Offer{Schema: telemetry.Schema, Fleet: fleetName, Drone: droneName, Rollout: "r1", Epoch: epoch, Controller: "ops",
		Package: telemetry.PatchPackage{Manifest: p.Manifest, Content: p.Content, Signatures: p.Signatures, Revert: p.Revert}}
	payload, err := telemetry.Append(nil, &offer)
	if err != nil {
		o.t.Fatal(err)
	}
	sig, err := patch.Sign(o.key, payload, "operator")
	if err != nil {
		o.t.Fatal(err)
	}
	if payload, err = telemetry.Append(nil, &telemetry.Envelope{Payload: payload, Signatures: [][]byte{sig}}); err != nil {
		o.t.Fatal(err)
	}
	o.publish(telemetry.LeafOffer, payload)
}

// publish retains a message on the drone's leaf; once it returns, the broker
// has it.
func (o *operator) publish(leaf string, payload []byte) {
	o.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	link, err := o.dial(ctx, telemetry.Hello{ClientID: fmt.Sprintf("aim-ctl-%s-%d", fleetName, time.Now().UnixNano()), Clean: true, Receive: func(string, []byte, bool) {}})
	if err != nil {
		o.t.Fatal(err)
	}
	defer link.Close()
	if _, err := link.Publish(telemetry.Topic(fleetName, droneName, leaf), 1, true, payload); err != nil {
		o.t.Fatal(err)
	}
	select {
	case <-link.Acked():
	case <-ctx.Done():
		o.t.Fatal("the broker does not acknowledge the offer")
	}
}
