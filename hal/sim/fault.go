package sim

import (
	"fmt"
	"slices"
	"strings"
)

// The kinds of fault; see the package's documentation.
const (
	nack    = "nack"
	stuck   = "stuck"
	garbage = "garbage"
	float   = "float"
	cut     = "cut"
	stop    = "stop"
	reset   = "reset"
)

// Targets returns what can break on this board, in a fixed order.
func (w *World) Targets() []string {
	var all []string
	for _, m := range w.motors {
		all = append(all, m.name)
	}
	for _, r := range w.rails {
		all = append(all, r.name)
	}
	if w.lamp != nil {
		all = append(all, lampTarget)
	}
	if w.board.Companion != "" {
		all = append(all, "companion")
	}
	for _, b := range w.board.Buses {
		all = append(all, "bus:"+b.Name)
	}
	for _, l := range slices.Concat(w.board.Inputs, w.board.Outputs) {
		all = append(all, "line:"+l.Name)
	}
	return append(all, "fc")
}

// Kinds returns the faults that a target can have; none for a target that does
// not exist on this board.
func (w *World) Kinds(target string) []string {
	if !slices.Contains(w.Targets(), target) {
		return nil
	}
	switch {
	case target == "fc":
		return []string{stop}
	case target == "companion":
		return []string{nack, garbage}
	case strings.HasPrefix(target, "bus:"):
		return []string{nack, stuck, garbage}
	case strings.HasPrefix(target, "line:"):
		return []string{float, cut, stuck, nack}
	}
	return []string{nack, stuck, garbage, reset}
}

// Break breaks a target until Fix; a second Break changes the kind. The error
// says what can break, and how.
func (w *World) Break(target, kind string) error {
	kinds := w.Kinds(target)
	switch {
	case kinds == nil:
		return fmt.Errorf("sim: break %q: choose one of: %s", target, strings.Join(w.Targets(), ", "))
	case !slices.Contains(kinds, kind):
		return fmt.Errorf("sim: break %s %q: choose one of: %s", target, kind, strings.Join(kinds, ", "))
	}
	return w.change(func() error {
		if kind == reset {
			w.resetChip(target)
			return nil
		}
		w.faults[target] = kind
		return nil
	})
}

// Fix ends the fault of a target, also one by Chaos. A target that is whole
// stays so.
func (w *World) Fix(target string) error {
	if w.Kinds(target) == nil {
		return fmt.Errorf("sim: fix %q: choose one of: %s", target, strings.Join(w.Targets(), ", "))
	}
	return w.change(func() error {
		delete(w.faults, target)
		w.chaos.fix(target)
		return nil
	})
}

func (w *World) resetChip(target string) {
	for _, p := range w.parts {
		if p.name == target {
			p.chip.reset(w.now)
		}
	}
}

// kind returns the fault in force on a target, "" for none. mu is held.
func (w *World) kind(target string) string {
	if kind := w.faults[target]; kind != "" {
		return kind
	}
	return w.chaos.kind(target)
}

// applyFaults lets faults of lines and of the flight controller begin and end.
func (w *World) applyFaults() {
	for _, l := range w.inputs {
		l.setFault(w, w.kind(l.target))
	}
	for _, b := range w.board.Outputs {
		l := w.lines[b.Name]
		l.setFault(w, w.kind(l.target))
	}
	w.fc.stopped = w.kind("fc") == stop
}
