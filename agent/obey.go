package agent

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aim-control/aimlock/agent/config"
	"github.com/aim-control/aimlock/agent/telemetry"
	"github.com/aim-control/aimlock/firmware/patch"
)

// The ways in which a command is refused, by name.
var (
	errMalformed = errors.New("malformed")
	errSignature = errors.New("signature")
	errOtherOne  = errors.New("other-drone")
	errOtherBoot = errors.New("other-boot")
	errReplay    = errors.New("replay")
	errNotKept   = errors.New("not-kept")
)

// orders judges commands: signed by the identity's keys, for this fleet, drone
// and boot, with a counter above every one before. The highest counter is on
// disk before anything is done, so that no power cut lets a command in twice.
type orders struct {
	id    *config.Identity
	boot  string
	state *stateFile
}

// judge returns the command if it is to be obeyed. topicID is the id in the
// topic, which the signed one must equal.
func (o orders) judge(topicID string, payload []byte) (*telemetry.Command, error) {
	var env telemetry.Envelope
	if len(payload) > telemetry.MaxEnvelope {
		return nil, fmt.Errorf("%w: %d bytes", errMalformed, len(payload))
	}
	if err := telemetry.Decode(payload, &env); err != nil {
		return nil, fmt.Errorf("%w: envelope: %w", errMalformed, err)
	}
	if err := patch.Verify(o.id.Trust.Command, o.id.Trust.Threshold, env.Payload, env.Signatures); err != nil {
		return nil, fmt.Errorf("%w: %w", errSignature, err)
	}
	c := new(telemetry.Command)
	if err := telemetry.Decode(env.Payload, c); err != nil {
		return nil, fmt.Errorf("%w: command: %w", errMalformed, err)
	}
	switch {
	case c.ID != topicID:
		return nil, fmt.Errorf("%w: signed for command %q", errMalformed, c.ID)
	case c.Fleet != o.id.Fleet || c.Drone != o.id.Drone:
		return nil, fmt.Errorf("%w: signed for %s/%s", errOtherOne, c.Fleet, c.Drone)
	case c.Boot != o.boot:
		return nil, fmt.Errorf("%w: the drone has rebooted since; sign it anew", errOtherBoot)
	}
	var used bool
	err := o.state.update(func(s *savedState) { // here, as the state may be read only now
		if used = c.Counter <= s.Counter; !used {
			s.Counter = c.Counter
		}
	})
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w: the counter could not be written: %w", errNotKept, err)
	case used:
		return nil, fmt.Errorf("%w: counter %d was used or passed", errReplay, c.Counter)
	}
	return c, nil
}

// handle judges what came on command/<id>, has the loop obey it and gives the
// reply.
func (o orders) handle(ctx context.Context, src source, topicID string, payload []byte) telemetry.Reply {
	reply := telemetry.Reply{Schema: telemetry.Schema, Boot: o.boot, TimeMS: time.Now().UnixMilli(), ID: topicID, Outcome: "refused"}
	c, err := o.judge(topicID, payload)
	if err != nil {
		reply.Reason = clip(err.Error(), 500)
		return reply
	}
	done := make(chan outcome, 1)
	hold := min(max(c.HoldMS, 0), int64(time.Hour/time.Millisecond)) * ms
	src.send(ctx, event{kind: order, at: src.clock(), order: &command{verb: c.Verb, hold: hold, reply: done}})
	select {
	case out := <-done:
		reply.Outcome, reply.Reason = out.word, out.reason
	case <-ctx.Done():
		reply.Outcome, reply.Reason = "failed", "the agent is stopping"
	}
	return reply
}
