package telemetry

import (
	"errors"
	"fmt"

	"github.com/aim-control/aimlock/firmware/msgp"
)

// The largest encoded message of each kind, bytes. A longer one is neither
// sent nor looked at.
const (
	MaxAvailability = 1 << 10
	MaxStatus       = 16 << 10
	MaxTelemetry    = 4 << 10
	MaxEvent        = 16 << 10
	MaxReport       = 16 << 10
	MaxEnvelope     = MaxPayload + MaxSignatures<<10
	MaxCommand      = 4 << 10
	MaxReply        = 4 << 10
	MaxOrder        = 12 << 10 // what is signed on command/<id>: a Command, or a patch's revert
	MaxOffer        = MaxPayload
	MaxRollout      = 128 << 10
	MaxController   = 1 << 10

	// MaxEntry bounds an entry of the journal.
	MaxEntry = max(MaxEvent, MaxReport+reportHead)
	// MaxPayload bounds what an envelope carries, bytes.
	MaxPayload = 128 << 10
	// MaxSignatures bounds the signatures of an envelope.
	MaxSignatures = 16
	// maxDepth bounds nesting: a message is a map of arrays of tuples.
	maxDepth = 8
)

// What is wrong with a message that Decode or Append refuses.
var (
	ErrSize     = errors.New("longer than its limit; shorten texts or lists")
	ErrTrailing = errors.New("bytes follow the message; send exactly one MessagePack map")
	ErrShape    = errors.New("not well-formed MessagePack, or nested too deep")
	ErrSchema   = errors.New("schema unknown; update this program or the sender")
)

// Message is one of this package's messages.
type Message interface {
	msgp.Marshaler
	msgp.Unmarshaler
	about() about
	reset()
}

// about is what the codec has to know of a message.
type about struct {
	name      string
	limit     int
	schema    uint8
	hasSchema bool

	payload, signatures int // bytes, and how many; of signed messages
}

// Decode reads exactly one message from b, which it does not keep. m is reset
// first: keys that b lacks are zero. Unknown keys and longer tuples are
// skipped, trailing bytes and duplicate keys of trusted messages refused. On
// an error m is zero.
//
// It is generic so that a program links the decoders of what it reads alone: a
// call of UnmarshalMsg through an interface would link them all.
func Decode[M Message](b []byte, m M) error {
	m.reset()
	rest, err := b, whole(b, m.about().limit)
	if err == nil {
		rest, err = m.UnmarshalMsg(b)
	}
	switch a := m.about(); {
	case errors.Is(err, msgp.ErrLimitExceeded):
		err = fmt.Errorf("%w: %w", ErrSize, err)
	case err != nil:
	case len(rest) != 0:
		err = ErrTrailing
	case a.hasSchema && (a.schema == 0 || a.schema > Schema):
		err = fmt.Errorf("%d, known 1 to %d: %w", a.schema, Schema, ErrSchema)
	default:
		err = a.check()
	}
	if err != nil {
		m.reset()
		return fmt.Errorf("telemetry: %s: %w", m.about().name, err)
	}
	return nil
}

// whole checks that b is one message within its limit.
func whole(b []byte, limit int) error {
	if len(b) > limit {
		return fmt.Errorf("%d bytes of at most %d: %w", len(b), limit, ErrSize)
	}
	n, err := measure(b)
	if err != nil {
		return err
	}
	if n < len(b) {
		return fmt.Errorf("%d of %d: %w", len(b)-n, len(b), ErrTrailing)
	}
	return nil
}

// check bounds what the generated code bounds too loosely, or only when it
// reads.
func (a about) check() error {
	if a.payload > MaxPayload {
		return fmt.Errorf("payload of %d bytes of at most %d: %w", a.payload, MaxPayload, ErrSize)
	}
	if a.signatures > MaxSignatures {
		return fmt.Errorf("%d signatures of at most %d: %w", a.signatures, MaxSignatures, ErrSize)
	}
	return nil
}

// Append appends m's encoding to dst, whose spare capacity it uses. What a
// receiver would refuse for its size is refused here.
func Append(dst []byte, m Message) ([]byte, error) {
	out, err := m.MarshalMsg(dst)
	if err == nil {
		err = m.about().check()
	}
	if err != nil {
		return dst, fmt.Errorf("telemetry: %s: %w", m.about().name, err)
	}
	if n := len(out) - len(dst); n > m.about().limit {
		return dst, fmt.Errorf("telemetry: %s: %d bytes of at most %d: %w", m.about().name, n, m.about().limit, ErrSize)
	}
	return out, nil
}

func (m *Availability) about() about {
	return about{name: "availability", limit: MaxAvailability, schema: m.Schema, hasSchema: true}
}
func (m *Status) about() about {
	return about{name: "status", limit: MaxStatus, schema: m.Schema, hasSchema: true}
}
func (m *Telemetry) about() about {
	return about{name: "telemetry", limit: MaxTelemetry, schema: m.Schema, hasSchema: true}
}
func (m *Event) about() about {
	return about{name: "event", limit: MaxEvent, schema: m.Schema, hasSchema: true}
}
func (m *Envelope) about() about {
	return about{name: "envelope", limit: MaxEnvelope, payload: len(m.Payload), signatures: len(m.Signatures)}
}
func (m *Command) about() about {
	return about{name: "command", limit: MaxCommand, schema: m.Schema, hasSchema: true}
}
func (m *Reply) about() about {
	return about{name: "reply", limit: MaxReply, schema: m.Schema, hasSchema: true}
}
func (m *Offer) about() about {
	return about{name: "offer", limit: MaxOffer, schema: m.Schema, hasSchema: true, signatures: len(m.Package.Signatures)}
}
func (m *Report) about() about {
	return about{name: "report", limit: MaxReport, schema: m.Schema, hasSchema: true}
}
func (m *Rollout) about() about {
	return about{name: "rollout", limit: MaxRollout, schema: m.Schema, hasSchema: true}
}
func (m *Controller) about() about {
	return about{name: "controller", limit: MaxController, schema: m.Schema, hasSchema: true}
}

func (m *Availability) reset() { *m = Availability{} }
func (m *Status) reset()       { *m = Status{} }
func (m *Telemetry) reset()    { *m = Telemetry{} }
func (m *Event) reset()        { *m = Event{} }
func (m *Envelope) reset()     { *m = Envelope{} }
func (m *Command) reset()      { *m = Command{} }
func (m *Reply) reset()        { *m = Reply{} }
func (m *Offer) reset()        { *m = Offer{} }
func (m *Report) reset()       { *m = Report{} }
func (m *Rollout) reset()      { *m = Rollout{} }
func (m *Controller) reset()   { *m = Controller{} }
