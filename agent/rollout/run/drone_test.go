package run

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/aim-control/aimlock/agent/telemetry"
	"github.com/aim-control/aimlock/firmware/patch"
)

// temper is how a simulated drone takes the patch.
type temper int

const (
	good    temper = iota
	rejects        // by its own checks
	reverts        // its trial fails
	waits          // for a window that does not come
	pauses         // it commits, and then pauses
	silent         // it commits, and is not heard again
)

// drone is the far end of the wire: enough of an agent to answer offers and
// reverts. What it remembers survives its connections.
type drone struct {
	name, trusted string // name, and whose offers it takes
	temper        temper

	mu        sync.Mutex
	boot      string
	n, conn   uint64
	sha       string // in force
	old       string
	report    telemetry.Report
	causes    []telemetry.Cause
	trials    int // switches to the new file
	epoch     uint64
	leader    string
	refused   []string // offers not taken, and why
	used      bool     // the revert's nonce
	withdrawn int
}

func newDrone(name, trusted string, t temper) *drone {
	return &drone{name: name, trusted: trusted, temper: t, boot: "boot-" + name, sha: patch.Hash([]byte(oldContent))}
}

func (d *drone) topic(leaf string) string { return telemetry.Topic("north", d.name, leaf) }

// session is one connection of a drone.
type droneLink struct {
	*drone
	link telemetry.Link
}

// fly keeps a drone connected until ctx ends or it falls silent.
func (d *drone) fly(ctx context.Context, dial telemetry.Dial) error {
	d.mu.Lock()
	d.conn++
	conn := d.conn
	d.mu.Unlock()
	will, err := telemetry.Append(nil, &telemetry.Availability{Schema: 1, Boot: d.boot, Conn: conn})
	if err != nil {
		return err
	}
	in := make(chan telemetry.Received, 64)
	link, err := dial(ctx, telemetry.Hello{ClientID: "aim_" + d.name, User: "north/" + d.name, Will: &telemetry.Will{Topic: d.topic(telemetry.LeafAvailability), Payload: will},
		Receive: func(topic string, b []byte, _ bool) { in <- telemetry.Received{Topic: topic, Payload: b} }})
	if err != nil {
		return err
	}
	defer link.Close()
	go func() {
		for {
			select {
			case <-link.Acked():
			case <-link.Done():
				return
			}
		}
	}()
	l := droneLink{d, link}
	if err := l.hello(conn); err != nil {
		return err
	}
	beat := time.NewTicker(10 * time.Millisecond)
	defer beat.Stop()
	for {
		select {
		case m := <-in:
			d.mu.Lock()
			err = l.take(m)
			gone := d.temper == silent && d.report.State == "COMMITTED"
			d.mu.Unlock()
			if gone { // says nothing more, and is still connected
				<-ctx.Done()
			}
		case <-beat.C:
			err = l.say(telemetry.LeafTelemetry, 0, false, &telemetry.Telemetry{Schema: 1, Boot: d.boot})
		case <-link.Done():
			return link.Err()
		case <-ctx.Done():
		}
		if ctx.Err() != nil {
			return l.say(telemetry.LeafAvailability, 1, true, &telemetry.Availability{Schema: 1, Boot: d.boot, Conn: conn, Reason: "stopped"})
		}
		if err != nil {
			return err
		}
	}
}

func (l droneLink) hello(conn uint64) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.say(telemetry.LeafAvailability, 1, true, &telemetry.Availability{Schema: 1, Boot: l.boot, Online: true, Conn: conn}); err != nil {
		return err
	}
	if err := l.status(); err != nil {
		return err
	}
	if l.report.Patch != "" { // what it said last is said again
		if err := l.say(telemetry.LeafReport, 1, true, &l.report); err != nil {
			return err
		}
	}
	if err := l.link.Subscribe(l.topic(telemetry.LeafOffer), 1); err != nil {
		return err
	}
	return l.link.Subscribe(l.topic(telemetry.LeafCommand+"+"), 1)
}

func (l droneLink) say(leaf string, qos byte, retained bool, m telemetry.Message) error {
	b, err := telemetry.Append(nil, m)
	if err == nil {
		_, err = l.link.Publish(l.topic(leaf), qos, retained, b)
	}
	return err
}

func (l droneLink) status() error {
	return l.say(telemetry.LeafStatus, 1, true, &telemetry.Status{Schema: 1, Boot: l.boot, UpMS: int64(l.n), Drone: l.name, Fleet: "north", State: "NOMINAL",
		Causes: l.causes, Config: telemetry.Config{SHA256: l.sha, Valid: true}, Patch: telemetry.Patch{ID: l.report.Patch, State: l.report.State}, Online: true})
}

// tell reports a state of the patch at hand.
func (l droneLink) tell(state, reason string) error {
	l.n++
	r := &l.report
	r.Schema, r.Boot, r.N, r.UpMS, r.State, r.Reason, r.SHA256 = 1, l.boot, l.n, int64(l.n), state, reason, l.sha
	return l.say(telemetry.LeafReport, 1, true, r)
}

func (l droneLink) take(m telemetry.Received) error {
	_, _, leaf, _ := telemetry.ParseTopic(m.Topic)
	switch {
	case leaf != telemetry.LeafOffer:
		return l.revert(m.Payload, leaf[len(telemetry.LeafCommand):])
	case len(m.Payload) == 0:
		l.withdrawn++
		if l.report.State == "WAITING" {
			return l.tell("IDLE", "withdrawn")
		}
		return nil
	}
	var e telemetry.Envelope
	var o telemetry.Offer
	if err := telemetry.Decode(m.Payload, &e); err != nil {
		return err
	}
	if err := patch.Verify([]string{l.trusted}, 1, e.Payload, e.Signatures); err != nil {
		return err
	}
	if err := telemetry.Decode(e.Payload, &o); err != nil {
		return err
	}
	if o.Drone != l.name || o.Fleet != "north" || o.Epoch < l.epoch || o.Epoch == l.epoch && o.Controller != l.leader {
		l.refused = append(l.refused, fmt.Sprintf("%s epoch %d by %s", o.Drone, o.Epoch, o.Controller))
		return nil
	}
	l.epoch, l.leader = o.Epoch, o.Controller
	return l.offer(o)
}

func (l droneLink) offer(o telemetry.Offer) error {
	m, err := patch.ParseManifest(o.Package.Manifest)
	if err != nil {
		return err
	}
	again := l.report.Patch == m.ID && l.report.Rollout == o.Rollout
	l.report.Patch, l.report.Rollout, l.report.Epoch = m.ID, o.Rollout, o.Epoch
	if again { // known by its id: said again, done once
		return l.tell(l.report.State, l.report.Reason)
	}
	if err := l.tell("STAGED", ""); err != nil {
		return err
	}
	switch l.temper {
	case rejects:
		return l.tell("REJECTED", "content")
	case waits:
		return l.tell("WAITING", "window")
	}
	l.trials++
	if err := l.tell("TRIAL", ""); err != nil {
		return err
	}
	if l.temper == reverts {
		return l.tell("REVERTED", "check 10-radio fails")
	}
	l.old, l.sha = l.sha, m.SHA256
	if err := l.tell("COMMITTED", ""); err != nil {
		return err
	}
	l.n++
	if l.temper == pauses {
		l.causes = []telemetry.Cause{{Name: "config"}}
	}
	return l.status()
}

func (l droneLink) revert(b []byte, id string) error {
	signed, err := patch.ParseSignedRevert(b)
	if err != nil {
		return err
	}
	r, err := patch.ParseRevert(signed.Revert)
	if err != nil {
		return err
	}
	if l.used || r.Patch != l.report.Patch || l.report.State != "COMMITTED" {
		return l.say(telemetry.LeafReply+id, 1, false, &telemetry.Reply{Schema: 1, Boot: l.boot, ID: id, Outcome: "refused", Reason: "patch: another one is current"})
	}
	l.used, l.sha, l.causes = true, l.old, nil
	if err := l.tell("REVERTED", "command"); err != nil {
		return err
	}
	if err := l.status(); err != nil {
		return err
	}
	return l.say(telemetry.LeafReply+id, 1, false, &telemetry.Reply{Schema: 1, Boot: l.boot, ID: id, Outcome: "done"})
}
