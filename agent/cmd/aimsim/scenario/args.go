package scenario

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// usage is the verb's line in the table.
func usage(verb string) string { v, _ := lookup(verb); return v.Usage }

func simple(a Simple) func(*cursor, *Step) *Error {
	return func(c *cursor, s *Step) *Error {
		if err := s.drones(c, usage(string(a))); err != nil {
			return err
		}
		s.Do = a
		return c.end(usage(string(a)))
	}
}

func parseQuit(c *cursor, s *Step) *Error { s.Do = Quit; return c.end("quit") }

func parseSay(c *cursor, s *Step) *Error {
	text := c.rest()
	if text == "" {
		return c.fail("the text is missing", "write "+usage("say"))
	}
	s.Do = Say{text}
	return nil
}

func parseSleep(c *cursor, s *Step) *Error {
	word, err := c.need("the duration", usage("sleep"))
	if err != nil {
		return err
	}
	d, err := duration(c, word, 0)
	if err != nil {
		return err
	}
	s.Do = Sleep{d}
	return c.end(usage("sleep"))
}

func parseFleet(c *cursor, s *Step) *Error {
	word, err := c.need("the number", usage("drones"))
	if err != nil {
		return err
	}
	n, bad := strconv.Atoi(word)
	if bad != nil || n < 1 || n > MaxDrones {
		return c.fail(quote(word)+" drones", fmt.Sprintf("use 1 to %d: each is a process of its own", MaxDrones))
	}
	s.Do = Fleet{n}
	return c.end(usage("drones"))
}

func parseKill(c *cursor, s *Step) *Error {
	if err := s.drones(c, usage("kill")); err != nil {
		return err
	}
	var k Kill
	err := options(c, usage("kill"), map[string]func(string) *Error{
		"down": func(v string) (err *Error) { k.Down, err = duration(c, v, time.Millisecond); return },
	})
	s.Do = k
	return err
}

// pressed is a little longer than the agent wants a press to be.
const pressed = 3500 * time.Millisecond

func parsePress(c *cursor, s *Step) *Error {
	if err := s.drones(c, usage("press")); err != nil {
		return err
	}
	p := Press{pressed}
	err := options(c, usage("press"), map[string]func(string) *Error{
		"for": func(v string) (err *Error) { p.For, err = duration(c, v, time.Millisecond); return },
	})
	s.Do = p
	return err
}

func parseCut(c *cursor, s *Step) *Error {
	if err := s.drones(c, usage("cut")); err != nil {
		return err
	}
	silent := c.peek() == "silent"
	if silent {
		c.skip()
	}
	s.Do = Cut{silent}
	return c.end(usage("cut"))
}

func parseLock(c *cursor, s *Step) *Error {
	if err := s.drones(c, usage("lock")); err != nil {
		return err
	}
	l := Lock{TTL: 2 * time.Second, Holder: "fleet-updater", Role: "orchestrator"}
	text := func(p *string) func(string) *Error {
		return func(v string) *Error {
			if v == "" || len(v) > 120 {
				return c.fail("a text of "+strconv.Itoa(len(v))+" bytes", "use 1 to 120")
			}
			*p = v
			return nil
		}
	}
	err := options(c, usage("lock"), map[string]func(string) *Error{
		"ttl":    func(v string) (err *Error) { l.TTL, err = duration(c, v, time.Millisecond); return },
		"holder": text(&l.Holder),
		"reason": text(&l.Reason),
		"role": func(v string) *Error {
			if v != "agent" && v != "technician" && v != "orchestrator" {
				return c.fail("no role "+quote(v), "use agent, technician or orchestrator")
			}
			l.Role = v
			return nil
		},
	})
	s.Do = l
	return err
}

func parseCommand(c *cursor, s *Step) *Error {
	use := usage("command")
	if err := s.drones(c, use); err != nil {
		return err
	}
	verb, err := c.need("pause, resume or report", use)
	if err != nil {
		return err
	}
	if verb != "pause" && verb != "resume" && verb != "report" {
		return c.fail("no command "+quote(verb), "use pause, resume or report")
	}
	do := Command{Verb: verb}
	if strings.HasPrefix(c.peek(), "hold=") {
		word, _ := c.word()
		if do.Hold, err = duration(c, strings.TrimPrefix(word, "hold="), time.Millisecond); err != nil {
			return err
		}
	}
	if c.peek() == "refused" {
		c.skip()
		do.Refused = true
	}
	if verb == "pause" && do.Hold == 0 {
		return c.fail("a pause without its length", "write pause hold=5s: every hold is bounded")
	}
	s.Do = do
	return c.end(use)
}

// options reads the words key=value to the end of the line.
func options(c *cursor, usage string, set map[string]func(string) *Error) *Error {
	for !c.done() {
		word, err := c.word()
		if err != nil {
			return err
		}
		key, value, found := strings.Cut(word, "=")
		f, known := set[key]
		if !found || !known {
			return c.fail("no option "+quote(word), "write "+usage)
		}
		if err := f(value); err != nil {
			return err
		}
	}
	return nil
}

var keyForm = regexp.MustCompile(`^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$`)

func keyValue(c *cursor, usage string) (key, value string, err *Error) {
	key, value, found := strings.Cut(c.rest(), "=")
	key, value = strings.TrimSpace(key), strings.TrimSpace(value)
	switch {
	case !found || value == "":
		return "", "", c.fail("KEY=VALUE is missing", "write "+usage+`, as lock.ttl="5s"`)
	case !keyForm.MatchString(key):
		return "", "", c.fail("no key "+quote(key), "keys are dotted names, as safe_pause.motor.hot")
	}
	return key, value, nil
}

func parseConfig(c *cursor, s *Step) *Error {
	key, value, err := keyValue(c, usage("config"))
	s.Do = Config{key, value}
	return err
}

func parseEdit(c *cursor, s *Step) *Error {
	if err := s.drones(c, usage("edit")); err != nil {
		return err
	}
	if word := c.peek(); word == "garble" || word == "undo" {
		c.skip()
		s.Do = Edit{Garble: word == "garble", Undo: word == "undo"}
		return c.end(usage("edit"))
	}
	key, value, err := keyValue(c, usage("edit"))
	s.Do = Edit{Key: key, Value: value}
	return err
}

func parseRun(c *cursor, s *Step) *Error {
	if c.peek() == "on" {
		c.skip()
		if err := s.drones(c, usage("run")); err != nil {
			return err
		}
	}
	command := c.rest()
	if command == "" {
		return c.fail("the command is missing", "write "+usage("run"))
	}
	s.Do = Run{command}
	return nil
}
