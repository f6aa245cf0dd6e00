package board

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// Problem is one thing that is wrong with a board.
type Problem struct {
	File   string // the board.toml; of a built-in board "board NAME"
	Line   int    // from 1; 0: not from a file
	Key    string // dotted, "motor.motor2.addr"; empty where the line is no key
	What   string // is wrong
	Remedy string // what would be right
}

// Error returns "file:line: key: what; remedy".
func (p Problem) Error() string {
	s := p.File
	if p.Line > 0 {
		s += ":" + strconv.Itoa(p.Line)
	}
	if p.Key != "" {
		s += ": " + p.Key
	}
	return s + ": " + p.What + "; " + p.Remedy
}

// Problems is all that is wrong with a board, in the order of its lines; at
// most maxProblems of them.
type Problems []Problem

const maxProblems = 20

// Error returns one line a problem.
func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.Error()
	}
	return strings.Join(lines, "\n")
}

// add is not inlined: its many callers would each hold a copy, on a drone.
//
//go:noinline
func (ps *Problems) add(line int, key, what, remedy string) {
	*ps = append(*ps, Problem{Line: line, Key: key, What: what, Remedy: remedy})
}

// err returns the problems in order, or nil.
func (ps Problems) err(file string) error {
	if len(ps) == 0 {
		return nil
	}
	slices.SortStableFunc(ps, func(a, b Problem) int { return cmp.Compare(a.Line, b.Line) })
	ps = ps[:min(len(ps), maxProblems)]
	for i := range ps {
		ps[i].File = file
	}
	return ps
}

// is says what a text is.
//
//go:noinline
func is(s string) string {
	if s == "" {
		return "is missing"
	}
	return "is " + show(s)
}

// show quotes text of a file for a message: one line, not endless.
func show(s string) string {
	if len(s) > 60 {
		s = s[:60] + "..."
	}
	return strconv.Quote(s)
}
