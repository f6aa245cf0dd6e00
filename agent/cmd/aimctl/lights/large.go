package lights

import (
	"fmt"
	"strings"
	"time"

	"github.com/charmbracelet/lipgloss"

	"github.com/aim-control/aimlock/agent/cmd/aimctl/words"
	"github.com/aim-control/aimlock/hal/led"
)

// What one large LED looks like; without colours the shape alone tells.
var (
	shining = [3]string{" ▄███▄", " █████", " ▀███▀"}
	dark    = [3]string{" ╭───╮", " │   │", " ╰───╯"}
)

// large draws both LEDs side by side.
func (l Look) large(p led.Pattern, at int64) []string {
	if l.Width < 20 {
		return []string{" " + l.dots(p, at)}
	}
	blue, amber, _ := p.At(at)
	one := func(lit bool, s lipgloss.Style, row int) string {
		if lit {
			return s.Render(shining[row])
		}
		return l.Style.Dim.Render(dark[row])
	}
	var lines []string
	for row := range shining {
		lines = append(lines, "  "+one(blue, l.Style.Blue, row)+"   "+one(amber, l.Style.Amber, row))
	}
	return append(lines, l.Style.Dim.Render("   blue     amber"), "")
}

// single is one pattern alone, with what it looks like and means.
func (l Look) single(s Scene, p led.Pattern) []string {
	lines := append([]string{" " + l.Style.Bold.Render(p.String()), ""}, l.large(p, s.At)...)
	for _, text := range []string{p.Looks(), p.Means()} {
		for _, line := range words.Wrap(text, l.Width-1) {
			lines = append(lines, " "+line)
		}
	}
	if l.Width >= stripWidth+10 {
		lines = append(append(lines, ""), Strips(p)...)
	}
	return lines
}

// stripWidth is how many cells two seconds are drawn in.
const stripWidth = 50

// Strips draws two seconds of a pattern, a line for each LED.
func Strips(p led.Pattern) []string {
	var blue, amber strings.Builder
	for i := range stripWidth {
		b, a, _ := p.At(int64(i) * int64(2*time.Second) / stripWidth)
		blue.WriteByte("-#"[boolIndex(b)])
		amber.WriteByte("-#"[boolIndex(a)])
	}
	return []string{fmt.Sprintf(" %-6s|%s| 2 s", "blue", blue.String()), fmt.Sprintf(" %-6s|%s|", "amber", amber.String())}
}

func boolIndex(b bool) int {
	if b {
		return 1
	}
	return 0
}
