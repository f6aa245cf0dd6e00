package fleet

import (
	"context"
	"fmt"
	"time"

	"github.com/aim-control/aimlock/agent/telemetry"
)

// observe listens at the broker as a fleet server does, past the links, and
// keeps what it hears with each drone.
func (f *Fleet) observe(ctx context.Context) error {
	dial, err := f.dialOperator()
	if err != nil {
		return err
	}
	filters := []string{telemetry.RolloutTopic(f.o.Fleet, "+")}
	for _, leaf := range []string{telemetry.LeafAvailability, telemetry.LeafStatus, telemetry.LeafEvent, telemetry.LeafTelemetry, telemetry.LeafReport} {
		filters = append(filters, telemetry.Topic(f.o.Fleet, "+", leaf))
	}
	up := make(chan struct{})
	first := true
	result := make(chan error, 1)
	go func() {
		result <- telemetry.Listen(ctx, dial, f.o.Operator, filters, f.receive, func(ok bool, dropped uint64, err error) {
			switch {
			case ok && first:
				first = false
				close(up)
			case ok && dropped > 0:
				f.note(Note{Kind: NoteFleet, Text: fmt.Sprintf("%d messages came faster than they were read and are lost to this view", dropped)})
			case !ok && ctx.Err() == nil:
				f.note(Note{Kind: NoteFleet, Text: fmt.Sprintf("no connection to the broker: %v", err)})
			}
		})
		f.ended.Done()
	}()
	timer := time.NewTimer(brokerWait)
	defer timer.Stop()
	select {
	case <-up:
		return nil
	case err := <-result:
		if err == nil {
			err = context.Cause(ctx)
		}
		return fmt.Errorf("fleet: broker %s: %w", f.Broker(), err)
	case <-timer.C:
		return fmt.Errorf("fleet: broker %s does not answer within %v; start it, or leave --broker away for the built-in one", f.Broker(), brokerWait)
	}
}

// dialOperator connects to the broker in the operator's name.
func (f *Fleet) dialOperator() (telemetry.Dial, error) {
	u, err := brokerURL(f.broker, f.o.Operator)
	if err != nil {
		return nil, err
	}
	dial, err := telemetry.Broker(u.String(), nil)
	if err != nil {
		return nil, fmt.Errorf("fleet: %w", err)
	}
	return dial, nil
}

// brokerWait bounds the first connection to the broker.
const brokerWait = 10 * time.Second

// receive takes one MQTT message in.
func (f *Fleet) receive(m telemetry.Received) {
	if _, id, ok := telemetry.ParseFleetTopic(m.Topic); ok && id != "" {
		f.hearRollout(m)
		return
	}
	_, name, leaf, ok := telemetry.ParseTopic(m.Topic)
	d := f.byName[name]
	if !ok || d == nil {
		return
	}
	var err error
	switch leaf {
	case telemetry.LeafAvailability:
		err = d.hearAvailability(m)
	case telemetry.LeafStatus:
		s := new(telemetry.Status)
		if err = telemetry.Decode(m.Payload, s); err == nil && !f.stale(m, s.TimeMS) {
			d.mu.Lock()
			d.seen.status = s
			d.mu.Unlock()
		}
	case telemetry.LeafEvent:
		err = d.hearEvent(m)
	case telemetry.LeafReport:
		err = d.hearReport(m)
	case telemetry.LeafTelemetry:
		var t telemetry.Telemetry
		if err = telemetry.Decode(m.Payload, &t); err == nil {
			d.mu.Lock()
			d.seen.telemetry++
			d.seen.motors = t.Motors
			d.mu.Unlock()
		}
	}
	if err != nil {
		d.mu.Lock()
		d.seen.bad++
		d.mu.Unlock()
		d.say(NoteProcess, fmt.Sprintf("sent a message on %s that does not decode: %v", m.Topic, err))
	}
}

func (d *Drone) hearAvailability(m telemetry.Received) error {
	var a telemetry.Availability
	if len(m.Payload) == 0 { // cleared
		return nil
	}
	if err := telemetry.Decode(m.Payload, &a); err != nil {
		return err
	}
	if d.fleet.stale(m, a.TimeMS) {
		return nil
	}
	d.mu.Lock()
	changed := d.seen.availability(a)
	d.mu.Unlock()
	if changed {
		d.fleet.note(Note{Drone: d.Name, Kind: NoteLink, Online: a.Online, Text: a.Reason})
	}
	return nil
}

func (d *Drone) hearEvent(m telemetry.Received) error {
	e := new(telemetry.Event)
	if err := telemetry.Decode(m.Payload, e); err != nil {
		return err
	}
	d.mu.Lock()
	fresh := d.seen.event(*e)
	d.mu.Unlock()
	if fresh {
		d.fleet.note(Note{Drone: d.Name, Kind: NoteEvent, Event: e})
	}
	return nil
}

// Seen is what came in from the drone by MQTT: whether it is online, its
// motors' temperatures, its events, and how many of these never came.
func (d *Drone) Seen() (online bool, motors []telemetry.Sample, events []telemetry.Event, gaps int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.seen.online, d.seen.motors, append([]telemetry.Event(nil), d.seen.events...), d.seen.gaps
}
