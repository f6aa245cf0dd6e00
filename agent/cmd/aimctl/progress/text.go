package progress

import (
	"fmt"
	"strings"
	"time"

	"github.com/aim-control/aimlock/agent/cmd/aimctl/words"
	"github.com/aim-control/aimlock/agent/rollout"
)

// WaveName is a wave in a column: canary, wave 1 …
func WaveName(wave int) string {
	if wave == 0 {
		return "canary"
	}
	return fmt.Sprintf("wave %d", wave)
}

// outcomes in the order in which they are counted, with their words.
var outcomes = []struct{ outcome, word string }{
	{string(rollout.Succeeded), "succeeded"},
	{string(rollout.InProgress), "in progress"},
	{string(rollout.Failed), "FAILED"},
	{string(rollout.TimedOut), "TIMED OUT"},
	{string(rollout.Rejected), "REJECTED"},
	{string(rollout.Reverted), "REVERTED"},
	{string(rollout.Offline), "offline"},
	{string(rollout.Superseded), "superseded"},
	{string(rollout.Pending), "to come"},
}

// Counts says how many drones are how far: "5 succeeded, 2 in progress".
func Counts(counts map[string]int) string {
	var parts []string
	for _, o := range outcomes {
		if n := counts[o.outcome]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, o.word))
		}
	}
	return strings.Join(parts, ", ")
}

// Doing says what happens now, in a few words.
func Doing(s State) string {
	wave := "the canary"
	if s.Wave > 0 {
		wave = fmt.Sprintf("wave %d of %d", s.Wave, s.Waves-1)
	}
	switch rollout.Status(s.Status) {
	case rollout.Ready, rollout.Running, rollout.Waiting, rollout.Unclear, rollout.Paused:
		switch s.Phase {
		case string(rollout.Baking):
			return wave + " is watched"
		case string(rollout.Judging):
			return wave + " is judged"
		}
		return wave + " is offered the patch"
	case rollout.RollingBack:
		return "the patch is taken back"
	}
	return ""
}

// BakeText says what is left of a bake; "": nothing.
func BakeText(left time.Duration, beats int, drone string) string {
	var parts []string
	if left > 0 {
		parts = append(parts, words.Span(left+time.Second-1)+" left")
	}
	if beats > 0 {
		s := fmt.Sprintf("%d heartbeats to come", beats)
		if drone != "" {
			s += " from " + drone
		}
		parts = append(parts, s)
	}
	return strings.Join(parts, ", ")
}

// ToDo says what a person has to do, with the command; nil: nothing.
func ToDo(s State, id string) []string {
	switch {
	case s.Status == string(rollout.Finished), s.Status == string(rollout.Stopped), s.Status == string(rollout.RollingBack):
		return nil
	case s.Ask == rollout.AskApproval:
		return []string{"Look at the drones that have the patch. If all is well, let the next wave come:", "\taimctl rollout approve " + id,
			"If not, stop and take the patch back:", "\taimctl rollout rollback " + id}
	case s.Ask == rollout.AskInconclusive:
		return []string{"The wave proves too little. Go on in spite of it:", "\taimctl rollout resume " + id,
			"Or stop and take the patch back:", "\taimctl rollout rollback " + id}
	case s.Status == string(rollout.Paused):
		return []string{"Nothing more is offered until it is resumed:", "\taimctl rollout resume " + id}
	}
	return nil
}

// Versions says what a drone had and has: "41 → 42", "41".
func Versions(d Drone) string {
	switch {
	case d.Version == 0:
		return ""
	case d.Before == 0 || d.Before == d.Version:
		return fmt.Sprint(d.Version)
	}
	return fmt.Sprintf("%d → %d", d.Before, d.Version)
}

// Why is what there is to say of a drone beside its outcome.
func Why(d Drone) string {
	parts := []string{}
	if d.Outcome == string(rollout.InProgress) && d.Patch != "" {
		parts = append(parts, d.Patch)
		if d.Said != "" {
			parts = append(parts, d.Said)
		}
	}
	if d.Reason != "" {
		parts = append(parts, d.Reason)
	}
	return words.Clean(strings.Join(parts, ": "), 400)
}

// LastLine is one line that was said, for a terminal or a log.
func LastLine(at time.Time, zone *time.Location, drone, text string) string {
	if drone == "" {
		drone = "rollout"
	}
	return fmt.Sprintf("%s %-12s %s", at.In(zone).Format("15:04:05"), drone, words.Clean(text, 600))
}
