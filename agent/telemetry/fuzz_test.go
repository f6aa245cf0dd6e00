package telemetry

import (
	"bufio"
	"bytes"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"

	"github.com/eclipse/paho.mqtt.golang/packets"
	"github.com/tinylib/msgp/msgp"
)

// fuzzDecode: whatever is accepted is within its limits and survives a round
// trip; whatever is refused leaves nothing behind.
func fuzzDecode(f *testing.F, name string) {
	m := samples()[name]
	f.Add(encode(f, m))
	f.Fuzz(func(t *testing.T, b []byte) { decodes(t, m, b) })
}

// FuzzMessages is the same of every message at once, for runs that have no
// time for each: what comes is read as any of them.
func FuzzMessages(f *testing.F) {
	all := samples()
	names := slices.Sorted(maps.Keys(all))
	for i, name := range names {
		f.Add(byte(i), encode(f, all[name]))
		f.Add(byte(i), []byte{0xdf, 0xff, 0xff, 0xff, 0xff})
	}
	f.Fuzz(func(t *testing.T, which byte, b []byte) { decodes(t, all[names[int(which)%len(names)]], b) })
}

// decodes: see fuzzDecode. m is a sample, which stays as it is.
func decodes(t *testing.T, m Message, b []byte) {
	got := fresh(m)
	if err := Decode(b, got); err != nil {
		if !reflect.DeepEqual(got, fresh(m)) {
			t.Fatalf("refused (%v), and yet %+v", err, got)
		}
		return
	}
	if len(b) > m.about().limit {
		t.Fatalf("%d bytes accepted", len(b))
	}
	again, err := got.MarshalMsg(nil) // may be longer than a limit: shorter forms exist for what came
	if err != nil {
		t.Fatal(err)
	}
	back := fresh(m)
	if rest, err := back.UnmarshalMsg(again); err != nil || len(rest) != 0 {
		t.Fatalf("own encoding: %v, %d bytes left", err, len(rest))
	}
	once, _ := back.MarshalMsg(nil)
	if !bytes.Equal(again, once) {
		t.Fatalf("round trip:\n%x\n%x", again, once)
	}
}

func FuzzAvailability(f *testing.F) { fuzzDecode(f, "availability") }
func FuzzStatus(f *testing.F)       { fuzzDecode(f, "status") }
func FuzzTelemetry(f *testing.F)    { fuzzDecode(f, "telemetry") }
func FuzzEvent(f *testing.F)        { fuzzDecode(f, "event") }
func FuzzEnvelope(f *testing.F)     { fuzzDecode(f, "envelope") }
func FuzzCommand(f *testing.F)      { fuzzDecode(f, "command") }
func FuzzReply(f *testing.F)        { fuzzDecode(f, "reply") }
func FuzzOffer(f *testing.F)        { fuzzDecode(f, "offer") }
func FuzzReport(f *testing.F)       { fuzzDecode(f, "report") }
func FuzzRollout(f *testing.F)      { fuzzDecode(f, "rollout") }
func FuzzController(f *testing.F)   { fuzzDecode(f, "controller") }

// measure agrees with the library's own skipping on what it accepts.
func FuzzMeasure(f *testing.F) {
	for _, m := range samples() {
		f.Add(encode(f, m))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		n, err := measure(b)
		if err != nil {
			return
		}
		rest, err := msgp.Skip(b)
		if err != nil || len(b)-len(rest) != n {
			t.Fatalf("measured %d of %d, skipped %d, %v", n, len(b), len(b)-len(rest), err)
		}
	})
}

// FuzzPacket reads a broker's bytes: never a crash, never more than arrived.
func FuzzPacket(f *testing.F) {
	for _, b := range packetSeeds() {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		r := bufio.NewReaderSize(bytes.NewReader(b), 16)
		for {
			p, err := readPacket(r)
			if err != nil {
				return
			}
			if pub, ok := p.(*packets.PublishPacket); ok && len(pub.Payload) > len(b) {
				t.Fatalf("payload of %d bytes out of %d", len(pub.Payload), len(b))
			}
		}
	})
}

func packetSeeds() [][]byte {
	return [][]byte{
		{0x20, 2, 0, 0}, // CONNACK
		{0x90, 3, 0, 1, 0x80, 0x40, 2, 0, 7, 0xd0, 0},               // SUBACK, PUBACK, PINGRESP
		{0x32, 8, 0, 3, 'a', '/', 'b', 0, 5, 'p'},                   // PUBLISH QoS 1
		{0x31, 5, 0, 3, 'a', '/', 'b'},                              // retained, empty
		{0x30, 0xff, 0xff, 0xff, 0x7f},                              // 256 MB announced
		{0x30, 0xff, 0xff, 0xff, 0xff, 0x7f},                        // length of five bytes
		{0x90, 6, 0, 1, 0, 0, 0, 0},                                 // more codes than asked for
		{0x30, 4, 0xff, 0xff, 'a', 'b'},                             // topic longer than the packet
		{0x36, 7, 0, 3, 'a', '/', 'b', 0, 5},                        // QoS 3
		{0x30, 3, 0, 1, '#', 0x10, 0, 0xe0, 0},                      // a filter; a client's packets
		{0x34, 7, 0, 3, 'a', '/', 'b', 0, 5, 0x62, 2, 0, 5},         // QoS 2, PUBREL
		append([]byte{0x30, 0x7f, 0, 1, 'a'}, make([]byte, 124)...), // 127 bytes
	}
}

// FuzzTopic: what is parsed is what Topic makes.
func FuzzTopic(f *testing.F) {
	f.Add("aim/v1/north/patrol-03/command/c-1")
	f.Add("aim/v1/north/_rollout/7")
	f.Fuzz(func(t *testing.T, topic string) {
		if fleet, drone, leaf, ok := ParseTopic(topic); ok && Topic(fleet, drone, leaf) != topic {
			t.Fatalf("%q: %q %q %q", topic, fleet, drone, leaf)
		}
	})
}

// FuzzBroker: no URL crashes, and plain MQTT never leaves the loopback.
func FuzzBroker(f *testing.F) {
	for _, u := range []string{"mqtt://127.0.0.1:1883", "mqtts://broker", "mqtt://u:p@[::1]", "mqtt://127.0.0.1@10.0.0.1", ""} {
		f.Add(u)
	}
	f.Fuzz(func(t *testing.T, u string) { _, _ = Broker(u, nil) })
}

// The committed corpora are small: the samples, and what once was a trap.
func TestCorpora(t *testing.T) {
	t.Parallel()
	corpora := map[string][][]byte{"FuzzPacket": packetSeeds()}
	for name, m := range samples() {
		target := "Fuzz" + reflect.TypeOf(m).Elem().Name()
		corpora[target] = [][]byte{encode(t, samples()[name]), {0xdf, 0xff, 0xff, 0xff, 0xff}, {0x81, 0xa1, 'v', Schema + 1}, {0x80, 0xc0}}
	}
	corpora["FuzzMeasure"] = [][]byte{{0xdf, 0x80, 0, 0, 0}, {0xc9, 0xff, 0xff, 0xff, 0xff, 1}, bytes.Repeat([]byte{0x91}, 64), {0xc1}}
	for target, seeds := range corpora {
		for i, b := range seeds {
			path := filepath.Join("testdata", "fuzz", target, fmt.Sprintf("seed-%02d", i))
			want := fmt.Appendf(nil, "go test fuzz v1\n[]byte(%q)\n", b)
			if *update {
				if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, want, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, want) {
				t.Errorf("%s: %v; go test -run TestCorpora -update writes it", path, err)
			}
		}
	}
}
