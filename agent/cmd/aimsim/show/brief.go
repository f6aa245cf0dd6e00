package show

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/aim-control/aimlock/agent/telemetry"
)

// pair is one key=value at the end of a line of the log.
var pair = regexp.MustCompile(` ([a-z_]+)=("(?:[^"\\]|\\.)*"|[^ "]*)`)

// left out of the story: agent.log and the summary have it.
var leftOut = []string{"proof", "until", "epoch", "old_epoch", "pid", "role", "sha256", "in_force", "from", "why", "part",
	"nonce", "lock_epoch", "lock_holder", "became", "took", "old_version"}

// brief shortens a line of the log for the story: what it says twice and what
// proves it is left out.
func brief(line string) string {
	first := pair.FindStringIndex(line)
	if first == nil {
		return line
	}
	message, rest := line[:first[0]], line[first[0]:]
	var b strings.Builder
	b.WriteString(message)
	for _, m := range pair.FindAllStringSubmatch(rest, -1) {
		value := m[2]
		if s, err := strconv.Unquote(value); err == nil {
			value = s
		}
		if slices.Contains(leftOut, m[1]) || says(message, value) {
			continue
		}
		if m[1] == "do" {
			b.WriteString(" → " + value)
			continue
		}
		b.WriteString(m[0])
	}
	return b.String()
}

// says reports whether a text has a value in it, not just as a part of a word.
func says(text, value string) bool {
	for from := 0; value != ""; {
		i := strings.Index(text[from:], value)
		if i < 0 {
			return false
		}
		begin, end := from+i, from+i+len(value)
		if (begin == 0 || !inWord(text[begin-1])) && (end == len(text) || !inWord(text[end])) {
			return true
		}
		from = begin + 1
	}
	return true
}

func inWord(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// shown of the evidence in the summary, in this order.
var (
	shown      = []string{"holder", "reason", "since", "held", "for", "when", "proof"}
	patchShown = []string{"lock_holder", "held_for", "overdue_for", "became", "signal"} // the proof stands with the lock
)

// evidence is what proves an event, as far as its text does not say so.
func evidence(e telemetry.Event) string { return evidenceOf(e.Evidence, e.Text, shown) }

func evidenceOf(list []telemetry.Evidence, text string, shown []string) string {
	var parts []string
	for _, key := range shown {
		for _, one := range list {
			if one.Key == key && !says(text, one.Value) {
				parts = append(parts, strings.ReplaceAll(key, "_", " ")+" "+one.Value)
			}
		}
	}
	if len(parts) == 0 {
		return ""
	}
	return " [" + strings.Join(parts, "; ") + "]"
}
