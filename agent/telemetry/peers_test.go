//go:build peers

package telemetry

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tinylib/msgp/msgp"
)

// seen is a message as mosquitto_sub saw it.
type seen struct {
	topic, retained, qos string
	payload              []byte
}

// subscribe runs mosquitto_sub and returns once the broker has its
// subscription to all topics.
func subscribe(t *testing.T, port string, args ...string) <-chan seen {
	t.Helper()
	// -d says when it is subscribed; stdbuf, as it keeps that to itself in a pipe.
	args = append([]string{"-oL", "mosquitto_sub", "-h", "127.0.0.1", "-p", port, "-q", "1", "-t", "aim/v1/#", "-d", "-F", "SEEN %t %r %q %x"}, args...)
	lines := start(t, "stdbuf", args...)
	for late := time.After(patience); ; {
		select {
		case l, ok := <-lines:
			if !ok {
				t.Fatal("mosquitto_sub ended")
			}
			if strings.HasPrefix(l, "Subscribed") {
				out := make(chan seen, 4096)
				go parseSeen(lines, out)
				return out
			}
		case <-late:
			t.Fatal("mosquitto_sub is not subscribed")
		}
	}
}

func parseSeen(lines <-chan string, out chan<- seen) {
	defer close(out)
	for l := range lines {
		f := strings.Fields(l)
		if len(f) < 4 || f[0] != "SEEN" {
			continue
		}
		s := seen{topic: f[1], retained: f[2], qos: f[3]}
		if len(f) > 4 {
			s.payload, _ = hex.DecodeString(f[4])
		}
		out <- s
	}
}

// until collects what is seen up to a topic.
func until(t *testing.T, c <-chan seen, topic string) map[string]seen {
	t.Helper()
	all := map[string]seen{}
	for late := time.After(patience); ; {
		select {
		case m, ok := <-c:
			if !ok {
				t.Fatalf("mosquitto_sub ended before %s; seen %v", topic, slices.Sorted(maps.Keys(all)))
			}
			all[m.topic] = m
			if m.topic == topic {
				return all
			}
		case <-late:
			t.Fatalf("%s is never seen; seen %v", topic, slices.Sorted(maps.Keys(all)))
		}
	}
}

// python decodes what was seen with python3-msgpack and compares the values
// with what our own library reads.
func python(t *testing.T, all map[string]seen) {
	t.Helper()
	const script = `
import base64, json, msgpack, sys
for line in sys.stdin:
    topic, payload = line.rstrip("\n").split(" ")
    value = msgpack.unpackb(bytes.fromhex(payload), raw=False, strict_map_key=True)
    if not isinstance(value, dict): sys.exit(topic + ": not a map")
    print(json.dumps([topic, value], default=lambda b: base64.b64encode(b).decode()))
`
	var in bytes.Buffer
	for topic, m := range all {
		fmt.Fprintf(&in, "%s %x\n", topic, m.payload)
	}
	cmd := exec.Command(pythonPath, "-c", script)
	cmd.Stdin, cmd.Stderr = &in, os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("python3-msgpack: %v", err)
	}
	n := 0
	for line := range strings.Lines(string(out)) {
		var theirs [2]any
		if err := json.Unmarshal([]byte(line), &theirs); err != nil {
			t.Fatal(err)
		}
		topic := theirs[0].(string)
		var js bytes.Buffer
		if _, err := msgp.UnmarshalAsJSON(&js, all[topic].payload); err != nil {
			t.Fatalf("%s: %v", topic, err)
		}
		var ours any
		if err := json.Unmarshal(js.Bytes(), &ours); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(ours, theirs[1]) {
			t.Errorf("%s: python reads\n%v\nwe read\n%v", topic, theirs[1], ours)
		}
		n++
	}
	if n != len(all) {
		t.Errorf("python decoded %d of %d messages", n, len(all))
	}
}

// publish runs mosquitto_pub as a user.
func publish(t *testing.T, port, topic, file string, args ...string) {
	t.Helper()
	args = append([]string{"-h", "127.0.0.1", "-p", port, "-q", "1", "-t", topic, "-f", file}, args...)
	if out, err := exec.Command("mosquitto_pub", args...).CombinedOutput(); err != nil {
		t.Fatalf("mosquitto_pub: %v: %s", err, out)
	}
}

const drone = "aim/v1/north/patrol-03/"

func goldenFile(name string) string { return filepath.Join("testdata", "golden", name+".msgpack") }

// says runs an uplink that says everything a drone says, and answers the
// command that it waits for.
func says(t *testing.T, o Options) context.CancelCauseFunc {
	t.Helper()
	stop, _ := hears(t, o)
	return stop
}

// hears is says, and hands on the offers that come.
func hears(t *testing.T, o Options) (context.CancelCauseFunc, <-chan []byte) {
	t.Helper()
	j := newJournal()
	j.add(EventEntry(encode(t, samples()["event"])), ReportEntry(encode(t, samples()["report"]), 0))
	o.Journal, o.OnLink = j, func(up bool, conn uint64, err error) { t.Logf("link: up %v, connection %d, %v", up, conn, err) }
	offers := make(chan []byte, 16)
	o.OnOffer = func(p []byte) { offers <- p }
	var u *Uplink
	ready := make(chan struct{})
	o.OnCommand = func(id string, p []byte) {
		<-ready
		var e Envelope
		if err := Decode(p, &e); err != nil {
			t.Error(err)
		}
		u.Reply(id, encode(t, samples()["reply"]))
	}
	u, stop := run(t, o)
	u.SetReport(encode(t, samples()["report"]))
	close(ready)
	u.SetStatus(encode(t, samples()["status"]))
	u.SetTelemetry(encode(t, samples()["telemetry"]))
	return stop, offers
}

// everything is each topic, with QoS and retained as DESIGN lays them down.
var everything = map[string]struct{ qos string }{
	drone + "availability": {"1"}, drone + "status": {"1"}, drone + "telemetry": {"0"}, drone + "event": {"1"},
	drone + "patch/report": {"1"}, drone + "patch/offer": {"1"}, drone + "command/c-1": {"1"}, drone + "reply/c-1": {"1"},
	"aim/v1/north/_rollout/r-1": {"1"}, "aim/v1/north/_controller": {"1"},
}

// Debian's mosquitto under the shipped rules carries every topic, mosquitto_sub
// sees it, python decodes it; what is retained is found by who comes later.
func TestPeersEveryTopic(t *testing.T) {
	t.Parallel()
	port := mosquitto(t, "loopback.conf", t.TempDir())
	c := subscribe(t, port, "-u", "viewer")
	stop, offers := hears(t, Options{Broker: "mqtt://127.0.0.1:" + port})
	all := until(t, c, drone+"patch/report")
	op := []string{"-u", "operator"}
	file, payload := offerFile(t)
	publish(t, port, drone+"patch/offer", file, append(op, "-r")...)
	publish(t, port, RolloutTopic("north", "r-1"), goldenFile("rollout"), append(op, "-r")...)
	publish(t, port, ControllerTopic("north"), goldenFile("controller"), append(op, "-r")...)
	publish(t, port, drone+"command/c-1", goldenFile("envelope"), op...)
	for topic, m := range until(t, c, drone+"reply/c-1") {
		all[topic] = m
	}
	for topic, want := range everything {
		if m, ok := all[topic]; !ok || m.qos != want.qos {
			t.Errorf("%s: seen %v, QoS %q, want %s", topic, ok, m.qos, want.qos)
		}
	}
	if len(all) != len(everything) {
		t.Errorf("%d topics, want %d: %v", len(all), len(everything), slices.Sorted(maps.Keys(all)))
	}
	all["offer-within"] = seen{payload: payload}
	python(t, all)
	isOffer(t, offers, payload)

	stop(errors.New("test ends"))
	late := subscribe(t, port, "-u", "viewer", "-i", "later")
	kept := map[string]seen{}
	for range 6 { // availability, status, report, offer, rollout, controller
		select {
		case m := <-late:
			kept[m.topic] = m
		case <-time.After(patience):
			t.Fatalf("retained: only %v", slices.Sorted(maps.Keys(kept)))
		}
	}
	var a Availability
	if err := Decode(kept[drone+"availability"].payload, &a); err != nil || a.Online || a.Reason != "test ends" {
		t.Errorf("retained availability %+v, %v", a, err)
	}
	for topic, m := range kept {
		if m.retained != "1" || strings.Contains(topic, "/command/") {
			t.Errorf("%s retained %q", topic, m.retained)
		}
	}
	for topic, m := range map[string]Message{drone + "patch/report": &Report{}, "aim/v1/north/_rollout/r-1": &Rollout{}, "aim/v1/north/_controller": &Controller{}} {
		if err := Decode(kept[topic].payload, m); err != nil {
			t.Errorf("retained %s: %v", topic, err)
		}
	}
}

// The will is allowed by the rules, and sent when a drone drops dead.
func TestPeersWill(t *testing.T) {
	t.Parallel()
	port := mosquitto(t, "loopback.conf", t.TempDir())
	c := subscribe(t, port, "-u", "viewer")
	dial, err := Broker("mqtt://127.0.0.1:"+port, nil)
	if err != nil {
		t.Fatal(err)
	}
	will := encode(t, &Availability{Schema: Schema, Conn: 9, Reason: "connection lost"})
	l, err := dial(t.Context(), Hello{ClientID: "x", User: "north/patrol-03", Will: &Will{drone + "availability", will}})
	if err != nil {
		t.Fatal(err)
	}
	l.(*session).conn.Close() // no goodbye
	if m := until(t, c, drone+"availability")[drone+"availability"]; !bytes.Equal(m.payload, will) {
		t.Errorf("will %x", m.payload)
	}
}
