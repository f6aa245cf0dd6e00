package doctor

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/aim-control/aimlock/board"
)

// ours begins the consumer of each line that the agent holds.
const ours = "aimlock "

// lines looks whether the board's lines are there, and who has them. None is
// requested: that alone could change a level.
func (m Machine) lines(b *board.Board, runs bool) (list []Check) {
	chips, err := m.GPIO()
	if err != nil {
		list = append(list, note("lines", nil, "%v", err))
	}
	all := slices.Concat(b.Inputs, b.Outputs)
	if len(chips) == 0 && len(all) > 0 {
		return append(list, wrong("lines", []string{"The kernel needs CONFIG_GPIO_CDEV and the driver of the board's GPIO. See that board in the identity is this one."}, "this computer has no GPIO character device"))
	}
	for _, l := range all {
		list = append(list, line(l, chips, runs))
	}
	return list
}

func line(l board.Line, chips []GPIO, runs bool) Check {
	name := "line " + l.Name
	var labels []string
	var failed error
	for _, chip := range chips {
		if chip.Err != nil {
			failed = fmt.Errorf("%s: %w", chip.Dev, chip.Err)
		}
		if chip.Label != "" {
			labels = append(labels, chip.Label)
		}
		if match, _ := path.Match(l.Chip, chip.Label); !match {
			continue
		}
		if chip.Old {
			return wrong(name, []string{"The agent needs Linux 5.10 or later, for edges and debouncing: update the kernel."}, "%s: this kernel has only the first version of its GPIO interface", chip.Label)
		}
		if offset := find(l, chip.Lines); offset >= 0 {
			return taken(name, fmt.Sprintf("%s %s", chip.Label, where(l, offset)), l, chip.Lines[offset], runs)
		}
	}
	switch {
	case failed != nil && denied(failed):
		return note(name, []string{"Run aimctl as root, or as a member of the group gpio."}, "%v", failed)
	case failed != nil:
		return wrong(name, nil, "%v", failed)
	}
	return wrong(name, []string{"See that board in the identity is this one."}, "no chip %s with %s; chips here: %s", l.Chip, where(l, l.Offset), strings.Join(labels, ", "))
}

func where(l board.Line, offset int) string {
	if l.Line != "" {
		return "line " + l.Line
	}
	return fmt.Sprintf("line %d", offset)
}

// find is the offset of a line; −1 where the chip has no such line.
func find(l board.Line, lines []Line) int {
	if l.Line != "" {
		return slices.IndexFunc(lines, func(have Line) bool { return have.Name == l.Line })
	}
	if l.Offset < len(lines) {
		return l.Offset
	}
	return -1
}

func taken(name, at string, l board.Line, have Line, runs bool) Check {
	switch {
	case have.Used && have.Consumer == ours+l.Name:
		return ok(name, "%s, held by the agent", at)
	case have.Used && strings.HasPrefix(have.Consumer, ours):
		return wrong(name, []string{"Two lines of the board's table are the same one: correct the table."}, "%s is held by the agent as %s", at, strings.TrimPrefix(have.Consumer, ours))
	case have.Used:
		return wrong(name, []string{"Stop that program, or free the line in the device tree. Who has a chip open:", "\tfuser -v /dev/gpiochip*"}, "%s is taken by %q", at, have.Consumer)
	case runs:
		return wrong(name, []string{"The agent does not hold it. Start it again:", "\tsystemctl restart aimd"}, "%s is free although the agent runs", at)
	}
	return ok(name, "%s, free", at)
}
