package fleet

import (
	"fmt"

	"github.com/aim-control/aimlock/agent/telemetry"
)

// hearReport takes in how far a patch is on the drone.
func (d *Drone) hearReport(m telemetry.Received) error {
	if len(m.Payload) == 0 { // cleared
		return nil
	}
	r := new(telemetry.Report)
	if err := telemetry.Decode(m.Payload, r); err != nil {
		return err
	}
	if d.fleet.stale(m, r.TimeMS) {
		return nil
	}
	d.mu.Lock()
	fresh := d.seen.report(*r)
	d.mu.Unlock()
	if fresh {
		d.fleet.note(Note{Drone: d.Name, Kind: NoteReport, Report: r})
	}
	return nil
}

// hearRollout takes in how far a rollout is, whoever leads it: a scenario, or
// aimctl in another shell.
func (f *Fleet) hearRollout(m telemetry.Received) {
	if len(m.Payload) == 0 { // cleared, or somebody's marker
		return
	}
	r := new(telemetry.Rollout)
	if err := telemetry.Decode(m.Payload, r); err != nil {
		f.note(Note{Kind: NoteFleet, Text: fmt.Sprintf("a message on %s does not decode: %v", m.Topic, err)})
		return
	}
	if f.stale(m, r.TimeMS) {
		return
	}
	for _, d := range f.Drones {
		if _, member := part(r, d.Name); member {
			d.mu.Lock()
			d.seen.rollout = r
			d.mu.Unlock()
		}
	}
	f.note(Note{Kind: NoteRollout, Rollout: r})
}
