package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Problem is one thing that is wrong with a file.
type Problem struct {
	File   string
	Line   int    // from 1
	Col    int    // from 1, in characters
	Key    string // dotted; "" where the line is no key
	What   string // is wrong
	Remedy string // what would be right
}

// Error returns "file:line:col: key: what; remedy".
func (p Problem) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s:%d:%d: ", p.File, p.Line, p.Col)
	if p.Key != "" {
		b.WriteString(p.Key + ": ")
	}
	b.WriteString(p.What)
	if p.Remedy != "" {
		b.WriteString("; " + p.Remedy)
	}
	return b.String()
}

// Problems is all that is wrong with a file, in the order of its lines; at most
// MaxProblems of them.
type Problems []Problem

// MaxProblems bounds Problems; where there are more, the last one says so.
const MaxProblems = 20

// Error returns one line a problem.
func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.Error()
	}
	return strings.Join(lines, "\n")
}

// located is a problem that still knows its offset.
type located struct {
	at                int
	key, what, remedy string
}

// maxCollected bounds what is collected before the order of lines is known.
const maxCollected = 10 * MaxProblems

func (d *document) full() bool { return len(d.problems) >= maxCollected }

// complain notes a problem at an offset.
func (d *document) complain(at int, key, what, remedy string) {
	if !d.full() {
		d.problems = append(d.problems, located{at, key, what, remedy})
	}
}

// err returns the problems as Problems, or nil.
func (d *document) err() error {
	if len(d.problems) == 0 {
		return nil
	}
	slices.SortStableFunc(d.problems, func(a, b located) int { return cmp.Compare(a.at, b.at) })
	var ps Problems
	for i, l := range d.problems {
		line, col := d.position(l.at)
		p := Problem{d.name, line, col, l.key, l.what, l.remedy}
		if left := len(d.problems) - i; i == MaxProblems-1 && left > 1 {
			p.Key, p.What, p.Remedy = "", sprintf("%d more problems from here on", left), "mend those above first"
			if d.full() {
				p.What = sprintf("more than %d more problems from here on", left-1)
			}
			return append(ps, p)
		}
		ps = append(ps, p)
	}
	return ps
}
