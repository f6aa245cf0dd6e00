package telemetry

import (
	"fmt"
	"os"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/aim-control/aimlock/firmware/durable"
	"github.com/tinylib/msgp/msgp"
)

// The generated code, too, writes the documented keys and no others.
func TestAsyncAPIKeys(t *testing.T) {
	t.Parallel()
	doc, err := os.ReadFile("asyncapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for name, m := range samples() {
		b, err := Append(nil, m)
		if err != nil {
			t.Fatal(err)
		}
		wire, _, err := msgp.ReadMapStrIntfBytes(b, nil)
		if err != nil {
			t.Fatal(err)
		}
		typ := reflect.TypeOf(m).Elem().Name()
		_, schemas, _ := strings.Cut(string(doc), "\n  schemas:\n")
		_, schema, ok := strings.Cut(schemas, "    "+typ+":\n")
		if !ok {
			t.Errorf("%s: not in asyncapi.yaml", name)
		}
		for line := range strings.Lines(schema) {
			if strings.HasPrefix(line, "    ") && line[4] != ' ' {
				break // the next schema
			}
			key, err := strconv.Unquote(strings.TrimSuffix(strings.TrimSpace(line), ":"))
			if err != nil {
				continue
			}
			if _, ok := wire[key]; !ok {
				t.Errorf("%s: key %q is documented, but not sent", name, key)
			}
			delete(wire, key)
		}
		for key := range wire {
			t.Errorf("%s: key %q is sent, but not documented", name, key)
		}
	}
}

// ear is a stub that notes how each leaf is published.
type ear struct {
	*stub
	mu   sync.Mutex
	said map[string]string
}

func (e *ear) Publish(topic string, qos byte, retained bool, payload []byte) (uint16, error) {
	e.note(topic, qos, retained)
	return e.stub.Publish(topic, qos, retained, payload)
}

func (e *ear) Subscribe(filter string, qos byte) error { e.note(filter, qos, false); return nil }

func (e *ear) note(topic string, qos byte, retained bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.said[topic] = fmt.Sprint("QoS ", qos, ", retained ", retained)
}

// oneEvent is a journal with one event and one report.
type oneEvent struct{}

func (oneEvent) Pending(int) ([]durable.Entry, error) {
	return []durable.Entry{{N: 1, Data: EventEntry([]byte{0x80})}, {N: 2, Data: ReportEntry([]byte{0x80}, 0)}}, nil
}
func (oneEvent) Ack(uint64) error { return nil }

// What an uplink publishes and subscribes to is what the channels say.
func TestAsyncAPITopics(t *testing.T) {
	t.Parallel()
	e := &ear{stub: newStub(), said: map[string]string{}}
	o := Options{Journal: oneEvent{}, OnCommand: func(string, []byte) {}, OnOffer: func([]byte) {}}
	bubble(t, o, func() (Link, error) { e.stub = newStub(); return e, nil }, func(t *testing.T, u *Uplink) {
		u.SetStatus([]byte{0x80})
		u.SetTelemetry([]byte{0x80})
		u.Reply("7", []byte{0x80})
		synctest.Wait()
	})
	for _, c := range channels {
		id, retain := "7", c.retain
		switch c.action {
		case "receive":
			id, retain = "+", false // a subscription
		case "operators":
			continue
		}
		topic := Topic("north", "a", strings.Replace(c.leaf, "{id}", id, 1))
		if want := fmt.Sprint("QoS ", c.qos, ", retained ", retain); e.said[topic] != want {
			t.Errorf("%s: documented %s, but on the wire it is %q", topic, want, e.said[topic])
		}
		delete(e.said, topic)
	}
	for topic := range e.said {
		t.Errorf("%s is used, but not documented", topic)
	}
}
