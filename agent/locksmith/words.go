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
	age := span(l.At - r.Acquired)
	reason := ""
	if r.Reason != "" {
		reason = ", for: " + r.Reason
	}
	switch l.Verdict {
	case Free:
		return "Nobody holds the lock."
	case Held:
		return fmt.Sprintf("%s has held the lock for %s%s; its lease runs another %s. Nothing to do.",
			l.Who(), age, reason, span(l.Deadline-l.At))
	case Overdue:
		return fmt.Sprintf("%s has held the lock for %s%s; its lease ended %s ago and the process still runs. End that process: the lock is free the moment it dies.",
			l.Who(), age, reason, span(l.At-l.Deadline))
	case Dead:
		return fmt.Sprintf("%s took the lock %s ago%s and is gone without giving it back. The kernel has freed the lock; the agent reclaims it by itself, \"aimctl lock clear\" does so now.",
			l.Who(), age, reason)
	case Boot:
		return fmt.Sprintf("%s took the lock before the last reboot%s. It is free; the agent reclaims it by itself, \"aimctl lock clear\" does so now.",
			l.Who(), reason)
	case Orphan:
		return fmt.Sprintf("%s took the lock %s ago%s and is dead, but %s. End it: the lock is free the moment it dies.",
			l.Who(), age, reason, l.owners())
	case Unknown:
		return fmt.Sprintf("The lock is taken and no record explains it: %s. If this lasts longer than %s, end that process.",
			l.owners(), SuspectFor)
	}
	return l.Verdict.String()
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
	verb := " has it open"
	if len(names) > 1 {
		verb = " have it open"
	}
	return strings.Join(names, ", ") + verb
}
