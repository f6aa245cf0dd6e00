package telemetry

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"
)

// MaxPacket is the longest MQTT packet that is sent or read, bytes.
const MaxPacket = 256 << 10

// ErrPacket is a packet that no honest broker sends.
var ErrPacket = errors.New("malformed packet")

// readPacket reads one packet, looking at its header before anything is
// allocated for it: five bytes may announce 256 MB, and a SUBACK with more
// codes than were asked for breaks clients that trust it.
func readPacket(r *bufio.Reader) (packets.ControlPacket, error) {
	kind, length, err := peekHeader(r)
	if err != nil {
		return nil, err
	}
	ok := false
	switch kind >> 4 {
	case packets.Publish:
		ok = length <= MaxPacket && kind&0x06 <= 0x02 // QoS 0 or 1: more is not asked for
	case packets.Connack, packets.Puback:
		ok = kind&0x0f == 0 && length == 2
	case packets.Suback:
		ok = kind&0x0f == 0 && length == 3
	case packets.Pingresp:
		ok = kind&0x0f == 0 && length == 0
	}
	if !ok {
		return nil, fmt.Errorf("type %d, flags %d, %d bytes (limit %d): %w", kind>>4, kind&0x0f, length, MaxPacket, ErrPacket)
	}
	p, err := packets.ReadPacket(r)
	if err != nil {
		return nil, err
	}
	return p, checkPublish(p)
}

// peekHeader reads type, flags and remaining length without consuming them.
func peekHeader(r *bufio.Reader) (kind byte, length int, err error) {
	for n := 2; n <= 5; n++ {
		b, err := r.Peek(n)
		if err != nil {
			if errors.Is(err, io.EOF) && len(b) > 0 {
				err = io.ErrUnexpectedEOF
			}
			return 0, 0, err
		}
		length |= int(b[n-1]&0x7f) << (7 * (n - 2))
		if b[n-1]&0x80 == 0 {
			return b[0], length, nil
		}
	}
	return 0, 0, fmt.Errorf("length of five bytes: %w", ErrPacket)
}

// checkPublish refuses topics that only a subscriber may use.
func checkPublish(p packets.ControlPacket) error {
	pub, ok := p.(*packets.PublishPacket)
	if !ok {
		return nil
	}
	if pub.TopicName == "" || pub.Qos > 0 && pub.MessageID == 0 {
		return fmt.Errorf("PUBLISH without a topic or an id: %w", ErrPacket)
	}
	for i := 0; i < len(pub.TopicName); i++ {
		if c := pub.TopicName[i]; c == '+' || c == '#' || c < ' ' {
			return fmt.Errorf("PUBLISH to a filter: %w", ErrPacket)
		}
	}
	return nil
}

// read hands on what the broker sends until the connection ends.
func (s *session) read(r *bufio.Reader) {
	for {
		p, err := readPacket(r)
		if err != nil {
			s.fail(fmt.Errorf("telemetry: %w: read: %w", ErrLink, err))
			return
		}
		switch p := p.(type) {
		case *packets.PublishPacket:
			s.receive(p.TopicName, p.Payload, p.Retain)
			if p.Qos == 0 {
				continue
			}
			ack := &packets.PubackPacket{FixedHeader: packets.FixedHeader{MessageType: packets.Puback}, MessageID: p.MessageID}
			s.wmu.Lock()
			err = s.write(ack)
			s.wmu.Unlock()
			if err != nil {
				return
			}
		case *packets.PubackPacket:
			select {
			case s.acked <- p.MessageID:
			case <-s.done:
				return
			}
		case *packets.SubackPacket:
			select {
			case s.suback <- p:
			default: // nobody asked: Subscribe takes one at a time
			}
		case *packets.PingrespPacket: // heard
		default:
			s.fail(fmt.Errorf("telemetry: %w: a second CONNACK: %w", ErrLink, ErrPacket))
			return
		}
	}
}

// ping asks the broker every pingEvery, whatever else is sent: messages at
// QoS 0 say nothing about the other end. Silence for pingWait after a ping
// ends the connection.
func (s *session) ping() {
	t := time.NewTicker(pingEvery)
	defer t.Stop()
	for {
		select {
		case <-t.C:
		case <-s.done:
			return
		}
		before := s.heard.Load()
		s.wmu.Lock()
		err := s.write(&packets.PingreqPacket{FixedHeader: packets.FixedHeader{MessageType: packets.Pingreq}})
		s.wmu.Unlock()
		if err != nil {
			return
		}
		wait := time.NewTimer(pingWait)
		select {
		case <-wait.C:
		case <-s.done:
			wait.Stop()
			return
		}
		if s.heard.Load() == before {
			s.fail(fmt.Errorf("telemetry: %w: no answer to a ping within %v", ErrLink, pingWait))
			return
		}
	}
}
