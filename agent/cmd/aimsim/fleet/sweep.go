package fleet

import (
	"context"
	"fmt"
	"time"

	"github.com/aim-control/aimlock/agent/telemetry"
)

// maxSwept bounds what another run may have left at a broker.
const maxSwept = 4096

// sweep clears what an earlier run under the same fleet's name has left at a
// broker that is not ours: offers, rollouts and their controller. They would be
// taken for this run's. What drones retain is theirs; it is known by its
// time.
func (f *Fleet) sweep(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, brokerWait, fmt.Errorf("the broker does not answer within %v", brokerWait))
	defer cancel()
	dial, err := f.dialOperator()
	if err != nil {
		return err
	}
	kept := make(chan telemetry.Received, maxSwept)
	link, err := dial(ctx, telemetry.Hello{ClientID: fmt.Sprintf("aim_sweep_%x", time.Now().UnixNano()), User: f.o.Operator, Clean: true,
		Receive: func(topic string, payload []byte, retained bool) {
			select {
			case kept <- telemetry.Received{Topic: topic, Payload: payload, Retained: retained}:
			default:
			}
		}})
	if err != nil {
		return err
	}
	defer link.Close()
	controller := telemetry.ControllerTopic(f.o.Fleet)
	for _, filter := range []string{controller, telemetry.Topic(f.o.Fleet, "+", telemetry.LeafOffer), telemetry.RolloutTopic(f.o.Fleet, "+")} {
		if err := link.Subscribe(filter, 0); err != nil {
			return err
		}
	}
	// What is kept has no end of its own; this marker comes behind it.
	marker := telemetry.RolloutTopic(f.o.Fleet, fmt.Sprintf("sweep-%x", time.Now().UnixNano()))
	if _, err := link.Publish(marker, 0, false, nil); err != nil {
		return err
	}
	waiting := map[uint16]bool{}
	for marked := false; !marked || len(waiting) > 0; {
		select {
		case m := <-kept:
			switch {
			case m.Topic == marker:
				marked = true
			case m.Retained && len(m.Payload) > 0:
				id, err := link.Publish(m.Topic, 1, true, nil)
				if err != nil {
					return err
				}
				waiting[id] = true
			}
		case id := <-link.Acked():
			delete(waiting, id)
		case <-link.Done():
			return link.Err()
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// stale reports whether the broker kept a message since an earlier run.
func (f *Fleet) stale(m telemetry.Received, timeMS int64) bool {
	return m.Retained && timeMS < f.began.UnixMilli()
}
