package board

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// What a board.toml cannot say wrong, a table can.
func TestCheckTables(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		breaks func(*Board)
		want   string
	}{
		"pulled up":       {func(b *Board) { b.Inputs[0].PullUp = true }, "line.DISARMED: is not pulled down; a broken wire must read low"},
		"floating":        {func(b *Board) { b.Inputs[0].PullDown = false }, "line.DISARMED: is not pulled down"},
		"pulled output":   {func(b *Board) { b.Outputs[0].PullDown = true }, "line.PAUSE_REQ: has a pull or a debounce time"},
		"slow output":     {func(b *Board) { b.Outputs[0].Debounce = time.Millisecond }, "line.PAUSE_REQ: has a pull or a debounce time"},
		"wrong direction": {func(b *Board) { b.Inputs[0].Name = PauseReq }, "line.PAUSE_REQ: is no line of the agent's in that direction"},
		"twice":           {func(b *Board) { b.Outputs[1].Name = PauseReq }, "line.PAUSE_REQ: is there twice"},
		"no LED":          {func(b *Board) { b.Outputs = b.Outputs[:2] }, "line.LED_AMBER: is missing"},
		"no offset":       {func(b *Board) { b.Inputs[0].Offset = -1 }, "line.DISARMED.offset: is missing or out of range"},
		"bus name":        {func(b *Board) { b.Buses[0].Name = "" }, "bus.: is no name"},
	} {
		b, err := Lookup("rpi")
		if err != nil {
			t.Fatal(err)
		}
		c.breaks(b)
		if err := b.Check(); err == nil || !strings.Contains("\n"+err.Error(), "\nboard rpi: "+c.want) {
			t.Errorf("%s: got %v, want %s", name, err, c.want)
		}
	}
}

// What belongs to the board itself is never ours.
func TestForeign(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ devs, lines []string }{
		"beaglebone-blue": {[]string{"/dev/i2c-0", "/dev/i2c-2"}, []string{"LED_RED", "LED_GREEN", "PAUSE_BTN", "MODE_BTN"}},
		"navqplus":        {[]string{"/dev/i2c-0", "/dev/i2c-3"}, nil},
		"orin-nano":       {[]string{"/dev/i2c-0", "/dev/i2c-1"}, []string{"PG.07", "PEE.04"}},
	} {
		b, err := Lookup(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, bus := range b.Buses {
			if slices.Contains(c.devs, bus.Dev) {
				t.Errorf("%s: %s carries what the board lives on", name, bus.Dev)
			}
		}
		for _, l := range slices.Concat(b.Inputs, b.Outputs) {
			if l.Line == "" || slices.Contains(c.lines, l.Line) {
				t.Errorf("%s: %s is on %q", name, l.Name, l.Line)
			}
		}
	}
}
