package board

import (
	"fmt"
	"path"
	"strconv"
	"strings"
	"time"
)

// Bounds of a board.
const (
	MaxBuses    = 8
	MaxMotors   = 8 // as many as the agent judges
	MaxSupplies = 8
	MaxOffset   = 1023                  // of a line on its chip
	MaxDebounce = 20 * time.Millisecond // longer would delay the loop's answer
)

// Check says what is wrong with the board, as Problems: the rules that a
// board.toml is held to.
func (b *Board) Check() error { return b.problems().err("board " + b.Name) }

// problems returns the problems without file and lines.
func (b *Board) problems() Problems {
	c := checker{b: b, names: map[string]string{}, places: map[string]string{}}
	if !isName(b.Name) {
		c.add("name", is(b.Name), nameRemedy)
	}
	c.prefix("companion", b.Companion, "/sys/", "write the file of a thermal zone, like /sys/class/thermal/thermal_zone0/temp, or leave it out")
	if n, ok := strings.CutPrefix(b.Watchdog, "/dev/watchdog"); b.Watchdog != "" && (!ok || n != "" && !isNumber(n)) {
		c.add("watchdog", is(b.Watchdog), "write /dev/watchdog0, or leave it out")
	}
	c.buses()
	c.sensors("motor", b.Motors, MaxMotors)
	c.sensors("supply", b.Supplies, MaxSupplies)
	if r := b.RGB; r != (RGB{}) {
		c.chip("rgb", 'r', &Sensor{Chip: r.Chip, Bus: r.Bus, Addr: r.Addr})
	}
	c.leds()
	for _, bus := range b.Buses {
		if !c.used[bus.Name] {
			c.add("bus."+bus.Name, "carries nothing", "write what is on it, or take it out")
		}
	}
	c.lines()
	return c.Problems
}

type checker struct {
	Problems
	b             *Board
	names, places map[string]string // what is taken, and the key of whom
	used          map[string]bool   // buses
}

func (c *checker) add(key, what, remedy string) { c.Problems.add(0, key, what, remedy) }

func (c *checker) prefix(key, value, prefix, remedy string) {
	if value != "" && (!strings.HasPrefix(value, prefix) || path.Clean(value) != value) {
		c.add(key, is(value), remedy)
	}
}

// take notes who has a thing; a second one is a problem of key.
func (c *checker) take(thing, key, what, remedy string) {
	if other, taken := c.places[thing]; taken {
		c.add(key, what+" of "+other, remedy)
		return
	}
	c.places[thing] = strings.TrimSuffix(key, ".addr")
}

func (c *checker) buses() {
	c.used = map[string]bool{}
	c.atMost("bus", len(c.b.Buses), MaxBuses)
	for _, bus := range c.b.Buses {
		key := "bus." + bus.Name
		if !isName(bus.Name) {
			c.add(key, "is no name", nameRemedy)
		}
		if n, ok := strings.CutPrefix(bus.Dev, "/dev/i2c-"); !ok || !isNumber(n) {
			c.add(key, is(bus.Dev), "write the kernel's device, like /dev/i2c-1; i2cdetect -l lists them")
		}
		c.take(bus.Dev, key, "is the device", "give each bus a device of its own")
	}
}

func (c *checker) sensors(table string, sensors []Sensor, most int) {
	c.atMost(table, len(sensors), most)
	for i := range sensors {
		s := &sensors[i]
		key := table + "." + s.Name
		if !isName(s.Name) {
			c.add(key, "is no name", nameRemedy)
		}
		if other, taken := c.names[s.Name]; taken {
			c.add(key, "has the name of "+other, "give each sensor a name of its own")
		}
		c.names[s.Name] = key
		kind := c.chip(key, table[0], s)
		if kind == nil || table != "supply" {
			continue
		}
		if s.ShuntMicroOhm < 10 || s.ShuntMicroOhm > 10_000_000 {
			c.add(key+".shunt_uohm", fmt.Sprintf("is %d µΩ", s.ShuntMicroOhm), "write the shunt's resistance, 10 to 10000000 µΩ")
		} else if reach := kind.full / s.ShuntMicroOhm; s.MaxAmps < 1 || uint32(s.MaxAmps) > reach {
			c.add(key+".max_amps", fmt.Sprintf("is %d A", s.MaxAmps), fmt.Sprintf("write 1 to %d, all that an %s shows on %d µΩ, or fit a smaller shunt", reach, kind.name, s.ShuntMicroOhm))
		}
	}
}

func (c *checker) atMost(table string, n, most int) {
	if n > most {
		c.add(table, fmt.Sprintf("has %d entries", n), fmt.Sprintf("write at most %d", most))
	}
}

// chip checks a chip in a role and its place; nil: there is no such chip.
func (c *checker) chip(key string, role byte, s *Sensor) *chip {
	if _, ok := c.b.Bus(s.Bus); !ok {
		c.add(key+".bus", is(s.Bus)+", no bus of this board", "name one of the table bus")
	}
	c.used[s.Bus] = true
	if s.Addr != 0 { // 0: missing
		c.take(fmt.Sprint(s.Bus, " ", s.Addr), key+".addr", fmt.Sprintf("0x%02x is the address", s.Addr), "set the address pins of one of the two chips otherwise, or put it on another bus")
	}
	var known []string
	for i := range chips {
		k := &chips[i]
		if strings.IndexByte(k.roles, role) < 0 {
			continue
		}
		if k.name == s.Chip {
			if s.Addr < k.first || s.Addr > k.last {
				what := fmt.Sprintf("is 0x%02x", s.Addr)
				if s.Addr == 0 {
					what = is("")
				}
				c.add(key+".addr", what, fmt.Sprintf("write 0x%02x to 0x%02x, the addresses of a %s", k.first, k.last, k.name))
			}
			return k
		}
		known = append(known, k.name)
	}
	c.add(key+".chip", is(s.Chip)+", for which there is no driver", "use "+strings.Join(known, ", "))
	return nil
}

const nameRemedy = "write a to z, 0 to 9 and -, at most 32, not - at the start"

func isName(s string) bool {
	for i := range len(s) {
		if c := s[i]; !(c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-' && i > 0) {
			return false
		}
	}
	return s != "" && len(s) <= 32
}

// isNumber tells whether s is a device's number: 0 to 999, as the kernel writes it.
func isNumber(s string) bool {
	n, err := strconv.ParseUint(s, 10, 16)
	return err == nil && n < 1000 && strconv.FormatUint(n, 10) == s
}
