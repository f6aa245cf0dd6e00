//go:build peers

package telemetry

import (
	"crypto/tls"
	"errors"
	"os/exec"
	"testing"
	"time"
)

// forbidden is what somebody must not write.
var forbidden = map[string][]string{
	"north/patrol-03": {
		"aim/v1/north/patrol-04/availability", "aim/v1/north/patrol-04/status", "aim/v1/north/patrol-04/telemetry",
		"aim/v1/north/patrol-04/event", "aim/v1/north/patrol-04/patch/report", "aim/v1/north/patrol-04/reply/c-1",
		"aim/v1/south/patrol-03/status", "aim/v1/north/_rollout/r-1", "aim/v1/north/_controller",
		drone + "command/c-1", drone + "patch/offer", drone + "other", drone + "status/deeper", "aim/v1/north/status",
		"aim/v1/north/patrol-04/command/c-1", "aim/v1/north/patrol-04/patch/offer", "aim/v1/x",
	},
	"operator": {
		drone + "availability", drone + "status", drone + "telemetry", drone + "event", drone + "patch/report", drone + "reply/c-1",
		"aim/v1/north/_other",
	},
	"viewer":      {drone + "status", drone + "command/c-1", drone + "patch/offer", "aim/v1/north/_rollout/r-1"},
	"":            {drone + "status", drone + "command/c-1", "aim/v1//status"},
	"north":       {drone + "status", "aim/v1/north/patrol-03/command/c-1"},
	"north/+":     {drone + "status", "aim/v1/north/+/status"},
	"#":           {drone + "status"},
	"_controller": {"aim/v1/north/_controller"},
}

// Nobody writes what is not his: none of it is seen, while what comes after it
// on the same connection, or from an operator, is.
func TestPeersRules(t *testing.T) {
	t.Parallel()
	port := mosquitto(t, "loopback.conf", t.TempDir())
	dial, err := Broker("mqtt://127.0.0.1:"+port, nil)
	if err != nil {
		t.Fatal(err)
	}
	c := subscribe(t, port, "-u", "viewer")
	for user, topics := range forbidden {
		l := link2(t, dial, user)
		for _, topic := range topics {
			l.write(t, topic)
		}
		l.Close()
	}
	marker := link2(t, dial, "operator")
	marker.write(t, "aim/v1/north/_rollout/marker")
	for topic := range until(t, c, "aim/v1/north/_rollout/marker") {
		if topic != "aim/v1/north/_rollout/marker" {
			t.Errorf("%s was written by somebody who must not", topic)
		}
	}

	d := link2(t, dial, "north/patrol-03")
	for _, filter := range []string{"aim/v1/#", "#", "aim/v1/north/+/command/+", "aim/v1/north/patrol-04/command/+", "aim/v1/north/patrol-04/status"} {
		readsNothing(t, d, marker, filter)
	}
	if err := d.Subscribe(drone+"command/+", 1); err != nil {
		t.Errorf("its own commands: %v", err)
	}
	if err := d.Subscribe(drone+"patch/offer", 1); err != nil {
		t.Errorf("its own offers: %v", err)
	}
	marker.write(t, drone+"command/own")
	d.expect(t, drone+"command/own")
}

// readsNothing: the filter is refused, or what it matches does not arrive.
func readsNothing(t *testing.T, d, operator *tested, filter string) {
	t.Helper()
	var no *RefusedError
	if err := d.Subscribe(filter, 1); err != nil && !errors.As(err, &no) {
		t.Fatalf("%s: %v", filter, err)
	}
	operator.write(t, "aim/v1/north/patrol-04/command/secret")
	operator.write(t, "aim/v1/north/patrol-04/patch/offer")
}

// tested is a Link whose publishes wait for their acknowledgement.
type tested struct {
	Link
	in chan string
}

func link2(t *testing.T, dial Dial, user string) *tested {
	t.Helper()
	x := &tested{in: make(chan string, 256)}
	l, err := dial(t.Context(), Hello{ClientID: "aim_test_" + t.Name() + "_" + user, User: user, Clean: true,
		Receive: func(topic string, _ []byte, _ bool) { x.in <- topic }})
	if err != nil {
		t.Fatalf("%q: %v", user, err)
	}
	x.Link = l
	t.Cleanup(func() { l.Close() })
	return x
}

// write publishes and waits until the broker has taken it, or has hung up.
func (x *tested) write(t *testing.T, topic string) {
	t.Helper()
	if _, err := x.Publish(topic, 1, false, []byte{0x80}); err != nil {
		return
	}
	select {
	case <-x.Acked():
	case <-x.Done():
	case <-time.After(patience):
		t.Fatalf("%s: neither taken nor refused", topic)
	}
}

// expect wants exactly this topic next.
func (x *tested) expect(t *testing.T, topic string) {
	t.Helper()
	select {
	case got := <-x.in:
		if got != topic {
			t.Errorf("read %s, which is not its to read", got)
		}
	case <-time.After(patience):
		t.Errorf("%s does not arrive", topic)
	}
}

// The shipped configuration with client certificates: the certificate says who
// somebody is, whatever he claims; without one nobody gets in.
func TestPeersTLS(t *testing.T) {
	t.Parallel()
	a := newAuthority(t, time.Now().Add(-time.Hour), time.Now().Add(time.Hour))
	other := newAuthority(t, a.cert.NotBefore, a.cert.NotAfter)
	a.issue(t, "broker", "broker")
	cert, key := a.issue(t, "drone", "north/patrol-03")
	viewer, viewerKey := a.issue(t, "viewer", "viewer")
	port := mosquitto(t, "mosquitto.conf", a.dir)
	c := subscribe(t, port, "--cafile", a.path("ca"), "--cert", viewer, "--key", viewerKey)

	config, err := TLSConfig(a.path("ca"), cert, key, "", time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	url := "mqtts://127.0.0.1:" + port
	stop := says(t, Options{Broker: url, TLS: config})
	python(t, until(t, c, drone+"patch/report"))
	stop(nil)
	until(t, c, drone+"availability")

	dial, err := Broker("mqtts://operator:secret@127.0.0.1:"+port, config)
	if err != nil {
		t.Fatal(err)
	}
	liar := link2(t, dial, "operator")
	liar.write(t, drone+"command/c-1")
	liar.write(t, "aim/v1/north/patrol-04/status")
	liar.write(t, drone+"event")
	for topic := range until(t, c, drone+"event") {
		if topic != drone+"event" {
			t.Errorf("%s written by a drone that calls itself operator", topic)
		}
	}

	none := config.Clone()
	none.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &tls.Certificate{}, nil }
	foreign := config.Clone()
	foreign.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		p, k := other.issue(t, "drone", "north/patrol-03")
		return loadPair(p, k)
	}
	for name, config := range map[string]*tls.Config{"none": none, "another authority's": foreign} {
		dial, err := Broker(url, config)
		if err != nil {
			t.Fatal(err)
		}
		if l, err := dial(t.Context(), Hello{ClientID: "c", User: "operator"}); err == nil {
			l.Close()
			t.Errorf("connected with a certificate of %s", name)
		}
	}
	out, err := exec.Command("mosquitto_pub", "-h", "127.0.0.1", "-p", port, "-u", "operator", "-t", "x", "-m", "x").CombinedOutput()
	if err == nil {
		t.Errorf("plain MQTT on the TLS port: %s", out)
	}
}
