package board

import (
	"fmt"
	"io"
	"math"
	"os"
	"strconv"
	"strings"
	"time"
)

// MaxFile bounds a board.toml, in bytes.
const MaxFile = 16 << 10

// Load reads the board.toml at path. A relative path counts from the working
// directory. Its error is one of the file system's, or Problems.
func Load(path string) (*Board, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("board: %w; write a board.toml there, or name one of: %s", err, strings.Join(Names(), ", "))
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, MaxFile+1))
	if err != nil {
		return nil, fmt.Errorf("board: %w", err)
	}
	return Parse(path, data)
}

// Parse reads a board.toml; file is what its Problems call it. What stands in
// it is what stands in Board: tables bus, motor, supply, line, each entry by
// its name, rgb and leds. Inputs are always pulled down.
func Parse(file string, data []byte) (*Board, error) {
	var ps Problems
	if len(data) > MaxFile {
		ps.add(1, "", fmt.Sprintf("the file has more than %d bytes", MaxFile), "take out what need not be in it")
		return nil, ps.err(file)
	}
	d := &document{data: data, states: map[string]state{}, lines: map[string]int{}}
	d.read()
	p := &parser{b: &Board{}, offsets: map[string]bool{}, odd: map[string]bool{}}
	for _, e := range d.entries {
		p.entry(e)
	}
	ps = append(d.problem, p.Problems...)
	if len(ps) > 0 {
		return nil, ps.err(file)
	}
	p.finish()
	for _, f := range append(p.Problems, p.b.problems()...) {
		f.Line = nearest(d.lines, f.Key)
		ps = append(ps, f)
	}
	if err := ps.err(file); err != nil {
		return nil, err
	}
	return p.b, nil
}

// nearest returns the line of the key, or of the table that lacks it; else 1.
func nearest(lines map[string]int, key string) int {
	for key != "" {
		if n := lines[key]; n > 0 {
			return n
		}
		key = key[:max(strings.LastIndexByte(key, '.'), 0)]
	}
	return 1
}

type parser struct {
	Problems
	b       *Board
	rgb     bool // the table is there
	leds    bool
	offsets map[string]bool // lines that have one
	odd     map[string]bool // lines that nobody knows
}

// Tables and their keys, for errors.
var known = map[string]string{
	"":       "name, companion, watchdog and the tables bus, motor, supply, rgb, leds, line",
	"motor":  "chip, bus, addr",
	"rgb":    "chip, bus, addr",
	"leds":   "blue and amber, or rgb",
	"supply": "chip, bus, addr, shunt_uohm, max_amps",
	"line":   "chip, line or offset, and for an input debounce",
}

// entry takes one key or table of the file.
func (p *parser) entry(e entry) {
	parts := strings.Split(e.key, ".")
	depth := 2 // of a table of tables
	switch parts[0] {
	case "bus", LampRGB, LampLEDs:
		depth = 1
	case "motor", "supply", "line":
	default:
		depth = 0
	}
	p.rgb = p.rgb || parts[0] == LampRGB
	p.leds = p.leds || parts[0] == LampLEDs
	switch {
	case parts[0] == "line" && len(parts) > 1 && roleOf(parts[1]) == nil:
		if !p.odd[parts[1]] {
			p.odd[parts[1]] = true
			p.add(e.line, "line."+parts[1], "is no line of the agent's", "use "+lineNames())
		}
	case len(parts) <= depth:
		if e.kind != aTable {
			p.add(e.line, e.key, "is "+e.kind, "write a table")
		} else if len(parts) == 2 {
			p.slot(parts)
		}
	case len(parts) > depth+1:
		p.unknown(e, parts[0])
	default:
		if slot := p.slot(parts); slot == nil {
			p.unknown(e, parts[0])
		} else {
			p.set(e, slot)
		}
	}
}

func (p *parser) unknown(e entry, table string) {
	what, remedy := "is unknown", "known here: "+known[table]
	switch {
	case known[table] == "" && table != "bus":
		remedy = "known here: " + known[""]
	case table == "bus":
		remedy = `write a name and its device: motors = "/dev/i2c-1"`
	case table == "line" && strings.Contains(e.key, ".pull"):
		what, remedy = "cannot be chosen", "leave it out: inputs are pulled down, so that a broken wire reads low"
	}
	p.add(e.line, e.key, what, remedy)
}

// set stores the value of an entry.
func (p *parser) set(e entry, slot any) {
	switch slot := slot.(type) {
	case *string:
		if *slot = e.value; p.is(e, aString) && e.value == "" {
			p.add(e.line, e.key, "is empty", "write something, or leave the key out")
		}
	case *time.Duration:
		var err error
		if *slot, err = time.ParseDuration(e.value); p.is(e, aString) && err != nil {
			p.add(e.line, e.key, "is "+show(e.value), "write a time like 5ms")
		}
	case *uint16:
		*slot = uint16(p.integer(e, math.MaxUint16))
	case *uint32:
		*slot = uint32(p.integer(e, math.MaxUint32))
	case *int:
		*slot = int(p.integer(e, MaxOffset))
	}
}

func (p *parser) is(e entry, kind string) bool {
	if e.kind != kind {
		p.add(e.line, e.key, "is "+e.kind, "write "+kind)
	}
	return e.kind == kind
}

func (p *parser) integer(e entry, most uint64) uint64 {
	if !p.is(e, anInteger) {
		return 0
	}
	n, ok := number(e.value)
	if !ok || n > most {
		p.add(e.line, e.key, "is "+show(e.value), fmt.Sprintf("write 0 to %d, like 17 or 0x11", most))
	}
	return n
}

// number reads TOML's decimal and hexadecimal integers without underscores; the
// parser has refused leading zeros.
func number(s string) (uint64, bool) {
	hex, isHex := strings.CutPrefix(s, "0x")
	if isHex {
		n, err := strconv.ParseUint(hex, 16, 32)
		return n, err == nil
	}
	n, err := strconv.ParseUint(s, 10, 32)
	return n, err == nil
}

// finish looks at what the Board itself does not show any more.
func (p *parser) finish() {
	for _, lines := range [][]Line{p.b.Inputs, p.b.Outputs} {
		for i := range lines {
			if l := &lines[i]; l.Line != "" && p.offsets[l.Name] {
				p.add(0, "line."+l.Name, "has both a line and an offset", "keep one: the name where gpioinfo shows one")
			} else if l.Line != "" {
				l.Offset = 0
			}
		}
	}
	if p.rgb && p.b.RGB == (RGB{}) {
		p.empty(LampRGB)
	}
	if p.leds && p.b.LEDs.none() {
		p.empty(LampLEDs)
	}
	if _, taken := boards[p.b.Name]; taken {
		p.add(0, "name", show(p.b.Name)+" is a built-in board", "give it a name of its own")
	}
}

func (p *parser) empty(table string) {
	p.add(0, table, "is empty", "write "+known[table]+", or take it out")
}
