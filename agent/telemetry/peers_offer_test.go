//go:build peers

package telemetry

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// offerFile writes an envelope around the sample offer into a file.
func offerFile(t *testing.T) (path string, payload []byte) {
	t.Helper()
	payload = encode(t, samples()["offer"])
	path = filepath.Join(t.TempDir(), "offer")
	if err := os.WriteFile(path, encode(t, &Envelope{Payload: payload, Signatures: [][]byte{[]byte("one")}}), 0o600); err != nil {
		t.Fatal(err)
	}
	return path, payload
}

// isOffer waits for an offer with that payload; nil: for a cleared one.
func isOffer(t *testing.T, offers <-chan []byte, payload []byte) {
	t.Helper()
	select {
	case p := <-offers:
		var e Envelope
		if len(p) == 0 && payload == nil {
			return
		}
		if err := Decode(p, &e); err != nil || !bytes.Equal(e.Payload, payload) {
			t.Errorf("offer %x, %v", p, err)
		}
	case <-time.After(patience):
		t.Error("no offer")
	}
}

// An offer waits at the broker for a drone that comes later, and is cleared
// for one that is there; one cleared meanwhile is not heard by who comes then.
func TestPeersOfferWaits(t *testing.T) {
	t.Parallel()
	port := mosquitto(t, "loopback.conf", t.TempDir())
	file, payload := offerFile(t)
	publish(t, port, drone+"patch/offer", file, "-u", "operator", "-r")
	stop, offers := hears(t, Options{Broker: "mqtt://127.0.0.1:" + port})
	isOffer(t, offers, payload)
	publish(t, port, drone+"patch/offer", os.DevNull, "-u", "operator", "-r")
	isOffer(t, offers, nil)
	stop(nil)
	stop, offers = hears(t, Options{Broker: "mqtt://127.0.0.1:" + port, Conn: 9})
	publish(t, port, drone+"patch/offer", file, "-u", "operator", "-r")
	isOffer(t, offers, payload)
	stop(nil)
}

// The controller's will is allowed by the rules, and its word is retained.
func TestPeersControllerWill(t *testing.T) {
	t.Parallel()
	port := mosquitto(t, "loopback.conf", t.TempDir())
	c := subscribe(t, port, "-u", "viewer")
	dial, err := Broker("mqtt://127.0.0.1:"+port, nil)
	if err != nil {
		t.Fatal(err)
	}
	will := encode(t, &Controller{Schema: Schema, Fleet: "north", Epoch: 3, Controller: "ops-1", Reason: "connection lost"})
	l, err := dial(t.Context(), Hello{ClientID: "aim-ctl-north", User: "operator", Will: &Will{ControllerTopic("north"), will}})
	if err != nil {
		t.Fatal(err)
	}
	l.(*session).conn.Close() // no goodbye
	if m := until(t, c, ControllerTopic("north"))[ControllerTopic("north")]; !bytes.Equal(m.payload, will) {
		t.Errorf("will %x", m.payload)
	}
}
