package scenario

import (
	"fmt"
	"strconv"
	"strings"
)

func parseArm(c *cursor, s *Step) *Error {
	if err := s.drones(c, usage("arm")); err != nil {
		return err
	}
	refused := c.peek() == "refused"
	if refused {
		c.skip()
	}
	s.Do = Arm{refused}
	return c.end(usage("arm"))
}

func parsePilot(c *cursor, s *Step) *Error {
	if err := s.drones(c, usage("pilot")); err != nil {
		return err
	}
	word, err := c.need("take or release", usage("pilot"))
	if err != nil {
		return err
	}
	if word != "take" && word != "release" {
		return c.fail("a pilot cannot "+quote(word), "write take or release")
	}
	s.Do = Pilot{word == "take"}
	return c.end(usage("pilot"))
}

// motor reads motor3, 3 or companion (0).
func motor(c *cursor, word string) (int, *Error) {
	if word == "companion" {
		return 0, nil
	}
	n, err := strconv.Atoi(strings.TrimPrefix(word, "motor"))
	if err != nil || n < 1 || n > Motors {
		return 0, c.fail("no motor "+quote(word), fmt.Sprintf("use motor1 to motor%d, or companion", Motors))
	}
	return n, nil
}

func parseHeat(c *cursor, s *Step) *Error {
	if err := s.drones(c, usage("heat")); err != nil {
		return err
	}
	word, err := c.need("the motor", usage("heat"))
	if err != nil {
		return err
	}
	m, err := motor(c, word)
	if err != nil {
		return err
	}
	if word, err = c.need("the temperature", usage("heat")); err != nil {
		return err
	}
	word = strings.TrimSuffix(strings.TrimSuffix(word, "C"), "°")
	celsius, err := number(c, word, "temperature", -40, 150)
	if err != nil {
		return err
	}
	s.Do = Heat{m, celsius}
	return c.end(usage("heat"))
}

func parseCool(c *cursor, s *Step) *Error {
	if err := s.drones(c, usage("cool")); err != nil {
		return err
	}
	which := -1
	if !c.done() {
		word, err := c.word()
		if err != nil {
			return err
		}
		if which, err = motor(c, word); err != nil {
			return err
		}
	}
	s.Do = Cool{which}
	return c.end(usage("cool"))
}
