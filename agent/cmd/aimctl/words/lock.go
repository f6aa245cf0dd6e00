package words

import (
	"fmt"
	"strings"
	"time"

	"github.com/aim-control/aimlock/agent/telemetry"
)

// lock says the lock of a status.
func (t teller) lock() []string {
	return Lock(t.st.Lock, t.st.UpMS, t.st.TimeMS, t.at)
}

// Lock says a verdict on the lock: what it is, whose, since when, until when.
// upMS (CLOCK_BOOTTIME) and wallMS (Unix) are the time of the look.
func Lock(l telemetry.Lock, upMS, wallMS int64, at Place) []string {
	s := verdict(l.Verdict)
	if l.Hot {
		s = strings.Replace(s, ":", " (HOT):", 1)
	}
	lines := []string{s}
	who := holder(l)
	if who == "" || l.Verdict == "FREE" {
		return lines
	}
	taken := "Taken by " + who
	if l.Verdict == "BOOT" {
		taken += " before the last reboot."
	} else {
		ago := time.Duration(upMS-l.SinceMS) * time.Millisecond
		taken += sinceOrFor(ago, wallMS, at) + "."
		if l.Verdict == "HELD" || l.Verdict == "OVERDUE" {
			taken += until(l, upMS)
		}
	}
	lines = append(lines, taken)
	if r := Clean(l.Reason, 120); r != "" {
		lines = append(lines, "It says: “"+r+"”.")
	}
	return lines
}

func verdict(v string) string {
	switch v {
	case "FREE":
		return "FREE: nobody holds it."
	case "HELD":
		return "HELD: in use, within its time."
	case "OVERDUE":
		return "OVERDUE: its holder is alive and should have let go."
	case "DEAD":
		return "DEAD: its holder is gone; it is reclaimed at once."
	case "BOOT":
		return "BOOT: left over from before the reboot; it is reclaimed at once."
	case "ORPHAN":
		return "ORPHAN: its holder is dead, yet a process still has it open."
	case "":
		return "Not looked at yet."
	case "UNKNOWN":
		return "UNKNOWN: somebody holds it and has not written down who."
	}
	return Clean(v, 20) + ": a verdict that this aimctl does not know."
}

// holder says who: "fleet-updater (pid 4312, orchestrator)".
func holder(l telemetry.Lock) string {
	who := Clean(l.Holder, 64)
	if who == "" {
		return ""
	}
	return fmt.Sprintf("%s (pid %d, %s)", who, l.PID, Clean(l.Role, 20))
}

func sinceOrFor(ago time.Duration, wallMS int64, at Place) string {
	if s := sinceText(ago, wallMS, at); s != "" {
		return s + " (" + Span(ago) + ")"
	}
	return " " + Span(ago) + " ago"
}

func until(l telemetry.Lock, upMS int64) string {
	left := time.Duration(l.UntilMS-upMS) * time.Millisecond
	switch {
	case l.UntilMS == 0:
		return ""
	case left < 0:
		return fmt.Sprintf(" Its time was up %s ago.", Span(-left))
	}
	return fmt.Sprintf(" Its time is up in %s.", Span(left))
}

// lockTodo says how a lock gets free.
func lockTodo(l telemetry.Lock) []string {
	switch l.Verdict {
	case "OVERDUE":
		return []string{
			fmt.Sprintf("Find out why %s still holds the lock:", orSomebody(l)),
			fmt.Sprintf("\tps -fp %d", l.PID),
			"If it hangs, end it; the lock is then free:",
			fmt.Sprintf("\tkill %d", l.PID),
		}
	case "ORPHAN", "UNKNOWN":
		return []string{
			"See which process has the lock open, and end it:",
			"\taimctl lock status",
		}
	case "DEAD", "BOOT":
		return []string{
			"Wait a second: the agent reclaims the lock by itself. If it does not:",
			"\taimctl lock clear",
		}
	}
	return []string{"Wait a second: the lock is in order again."}
}

func orSomebody(l telemetry.Lock) string {
	if who := Clean(l.Holder, 64); who != "" {
		return who
	}
	return "the holder"
}

// LockTodo is what to do about a lock, for a page about the lock alone.
func LockTodo(l telemetry.Lock) []string {
	switch l.Verdict {
	case "FREE":
		return []string{"Nothing."}
	case "HELD":
		return []string{"Nothing: wait until it is released."}
	}
	return Steps(lockTodo(l))
}
