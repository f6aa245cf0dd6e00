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
	errKeyring   = errors.New(refusedKeyring)
	errSignature = errors.New("signature")
	errOtherOne  = errors.New("other-drone")
	errOtherBoot = errors.New("other-boot")
	errReplay    = errors.New("replay")
	errNotKept   = errors.New("not-kept")
)

// orders judges commands: signed by the keys in force, for this fleet, drone
// and boot, with a counter above every one before. The highest counter is on
// disk before anything is done, so that no power cut lets a command in twice.
type orders struct {
	id      *config.Identity
	ring    *patch.Keyring
	boot    string
	state   *stateFile
	patches *applier
}

// open reads the envelope.
func (o orders) open(payload []byte) (env telemetry.Envelope, err error) {
	if len(payload) > telemetry.MaxEnvelope {
		return env, fmt.Errorf("%w: %d bytes", errMalformed, len(payload))
	}
	if err := telemetry.Decode(payload, &env); err != nil {
		return env, fmt.Errorf("%w: envelope: %w", errMalformed, err)
	}
	return env, nil
}

// judge returns the command in env if it is to be obeyed. topicID is the id in
// the topic, which the signed one must equal.
func (o orders) judge(topicID string, env telemetry.Envelope) (*telemetry.Command, error) {
	ring, err := o.ring.Ring()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errKeyring, err)
	}
	if err := patch.Verify(ring.Command, ring.Threshold, env.Payload, env.Signatures); err != nil {
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
	err = o.state.update(func(s *savedState) { // here, as the state may be read only now
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

// handle judges what came on command/<id>, has it carried out and gives the
// reply. It does not wait for a patch: its reports tell.
func (o orders) handle(ctx context.Context, src source, topicID string, payload []byte) telemetry.Reply {
	reply := telemetry.Reply{Schema: telemetry.Schema, Boot: o.boot, TimeMS: time.Now().UnixMilli(), ID: topicID, Outcome: "refused"}
	out, err := o.obeyed(ctx, src, topicID, payload)
	if err != nil {
		reply.Reason = clip(err.Error(), 500)
		return reply
	}
	reply.Outcome, reply.Reason = out.word, clip(out.reason, 500)
	return reply
}

func (o orders) obeyed(ctx context.Context, src source, topicID string, payload []byte) (outcome, error) {
	env, err := o.open(payload)
	if err != nil {
		return outcome{}, err
	}
	if isRevert(env.Payload) {
		order, err := o.patches.judgeRevert(env)
		if err != nil {
			return outcome{}, err
		}
		return o.patches.submit(order), nil
	}
	c, err := o.judge(topicID, env)
	if err != nil {
		return outcome{}, err
	}
	if c.Verb == "withdraw" || c.Verb == "revert" {
		return o.patches.submit(&patchOrder{verb: c.Verb, patch: c.Arg}), nil
	}
	done := make(chan outcome, 1)
	hold := min(max(c.HoldMS, 0), int64(time.Hour/time.Millisecond)) * ms
	src.send(ctx, event{kind: order, at: src.clock(), order: &command{verb: c.Verb, hold: hold, reply: done}})
	select {
	case out := <-done:
		return out, nil
	case <-ctx.Done():
		return outcome{"failed", "the agent is stopping"}, nil
	}
}
