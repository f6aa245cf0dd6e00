package telemetry

import (
	"bytes"
	"context"
	"encoding/binary"
	"strings"
	"sync"
	"time"

	"github.com/aim-control/aimlock/firmware/msgp"
)

// slot holds the newest of a kind of message.
type slot struct {
	mu    sync.Mutex
	b     []byte
	fresh bool // not taken yet
}

func (s *slot) set(p []byte) {
	s.mu.Lock()
	s.b = append(s.b[:0], p...)
	s.fresh = true
	s.mu.Unlock()
}

// copyIfOther copies the newest into dst unless it is what other holds.
func (s *slot) copyIfOther(dst, other []byte) ([]byte, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.b) == 0 || bytes.Equal(s.b, other) {
		return dst[:0], false
	}
	return append(dst[:0], s.b...), true
}

// take copies the newest into dst. Without again, only what is fresh.
func (s *slot) take(dst []byte, again bool) ([]byte, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.b) == 0 || !s.fresh && !again {
		return dst[:0], false
	}
	s.fresh = false
	return append(dst[:0], s.b...), true
}

// give gives the newest away, once.
func (s *slot) give() ([]byte, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, ok := s.b, s.fresh
	s.b, s.fresh = nil, false
	return b, ok
}

// SetStatus publishes a status, unless a newer one overtakes it. It copies p.
func (u *Uplink) SetStatus(p []byte) { u.status.set(p); u.ring() }

// SetTelemetry publishes p once, unless a newer one overtakes it. It copies p.
func (u *Uplink) SetTelemetry(p []byte) { u.telemetry.set(p); u.ring() }

// SetReport says what patch/report, which is retained, must end up with: the
// newest report. Its delivery is the journal's, where its ReportEntry belongs
// first; p is published only when the journal has run empty on a connection
// without p being the last report on it: when the broker may have lost what it
// retained, or when the journal could not be written. It copies p.
func (u *Uplink) SetReport(p []byte) { u.report.set(p); u.ring() }

// Wake says that the journal has something new.
func (u *Uplink) Wake() { u.news.Store(true); u.ring() }

func (u *Uplink) ring() {
	select {
	case u.wake <- struct{}{}:
	default:
	}
}

type reply struct {
	id     string
	b      []byte
	flight uint16    // packet id on the present connection; 0: not sent on it
	at     time.Time // sent
}

// Reply answers a command on reply/<id>. It copies p. The answer is kept until
// the broker has it, over reconnects, but not over a restart. It is false when
// 16 wait already or id is not a ValidID.
func (u *Uplink) Reply(id string, p []byte) bool {
	if !ValidID(id) {
		return false
	}
	u.mu.Lock()
	if len(u.replies) >= maxReplies {
		u.mu.Unlock()
		return false
	}
	u.replies = append(u.replies, reply{id: id, b: append([]byte(nil), p...)})
	u.mu.Unlock()
	u.ring()
	return true
}

type command struct {
	id      string
	payload []byte
}

// receive runs on the connection's reading goroutine and never blocks it: a
// blocked reader would see no acknowledgement either.
func (u *Uplink) receive(topic string, payload []byte, retained bool) {
	fleet, drone, leaf, ok := ParseTopic(topic)
	ok = ok && fleet == u.o.Fleet && drone == u.o.Drone
	id, isCommand := strings.CutPrefix(leaf, LeafCommand)
	switch {
	case ok && leaf == LeafOffer:
		u.receiveOffer(payload)
	case !ok || !isCommand || !ValidID(id):
		u.log.Warn("message on an unexpected topic ignored", "bytes", len(payload))
	case retained:
		// It lay at the broker for nobody knows how long.
		u.log.Warn("retained command ignored; publish commands without the retain flag", "id", id)
	case len(payload) > maxEnvelope:
		u.log.Warn("command ignored: too long", "id", id, "bytes", len(payload), "limit", maxEnvelope)
	default:
		select {
		case u.commands <- command{id, payload}:
		default:
			u.log.Warn("command dropped: too many at once; send it again", "id", id, "waiting", maxCommands)
		}
	}
}

// receiveOffer keeps the newest: it replaces the one before it, as it does at
// the broker.
func (u *Uplink) receiveOffer(payload []byte) {
	u.offer.set(payload)
	select {
	case u.offered <- struct{}{}:
	default:
	}
}

// workOffers hands offers on, one at a time.
func (u *Uplink) workOffers(ctx context.Context) {
	for {
		select {
		case <-u.offered:
			// Empty-handed: the one before it was taken for both.
			if b, ok := u.offer.give(); ok && u.o.OnOffer != nil {
				u.o.OnOffer(b)
			}
		case <-ctx.Done():
			return
		}
	}
}

// work hands commands on, one at a time.
func (u *Uplink) work(ctx context.Context) {
	for {
		select {
		case c := <-u.commands:
			if u.o.OnCommand != nil {
				u.o.OnCommand(c.id, c.payload)
			}
		case <-ctx.Done():
			return
		}
	}
}

// The journal's entries: an event is its encoding as it is; a patch report
// follows a byte with which no MessagePack map begins, and the number of the
// event before it, so that the newest entry always tells how far events are
// numbered.
const (
	reportMark = 0x01
	reportHead = 1 + 8
)

// EventEntry is the journal entry of an encoded Event: the bytes themselves.
func EventEntry(event []byte) []byte { return event }

// ReportEntry is the journal entry of an encoded patch report; events is the
// number of the newest event of this boot.
func ReportEntry(report []byte, events uint64) []byte {
	return append(binary.BigEndian.AppendUint64([]byte{reportMark}, events), report...)
}

// EntryEvents is the number of the newest event of a boot that an entry tells
// of; false for an entry of another boot, or that cannot be read.
func EntryEvents(entry []byte, boot string) (n uint64, ok bool) {
	leaf, _, payload, ok := openEntry(entry)
	if !ok {
		return 0, false
	}
	of, n, ok := numbered(payload)
	if !ok || of != boot {
		return 0, false
	}
	if leaf == LeafReport { // a report's own number is another one
		n = binary.BigEndian.Uint64(entry[1:])
	}
	return n, true
}

// numbered reads the boot and the number of an encoded Event or Report, and
// skips the rest: the decoders of what a drone writes are not linked for it.
func numbered(b []byte) (boot string, n uint64, ok bool) {
	if whole(b, MaxEntry) != nil {
		return "", 0, false
	}
	var schema uint8
	keys, b, err := msgp.ReadMapHeaderBytes(b)
	for ; keys > 0 && err == nil; keys-- {
		var key []byte
		if key, b, err = msgp.ReadMapKeyZC(b); err != nil {
			break
		}
		switch string(key) {
		case "v":
			schema, b, err = msgp.ReadUint8Bytes(b)
		case "b":
			boot, b, err = msgp.ReadStringBytes(b)
		case "n":
			n, b, err = msgp.ReadUint64Bytes(b)
		default:
			b, err = msgp.Skip(b)
		}
	}
	return boot, n, err == nil && schema >= 1 && schema <= Schema
}

// OpenEntry is what an entry of the journal holds: the leaf that it goes to and
// its payload, which is the entry's; false for one that cannot be sent.
func OpenEntry(entry []byte) (leaf string, payload []byte, ok bool) {
	leaf, _, payload, ok = openEntry(entry)
	return leaf, payload, ok
}

// openEntry says where an entry goes; it is false for one that cannot be sent.
func openEntry(e []byte) (leaf string, retained bool, payload []byte, ok bool) {
	if len(e) > reportHead && e[0] == reportMark {
		return LeafReport, true, e[reportHead:], len(e)-reportHead <= MaxReport
	}
	return LeafEvent, false, e, len(e) > 0 && e[0] != reportMark && len(e) <= MaxEvent
}
