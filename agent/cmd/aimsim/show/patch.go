package show

import (
	"fmt"
	"slices"

	"github.com/aim-control/aimlock/agent/rollout"
	"github.com/aim-control/aimlock/agent/telemetry"
)

// narratePatch tells how far the patch at hand is.
func narratePatch(old, s *telemetry.Status) []said {
	p := s.Patch
	if p == old.Patch || p.State == "" || p.State == "IDLE" {
		return nil
	}
	text := "patch " + p.ID + ": " + p.State
	if p.Reason != "" {
		text += ": " + p.Reason
	}
	return []said{{patchTone(p.State), text}}
}

func patchTone(state string) Tone {
	switch state {
	case "COMMITTED":
		return Good
	case "REVERTED", "REJECTED":
		return Bad
	case "WAITING":
		return Warning
	}
	return Plain
}

// ended reports whether a patch's state is an end of its way.
func ended(state string) bool {
	return state == "COMMITTED" || state == "REVERTED" || state == "REJECTED"
}

// narrateReport tells that a fleet server has heard how a patch ended.
func narrateReport(r *telemetry.Report) []said {
	if !ended(r.State) {
		return nil
	}
	text := "by MQTT: report " + r.State
	if r.Reason != "" {
		text += ": " + r.Reason // the agent's log has the rest
	}
	return []said{{Quiet, text}}
}

// because is why, as a report says it.
func because(r *telemetry.Report) string {
	text := ""
	if r.Reason != "" {
		text = ": " + r.Reason
	}
	if r.Detail != "" && r.Detail != r.Reason {
		text += ": " + r.Detail
	}
	return text
}

// narrateRollout tells what is new of a rollout, whoever leads it. old is nil
// when nothing was known of it.
func narrateRollout(old, r *telemetry.Rollout) []said {
	head := "rollout " + r.ID + ": "
	over := r.State == string(rollout.Finished) || r.State == string(rollout.Stopped)
	if old == nil {
		if over {
			return nil // it ended before anybody looked
		}
		old = &telemetry.Rollout{State: r.State}
		first := said{Action, fmt.Sprintf("%s%s, epoch %d, offers %s to the canary: %s", head, r.Controller, r.Epoch, r.Patch, waveWords(r, 0))}
		if r.Wave == 0 && r.Phase != string(rollout.Baking) {
			return []said{first}
		}
		return append([]said{first}, narrateRollout(old, r)...)
	}
	var all []said
	if r.Wave != old.Wave {
		all = append(all, said{Action, fmt.Sprintf("%swave %d of %d is offered it: %s", head, r.Wave, r.Waves-1, waveWords(r, r.Wave))})
	}
	if r.Phase == string(rollout.Baking) && (old.Phase != r.Phase || r.Wave != old.Wave) && r.State == string(rollout.Running) {
		all = append(all, said{Plain, head + "the wave has it; it is watched before the next one"})
	}
	if r.State == old.State {
		return all
	}
	switch rollout.Status(r.State) {
	case rollout.Finished:
		all = append(all, said{Good, fmt.Sprintf("%sFINISHED: %d of %d drones have the patch", head, outcomes(r, rollout.Succeeded), len(r.Drones))})
	case rollout.Running:
		all = append(all, said{Action, head + "goes on"})
	case rollout.Paused, rollout.Waiting, rollout.Unclear:
		all = append(all, said{Warning, head + r.State + ": " + r.Reason})
	default:
		text := head + r.State
		if r.Reason != old.Reason {
			text += ": " + r.Reason
		}
		all = append(all, said{Bad, text})
	}
	return all
}

// waveWords are the drones of a wave.
func waveWords(r *telemetry.Rollout, wave uint32) string {
	var names []string
	for _, d := range r.Drones {
		if d.Wave == wave {
			names = append(names, d.Drone)
		}
	}
	slices.Sort(names)
	return ranges(names)
}

func outcomes(r *telemetry.Rollout, of rollout.Outcome) (n int) {
	for _, d := range r.Drones {
		if d.State == string(of) {
			n++
		}
	}
	return n
}
