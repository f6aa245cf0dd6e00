// Package show tells a run: as lines with time stamps, or as a live view in a
// terminal. Both tell the same, from what the fleet notes and what the player
// marks; neither looks anywhere else.
package show

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Tone is what kind of line it is; the live view colours by it.
type Tone uint8

// The tones.
const (
	Plain   Tone = iota
	Chapter      // the story's headline
	Action       // the scenario does something
	Good
	Warning
	Bad
	Quiet  // detail
	Passed // an expectation held
	Failed
)

// Line is one line of the story.
type Line struct {
	At     time.Duration // since the start
	Before bool          // of the start: At counts from something else
	Drones []string
	Tone   Tone
	Text   string
	Alike  int // other drones said the same, but for numbers
}

// label names drones of a fleet briefly.
func label(names, fleet []string) string {
	var others []string
	for _, name := range fleet {
		if !slices.Contains(names, name) {
			others = append(others, name)
		}
	}
	switch {
	case len(names) == 1:
		return names[0]
	case len(names) > 0 && len(others) == 0:
		return "all " + strconv.Itoa(len(names)) + " drones"
	case len(names) > len(fleet)/2 && len(others) > 0 && len(others) <= 3:
		text := ranges(others)
		stem, _ := split(others[0])
		return "all but " + strings.TrimPrefix(text, stem)
	}
	return ranges(names)
}

// ranges joins names; a run of numbers becomes a range, and what names have in
// common stands once.
func ranges(names []string) string {
	var parts []string
	prefix := ""
	for i := 0; i < len(names); {
		stem, n := split(names[i])
		j := i + 1
		for j < len(names) {
			s, m := split(names[j])
			if s != stem || m != n+j-i {
				break
			}
			j++
		}
		part := names[i]
		if prefix == stem && stem != "" {
			part = names[i][len(stem):]
		}
		if j-i > 1 {
			part += ".." + names[j-1][len(stem):]
		}
		parts = append(parts, part)
		prefix, i = stem, j
	}
	return strings.Join(parts, ",")
}

// split takes a trailing number off a name.
func split(name string) (stem string, number int) {
	stem = strings.TrimRight(name, "0123456789")
	number, err := strconv.Atoi(name[len(stem):])
	if err != nil {
		return name, -1
	}
	return stem, number
}

// stamp is the time with which a line begins.
func (l Line) stamp() string {
	if l.Before {
		return strings.Repeat(" ", 6)
	}
	return fmt.Sprintf("%6.2f", max(l.At, 0).Seconds())
}

// span is a length of time for a person.
func span(d time.Duration) string {
	switch {
	case d < 100*time.Second:
		return fmt.Sprintf("%.1f s", d.Seconds())
	default:
		return d.Round(time.Second).String()
	}
}
