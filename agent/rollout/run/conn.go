package run

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aim-control/aimlock/agent/telemetry"
)

// Limits of a connection.
const (
	maxQueue  = 16384            // messages that wait: four retained ones of each of 2,048 drones, twice
	ackTime   = 20 * time.Second // for the broker to acknowledge
	readyTime = 60 * time.Second // for what the broker keeps
	byeTime   = 5 * time.Second  // for the last acknowledgements
)

var errOverflow = errors.New("more messages than can be taken; connecting again")

// conn is one connection of a Runner.
type conn struct {
	r       *Runner
	link    telemetry.Link
	in      chan telemetry.Received
	full    chan struct{}        // closed when a message was dropped
	flights map[uint16]time.Time // not acknowledged yet
	last    uint16               // id of the last publish
	told    uint64               // revision last told, plus 1
	telling uint16               // its id, while on the way
}

// connect opens the connection under the fleet's one name.
func (r *Runner) connect(ctx context.Context) (*conn, error) {
	will, err := r.leads(false, "connection lost")
	if err != nil {
		return nil, err
	}
	c := &conn{r: r, in: make(chan telemetry.Received, maxQueue), full: make(chan struct{}), flights: map[uint16]time.Time{}}
	dropped := false
	c.link, err = r.o.Dial(ctx, telemetry.Hello{
		ClientID: "aim-ctl-" + r.o.Plan.Fleet, User: r.o.User, Clean: true,
		Will: &telemetry.Will{Topic: telemetry.ControllerTopic(r.o.Plan.Fleet), Payload: will},
		Receive: func(topic string, payload []byte, retained bool) {
			select {
			case c.in <- telemetry.Received{Topic: topic, Payload: payload, Retained: retained}:
			default:
				if !dropped {
					dropped = true
					close(c.full)
				}
			}
		},
	})
	if err != nil {
		return nil, err
	}
	fleet := r.o.Plan.Fleet
	for _, f := range []string{telemetry.ControllerTopic(fleet),
		telemetry.Topic(fleet, "+", telemetry.LeafAvailability), telemetry.Topic(fleet, "+", telemetry.LeafStatus),
		telemetry.Topic(fleet, "+", telemetry.LeafReport), telemetry.Topic(fleet, "+", telemetry.LeafReply+"+"),
		telemetry.Topic(fleet, "+", telemetry.LeafTelemetry)} {
		if err := c.link.Subscribe(f, 0); err != nil {
			c.link.Close()
			return nil, err
		}
	}
	return c, nil
}

// publish sends at QoS 1 and notes that an acknowledgement is due.
func (c *conn) publish(topic string, retained bool, payload []byte) error {
	id, err := c.link.Publish(topic, 1, retained, payload)
	if err != nil {
		return err
	}
	c.last, c.flights[id] = id, time.Now()
	for { // the acknowledgements must be drained while much is sent
		select {
		case id := <-c.link.Acked():
			c.ack(id)
		default:
			return nil
		}
	}
}

func (c *conn) ack(id uint16) {
	delete(c.flights, id)
	if id == c.telling {
		c.telling = 0
	}
}

// overdue finds a broker that takes messages and says nothing.
func (c *conn) overdue() error {
	for _, at := range c.flights {
		if time.Since(at) > ackTime {
			return fmt.Errorf("run: the broker acknowledges nothing for %v", ackTime)
		}
	}
	return nil
}

// kept returns what the broker had kept, which has no end of its own: it comes
// before a marker that is published behind the subscriptions. Nothing is said
// as the controller before it is known that no other one has the fleet.
func (c *conn) kept(ctx context.Context) (kept []telemetry.Received, err error) {
	marker := c.r.marker()
	if err := c.link.Subscribe(marker, 0); err != nil {
		return nil, err
	}
	if _, err := c.link.Publish(marker, 0, false, nil); err != nil {
		return nil, err
	}
	late := time.NewTimer(readyTime)
	defer late.Stop()
	for {
		select {
		case m := <-c.in:
			if m.Topic == marker {
				return kept, nil
			}
			if lead, ok := c.r.controller(m); ok && c.r.lost(lead) {
				return nil, &OtherError{Leads: lead, Lost: true}
			}
			kept = append(kept, m)
		case id := <-c.link.Acked():
			c.ack(id)
		case <-c.full:
			return nil, errOverflow
		case <-late.C:
			return nil, fmt.Errorf("run: the broker does not deliver within %v", readyTime)
		case <-c.link.Done():
			return nil, c.link.Err()
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// announce says who leads.
func (c *conn) announce() error {
	b, err := c.r.leads(true, "")
	if err != nil {
		return err
	}
	return c.publish(telemetry.ControllerTopic(c.r.o.Plan.Fleet), true, b)
}

// settle waits until the broker has acknowledged everything.
func (c *conn) settle() error {
	late := time.NewTimer(byeTime)
	defer late.Stop()
	for len(c.flights) > 0 {
		select {
		case id := <-c.link.Acked():
			c.ack(id)
		case <-c.in:
		case <-c.link.Done():
			return c.link.Err()
		case <-late.C:
			return fmt.Errorf("run: %d messages not acknowledged within %v", len(c.flights), byeTime)
		}
	}
	return nil
}
