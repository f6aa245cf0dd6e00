// Package led says what the two status LEDs show. It is pure: a picture is
// picked from a View, and a pattern says at any time which LED is lit. The
// control loop itself drives the lines, so that a hang shows.
//
// The pattern carries the meaning, never the colour alone. Green, red and
// purple belong to the autopilot; ours are one blue and one amber LED.
package led

import (
	"fmt"
	"strings"
	"time"
)

// Pattern is what both LEDs show together.
type Pattern uint8

// The patterns, in precedence order: of what is true, the first one shows.
const (
	Off        Pattern = iota // agent dead or no power
	Button                    // the technician's button is taken
	Bundled                   // the archive that it asked for is made
	Lost                      // a sensor or the flight controller is lost
	Asking                    // pause requested, not confirmed yet
	Holding                   // pause confirmed: holding
	Leaving                   // resuming, or overridden by the pilot
	Applying                  // applying a patch
	RolledBack                // a patch was rolled back
	Trial                     // canary or trial running
	Warm                      // a temperature is warm
	Healthy                   // on the fleet's baseline
)

// View is what there is to show. Of several that are true the first, in the
// order of the fields, wins.
type View struct{ Button, Bundled, Lost, Asking, Holding, Leaving, Applying, RolledBack, Trial, Warm bool }

// Pick returns the pattern for a view: Healthy if nothing in it is true. It
// never returns Off, which only a dead agent shows.
func Pick(v View) Pattern {
	switch {
	case v.Button:
		return Button
	case v.Bundled:
		return Bundled
	case v.Lost:
		return Lost
	case v.Asking:
		return Asking
	case v.Holding:
		return Holding
	case v.Leaving:
		return Leaving
	case v.Applying:
		return Applying
	case v.RolledBack:
		return RolledBack
	case v.Trial:
		return Trial
	case v.Warm:
		return Warm
	}
	return Healthy
}

// At returns which LEDs are lit at t, in nanoseconds since any epoch, and in
// how many nanoseconds, always more than 0, that may change.
func (p Pattern) At(t int64) (blue, amber bool, next int64) {
	steps := p.entry().steps
	var period int64
	for _, s := range steps {
		period += int64(s.lasts)
	}
	t %= period
	if t < 0 {
		t += period
	}
	for _, s := range steps {
		if t < int64(s.lasts) {
			return s.shows&blueLit != 0, s.shows&amberLit != 0, int64(s.lasts) - t
		}
		t -= int64(s.lasts)
	}
	panic("led: a time lies outside its own period") // t < period: cannot be
}

// Step is one stretch of a pattern without a change.
type Step struct {
	Lasts       time.Duration
	Blue, Amber bool
}

// Steps returns one period of the pattern.
func (p Pattern) Steps() []Step {
	var all []Step
	for _, s := range p.entry().steps {
		all = append(all, Step{s.lasts, s.shows&blueLit != 0, s.shows&amberLit != 0})
	}
	return all
}

// String returns the pattern's word, which never changes: "rolled-back".
func (p Pattern) String() string { return p.entry().word }

// Looks says what one sees: "amber flickers 8 times a second".
func (p Pattern) Looks() string { return p.entry().looks }

// Means says what it means to a technician.
func (p Pattern) Means() string { return p.entry().means }

func (p Pattern) entry() *entry {
	if int(p) >= len(table) {
		return &entry{
			word:  fmt.Sprintf("pattern(%d)", uint8(p)),
			looks: "unknown", means: "unknown", steps: table[Off].steps,
		}
	}
	return &table[p]
}

// Parse returns the pattern of a word. Its error lists the words.
func Parse(word string) (Pattern, error) {
	words := make([]string, 0, len(table))
	for p := range table {
		if table[p].word == word {
			return Pattern(p), nil
		}
		words = append(words, table[p].word)
	}
	return Off, fmt.Errorf("led: no pattern is called %.40q; choose one of: %s", word, strings.Join(words, ", "))
}

// Patterns returns all patterns in precedence order.
func Patterns() []Pattern {
	all := make([]Pattern, len(table))
	for p := range all {
		all[p] = Pattern(p)
	}
	return all
}
