// Package progress shows how far a rollout has come: on a terminal, in lines
// and as JSON. It is pure: it takes what a runner or a state file says, and
// every moment is an argument.
package progress

import (
	"github.com/aim-control/aimlock/agent/rollout"
	"github.com/aim-control/aimlock/agent/rollout/run"
	"github.com/aim-control/aimlock/agent/telemetry"
)

// State is a rollout as --json prints it.
type State struct {
	Status     string         `json:"status"` // READY RUNNING WAITING_FOR_APPROVAL INCONCLUSIVE PAUSED ROLLING_BACK FINISHED STOPPED
	Phase      string         `json:"phase"`  // OFFERING BAKING JUDGING
	Wave       int            `json:"wave"`   // the present one; 0: the canary
	Waves      int            `json:"waves"`  // the canary included
	Ask        string         `json:"ask"`    // what a person is asked: approval, inconclusive; empty: nothing
	Reason     string         `json:"reason"`
	Controller string         `json:"controller"`
	Epoch      uint64         `json:"epoch"`
	Patch      string         `json:"patch"`
	Version    int64          `json:"version"`        // of the new configuration; 0: not known here
	Keys       bool           `json:"keys,omitempty"` // of the keys, that is, which cannot be taken back
	WatchedMS  int64          `json:"watched_ms"`     // the rollout's time; 0: not known here
	BakeLeftMS int64          `json:"bake_left_ms"`   // of the present wave's bake; 0: none
	BeatsLeft  int            `json:"beats_left"`     // heartbeats that it still waits for
	Counts     map[string]int `json:"counts"`         // drones by outcome
	Kept       bool           `json:"kept"`           // it was stopped, and what had the patch keeps it
	// Verdicts are those of the waves that were watched; null: not known here.
	Verdicts []rollout.Verdict `json:"verdicts"`
}

// Drone is one drone of a rollout as --json prints it.
type Drone struct {
	Drone   string `json:"drone"`
	Wave    int    `json:"wave"`
	Outcome string `json:"outcome"`
	Reason  string `json:"reason"` // of the outcome
	Patch   string `json:"patch"`  // the state last reported
	Said    string `json:"said"`   // why
	Online  bool   `json:"online"`
	Has     bool   `json:"has"`             // it has the patch, or may have it
	Before  int64  `json:"version_before"`  // 0: not known
	Version int64  `json:"version"`         // last seen
	Proof   string `json:"proof,omitempty"` // whose lock was overridden, and what proved it
}

// Of is a state file's rollout.
func Of(saved run.Saved) State {
	s := saved.Rollout
	left, beats, _ := s.BakeLeft()
	out := State{Keys: s.Plan.Keep, Status: string(s.Status), Phase: string(s.Phase), Wave: s.Wave, Waves: s.Waves, Ask: s.Ask, Reason: s.Reason,
		Controller: saved.Controller, Epoch: saved.Epoch, Patch: s.Plan.Patch, Version: s.Plan.Version,
		WatchedMS: s.Now / 1e6, BakeLeftMS: left / 1e6, BeatsLeft: beats, Counts: map[string]int{},
		Verdicts: s.Verdicts, Kept: s.Stop}
	for _, d := range s.Drones {
		out.Counts[string(d.Outcome)]++
	}
	return out
}

// DroneOf is one drone of a state file's rollout.
func DroneOf(d rollout.Drone) Drone {
	return Drone{d.Name, d.Wave, string(d.Outcome), d.Reason, d.Patch, d.Said, d.Online, d.Has, d.Before, d.Version, d.Proof}
}

// DronesOf are all drones of a state file's rollout.
func DronesOf(s rollout.State) []Drone {
	list := make([]Drone, 0, len(s.Drones))
	for _, d := range s.Drones {
		list = append(list, DroneOf(d))
	}
	return list
}

// OfMessage is the rollout that lies at the broker.
func OfMessage(m *telemetry.Rollout) (State, []Drone) {
	s := State{Status: m.State, Phase: m.Phase, Wave: int(m.Wave), Waves: int(m.Waves), Reason: m.Reason, Controller: m.Controller,
		Epoch: m.Epoch, Patch: m.Patch, BakeLeftMS: m.BakeMS, Counts: map[string]int{}}
	list := make([]Drone, 0, len(m.Drones))
	for _, d := range m.Drones {
		s.Counts[d.State]++
		list = append(list, Drone{Drone: d.Drone, Wave: int(d.Wave), Outcome: d.State, Reason: d.Reason})
	}
	return s, list
}

// Event is one line of "rollout start --json".
type Event struct {
	AtMS    int64  `json:"at_ms"` // the operator's clock, Unix
	Rollout string `json:"rollout"`
	// Kind says which of the others are set. begin, end: state, drones, text.
	// say: text, and drone unless it is about the rollout. drone: drones, those
	// that changed. state: state, when the status, phase, wave or question
	// changed. link: up, and text when it is down.
	Kind   string  `json:"kind"`
	Drone  string  `json:"drone,omitempty"`
	Text   string  `json:"text,omitempty"`
	Up     *bool   `json:"up,omitempty"`
	State  *State  `json:"state,omitempty"`
	Drones []Drone `json:"drones,omitempty"`
}
