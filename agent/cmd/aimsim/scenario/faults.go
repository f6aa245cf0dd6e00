package scenario

import (
	"fmt"
	"slices"
	"strings"
)

// kinds are the ways in which each sort of target fails, as the simulated
// board knows them.
var kinds = map[string][]string{
	"motor":     {"nack", "stuck", "garbage", "reset"},
	"battery":   {"nack", "stuck", "garbage", "reset"},
	"bus":       {"nack", "stuck", "garbage"},
	"companion": {"nack", "garbage"},
	"line":      {"float", "cut", "stuck", "nack"},
	"fc":        {"stop"},
}

const targets = "targets are motor1 to motor4, battery, companion, bus:NAME, line:NAME, fc"

// sort tells what kind of target a name is; "" if none.
func sortOf(target string) string {
	switch {
	case target == "companion" || target == "battery" || target == "fc":
		return target
	case strings.HasPrefix(target, "bus:") && len(target) > 4:
		return "bus"
	case strings.HasPrefix(target, "line:") && len(target) > 5:
		return "line"
	}
	for m := 1; m <= Motors; m++ {
		if target == fmt.Sprintf("motor%d", m) {
			return "motor"
		}
	}
	return ""
}

func parseBreak(c *cursor, s *Step) *Error {
	if err := s.drones(c, usage("break")); err != nil {
		return err
	}
	target, err := c.need("the target", usage("break"))
	if err != nil {
		return err
	}
	sort := sortOf(target)
	if sort == "" {
		return c.fail("no target "+quote(target), targets)
	}
	kind, err := c.need("the kind", usage("break"))
	if err != nil {
		return err
	}
	if !slices.Contains(kinds[sort], kind) {
		return c.fail(fmt.Sprintf("%s cannot fail by %s", target, quote(kind)), "use "+strings.Join(kinds[sort], ", "))
	}
	s.Do = Break{target, kind}
	return c.end(usage("break"))
}

func parseFix(c *cursor, s *Step) *Error {
	if err := s.drones(c, usage("fix")); err != nil {
		return err
	}
	var f Fix
	if !c.done() {
		target, err := c.word()
		if err != nil {
			return err
		}
		if sortOf(target) == "" {
			return c.fail("no target "+quote(target), targets)
		}
		f.Target = target
	}
	s.Do = f
	return c.end(usage("fix"))
}
