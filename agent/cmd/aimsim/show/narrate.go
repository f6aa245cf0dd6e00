package show

import (
	"fmt"
	"slices"
	"strings"

	"github.com/aim-control/aimlock/agent/telemetry"
	"github.com/aim-control/aimlock/hal/led"
)

// said is one thing to say about a drone.
type said struct {
	tone Tone
	text string
}

// narrate tells what is new in a status, in words. old is nil when the agent
// did not answer before.
func narrate(old, s *telemetry.Status) []said {
	if s == nil {
		return nil // the process's end is told by who saw it
	}
	if old == nil {
		text := fmt.Sprintf("the agent is up: %s, configuration %d", s.State, s.Config.Version)
		if s.Lock.Verdict != "" {
			text += ", lock " + s.Lock.Verdict
		}
		return append([]said{{Quiet, text}}, narrate(&telemetry.Status{State: s.State, Lock: s.Lock, LED: s.LED, Config: s.Config, Patch: s.Patch}, s)...)
	}
	var all []said
	all = append(all, narrateLock(old, s)...)
	all = append(all, narratePatch(old, s)...)
	all = append(all, narrateConfig(old, s)...)
	all = append(all, narrateCauses(old, s)...)
	for _, f := range added(old.Faults, s.Faults) {
		all = append(all, said{Warning, f + " is lost"})
	}
	for _, f := range added(s.Faults, old.Faults) {
		all = append(all, said{Good, f + " is back"})
	}
	switch lights := looks(old, s); {
	case s.State != old.State:
		all = append(all, said{toneOf(s.State), old.State + " → " + s.State + ": " + stateWords(old, s) + lights})
	case lights != "":
		all = append(all, said{Quiet, strings.TrimPrefix(lights, " · ")})
	}
	return all
}

// stateWords says what a change of state means.
func stateWords(old, s *telemetry.Status) string {
	switch s.State {
	case "PAUSING", "PAUSED":
		if s.Flight == "disarmed" {
			return "on the ground, arming is refused: " + causeNames(s.Causes)
		}
		if s.State == "PAUSED" {
			return "the flight controller confirms that it holds"
		}
		return "asks the flight controller to hold: " + causeNames(s.Causes)
	case "UNCONFIRMED":
		return "asked, and the flight controller has not confirmed; still asking"
	case "OVERRIDDEN":
		return "the pilot or the autopilot has taken over; no more asking until disarmed"
	case "RESUMING":
		if len(s.Waived) > 0 && len(old.Waived) < len(s.Waived) {
			return "hold time is spent; releases the request and goes on with configuration " + fmt.Sprint(s.Config.Version)
		}
		return "no cause is left; releases the request"
	case "NOMINAL":
		if old.State == "RESUMING" {
			return fmt.Sprintf("flies on with configuration %d", s.Config.Version)
		}
	}
	return "configuration " + fmt.Sprint(s.Config.Version)
}

// applying stands among the causes while a patch is applied: nothing is wrong.
const applying = "applying"

// narrateCauses tells what is over; what begins the agent's log tells.
func narrateCauses(old, s *telemetry.Status) []said {
	var all []said
	for _, name := range added(names(s.Causes), names(old.Causes)) {
		if name != applying {
			all = append(all, said{Good, "cause " + name + " is gone"})
		}
	}
	return all
}

func narrateLock(old, s *telemetry.Status) []said {
	if s.Lock.Verdict == old.Lock.Verdict && s.Lock.Epoch == old.Lock.Epoch {
		return nil
	}
	switch l := s.Lock; l.Verdict {
	case "FREE":
		return []said{{Good, fmt.Sprintf("lock is free (epoch %d)", l.Epoch)}}
	case "HELD":
		return []said{{Plain, fmt.Sprintf("lock is held by %s, lease of %s", who(l), span(ms(l.UntilMS-l.SinceMS)))}}
	}
	return nil // the agent's log tells what is wrong
}

// narrateConfig tells what is in force; what is wrong or waits the log tells.
func narrateConfig(old, s *telemetry.Status) []said {
	var all []said
	if s.Config.Valid && !old.Config.Valid {
		all = append(all, said{Good, "live file is valid again"})
	}
	if s.Config.Version != old.Config.Version {
		all = append(all, said{Good, fmt.Sprintf("configuration %d is in force (was %d)", s.Config.Version, old.Config.Version)})
	}
	return all
}

// looks tells what the LEDs show now, if that is new.
func looks(old, s *telemetry.Status) string {
	if s.LED == old.LED {
		return ""
	}
	p, err := led.Parse(s.LED)
	if err != nil {
		return ""
	}
	return " · LEDs: " + p.Looks()
}

func toneOf(state string) Tone {
	switch state {
	case "NOMINAL":
		return Good
	case "RESUMING":
		return Plain
	case "OVERRIDDEN", "UNCONFIRMED":
		return Warning
	}
	return Bad
}

func who(l telemetry.Lock) string {
	if l.Holder == "" {
		return "nobody known"
	}
	return fmt.Sprintf("%s (pid %d, %s)", l.Holder, l.PID, l.Role)
}

func names(causes []telemetry.Cause) []string {
	var all []string
	for _, c := range causes {
		all = append(all, c.Name)
	}
	return all
}

func causeNames(causes []telemetry.Cause) string {
	var all []string
	for _, c := range causes {
		if !c.Waived {
			all = append(all, c.Name)
		}
	}
	return strings.Join(all, ", ")
}

// added are the words that are in now and not in before.
func added(before, now []string) []string {
	var all []string
	for _, w := range now {
		if !slices.Contains(before, w) {
			all = append(all, w)
		}
	}
	return all
}
