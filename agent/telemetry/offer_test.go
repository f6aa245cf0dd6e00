package telemetry

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tinylib/msgp/msgp"
)

const offerTopic = "aim/v1/north/patrol-03/" + LeafOffer

// An offer that lay at the broker arrives with each connection; a cleared one
// arrives as an empty message, also when it is cleared before the drone comes.
func TestOffers(t *testing.T) {
	t.Parallel()
	b := startBroker(t)
	retain := func(payload string) {
		if err := b.Publish(offerTopic, []byte(payload), true, 1); err != nil {
			t.Error(err)
		}
	}
	retain("first")
	got := make(chan string, 64)
	run(t, Options{Broker: b.url, OnOffer: func(p []byte) { got <- string(p) }})
	expect := func(want string) {
		t.Helper()
		for late := time.After(patience); ; {
			select {
			case s := <-got:
				if s == want {
					return
				}
				if s != "first" { // said again by the session that the broker kept
					t.Errorf("offer %q, want %q", s, want)
				}
			case <-late:
				t.Fatalf("no offer %q", want)
			}
		}
	}
	expect("first")
	b.kick()
	expect("first")
	retain("second")
	expect("second")
	retain("")
	expect("")
}

// While one offer is judged only the newest waits, commands go on, and nothing
// is handed on twice.
func TestOffersNewestWins(t *testing.T) {
	t.Parallel()
	var got []string
	var busy chan struct{} // of the bubble
	commands := 0
	o := Options{
		OnOffer:   func(p []byte) { got = append(got, string(p)); <-busy },
		OnCommand: func(string, []byte) { commands++ },
	}
	bubble(t, o, func() (Link, error) { return newStub(), nil }, func(t *testing.T, u *Uplink) {
		busy = make(chan struct{})
		for i := range 20 {
			u.receive("aim/v1/north/a/patch/offer", fmt.Append(nil, i), i%2 == 0)
			u.receive("aim/v1/north/a/command/c", nil, false)
			synctest.Wait()
		}
		u.receive("aim/v1/north/a/patch/offer", nil, true)
		close(busy)
		synctest.Wait()
		u.receive("aim/v1/north/b/patch/offer", []byte("foreign"), true)
		u.receive("aim/v1/south/a/patch/offer", []byte("foreign"), true)
		u.receive("aim/v1/north/a/patch/offer/1", []byte("deeper"), true)
		synctest.Wait()
		if !slices.Equal(got, []string{"0", ""}) {
			t.Errorf("offers %q", got)
		}
		if commands != 20 {
			t.Errorf("%d commands", commands)
		}
	})
}

// A notification without an offer behind it is not taken for a withdrawal.
func TestOfferTakenForTwo(t *testing.T) {
	t.Parallel()
	var got []string
	bubble(t, Options{OnOffer: func(p []byte) { got = append(got, string(p)) }}, func() (Link, error) { return newStub(), nil },
		func(t *testing.T, u *Uplink) {
			u.receiveOffer([]byte("offer"))
			synctest.Wait()
			u.offered <- struct{}{}
			synctest.Wait()
			if !slices.Equal(got, []string{"offer"}) {
				t.Errorf("offers %q", got)
			}
		})
}

// Both subscriptions are asked for, and a refusal of either is reported.
func TestRefusedOffers(t *testing.T) {
	t.Parallel()
	for _, leaf := range []string{LeafOffer, LeafCommand + "+"} {
		b := startBroker(t)
		b.access.refuse = func(topic string, write bool) bool { return !write && topic == "aim/v1/north/patrol-03/"+leaf }
		c, onLink := links()
		run(t, Options{Broker: b.url, OnLink: onLink, OnCommand: func(string, []byte) {}, OnOffer: func([]byte) {}})
		nextLink(t, c, true)
		var no *RefusedError
		if l := nextLink(t, c, true); !errors.As(l.err, &no) || no.What != "aim/v1/north/patrol-03/"+leaf {
			t.Errorf("%s: %v", leaf, l.err)
		}
	}
}

// One signed thing is never another, although the same key may sign both.
func TestOfferIsNoCommand(t *testing.T) {
	t.Parallel()
	offer, command := encode(t, samples()["offer"]), encode(t, samples()["command"])
	if err := Decode(offer, &Command{}); err == nil {
		t.Error("an offer passes for a command")
	}
	if err := Decode(command, &Offer{}); err == nil {
		t.Error("a command passes for an offer")
	}
	twice := append([]byte{0x82 + 1}, msgp.AppendString(nil, "v")...)
	twice = append(twice, Schema)
	twice = append(append(msgp.AppendString(twice, "d"), 0xa1, 'a', 0xa1, 'd'), 0xa1, 'b')
	if err := Decode(twice, &Offer{}); err == nil {
		t.Error("an offer for two drones")
	}
}

// The largest patch fits into an offer, the offer into an envelope, and that
// into a packet; what is larger is refused where it is made and where it comes.
func TestOfferLimits(t *testing.T) {
	t.Parallel()
	sigs := slices.Repeat([][]byte{make([]byte, 1<<10)}, MaxSignatures)
	largest := func() *Offer {
		return &Offer{
			Schema: Schema, Fleet: "north", Drone: "patrol-03", Rollout: string(bytes.Repeat([]byte("r"), 64)), Epoch: 1 << 60,
			Controller: string(bytes.Repeat([]byte("c"), 64)), Canary: true,
			Package: PatchPackage{Manifest: make([]byte, 16<<10), Content: make([]byte, 64<<10), Signatures: sigs, Revert: make([]byte, 12<<10+MaxSignatures*(1<<10+8)+64)},
		}
	}
	payload := encode(t, largest())
	if err := Decode(payload, &Offer{}); err != nil {
		t.Fatal(err)
	}
	envelope := encode(t, &Envelope{Payload: payload, Signatures: sigs})
	if err := Decode(envelope, &Envelope{}); err != nil || len(envelope)+len(offerTopic)+16 > MaxPacket {
		t.Errorf("%d bytes, %v", len(envelope), err)
	}
	for name, change := range map[string]func(o *Offer){
		"manifest":   func(o *Offer) { o.Package.Manifest = make([]byte, 16<<10+1) },
		"content":    func(o *Offer) { o.Package.Content = make([]byte, 64<<10+1) },
		"signature":  func(o *Offer) { o.Package.Signatures = [][]byte{make([]byte, 1<<10+1)} },
		"signatures": func(o *Offer) { o.Package.Signatures = make([][]byte, MaxSignatures+1) },
		"revert":     func(o *Offer) { o.Package.Revert = make([]byte, 32<<10+1) },
		"rollout":    func(o *Offer) { o.Rollout = string(make([]byte, MaxPayload)) },
	} {
		o := largest()
		change(o)
		b, err := o.MarshalMsg(nil)
		if err == nil {
			err = Decode(b, &Offer{})
		}
		if err == nil {
			t.Errorf("%s beyond its limit is taken", name)
		}
	}
	if _, err := Append(nil, &Offer{Schema: Schema, Package: PatchPackage{Signatures: make([][]byte, MaxSignatures+1)}}); !errors.Is(err, ErrSize) {
		t.Errorf("17 signatures: %v", err)
	}
	fleet := &Rollout{Schema: Schema, Drones: slices.Repeat([]RolloutDrone{{Drone: "a-drone-with-a-name-of-32-bytes-", Wave: 1, State: "IN_PROGRESS"}}, 2048)}
	if b, err := Append(nil, fleet); err != nil || Decode(b, &Rollout{}) != nil {
		t.Errorf("a fleet of 2048: %d bytes, %v", len(b), err)
	}
}

func TestFleetTopics(t *testing.T) {
	t.Parallel()
	for topic, want := range map[string]string{
		RolloutTopic("north", "r-7"): "north r-7", ControllerTopic("north"): "north ",
		"aim/v1/north/_controller/x": "", "aim/v1/north/_rollout/": "", "aim/v1/north/_rollout/a/b": "", "aim/v1/North/_controller": "",
		"aim/v1/north/patrol-03/status": "", "aim/v2/north/_controller": "", "aim/v1/_controller": "", "": "",
	} {
		fleet, rollout, ok := ParseFleetTopic(topic)
		if got := fleet + " " + rollout; ok != (want != "") || ok && got != want {
			t.Errorf("%s: %q, %v", topic, got, ok)
		}
		if _, _, _, drones := ParseTopic(topic); ok && drones {
			t.Errorf("%s: a fleet's and a drone's", topic)
		}
	}
}
