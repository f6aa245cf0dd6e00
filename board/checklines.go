package board

import (
	"path"
	"strings"
	"time"
)

// role is what a line is for.
type role struct {
	name            string
	input, optional bool
	led             bool          // needless, and so refused, beside a lamp
	debounce        time.Duration // where a board.toml says nothing
}

var roles = []role{
	{name: Disarmed, input: true, debounce: 5 * time.Millisecond},
	{name: Holding, input: true, debounce: 5 * time.Millisecond},
	{name: Heartbeat, input: true},
	{name: Button, input: true, optional: true, debounce: 20 * time.Millisecond},
	{name: PauseReq},
	{name: LEDBlue, led: true},
	{name: LEDAmber, led: true},
}

func roleOf(name string) *role {
	for i := range roles {
		if roles[i].name == name {
			return &roles[i]
		}
	}
	return nil
}

func (c *checker) lines() {
	seen, lamp := map[string]bool{}, c.b.Lamp()
	for i, lines := range [][]Line{c.b.Inputs, c.b.Outputs} {
		for j := range lines {
			l := &lines[j]
			key := "line." + l.Name
			if r := roleOf(l.Name); r == nil || r.input != (i == 0) {
				c.add(key, "is no line of the agent's in that direction", "use "+lineNames())
			} else if r.led && lamp != "" {
				c.add(key, "is shown by the table "+lamp+" too", "take out the line or that table")
			}
			if seen[l.Name] {
				c.add(key, "is there twice", "keep one of the two")
			}
			seen[l.Name] = true
			c.line(key, l, i == 0)
			c.apart(key, l, lines[:j])
			if i == 1 {
				c.apart(key, l, c.b.Inputs)
			}
		}
	}
	for _, r := range roles {
		if !seen[r.name] && !r.optional && !(r.led && lamp != "") {
			c.add("line."+r.name, "is missing", "say where it is wired: chip, and line or offset")
		}
	}
}

// leds checks the kernel's LEDs: two, or one of all colours.
func (c *checker) leds() {
	l := c.b.LEDs
	two := l.Blue+l.Amber != ""
	if c.b.RGB.Chip != "" && !l.none() {
		c.add(LampLEDs, "is there beside the table rgb", "keep one of the two")
	}
	if l.RGB != "" && two {
		c.add("leds.rgb", "is there beside blue or amber", "keep rgb alone, which shows both, or the two others")
	}
	for _, led := range []struct {
		key, path string
		needed    bool
	}{{"leds.blue", l.Blue, two}, {"leds.amber", l.Amber, two}, {"leds.rgb", l.RGB, false}} {
		if name, ok := strings.CutPrefix(led.path, "/sys/class/leds/"); (led.path != "" || led.needed) && (!ok || path.Clean(led.path) != led.path || strings.Contains(name, "/")) {
			c.add(led.key, is(led.path), "write the LED's folder as ls -d /sys/class/leds/* shows it")
		} else if ok {
			c.take(led.path, led.key, "is the LED", "give each an LED of its own")
		}
	}
}

func lineNames() string {
	names := make([]string, len(roles))
	for i, r := range roles {
		names[i] = r.name
	}
	return strings.Join(names, ", ")
}

func (c *checker) line(key string, l *Line, input bool) {
	// A label that began with a wildcard could be any chip's.
	if _, err := path.Match(l.Chip, ""); err != nil || l.Chip == "" || strings.IndexByte(`*?[\`, l.Chip[0]) >= 0 {
		c.add(key+".chip", is(l.Chip), "write the GPIO chip's label as gpiodetect shows it; * ? [] stand for what varies, not at its start")
	}
	if l.Line == "" && (l.Offset < 0 || l.Offset > MaxOffset) {
		c.add(key+".offset", "is missing or out of range", "write 0 to 1023, or the line's name as gpioinfo shows it")
	}
	if len(l.Line) > 31 {
		c.add(key+".line", is(l.Line), "the kernel's names have at most 31 bytes; gpioinfo shows them")
	}
	if l.Debounce < 0 || l.Debounce > MaxDebounce {
		c.add(key+".debounce", "is "+l.Debounce.String(), "write 0s to 20ms: longer would delay the agent's answer")
	}
	if input && (l.PullUp || !l.PullDown) {
		c.add(key, "is not pulled down", "a broken wire must read low")
	}
	if !input && (l.PullUp || l.PullDown || l.Debounce != 0) {
		c.add(key, "has a pull or a debounce time", "an output is push-pull and nothing else")
	}
}

// apart complains if a is one of others: the same place on labels of which one
// may match the other.
func (c *checker) apart(key string, a *Line, others []Line) {
	for i := range others {
		b := &others[i]
		if a.Line != b.Line || a.Line == "" && a.Offset != b.Offset {
			continue
		}
		one, _ := path.Match(a.Chip, b.Chip)
		other, _ := path.Match(b.Chip, a.Chip)
		if one || other || a.Chip == b.Chip {
			c.add(key, "is the line of "+b.Name, "give each a line of its own")
		}
	}
}
