package scenario

import (
	"fmt"
	"regexp"
	"strings"
	"time"
)

// WaitUnlessTold is how long a wait without "within" waits.
const WaitUnlessTold = 10 * time.Second

var fieldForm = regexp.MustCompile(`^[a-z0-9_]+(\.[a-z0-9_]+)*$`)

func parseExpect(wait bool) func(*cursor, *Step) *Error {
	return func(c *cursor, s *Step) *Error {
		e := Expect{Wait: wait}
		use := usage(e.verb())
		if err := s.drones(c, use); err != nil {
			return err
		}
		for !c.done() {
			word, err := c.word()
			if err != nil {
				return err
			}
			if word == "within" || word == "for" {
				if err := e.parseEnd(c, word, use); err != nil {
					return err
				}
				break
			}
			cond, err := parseCondition(c, word)
			if err != nil {
				return err
			}
			e.Conditions = append(e.Conditions, cond)
		}
		switch {
		case len(e.Conditions) == 0:
			return c.fail("no condition", "write "+use)
		case len(e.Conditions) > MaxConditions:
			return c.fail(fmt.Sprintf("%d conditions", len(e.Conditions)), fmt.Sprintf("use at most %d", MaxConditions))
		case wait && e.Within == 0:
			e.Within = WaitUnlessTold
		}
		s.Do = e
		return nil
	}
}

func (e *Expect) parseEnd(c *cursor, word, use string) *Error {
	text, err := c.need("the duration", use)
	if err != nil {
		return err
	}
	d, err := duration(c, text, time.Millisecond)
	if err != nil {
		return err
	}
	if word == "within" {
		e.Within = d
	} else if e.Wait {
		return c.fail(`"wait … for"`, "use expect for what must stay so")
	} else {
		e.For = d
	}
	return c.end(use)
}

func parseCondition(c *cursor, word string) (Condition, *Error) {
	i := strings.IndexAny(word, "=!~")
	if i < 0 || (word[i] == '!' && !strings.HasPrefix(word[i:], "!=")) {
		return Condition{}, c.fail(quote(word)+" is no condition", "write FIELD=VALUE, FIELD!=VALUE or FIELD~PART")
	}
	cond := Condition{Field: word[:i], Op: Op(word[i : i+1])}
	if cond.Op == "!" {
		cond.Op = IsNot
	}
	cond.Value = word[i+len(cond.Op):]
	if !fieldForm.MatchString(cond.Field) {
		return Condition{}, c.fail("no field "+quote(cond.Field), "fields are dotted names of the status, as lock.verdict")
	}
	return cond, nil
}
