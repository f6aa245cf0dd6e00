package telemetry

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"
)

// Times of a connection. A dead one is noticed after at most pingEvery +
// pingWait = 15 s; the broker notices 1.5 × keepAlive after the last packet.
const (
	connectTimeout = 15 * time.Second // TCP, TLS and CONNACK together
	writeTimeout   = 5 * time.Second
	subackTimeout  = 15 * time.Second
	keepAlive      = 15 * time.Second
	pingEvery      = 10 * time.Second
	pingWait       = 5 * time.Second
)

// session is a Link over a net.Conn: one connection's MQTT 3.1.1, QoS 0 and
// 1. One goroutine reads, one pings; writers take turns under wmu.
type session struct {
	conn    net.Conn
	receive func(string, []byte, bool)
	acked   chan uint16
	suback  chan *packets.SubackPacket
	heard   atomic.Int64 // reads that brought something: life, for the pinger
	done    chan struct{}

	wmu    sync.Mutex // one packet at a time on the wire
	lastID uint16
	packet []byte // of the last Publish, to be written over

	smu sync.Mutex // one subscription at a time

	end sync.Once
	err error // set before done is closed
}

// startSession takes over conn, whose deadline covers the handshake, and
// speaks CONNECT and CONNACK. On an error conn is closed.
func startSession(conn net.Conn, cp *packets.ConnectPacket, receive func(string, []byte, bool)) (*session, error) {
	s := &session{
		conn: conn, receive: receive,
		acked: make(chan uint16, 64), suback: make(chan *packets.SubackPacket, 1), done: make(chan struct{}),
	}
	r := bufio.NewReaderSize(heard{conn, &s.heard}, 1024)
	if err := handshake(conn, r, cp); err != nil {
		conn.Close()
		return nil, err
	}
	if err := conn.SetDeadline(time.Time{}); err != nil {
		conn.Close()
		return nil, fmt.Errorf("telemetry: %w: %w", ErrLink, err)
	}
	go s.read(r)
	go s.ping()
	return s, nil
}

// heard counts the reads that brought something.
type heard struct {
	net.Conn
	n *atomic.Int64
}

func (h heard) Read(b []byte) (int, error) {
	n, err := h.Conn.Read(b)
	if n > 0 {
		h.n.Add(1)
	}
	return n, err
}

func handshake(conn net.Conn, r *bufio.Reader, cp *packets.ConnectPacket) error {
	if err := cp.Write(conn); err != nil {
		return fmt.Errorf("telemetry: %w: send CONNECT: %w", ErrLink, err)
	}
	p, err := readPacket(r)
	if err != nil {
		return fmt.Errorf("telemetry: %w: wait for CONNACK: %w", ErrLink, err)
	}
	ack, ok := p.(*packets.ConnackPacket)
	if !ok {
		return fmt.Errorf("telemetry: %w: the broker answers CONNECT with another packet; is it an MQTT broker?", ErrLink)
	}
	if ack.ReturnCode != 0 {
		return fmt.Errorf("telemetry: %w: %w", ErrLink, &RefusedError{What: "connection", Code: ack.ReturnCode})
	}
	return nil
}

// fail ends the connection once and returns the reason for which it ended,
// which is the first.
func (s *session) fail(err error) error {
	s.end.Do(func() {
		s.err = err
		close(s.done)
		s.conn.Close()
	})
	return s.err
}

func (s *session) Done() <-chan struct{} { return s.done }

func (s *session) Err() error {
	select {
	case <-s.done:
		return s.err
	default:
		return nil
	}
}

func (s *session) Acked() <-chan uint16 { return s.acked }

// write sends one packet within writeTimeout. A partly written packet cannot
// be taken back, so any failure ends the connection.
func (s *session) write(p packets.ControlPacket) error { return s.send(p.Write) }

func (s *session) send(write func(io.Writer) error) error {
	if err := s.conn.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		return s.fail(fmt.Errorf("telemetry: %w: %w", ErrLink, err))
	}
	if err := write(s.conn); err != nil {
		return s.fail(fmt.Errorf("telemetry: %w: write: %w", ErrLink, err))
	}
	return nil
}

// Publish writes the packet itself: it is what a connected drone sends each
// second, and the codec makes four buffers for it.

func (s *session) Publish(topic string, qos byte, retained bool, payload []byte) (uint16, error) {
	if len(topic)+len(payload)+16 > MaxPacket {
		return 0, fmt.Errorf("telemetry: %s: %d bytes in a packet of at most %d: %w", topic, len(payload), MaxPacket, ErrSize)
	}
	s.wmu.Lock()
	defer s.wmu.Unlock()
	var id uint16
	if qos > 0 {
		id = s.nextID()
	}
	b := appendPublish(s.packet[:0], qos, retained, id, topic, payload)
	if s.packet = b; cap(b) > keepPacket {
		s.packet = nil
	}
	return id, s.send(func(w io.Writer) error { _, err := w.Write(b); return err })
}

// keepPacket is the largest buffer that is kept for the next packet, bytes.
const keepPacket = 4 << 10

// appendPublish appends an MQTT 3.1.1 PUBLISH (section 3.3); id counts for qos
// above 0 only.
func appendPublish(b []byte, qos byte, retained bool, id uint16, topic string, payload []byte) []byte {
	kind, n := packets.Publish<<4|qos<<1, 2+len(topic)+len(payload)
	if retained {
		kind |= 1
	}
	if qos > 0 {
		n += 2
	}
	b = append(b, kind)
	for ; n > 0x7f; n >>= 7 {
		b = append(b, byte(n)|0x80)
	}
	b = binary.BigEndian.AppendUint16(append(b, byte(n)), uint16(len(topic)))
	b = append(b, topic...)
	if qos > 0 {
		b = binary.BigEndian.AppendUint16(b, id)
	}
	return append(b, payload...)
}

// nextID is never 0. Ids come round after 65,535 messages, long after the
// window of the few that wait for an acknowledgement.
func (s *session) nextID() uint16 {
	s.lastID++
	if s.lastID == 0 {
		s.lastID = 1
	}
	return s.lastID
}

func (s *session) Subscribe(filter string, qos byte) error {
	s.smu.Lock()
	defer s.smu.Unlock()
	p := &packets.SubscribePacket{
		FixedHeader: packets.FixedHeader{MessageType: packets.Subscribe, Qos: 1},
		Topics:      []string{filter}, Qoss: []byte{qos},
	}
	s.wmu.Lock()
	p.MessageID = s.nextID()
	err := s.write(p)
	s.wmu.Unlock()
	if err != nil {
		return err
	}
	t := time.NewTimer(subackTimeout)
	defer t.Stop()
	select {
	case ack := <-s.suback:
		if ack.MessageID != p.MessageID || len(ack.ReturnCodes) != 1 {
			return s.fail(fmt.Errorf("telemetry: %w: SUBACK for another subscription", ErrLink))
		}
		if code := ack.ReturnCodes[0]; code > 2 {
			return &RefusedError{What: filter, Code: code}
		}
		return nil
	case <-t.C:
		return s.fail(fmt.Errorf("telemetry: %w: no SUBACK within %v", ErrLink, subackTimeout))
	case <-s.done:
		return s.err
	}
}

var errClosed = errors.New("closed by us")

func (s *session) Close() error {
	s.wmu.Lock()
	defer s.wmu.Unlock()
	select {
	case <-s.done:
	default:
		_ = s.write(&packets.DisconnectPacket{FixedHeader: packets.FixedHeader{MessageType: packets.Disconnect}})
	}
	s.fail(fmt.Errorf("telemetry: %w: %w", ErrLink, errClosed))
	return nil
}
