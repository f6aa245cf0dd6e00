package run

import (
	"fmt"
	"strconv"
	"time"

	"github.com/aim-control/aimlock/agent/rollout"
	"github.com/aim-control/aimlock/agent/telemetry"
	"github.com/aim-control/aimlock/firmware/patch"
)

// send publishes one order to a drone.
func (c *conn) send(o rollout.Order) error {
	r := c.r
	fleet := r.o.Plan.Fleet
	switch o.Kind {
	case rollout.Offer:
		b, err := r.offer(o)
		if err != nil {
			return err
		}
		return c.publish(telemetry.Topic(fleet, o.Drone, telemetry.LeafOffer), true, b)
	case rollout.Withdraw:
		return c.publish(telemetry.Topic(fleet, o.Drone, telemetry.LeafOffer), true, nil)
	case rollout.Revert:
		r.sent++
		id := r.orders + strconv.FormatUint(r.sent, 10)
		return c.publish(telemetry.Topic(fleet, o.Drone, telemetry.LeafCommand+id), false, r.o.Package.Revert)
	}
	return nil
}

// offer is the signed message on patch/offer.
func (r *Runner) offer(o rollout.Order) ([]byte, error) {
	p := r.o.Package
	payload, err := telemetry.Append(nil, &telemetry.Offer{
		Schema: telemetry.Schema, Fleet: r.o.Plan.Fleet, Drone: o.Drone, Rollout: r.o.Plan.ID,
		Epoch: r.saved.Epoch, Controller: r.saved.Controller, Canary: o.Canary,
		Package: telemetry.PatchPackage{Manifest: p.Manifest, Content: p.Content, Signatures: p.Signatures, Revert: p.Revert},
	})
	if err != nil {
		return nil, err
	}
	sig, err := patch.Sign(r.o.Key, payload, fmt.Sprintf("offer of %s to %s, rollout %s, epoch %d", r.o.Plan.Patch, o.Drone, r.o.Plan.ID, r.saved.Epoch))
	if err != nil {
		return nil, err
	}
	return telemetry.Append(nil, &telemetry.Envelope{Payload: payload, Signatures: [][]byte{sig}})
}

// leads is the message on _controller.
func (r *Runner) leads(online bool, reason string) ([]byte, error) {
	c := telemetry.Controller{Schema: telemetry.Schema, TimeMS: time.Now().UnixMilli(), Fleet: r.o.Plan.Fleet,
		Epoch: r.saved.Epoch, Controller: r.saved.Controller, Online: online, Rollout: r.o.Plan.ID, Reason: reason}
	if r.saved.Rollout.Done() && !online {
		c.Rollout = ""
	}
	return telemetry.Append(nil, &c)
}

// tell publishes how the rollout goes, one message on the way at a time.
func (c *conn) tell() error {
	r := c.r
	s := &r.saved.Rollout
	if c.told == s.Rev+1 || c.telling != 0 {
		return nil
	}
	m := telemetry.Rollout{Schema: telemetry.Schema, TimeMS: time.Now().UnixMilli(), Fleet: s.Plan.Fleet, ID: s.Plan.ID, Patch: s.Plan.Patch,
		Epoch: r.saved.Epoch, Controller: r.saved.Controller, State: string(s.Status), Phase: string(s.Phase), Reason: clip(s.Reason),
		Wave: uint32(s.Wave), Waves: uint32(s.Waves)}
	left, _, _ := s.BakeLeft()
	m.BakeMS = left / 1e6
	for _, d := range s.Drones {
		m.Drones = append(m.Drones, telemetry.RolloutDrone{Drone: d.Name, Wave: uint32(d.Wave), State: string(d.Outcome), Reason: d.Reason})
	}
	b, err := telemetry.Append(nil, &m)
	if err != nil { // too long: the reasons are in the state file
		for i := range m.Drones {
			m.Drones[i].Reason = ""
		}
		if b, err = telemetry.Append(nil, &m); err != nil {
			return err
		}
	}
	if err := c.publish(telemetry.RolloutTopic(s.Plan.Fleet, s.Plan.ID), true, b); err != nil {
		return err
	}
	c.told = s.Rev + 1
	if _, flying := c.flights[c.last]; flying { // it may be acknowledged already
		c.telling = c.last
	}
	return nil
}
