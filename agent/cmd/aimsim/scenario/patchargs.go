package scenario

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aim-control/aimlock/agent/rollout"
)

// MaxSettings is how many keys a patch may change.
const MaxSettings = 16

// overrideLife is how long a patch that goes past a lock lives unless told;
// an hour is the most that a drone takes.
const overrideLife = 15 * time.Minute

var idForm = regexp.MustCompile(`^[A-Za-z0-9._-]{1,60}$`)

func patchName(c *cursor, use string) (string, *Error) {
	name, err := c.need("the patch's name", use)
	if err == nil && !idForm.MatchString(name) {
		err = c.fail("no name "+quote(name), "use 1 to 60 of A-Z a-z 0-9 . _ -")
	}
	return name, err
}

func parsePatch(c *cursor, s *Step) *Error {
	use := usage("patch")
	name, err := patchName(c, use)
	if err != nil {
		return err
	}
	p := Patch{ID: name}
	for !c.done() {
		if err := p.parse(c, use); err != nil {
			return err
		}
	}
	switch {
	case len(p.Set) == 0:
		return c.fail("a patch that changes nothing", "write "+use+`, as lock.ttl="5s"`)
	case len(p.Set) > MaxSettings:
		return c.fail(fmt.Sprintf("%d keys", len(p.Set)), fmt.Sprintf("use at most %d", MaxSettings))
	case p.Kill && p.Despite == "":
		return c.fail("kill without despite=HOLDER", "name the holder that may be ended")
	case p.Despite != "" && p.Expires == 0:
		p.Expires = overrideLife
	}
	s.Do = p
	return nil
}

// parse takes one word of a patch: an option, or a key with its value as TOML.
func (p *Patch) parse(c *cursor, use string) *Error {
	word := c.peek()
	key, value, found := strings.Cut(word, "=")
	switch key {
	case "kill":
		c.skip()
		if p.Kill = true; found {
			return c.fail("no option "+quote(word), "write "+use)
		}
		return nil
	case "despite", "notes", "expires":
		c.skip()
		if value == "" || len(value) > 200 {
			return c.fail("a text of "+strconv.Itoa(len(value))+" bytes", "use 1 to 200")
		}
		var err *Error
		switch key {
		case "despite":
			p.Despite = value
		case "notes":
			p.Notes = value
		default:
			p.Expires, err = duration(c, value, time.Second)
		}
		return err
	}
	text, err := c.raw()
	if err != nil {
		return err
	}
	key, value, found = strings.Cut(text, "=")
	switch {
	case !found || value == "":
		return c.fail("no option "+quote(text), "write "+use)
	case !keyForm.MatchString(key):
		return c.fail("no key "+quote(key), "keys are dotted names, as safe_pause.motor.hot")
	case !strings.Contains(key, ".") && key != "version" && key != "timestamp":
		return c.fail("no option "+quote(text), "write "+use)
	}
	p.Set = append(p.Set, Config{key, value})
	return nil
}

// What a rollout has unless told: short, because nobody watches a
// demonstration for an hour.
const (
	rolloutBake       = 2 * time.Second
	rolloutHeartbeats = 2
	rolloutTimeout    = 20 * time.Second
	rolloutSilence    = 10 * time.Second
)

func parseRollout(c *cursor, s *Step) *Error {
	use := usage("rollout")
	if err := s.drones(c, use); err != nil {
		return err
	}
	name, err := patchName(c, use)
	if err != nil {
		return err
	}
	r := Rollout{Patch: name, Canary: 1, Bake: rolloutBake, Heartbeats: rolloutHeartbeats, Timeout: rolloutTimeout, Silence: rolloutSilence}
	for !c.done() {
		word, err := c.word()
		if err == nil {
			err = r.parse(c, word, use)
		}
		if err != nil {
			return err
		}
	}
	s.Do = r
	return nil
}

// parse takes one option of a rollout.
func (r *Rollout) parse(c *cursor, word, use string) (err *Error) {
	key, value, found := strings.Cut(word, "=")
	switch {
	case word == "stopped":
		r.Stopped = true
	case word == "behind":
		r.Behind = true
	case !found:
		return c.fail("no option "+quote(word), "write "+use)
	case key == "canary":
		return r.parseCanary(c, value)
	case key == "waves":
		sizes, bad := rollout.ParseSizes(value)
		if bad != nil || len(sizes) > rollout.MaxWaves {
			return c.fail("no waves "+quote(value), "write numbers of drones or parts of all, as 2,50%")
		}
		r.Waves = sizes
	case key == "bake":
		r.Bake, err = duration(c, value, time.Millisecond)
	case key == "timeout":
		r.Timeout, err = duration(c, value, time.Second)
	case key == "silence":
		r.Silence, err = duration(c, value, time.Second)
	case key == "heartbeats":
		n, bad := strconv.Atoi(value)
		if bad != nil || n < 0 || n > 1000 {
			return c.fail(quote(value)+" heartbeats", "use 0 to 1000")
		}
		r.Heartbeats = n
	default:
		return c.fail("no option "+quote(word), "write "+use)
	}
	return err
}

func (r *Rollout) parseCanary(c *cursor, value string) *Error {
	if n, bad := strconv.Atoi(value); bad == nil {
		if n < 1 || n > MaxDrones {
			return c.fail(fmt.Sprintf("a canary of %d", n), fmt.Sprintf("use 1 to %d drones", MaxDrones))
		}
		r.Canary = n
		return nil
	}
	sel, what, remedy := ParseSelector(value)
	if what != "" {
		return c.fail(what, remedy)
	}
	r.Canary, r.Names = 0, sel
	return nil
}

// Members resolves who takes part, and who of them is the canary by name.
func (r Rollout) Members(drones Selector, fleet []string) (all, canary []string, err error) {
	if all, err = drones.Match(fleet); err != nil || r.Names.Empty() {
		return all, nil, err
	}
	if canary, err = r.Names.Match(fleet); err != nil {
		return nil, nil, err
	}
	for _, name := range canary {
		if !slices.Contains(all, name) {
			return nil, nil, fmt.Errorf("the canary %s is not among %s", name, quote(drones.Text))
		}
	}
	return all, canary, nil
}

// checkRollout holds a rollout against a fleet.
func checkRollout(s Step, r Rollout, fleet []string) *Error {
	all, _, err := r.Members(s.Drones, fleet)
	switch {
	case err != nil:
		return &Error{s.Pos, err.Error(), "correct the list"}
	case r.Canary > len(all):
		return &Error{s.Pos, fmt.Sprintf("a canary of %d of %d drones", r.Canary, len(all)), "name more drones, or a smaller canary"}
	}
	return nil
}
