package run

import (
	"context"
	"time"

	"github.com/aim-control/aimlock/agent/rollout"
	"github.com/aim-control/aimlock/agent/telemetry"
)

// saveEvery is how much watched time a kill may cost a bake, ns.
const saveEvery = int64(5 * time.Second)

// catchUp takes what the broker had kept, a drone's messages in the order in
// which it said them, and then sends all orders that hold.
func (c *conn) catchUp(kept []telemetry.Received) error {
	r := c.r
	said := map[string]stamped{} // a drone's status or report, whichever came first
	for _, m := range kept {
		ev, ok := r.event(m)
		if !ok {
			continue
		}
		if ev.Kind != rollout.Seen && ev.Kind != rollout.Reported {
			r.step(ev.Event)
			continue
		}
		was, both := said[ev.Drone]
		switch {
		case !both:
			said[ev.Drone] = ev
			continue
		case ev.before(was):
			was, ev = ev, was
		}
		r.step(was.Event)
		said[ev.Drone] = ev
	}
	for _, d := range r.saved.Rollout.Drones {
		if ev, ok := said[d.Name]; ok {
			r.step(ev.Event)
		}
	}
	r.tick()
	var out []rollout.Order
	r.say("", "%s leads the fleet %s, epoch %d", r.saved.Controller, r.o.Plan.Fleet, r.saved.Epoch)
	if r.took { // what another controller had offered is not offered any more
		for _, d := range r.saved.Rollout.Drones {
			if d.Outcome == rollout.Pending {
				out = append(out, rollout.Order{Kind: rollout.Withdraw, Drone: d.Name})
			}
		}
		r.took = false
	}
	return c.carryOut(append(out, r.saved.Rollout.Outstanding()...))
}

// carryOut makes the state durable, and then sends.
func (c *conn) carryOut(orders []rollout.Order) error {
	r := c.r
	s := &r.saved.Rollout
	changed := s.Rev != r.savedRev
	if changed || len(orders) > 0 || s.Now-r.savedAt > saveEvery {
		if err := r.save(); err != nil {
			return err
		}
	}
	for _, o := range orders {
		if err := c.send(o); err != nil {
			return err
		}
	}
	if now := time.Now(); changed || len(r.lines) > 0 || now.Sub(r.shown) >= time.Second {
		say := r.lines
		r.lines, r.shown = nil, now
		r.o.Progress(Progress{Saved: r.saved, Say: say})
	}
	return c.tell()
}

// lead takes what happens until the rollout, the connection or ctx ends.
func (c *conn) lead(ctx context.Context) error {
	r := c.r
	tick := time.NewTicker(r.o.Tick)
	defer tick.Stop()
	for !r.saved.Rollout.Done() {
		var orders []rollout.Order
		drop := func() {}
		select {
		case m := <-c.in:
			var err error
			if orders, err = c.take(m); err != nil {
				return err
			}
		case a := <-r.do:
			orders = r.step(rollout.Event{Kind: kinds[a.Verb], By: a.By})
		case <-tick.C:
			if err := c.overdue(); err != nil {
				return err
			}
			if a, d, ok := r.takeAsk(); ok {
				drop = d
				orders = r.step(rollout.Event{Kind: kinds[a.Verb], By: a.By})
			}
			orders = append(orders, r.tick()...)
		case id := <-c.link.Acked():
			c.ack(id)
		case <-c.full:
			return errOverflow
		case <-c.link.Done():
			return c.link.Err()
		case <-ctx.Done():
			return c.leave(context.Cause(ctx))
		}
		if err := c.carryOut(orders); err != nil {
			return err
		}
		drop()
	}
	return c.leave(nil)
}

// take takes a message and those that wait behind it, so that a burst is
// made durable once.
func (c *conn) take(m telemetry.Received) (orders []rollout.Order, err error) {
	for range maxQueue {
		if lead, ok := c.r.controller(m); ok {
			err = c.rival(lead)
		} else if ev, ok := c.r.event(m); ok {
			orders = append(orders, c.r.step(ev.Event)...)
		}
		if err != nil {
			return nil, err
		}
		select {
		case m = <-c.in:
		default:
			return orders, nil
		}
	}
	return orders, nil
}

// rival answers a message on _controller: one that has the fleet now ends this
// runner; an older one, such as a late will, is corrected.
func (c *conn) rival(lead telemetry.Controller) error {
	r := c.r
	if r.lost(lead) {
		return &OtherError{Leads: lead, Lost: true}
	}
	if lead.Online && lead.Epoch == r.saved.Epoch {
		return nil
	}
	return c.announce()
}

// leave says goodbye: the rollout has ended, or waits to be run again.
func (c *conn) leave(cause error) error {
	if err := c.settle(); err != nil {
		return err
	}
	if err := c.tell(); err != nil {
		return err
	}
	if err := c.goodbye(cause); err != nil {
		return err
	}
	return cause
}

// goodbye says that nobody leads now, and why.
func (c *conn) goodbye(cause error) error {
	reason := "done"
	if cause != nil {
		reason = clip(cause.Error())
	}
	b, err := c.r.leads(false, reason)
	if err != nil {
		return err
	}
	if err := c.publish(telemetry.ControllerTopic(c.r.o.Plan.Fleet), true, b); err != nil {
		return err
	}
	return c.settle()
}
