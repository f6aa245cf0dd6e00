package config

import (
	"fmt"
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

// MaxProblems bounds Problems; the last one then says how many more there are.
const MaxProblems = 20

// Error returns one line a problem.
func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.Error()
	}
	return strings.Join(lines, "\n")
}
