package fleet

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/aim-control/aimlock/agent/telemetry"
	"github.com/aim-control/aimlock/firmware/patch"
)

// replyWait bounds the wait for a command's reply.
const replyWait = 10 * time.Second

// ErrRefused is a command that the drone refused.
var ErrRefused = errors.New("refused")

// Command sends a command that the operator has signed, past the link to the
// broker as an operator does, and waits for the reply.
func (d *Drone) Command(ctx context.Context, verb string, hold time.Duration) error {
	s, err := d.Fetch(ctx) // a command is bound to the boot
	if err != nil {
		return err
	}
	now := time.Now()
	id := "sim-" + strconv.FormatInt(now.UnixNano(), 36)
	payload, err := d.sign(&telemetry.Command{
		Schema: telemetry.Schema, ID: id, Fleet: s.Fleet, Drone: s.Drone, Boot: s.Boot,
		Counter: uint64(now.UnixNano()), Verb: verb, HoldMS: hold.Milliseconds(),
	})
	if err != nil {
		return d.failf("command: %w", err)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, replyWait, fmt.Errorf("no reply within %v; is the link cut?", replyWait))
	defer cancel()
	reply, err := d.ask(ctx, id, payload)
	switch {
	case err != nil:
		return d.failf("command %s: %w", verb, err)
	case reply.Outcome == "refused":
		return d.failf("command %s: %w: %s", verb, ErrRefused, reply.Reason)
	case reply.Outcome != "done":
		return d.failf("command %s: %s: %s", verb, reply.Outcome, reply.Reason)
	}
	return nil
}

// sign makes the envelope of a command.
func (d *Drone) sign(c *telemetry.Command) ([]byte, error) {
	message, err := telemetry.Append(nil, c)
	if err != nil {
		return nil, err
	}
	signature, err := patch.Sign(d.fleet.key, message, "command "+c.ID)
	if err != nil {
		return nil, err
	}
	return telemetry.Append(nil, &telemetry.Envelope{Payload: message, Signatures: [][]byte{signature}})
}

// ask publishes a command and waits for its reply on one connection.
func (d *Drone) ask(ctx context.Context, id string, payload []byte) (telemetry.Reply, error) {
	var reply telemetry.Reply
	dial, err := d.fleet.dialOperator()
	if err != nil {
		return reply, err
	}
	replies := make(chan []byte, 1)
	link, err := dial(ctx, telemetry.Hello{ClientID: "aim_sim_" + id, User: d.fleet.o.Operator, Clean: true,
		Receive: func(_ string, payload []byte, _ bool) {
			select {
			case replies <- payload:
			default: // at least once: the same again
			}
		}})
	if err != nil {
		return reply, err
	}
	defer link.Close()
	name := func(leaf string) string { return telemetry.Topic(d.fleet.o.Fleet, d.Name, leaf+id) }
	if err := link.Subscribe(name(telemetry.LeafReply), 1); err != nil {
		return reply, err
	}
	if _, err := link.Publish(name(telemetry.LeafCommand), 1, false, payload); err != nil {
		return reply, err
	}
	for {
		select {
		case b := <-replies:
			return reply, telemetry.Decode(b, &reply)
		case <-link.Acked():
		case <-link.Done():
			return reply, link.Err()
		case <-ctx.Done():
			return reply, context.Cause(ctx)
		}
	}
}
