package locksmith

import (
	"fmt"
	"strings"
)

// who is "fleet-updater (pid 123, orchestrator)".
func (r Record) who() string {
	return fmt.Sprintf("%s (pid %d, %s)", r.Holder, r.Process.PID, r.Role)
}

// Who names the recorded holder, "fleet-updater (pid 123, orchestrator)", or
// is "nobody" for FREE and "unknown" without a usable record.
func (l Look) Who() string {
	switch {
	case l.Verdict == Free:
		return "nobody"
	case !l.HasRecord || !l.Record.Held:
		return "unknown"
	}
	return l.Record.who()
}

// Words tells a technician what the verdict means and what to do, in one or
// two sentences.
func (l Look) Words() string {
	r := l.Record
	who, age, purpose := l.Who(), span(l.At-r.Acquired), ""
	if r.Reason != "" {
		purpose = " (" + r.Reason + ")"
	}
	const clear = `the agent reclaims it by itself, "aimctl lock clear" does so now.`
	const free = "the lock is free the moment it dies."
	switch l.Verdict {
	case Free:
		return "Nobody holds the lock."
	case Held:
		return fmt.Sprintf("%s has held the lock for %s%s; its lease runs another %s. Nothing to do.",
			who, age, purpose, span(l.Deadline-l.At))
	case Overdue:
		return fmt.Sprintf("%s has held the lock for %s%s; its lease ended %s ago and the process still runs. End that process: %s",
			who, age, purpose, span(l.At-l.Deadline), free)
	case Dead:
		return fmt.Sprintf("%s took the lock %s ago%s and is gone without giving it back. The kernel has freed it; %s",
			who, age, purpose, clear)
	case Boot:
		return fmt.Sprintf("%s took the lock%s before the last reboot. It is free; %s", who, purpose, clear)
	case Orphan:
		return fmt.Sprintf("%s took the lock %s ago%s and is dead, but %s. End that process: %s",
			who, age, purpose, l.owners(), free)
	case Unknown:
		return fmt.Sprintf("The lock is taken and no record explains it: %s. If this lasts longer than %s, end that process: %s",
			l.owners(), SuspectFor, free)
	}
	return "Nothing is known of the lock."
}

// owners names the processes that have the lock open.
func (l Look) owners() string {
	if len(l.Owners) == 0 {
		return "a process that /proc does not show to you has it open (look again as root)"
	}
	names := make([]string, 0, len(l.Owners))
	for _, o := range l.Owners {
		names = append(names, fmt.Sprintf("%s (pid %d)", o.Name, o.PID))
	}
	if len(names) == 1 {
		return names[0] + " has it open"
	}
	return strings.Join(names, ", ") + " have it open"
}
