package telemetry

import (
	"context"
	"errors"
	"fmt"
)

// Link is one connection to a broker. It never reconnects: when Done is
// closed it is over, and whatever was not acknowledged on it was not
// delivered. Its methods may be called from any goroutine.
type Link interface {
	// Subscribe asks for one filter and waits for the broker's answer. A
	// refusal is a *RefusedError; the link stays up.
	Subscribe(filter string, qos byte) error
	// Publish writes a message, waiting at most for the write to finish, not
	// for an acknowledgement: at QoS 1 the id returned appears on Acked once
	// the broker has taken it. The payload is free again on return.
	Publish(topic string, qos byte, retained bool, payload []byte) (id uint16, err error)
	// Acked delivers the ids of acknowledged messages. It must be drained.
	Acked() <-chan uint16
	// Done is closed when the connection is over; Err then says why.
	Done() <-chan struct{}
	Err() error
	// Close says goodbye, so that the broker sends no will, and ends the
	// connection. It is idempotent.
	Close() error
}

// Dial opens a Link. It returns within a bounded time.
type Dial func(ctx context.Context, h Hello) (Link, error)

// Hello is what a connection starts with.
type Hello struct {
	ClientID string
	User     string // sent unless the broker's URL names a user
	Clean    bool   // forget the session: no messages kept while offline
	Will     *Will  // nil: none
	// Receive is called from the connection's reading goroutine for each
	// message and must not block. It owns the payload.
	Receive func(topic string, payload []byte, retained bool)
}

// Will is published by the broker, QoS 1 and retained, when the connection
// ends without a goodbye.
type Will struct {
	Topic   string
	Payload []byte
}

// RefusedError is a broker's refusal that a new attempt will not change.
type RefusedError struct {
	What string // "connection", or the filter of a subscription
	Code byte   // CONNACK's return code, or SUBACK's
}

func (e *RefusedError) Error() string {
	if e.What != "connection" {
		return fmt.Sprintf("the broker refuses the subscription to %s (SUBACK 0x%02x); check its access rules", e.What, e.Code)
	}
	why := "unknown reason"
	switch e.Code {
	case 1:
		why = "it does not speak MQTT 3.1.1"
	case 2:
		why = "client id rejected"
	case 3:
		why = "server unavailable"
	case 4:
		why = "bad user name or password"
	case 5:
		why = "not authorised; check the certificate's name and the access rules"
	}
	return fmt.Sprintf("the broker refuses the connection (CONNACK %d): %s", e.Code, why)
}

// ErrLink is what every failure of a connection is.
var ErrLink = errors.New("link")
