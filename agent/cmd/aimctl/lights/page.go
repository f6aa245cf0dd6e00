package lights

import (
	"fmt"
	"strings"

	"github.com/aim-control/aimlock/agent/cmd/aimctl/words"
)

// Page is a scene in words, for what does not move: each pattern with what it
// looks like and means; a single one with a drawing of two seconds. bold marks
// the drone's own; nil leaves it plain.
func Page(s Scene, width int, bold func(string) string) string {
	var b strings.Builder
	if len(s.Patterns) == 1 {
		p := s.Patterns[0]
		fmt.Fprintf(&b, "%s: %s\n", p, p.Looks())
		for _, line := range append(words.Wrap(p.Means(), width-1), Strips(p)...) {
			fmt.Fprintf(&b, " %s\n", strings.TrimPrefix(line, " "))
		}
		return b.String()
	}
	for _, p := range s.Patterns {
		here := s.Known && p == s.Now
		mark, looks := "  ", p.Looks()
		if here {
			mark = "→ "
		}
		for _, line := range words.Wrap(p.Means(), width-looksWidth-3) {
			line = fmt.Sprintf("%s%-*s %s", mark, looksWidth, looks, line)
			if here && bold != nil {
				line = bold(line)
			}
			b.WriteString(line + "\n")
			mark, looks = "  ", ""
		}
	}
	fmt.Fprintf(&b, "\n%s\n", s.Note)
	return b.String()
}
