package run

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/aim-control/aimlock/agent/rollout"
	"github.com/aim-control/aimlock/agent/telemetry"
)

// probeTime bounds the look at who leads.
const probeTime = 15 * time.Second

func nonce() string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	return hex.EncodeToString(b[:])
}

// marker is a topic of its own, on which nothing is ever kept.
func (r *Runner) marker() string {
	return telemetry.RolloutTopic(r.o.Plan.Fleet, "probe-"+nonce())
}

// leader reads who leads the fleet, over a connection of its own: connecting
// under the controller's name would end the other one's connection. nil:
// nobody ever did. Retained messages have no end; the marker published behind
// the subscription comes after them.
func (r *Runner) leader(ctx context.Context) (*telemetry.Controller, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, probeTime, fmt.Errorf("run: the broker does not say who leads within %v", probeTime))
	defer cancel()
	fleet := r.o.Plan.Fleet
	marker := r.marker()
	got, full := make(chan telemetry.Received, maxProbe), make(chan struct{}, 1)
	link, err := r.o.Dial(ctx, telemetry.Hello{ClientID: "aim_probe_" + nonce(), User: r.o.User, Clean: true,
		Receive: func(topic string, payload []byte, retained bool) {
			select {
			case got <- telemetry.Received{Topic: topic, Payload: payload, Retained: retained}:
			default:
				select {
				case full <- struct{}{}:
				default:
				}
			}
		}})
	if err != nil {
		return nil, err
	}
	defer link.Close()
	for _, filter := range []string{telemetry.ControllerTopic(fleet), telemetry.RolloutTopic(fleet, "+")} {
		if err := link.Subscribe(filter, 0); err != nil {
			return nil, err
		}
	}
	if _, err := link.Publish(marker, 0, false, nil); err != nil {
		return nil, err
	}
	var found *telemetry.Controller
	for {
		select {
		case m := <-got:
			if m.Topic == marker {
				return found, nil
			}
			if c, ok := r.known(m); ok && (found == nil || c.Epoch > found.Epoch || c.Epoch == found.Epoch && m.Topic == telemetry.ControllerTopic(fleet)) {
				found = &c
			}
		case <-full:
			return nil, fmt.Errorf("run: the broker keeps more than %d rollouts of %s; clear old ones (empty retained messages)", maxProbe, fleet)
		case <-link.Acked():
		case <-link.Done():
			return nil, link.Err()
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// maxProbe bounds the messages on _controller and _rollout that are looked at.
const maxProbe = 4096

// known is who led, as _controller says it, or a rollout: a will that comes
// late may have put an earlier leader back on _controller.
func (r *Runner) known(m telemetry.Received) (c telemetry.Controller, ok bool) {
	_, id, ok := telemetry.ParseFleetTopic(m.Topic)
	if !ok || id == "" {
		return r.controller(m)
	}
	var s telemetry.Rollout
	if len(m.Payload) == 0 || telemetry.Decode(m.Payload, &s) != nil {
		return c, false
	}
	c = telemetry.Controller{Schema: telemetry.Schema, Fleet: s.Fleet, Epoch: s.Epoch, Controller: s.Controller, Rollout: id}
	if st := rollout.Status(s.State); st == rollout.Finished || st == rollout.Stopped {
		c.Rollout = ""
	}
	return c, true
}

// controller decodes _controller. What cannot be read is nobody's word.
func (r *Runner) controller(m telemetry.Received) (c telemetry.Controller, ok bool) {
	if len(m.Payload) == 0 || m.Topic != telemetry.ControllerTopic(r.o.Plan.Fleet) {
		return c, false
	}
	if err := telemetry.Decode(m.Payload, &c); err != nil {
		r.o.Log.Warn("cannot be read", "topic", m.Topic, "err", err)
		return c, false
	}
	return c, true
}

// claim finds the epoch under which this runner leads, or who else does.
//
// The last leader's epoch goes on when it was this controller; another one
// begins a higher one, because drones refuse an equal epoch from somebody
// else. A leader that is connected, or that left a rollout unfinished, is
// overruled only when asked to.
func (r *Runner) claim(found *telemetry.Controller) (epoch uint64, err error) {
	was := r.saved
	epoch = max(was.Epoch, 1)
	if was.Epoch > 0 && was.Controller != r.o.Controller { // a state file that came from elsewhere
		epoch = was.Epoch + 1
	}
	if found == nil {
		return epoch, nil
	}
	mine := found.Controller == r.o.Controller
	ours := mine && found.Rollout == r.o.Plan.ID && !r.fresh
	if busy := found.Online || found.Rollout != ""; busy && !ours {
		if !r.o.TakeOver {
			return 0, &OtherError{Leads: *found}
		}
		r.took = true
		return max(epoch, found.Epoch+1), nil
	}
	if !mine {
		return max(epoch, found.Epoch+1), nil
	}
	return max(epoch, found.Epoch), nil
}

// lost reports whether a message on _controller takes the fleet away.
func (r *Runner) lost(c telemetry.Controller) bool {
	return c.Epoch > r.saved.Epoch || c.Epoch == r.saved.Epoch && c.Controller != r.saved.Controller
}
