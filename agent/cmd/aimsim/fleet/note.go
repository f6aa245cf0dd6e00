package fleet

import (
	"time"

	"github.com/aim-control/aimlock/agent/telemetry"
)

// Note is one thing that was seen. Drone is empty for what concerns the whole
// fleet. Exactly one of the pointers is set, or Text.
type Note struct {
	At      time.Time
	Drone   string
	Kind    NoteKind
	Text    string             // NoteAgent, NoteProcess, NoteFleet, NoteByHand
	Level   string             // NoteAgent: INFO WARN ERROR
	Status  *telemetry.Status  // NoteStatus; nil: the agent no longer answers
	Event   *telemetry.Event   // NoteEvent
	Report  *telemetry.Report  // NoteReport
	Rollout *telemetry.Rollout // NoteRollout
	Online  bool               // NoteLink
}

// NoteKind says what a note is about.
type NoteKind uint8

// The kinds of notes.
const (
	NoteStatus  NoteKind = iota // the status changed
	NoteEvent                   // an event came in by MQTT
	NoteLink                    // availability came in by MQTT
	NoteAgent                   // the agent logged a line
	NoteProcess                 // a process started or ended
	NoteReport                  // a report on a patch came in by MQTT
	NoteRollout                 // how far a rollout is came in by MQTT
	NoteByHand                  // how a person does the same
	NoteFleet                   // the fleet itself has to say something
)
