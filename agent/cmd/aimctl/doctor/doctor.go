// Package doctor examines a drone: whether all that the agent needs is there
// and in order, and where not, what to do. It changes nothing: it opens files
// to read them, asks for the lock without taking it, and reads chips only where
// a known one can be.
package doctor

import (
	"context"
	"fmt"
	"time"

	"github.com/aim-control/aimlock/agent/cmd/aimctl/words"
	"github.com/aim-control/aimlock/agent/config"
	"github.com/aim-control/aimlock/board"
)

// Grades of a check.
const (
	OK    = "ok"
	Note  = "note"  // nothing is broken; worth knowing, or it could not be told
	Wrong = "wrong" // do what Do says
)

// Check is what one check found.
type Check struct {
	Name  string   `json:"check"` // "broker", "line PAUSE_REQ"
	Grade string   `json:"grade"` // ok, note or wrong
	Found string   `json:"found"`
	Do    []string `json:"do"` // the remedy; a paragraph with a leading tab is a command to type
}

func ok(name, format string, args ...any) Check { return check(OK, name, nil, format, args) }

func note(name string, do []string, format string, args ...any) Check {
	return check(Note, name, do, format, args)
}

func wrong(name string, do []string, format string, args ...any) Check {
	return check(Wrong, name, do, format, args)
}

// check cleans what it found: much of it are names that others chose.
func check(grade, name string, do []string, format string, args []any) Check {
	c := Check{Name: words.Clean(name, 60), Grade: grade, Found: words.Clean(fmt.Sprintf(format, args...), 600), Do: []string{}}
	for _, line := range do {
		if len(line) > 0 && line[0] == '\t' {
			c.Do = append(c.Do, "\t"+words.Clean(line, 300))
		} else {
			c.Do = append(c.Do, words.Clean(line, 400))
		}
	}
	return c
}

// Subject is who is examined.
type Subject struct {
	File     string           // the identity's path
	Identity *config.Identity // nil: Err says why there is none
	Err      error
	// Floor is a time that has certainly passed: certificates are judged at the
	// later of it and the clock, as the agent does.
	Floor time.Time

	// Lock looks at the lock and takes nothing; Agent asks the agent, and says
	// whether it runs.
	Lock  func() Check
	Agent func(context.Context) (c Check, runs bool)
}

// simulated is the name of the board that has no hardware.
const simulated = "sim"

// Examine runs all checks in their order. Without an identity only what does
// not depend on it is examined. It takes as long as the broker and stuck buses
// do: a few seconds at most.
func Examine(ctx context.Context, m Machine, s Subject) []Check {
	b, c := identity(m, s)
	list := []Check{c}
	runs := false
	if id := s.Identity; id != nil {
		list = append(list, live(m, id), m.folder("state folder", id.Paths.State, id, durableKinds), m.folder("run folder", id.Paths.Run, id, volatileKinds))
		list = append(list, s.Lock())
		c, runs = s.Agent(ctx)
		list = append(list, c)
		if m.Dial != nil {
			list = append(list, broker(ctx, m, id.MQTT, s.Floor))
		}
	}
	list = append(list, clock(m))
	switch {
	case b == nil:
	case b.Name == simulated:
		list = append(list, ok("board", "simulated: there is no hardware to look at"))
	default:
		list = append(list, hardware(m, b, runs)...)
	}
	list = append(list, kernel(m)...)
	if s.Identity != nil {
		list = append(list, hooks(m, s.Identity.Hooks)...)
		list = append(list, space(m, s.Identity.Paths.State))
	}
	return append(list, memory(m))
}

func hardware(m Machine, b *board.Board, runs bool) (list []Check) {
	for _, bus := range b.Buses {
		list = append(list, m.bus(b, bus)...)
	}
	list = append(list, m.lines(b, runs)...)
	list = append(list, m.leds(b, runs)...)
	if b.Companion != "" {
		list = append(list, m.companion(b.Companion))
	}
	return append(list, m.watchdog(b, runs), m.lastReset(b))
}

// Count is how many checks have a grade.
func Count(list []Check, grade string) (n int) {
	for _, c := range list {
		if c.Grade == grade {
			n++
		}
	}
	return n
}
