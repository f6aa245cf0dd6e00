package progress

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aim-control/aimlock/agent/cmd/aimctl/words"
	"github.com/aim-control/aimlock/agent/rollout"
)

// manyDrones is how many drones are listed one by one; beyond it those that
// simply succeeded, or have not had their turn, are only counted.
const manyDrones = 48

// Table lists drones, a line each, the columns padded.
func Table(list []Drone) []string {
	few := len(list) <= manyDrones
	name, version := 5, 0
	for _, d := range list {
		name, version = max(name, len(d.Drone)), max(version, len([]rune(Versions(d))))
	}
	var lines []string
	left := map[string]int{}
	for _, d := range list {
		if !few && Why(d) == "" && (d.Outcome == string(rollout.Succeeded) || d.Outcome == string(rollout.Pending)) {
			left[d.Outcome]++
			continue
		}
		v := Versions(d)
		v += strings.Repeat(" ", version-len([]rune(v)))
		lines = append(lines, strings.TrimRight(fmt.Sprintf("%-*s  %-8s %-11s  %s  %s", name, d.Drone, WaveName(d.Wave), d.Outcome, v, Why(d)), " "))
	}
	if text := Counts(left); text != "" {
		lines = append(lines, "and "+text)
	}
	return lines
}

// Place is what a state does not say of itself.
type Place struct {
	ID      string
	Fleet   string
	Process string        // says whether a process leads it
	Leads   string        // who leads; empty: the state's controller
	Age     time.Duration // of what is said; 0: it is of now
	Again   []string      // how to go on when no process leads it
}

// Report is a rollout on a page.
func Report(s State, drones []Drone, at Place) words.Report {
	r := words.Report{Head: fmt.Sprintf("Rollout %s, fleet %s: %s", at.ID, at.Fleet, words.Clean(s.Status, 20))}
	if doing := Doing(s); doing != "" {
		r.Head += ", " + doing
	}
	r.Head += "."
	if s.Reason != "" {
		r.Add("Why", words.Clean(s.Reason, 600))
	}
	patch := words.Clean(s.Patch, 64)
	if s.Version > 0 {
		patch += fmt.Sprintf(", %s %d", s.brings(), s.Version)
	}
	r.Add("Patch", patch)
	leads := at.Leads
	if leads == "" {
		leads = fmt.Sprintf("%s, epoch %d", words.Clean(s.Controller, 64), s.Epoch)
	}
	r.Add("Leads", leads)
	if at.Process != "" {
		r.Add("Process", at.Process)
	}
	r.Add("Drones", fmt.Sprintf("%d: %s", len(drones), Counts(s.Counts)))
	if text := BakeText(time.Duration(s.BakeLeftMS)*time.Millisecond, s.BeatsLeft, ""); text != "" {
		r.Add("Bake", text)
	}
	if s.WatchedMS > 0 {
		r.Add("Watched", "for "+words.Span(time.Duration(s.WatchedMS)*time.Millisecond)+" in all")
	}
	for _, v := range s.Verdicts {
		r.Add("Verdict", WaveName(v.Wave)+": "+string(v.Result)+". "+strings.Join(v.Words, ". ")+".")
	}
	if at.Age > 0 {
		r.Add("Age", "said "+words.Span(at.Age)+" ago")
	}
	todo := ToDo(s, at.ID)
	r.Add("Do now", words.Steps(append(slices.Clone(at.Again), todo...))...)
	return r
}

// brings is what the version is of.
func (s State) brings() string {
	if s.Keys {
		return "keys version"
	}
	return "configuration"
}

// Summary says how a rollout has ended, or where it stands.
func Summary(s State, drones []Drone) []string {
	head := fmt.Sprintf("%s: %d of %d drones have %s %d", s.Status, s.Counts[string(rollout.Succeeded)], len(drones), s.brings(), s.Version)
	if s.Status == string(rollout.Stopped) && s.Kept {
		head = fmt.Sprintf("STOPPED: %d of %d drones have %s %d and keep it", s.Counts[string(rollout.Succeeded)], len(drones), s.brings(), s.Version)
	} else if s.Status == string(rollout.Stopped) {
		var still []string
		for _, d := range drones {
			if d.Has {
				still = append(still, d.Drone)
			}
		}
		head = "STOPPED: the patch was taken back"
		if s.Keys {
			head = "STOPPED; nobody has the new keys"
		}
		if len(still) > 0 {
			head = "STOPPED, but these may still have the patch: " + strings.Join(still, " ")
		}
	}
	lines := []string{head + "; watched for " + words.Span(time.Duration(s.WatchedMS)*time.Millisecond) + "."}
	if s.Reason != "" {
		lines = append(lines, "Why: "+words.Clean(s.Reason, 600))
	}
	for _, v := range s.Verdicts {
		lines = append(lines, fmt.Sprintf("Verdict of %s: %s. %s.", WaveName(v.Wave), v.Result, strings.Join(v.Words, ". ")))
	}
	for _, l := range Table(drones) {
		lines = append(lines, "  "+l)
	}
	for _, d := range drones {
		if d.Proof != "" {
			lines = append(lines, "Lock of "+d.Drone+" overridden: "+words.Clean(d.Proof, 400))
		}
	}
	return lines
}
