package scenario

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Parse takes a whole scenario apart. The error is an Errors with everything
// that is wrong, up to MaxErrors.
func Parse(file string, data []byte) ([]Step, error) {
	if len(data) > MaxFile {
		return nil, Errors{{Pos{file, 1}, fmt.Sprintf("the file has %d bytes", len(data)), fmt.Sprintf("keep a scenario below %d", MaxFile)}}
	}
	var steps []Step
	var errs Errors
	var last *Step
	acted := false
	n := 0
	for line := range bytes.Lines(data) {
		n++
		step, err := ParseLine(file, n, strings.TrimRight(string(line), "\r\n"))
		if err == nil && step != nil {
			err = order(step, last, acted, len(steps))
		}
		switch {
		case err != nil:
			errs = append(errs, err)
			if len(errs) == MaxErrors {
				return nil, errs
			}
		case step != nil:
			steps = append(steps, *step)
			acted = acted || !Setup(step.Do)
			if step.Timed {
				last = step
			}
		}
	}
	if len(errs) > 0 {
		return nil, errs
	}
	return steps, nil
}

// order checks a step against those before it.
func order(step, last *Step, acted bool, count int) *Error {
	switch {
	case count == MaxSteps:
		return &Error{step.Pos, fmt.Sprintf("more than %d steps", MaxSteps), "split the scenario"}
	case acted && Setup(step.Do):
		return &Error{step.Pos, quote(Verb(step.Do)) + " after a step that acts", "move it to the top of the file"}
	case step.Timed && last != nil && step.At < last.At:
		return &Error{step.Pos, fmt.Sprintf("@%v comes after @%v of line %d", step.At, last.At, last.Line), "put the lines in the order of their times"}
	}
	return nil
}

// ParseLine takes one line apart; nil without an error is a blank line or a
// comment.
func ParseLine(file string, number int, line string) (*Step, *Error) {
	c := &cursor{pos: Pos{file, number}, line: line}
	switch {
	case len(line) > MaxLine:
		return nil, c.fail(fmt.Sprintf("the line has %d bytes", len(line)), fmt.Sprintf("keep lines below %d", MaxLine))
	case !utf8.ValidString(line):
		return nil, c.fail("the line is not UTF-8", "save the file as UTF-8")
	case strings.ContainsFunc(line, func(r rune) bool { return r != '\t' && unicode.IsControl(r) }):
		return nil, c.fail("the line has control characters", "remove them")
	}
	if c.done() || c.line[c.at] == '#' {
		return nil, nil
	}
	step := &Step{Pos: c.pos, Text: strings.Trim(line, " \t")}
	if c.line[c.at] == '@' {
		if err := step.parseTime(c); err != nil {
			return nil, err
		}
	}
	word, err := c.need("the verb", "[@DURATION] VERB [DRONES] ARGS")
	if err != nil {
		return nil, err
	}
	v, ok := lookup(word)
	if !ok {
		return nil, c.fail("no verb "+quote(word), verbNames(word))
	}
	if err := v.parse(c, step); err != nil {
		return nil, err
	}
	if Setup(step.Do) && step.Timed {
		return nil, c.fail(quote(word)+" with a time", "it applies before the start: leave the time away")
	}
	return step, nil
}

func (s *Step) parseTime(c *cursor) *Error {
	word, err := c.word()
	if err != nil {
		return err
	}
	d, err := duration(c, strings.TrimPrefix(word, "@"), 0)
	if err != nil {
		return err
	}
	s.At, s.Timed = d, true
	return nil
}

// duration reads a time like 1.5s between least and MaxDuration.
func duration(c *cursor, word string, least time.Duration) (time.Duration, *Error) {
	d, err := time.ParseDuration(word)
	if err != nil {
		return 0, c.fail(quote(word)+" is no duration", "durations look like 500ms, 1.5s, 2m")
	}
	if d < least || d > MaxDuration {
		return 0, c.fail(fmt.Sprintf("a duration of %v", d), fmt.Sprintf("use %v to %v", least, MaxDuration))
	}
	return d, nil
}

func number(c *cursor, word, what string, least, most float64) (float64, *Error) {
	f, err := strconv.ParseFloat(word, 64)
	if err != nil || !(f >= least && f <= most) {
		return 0, c.fail(what+" "+quote(word), fmt.Sprintf("use a number from %v to %v", least, most))
	}
	return f, nil
}

// drones takes the list of drones that a verb works on.
func (s *Step) drones(c *cursor, usage string) *Error {
	word, err := c.need("the list of drones", usage)
	if err != nil {
		return err
	}
	sel, what, remedy := ParseSelector(word)
	if what != "" {
		return c.fail(what, remedy)
	}
	s.Drones = sel
	return nil
}
