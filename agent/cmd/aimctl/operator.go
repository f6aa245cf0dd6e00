package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"sync"
	"time"

	"github.com/aim-control/aimlock/agent/cmd/aimctl/words"
	"github.com/aim-control/aimlock/agent/telemetry"
)

// operator sends one command to some drones and collects what they answer.
type operator struct {
	fleet    string
	verb     string
	hold     time.Duration
	arg      string        // withdraw, revert: the patch's id
	ready    []byte        // a message that is signed already; nil: sign one
	patience time.Duration // for a drone's status, and again for its answer
	sign     func(msg []byte, comment string) ([][]byte, error)
	count    func() uint64 // each number above all before it

	drones map[string]*target // not changed once connected
}

// target is one drone that is spoken to.
type target struct {
	drone   string
	id      string
	counter uint64
	status  chan telemetry.Status // the newest
	reply   chan telemetry.Reply
	offline chan telemetry.Availability // the newest, while offline
}

func (o *operator) run(ctx context.Context, b *broker, drones []string) ([]outcome, error) {
	o.drones = make(map[string]*target, len(drones))
	var topics []string
	for _, d := range drones {
		n := o.count()
		var mark [3]byte
		rand.Read(mark[:]) // never fails
		t := &target{
			drone: d, id: fmt.Sprintf("%s-%d-%s", o.verb, n, hex.EncodeToString(mark[:])), counter: n,
			status: make(chan telemetry.Status, 1), reply: make(chan telemetry.Reply, 1),
			offline: make(chan telemetry.Availability, 1),
		}
		o.drones[d] = t
		// In this order: whether a drone is there is known before its status comes.
		topics = append(topics, telemetry.Topic(o.fleet, d, telemetry.LeafAvailability),
			telemetry.Topic(o.fleet, d, telemetry.LeafReply+t.id), telemetry.Topic(o.fleet, d, telemetry.LeafStatus))
	}
	l, err := b.connect(ctx, 1, topics, o.receive)
	if err != nil {
		return nil, err
	}
	defer l.Close()
	outcomes := make([]outcome, len(drones))
	var all sync.WaitGroup
	for i, d := range drones {
		all.Go(func() { outcomes[i] = o.tell(ctx, l, o.drones[d]) })
	}
	all.Wait()
	return outcomes, nil
}

// receive is called from the connection: it keeps the newest and never blocks.
func (o *operator) receive(topic string, payload []byte, _ bool) {
	_, drone, leaf, ok := telemetry.ParseTopic(topic)
	t := o.drones[drone]
	if !ok || t == nil {
		return
	}
	switch leaf {
	case telemetry.LeafStatus:
		var st telemetry.Status
		if telemetry.Decode(payload, &st) == nil {
			newest(t.status, st)
		}
	case telemetry.LeafAvailability:
		var av telemetry.Availability
		if telemetry.Decode(payload, &av) != nil {
			return
		}
		select {
		case <-t.offline:
		default:
		}
		if !av.Online {
			newest(t.offline, av)
		}
	case telemetry.LeafReply + t.id:
		var r telemetry.Reply
		if telemetry.Decode(payload, &r) == nil && r.ID == t.id {
			newest(t.reply, r)
		}
	}
}

// newest puts v into a channel of one in place of what is there. Only the
// connection's reading goroutine calls it.
func newest[T any](c chan T, v T) {
	select {
	case <-c:
	default:
	}
	c <- v
}

// tell waits for the drone's status, sends the command and waits for the reply.
func (o *operator) tell(ctx context.Context, l telemetry.Link, t *target) outcome {
	out := outcome{Drone: t.drone, ID: t.id, Outcome: outcomeSilent}
	var st telemetry.Status
	timer := time.NewTimer(o.patience)
	defer timer.Stop()
	select {
	case st = <-t.status:
	case <-timer.C:
		out.Reason = "no status of it at the broker: is the name right, is it in fleet " + o.fleet + "?"
		return out
	case <-l.Done():
		return failed(out, l.Err())
	case <-ctx.Done():
		return failed(out, context.Cause(ctx))
	}
	select {
	case av := <-t.offline:
		out.Outcome, out.Reason = outcomeOffline, words.Clean(av.Reason, 120)
		return out
	default:
	}
	msg, err := o.envelope(t, st.Boot)
	if err == nil {
		_, err = l.Publish(telemetry.Topic(o.fleet, t.drone, telemetry.LeafCommand+t.id), 1, false, msg)
	}
	if err != nil {
		return failed(out, err)
	}
	timer.Reset(o.patience)
	select {
	case r := <-t.reply:
		out.Outcome, out.Reason = words.Clean(r.Outcome, 20), words.Clean(r.Reason, 400)
	case <-timer.C:
		out.Reason = fmt.Sprintf("no answer within %v", o.patience)
	case <-l.Done():
		return failed(out, l.Err())
	case <-ctx.Done():
		return failed(out, context.Cause(ctx))
	}
	return out
}

func failed(out outcome, err error) outcome {
	out.Outcome, out.Reason = "failed", plain(err).Error()
	return out
}

// envelope is the signed command for one drone in its present boot.
func (o *operator) envelope(t *target, boot string) ([]byte, error) {
	if o.ready != nil {
		return o.ready, nil
	}
	c := &telemetry.Command{
		Schema: telemetry.Schema, ID: t.id, Fleet: o.fleet, Drone: t.drone, Boot: boot,
		Counter: t.counter, Verb: o.verb, HoldMS: o.hold.Milliseconds(), Arg: o.arg,
	}
	payload, err := telemetry.Append(nil, c)
	if err != nil {
		return nil, err
	}
	sigs, err := o.sign(payload, fmt.Sprintf("aimlock command %s for %s/%s", o.verb, o.fleet, t.drone))
	if err != nil {
		return nil, err
	}
	return telemetry.Append(nil, &telemetry.Envelope{Payload: payload, Signatures: sigs})
}

// outcomeText says an outcome in words.
func outcomeText(verb string, o outcome) string {
	done := map[string]string{"pause": "is asked to hold", "resume": "its commanded hold is over", "report": "has reported",
		"withdraw": "drops the patch", "revert": "takes the patch back, once its update window's flight state allows it"}
	because := ""
	if o.Reason != "" {
		because = ": " + o.Reason
	}
	switch o.Outcome {
	case "done":
		return "done, " + done[verb] + because
	case "refused":
		return "REFUSED" + because
	case outcomeOffline:
		return "NOT SENT, it is offline" + because
	case outcomeSilent:
		return "NO ANSWER" + because
	}
	return "FAILED" + because
}
