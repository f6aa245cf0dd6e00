package telemetry

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"
)

// peer is the broker's end of a pipe.
type peer struct {
	net.Conn
	r *bufio.Reader
}

// greet answers CONNECT.
func (p peer) greet(t *testing.T) *packets.ConnectPacket {
	cp, err := packets.ReadPacket(p.r)
	if err != nil {
		t.Error(err)
		return nil
	}
	if _, err := p.Write([]byte{0x20, 2, 0, 0}); err != nil {
		t.Error(err)
	}
	c, _ := cp.(*packets.ConnectPacket)
	return c
}

// pipe starts a session whose broker is serve.
func pipe(t *testing.T, receive func(string, []byte, bool), serve func(p peer)) (*session, error) {
	t.Helper()
	ours, theirs := net.Pipe()
	go func() {
		defer theirs.Close()
		serve(peer{theirs, bufio.NewReader(theirs)})
	}()
	if err := ours.SetDeadline(time.Now().Add(connectTimeout)); err != nil {
		t.Fatal(err)
	}
	return startSession(ours, broker{}.connect(Hello{ClientID: "c", User: "u", Will: &Will{"w", []byte("gone")}}), receive)
}

// What a session says first.
func TestConnectPacket(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		got := make(chan *packets.ConnectPacket, 1)
		s, err := pipe(t, nil, func(p peer) { got <- p.greet(t); io.Copy(io.Discard, p) })
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		c := <-got
		if c.ProtocolVersion != 4 || c.CleanSession || c.Keepalive != 15 || c.ClientIdentifier != "c" || c.Username != "u" ||
			c.PasswordFlag || !c.WillFlag || !c.WillRetain || c.WillQos != 1 || c.WillTopic != "w" || string(c.WillMessage) != "gone" {
			t.Errorf("%+v", c)
		}
	})
}

// A link that died without a word is noticed within 15 s although messages at
// QoS 0 still go into it.
func TestDeadLink(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, err := pipe(t, nil, func(p peer) { p.greet(t); io.Copy(io.Discard, p) })
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		for s.Err() == nil {
			if _, err := s.Publish("t", 0, false, []byte("x")); err != nil {
				break
			}
			time.Sleep(time.Second)
		}
		if d := time.Since(start); d > pingEvery+pingWait+time.Second || !errors.Is(s.Err(), ErrLink) {
			t.Errorf("noticed after %v: %v", d, s.Err())
		}
	})
}

// A broker that answers pings is kept for ever; one that reads no more ends
// after the write's time.
func TestKeptAliveAndNotRead(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		end := make(chan struct{})
		s, err := pipe(t, nil, func(p peer) {
			p.greet(t)
			for range 360 { // an hour of pings
				if m, err := packets.ReadPacket(p.r); err != nil || m.Details().Qos != 0 {
					t.Errorf("%v %v", m, err)
				}
				p.Write([]byte{0xd0, 0})
			}
			<-end
		})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(360*pingEvery + time.Second)
		if err := s.Err(); err != nil {
			t.Fatalf("after an hour of answered pings: %v", err)
		}
		start := time.Now()
		if _, err := s.Publish("t", 1, false, []byte("x")); !errors.Is(err, ErrLink) || time.Since(start) != writeTimeout {
			t.Errorf("after %v: %v", time.Since(start), err)
		}
		close(end)
	})
}

// The time for a connection is bounded, and so is the wait for a SUBACK.
func TestSilence(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		if _, err := pipe(t, nil, func(p peer) { io.Copy(io.Discard, p) }); !errors.Is(err, ErrLink) || time.Since(start) != connectTimeout {
			t.Errorf("no CONNACK: after %v: %v", time.Since(start), err)
		}
		s, err := pipe(t, nil, func(p peer) {
			p.greet(t)
			for {
				m, err := packets.ReadPacket(p.r)
				if err != nil {
					return
				}
				if _, ok := m.(*packets.PingreqPacket); ok {
					p.Write([]byte{0xd0, 0})
				}
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		start = time.Now()
		if err := s.Subscribe("f", 1); !errors.Is(err, ErrLink) || time.Since(start) != subackTimeout {
			t.Errorf("no SUBACK: after %v: %v", time.Since(start), err)
		}
	})
}

// What a broken or hostile broker sends ends the connection: no crash, no
// memory for what never arrives.
func TestHostileBroker(t *testing.T) {
	for name, b := range map[string][]byte{
		"256-mb-publish":       {0x30, 0xff, 0xff, 0xff, 0x7f},
		"256-kib-and-one":      {0x30, 0x81, 0x80, 0x10},
		"length-of-five-bytes": {0x30, 0x80, 0x80, 0x80, 0x80, 0x01},
		"suback-of-many":       {0x90, 8, 0, 1, 0, 0, 0, 0, 0, 0},
		"suback-of-none":       {0x90, 2, 0, 1},
		"second-connack":       {0x20, 2, 0, 0},
		"publish-qos-2":        {0x34, 7, 0, 3, 'a', '/', 'b', 0, 5},
		"publish-qos-3":        {0x36, 7, 0, 3, 'a', '/', 'b', 0, 5},
		"publish-without-id":   {0x32, 7, 0, 3, 'a', '/', 'b', 0, 0},
		"publish-to-a-filter":  {0x30, 3, 0, 1, '#'},
		"topic-beyond-packet":  {0x30, 4, 0xff, 0xff, 'a', 'b'},
		"publish-of-nothing":   {0x30, 0},
		"pubrel":               {0x62, 2, 0, 1},
		"unsuback":             {0xb0, 2, 0, 1},
		"connect":              {0x10, 0},
		"type-0":               {0x00, 0},
		"puback-of-64k":        {0x40, 0xff, 0xff, 0x03},
		"http":                 []byte("HTTP/1.1 400 Bad Request\r\n\r\n"),
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		s, err := pipe(t, func(topic string, _ []byte, _ bool) { t.Errorf("%s: received on %q", name, topic) },
			func(p peer) { p.greet(t); p.Write(b); io.Copy(io.Discard, p) }) // and stays
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		select {
		case <-s.Done():
		case <-time.After(pingEvery / 2): // before a ping would end it
			t.Fatalf("%s: the connection lives on", name)
		}
		runtime.ReadMemStats(&after)
		if n := after.TotalAlloc - before.TotalAlloc; n > 200<<10 {
			t.Errorf("%s: %d bytes allocated", name, n)
		}
		if err := s.Err(); !errors.Is(err, ErrLink) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The largest packet arrives; a larger one is not sent.
func TestPacketLimit(t *testing.T) {
	t.Parallel()
	got := make(chan int, 1)
	topic := "aim/v1/n/a/command/1"
	big := make([]byte, MaxPacket-2-len(topic))
	s, err := pipe(t, func(_ string, b []byte, _ bool) { got <- len(b) }, func(p peer) {
		p.greet(t)
		pub := packets.NewControlPacket(packets.Publish).(*packets.PublishPacket)
		pub.TopicName, pub.Payload = topic, big
		pub.Write(p)
		io.Copy(io.Discard, p)
	})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if n := <-got; n != len(big) {
		t.Errorf("%d bytes arrived", n)
	}
	if _, err := s.Publish("t", 0, false, make([]byte, MaxPacket)); !errors.Is(err, ErrSize) || s.Err() != nil {
		t.Errorf("oversize: %v, link %v", err, s.Err())
	}
}

// A message at QoS 1 is acknowledged under its id, ours carry their own, and
// a goodbye is the last word.
func TestPubackAndDisconnect(t *testing.T) {
	t.Parallel()
	both, bye := make(chan map[byte]packets.ControlPacket, 1), make(chan packets.ControlPacket, 1)
	s, err := pipe(t, func(string, []byte, bool) {}, func(p peer) {
		p.greet(t)
		p.Write([]byte{0x32, 8, 0, 3, 'a', '/', 'b', 0x12, 0x34, 'p'})
		got := map[byte]packets.ControlPacket{}
		for range 2 { // in whatever order
			m, err := packets.ReadPacket(p.r)
			if err != nil {
				t.Error(err)
				break
			}
			switch m.(type) {
			case *packets.PubackPacket:
				got[packets.Puback] = m
			case *packets.PublishPacket:
				got[packets.Publish] = m
			}
		}
		both <- got
		m, _ := packets.ReadPacket(p.r)
		bye <- m
	})
	if err != nil {
		t.Fatal(err)
	}
	id, err := s.Publish("t", 1, true, []byte("x"))
	if err != nil || id == 0 {
		t.Fatal(id, err)
	}
	got := <-both
	if m, ok := got[packets.Puback].(*packets.PubackPacket); !ok || m.MessageID != 0x1234 {
		t.Errorf("PUBACK %v", got[packets.Puback])
	}
	if m, ok := got[packets.Publish].(*packets.PublishPacket); !ok || m.MessageID != id || !m.Retain || m.Dup || string(m.Payload) != "x" {
		t.Errorf("PUBLISH %v", got[packets.Publish])
	}
	s.Close()
	if m, ok := (<-bye).(*packets.DisconnectPacket); !ok {
		t.Errorf("last word %v", m)
	}
	if s.Close() != nil || !errors.Is(s.Err(), ErrLink) {
		t.Errorf("closed twice: %v", s.Err())
	}
}

// A stop does not wait for a broker that accepts and then says nothing.
func TestDialEndsWithContext(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		io.ReadFull(c, make([]byte, 2)) // CONNECT is on its way: the dialler waits now
		cancel()
		io.Copy(io.Discard, c)
	}()
	dial, err := Broker("mqtt://"+l.Addr().String(), nil)
	if err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	if _, err := dial(ctx, Hello{ClientID: "c"}); !errors.Is(err, ErrLink) || time.Since(start) > connectTimeout/2 {
		t.Errorf("after %v: %v", time.Since(start), err)
	}
}

// TestAppendPublish holds our packets against the codec's, byte for byte.
func TestAppendPublish(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 1, 100, 127, 128, 16383, 16384, MaxStatus} {
		for _, qos := range []byte{0, 1} {
			for _, retained := range []bool{false, true} {
				p := &packets.PublishPacket{
					FixedHeader: packets.FixedHeader{MessageType: packets.Publish, Qos: qos, Retain: retained},
					TopicName:   "aim/v1/north/patrol-03/status", MessageID: 0xabcd, Payload: bytes.Repeat([]byte("p"), n),
				}
				var want bytes.Buffer
				if err := p.Write(&want); err != nil {
					t.Fatal(err)
				}
				if got := appendPublish(nil, qos, retained, p.MessageID, p.TopicName, p.Payload); !bytes.Equal(got, want.Bytes()) {
					t.Errorf("%d bytes, QoS %d, retained %t: %.40x, want %.40x", n, qos, retained, got, want.Bytes())
				}
			}
		}
	}
}
