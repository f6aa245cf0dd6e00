// Package scenario is the language in which a simulated fleet is told what to
// do. One line is one step:
//
//	[@DURATION] VERB [DRONES] ARGS
//
// @DURATION is the time since the start at which the line runs; a line without
// it runs when the line before it is done. DRONES names drones: a name, a
// short name (p3 is the third drone), a glob, a range p1..p4, all, all-p3 (all
// but p3), and comma lists of these, in which a leading - takes away:
// all,-p3,-p5. Arguments with blanks stand in double quotes. A line that
// begins with # is a comment. [Verbs] lists every verb with its arguments.
//
// The package is pure: it parses, names drones and judges conditions against
// a document; it opens nothing and knows no clock.
package scenario

import (
	"fmt"
	"strings"
	"time"
)

// Limits of a scenario. What is beyond them is refused, never cut off.
const (
	MaxFile       = 256 << 10 // bytes of a file
	MaxLine       = 4 << 10   // bytes of a line
	MaxSteps      = 4096      // lines that do something
	MaxDuration   = time.Hour // every duration
	MaxConditions = 8         // of one expectation
	MaxTerms      = 64        // of one list of drones
	MaxDrones     = 64        // of a fleet of child processes
	MaxErrors     = 20        // reported of one file
	Motors        = 4         // motors of the simulated board
)

// Pos is where a step was written.
type Pos struct {
	File string
	Line int // from 1
}

func (p Pos) String() string { return fmt.Sprintf("%s:%d", p.File, p.Line) }

// Error is one thing that is wrong with a line, and what would be right.
type Error struct {
	Pos
	What   string
	Remedy string
}

func (e *Error) Error() string { return e.Pos.String() + ": " + e.What + "; " + e.Remedy }

// Errors are all the things that are wrong with a scenario, at most MaxErrors.
type Errors []*Error

func (e Errors) Error() string {
	lines := make([]string, len(e))
	for i, one := range e {
		lines[i] = one.Error()
	}
	return strings.Join(lines, "\n")
}

// Step is one line of a scenario.
type Step struct {
	Pos
	Text   string        // the line as written, without blanks around it
	At     time.Duration // since the start; only if Timed
	Timed  bool
	Drones Selector // empty for verbs that name no drones
	Do     Action
}
