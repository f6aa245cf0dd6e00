package scenario

import (
	"fmt"
	"path"
	"regexp"
	"strconv"
	"strings"
)

// Selector names drones of a fleet. The zero Selector names none.
type Selector struct {
	Text  string
	terms []term
}

// term adds or takes away what one pattern or one range of short names names.
type term struct {
	minus    bool
	pattern  string // a name or a glob
	from, to int    // short names p1..p4; 0: a pattern
}

var (
	rangeForm = regexp.MustCompile(`^p([0-9]{1,4})(?:\.\.p?([0-9]{1,4}))?$`)
	nameForm  = regexp.MustCompile(`^[a-z0-9*?\[\]-]+$`)
)

// ParseSelector reads a list of drones. what is empty if it is well formed,
// else what is wrong, and remedy what would be right.
func ParseSelector(text string) (sel Selector, what, remedy string) {
	const how = "drones are names, globs, p1..p4, all, all-p3, or lists of these: p1,p3 or all,-p3,-p5"
	parts := strings.Split(text, ",")
	if len(parts) > MaxTerms {
		return sel, fmt.Sprintf("a list of %d drones", len(parts)), fmt.Sprintf("use at most %d, or a range", MaxTerms)
	}
	sel.Text = text
	for i, part := range parts {
		rest, but := strings.CutPrefix(part, "all-")
		switch {
		case but && len(parts) > 1:
			return sel, quote(text) + " can be read in two ways", "write all,-p3,-p5 to leave p3 and p5 out"
		case but:
			sel.terms = append(sel.terms, term{pattern: "*"})
			part = "-" + rest
		}
		t, ok := parseTerm(part)
		if !ok || (i == 0 && t.minus && !but) {
			return sel, quote(part) + " names no drones", how
		}
		sel.terms = append(sel.terms, t)
	}
	return sel, "", ""
}

func parseTerm(part string) (t term, ok bool) {
	part, t.minus = strings.CutPrefix(part, "-")
	if part == "all" {
		t.pattern = "*"
		return t, true
	}
	if m := rangeForm.FindStringSubmatch(part); m != nil {
		t.from, _ = strconv.Atoi(m[1])
		t.to = t.from
		if m[2] != "" {
			t.to, _ = strconv.Atoi(m[2])
		}
		return t, t.from >= 1 && t.to >= t.from
	}
	if _, err := path.Match(part, "x"); err != nil || !nameForm.MatchString(part) {
		return t, false
	}
	t.pattern = part
	return t, true
}

// Empty reports whether the step names no drones at all.
func (s Selector) Empty() bool { return len(s.terms) == 0 }

// Match resolves the list against the fleet, in the fleet's order. A term that
// names no drone of the fleet is an error, as it is a slip of the pen.
func (s Selector) Match(fleet []string) ([]string, error) {
	in := make([]bool, len(fleet))
	for _, t := range s.terms {
		hit := false
		for i, name := range fleet {
			if t.matches(name, i+1) {
				in[i], hit = !t.minus, true
			}
		}
		if !hit || t.to > len(fleet) {
			return nil, fmt.Errorf("%s names drones that the fleet has not; it has %s", quote(s.Text), span(fleet))
		}
	}
	var names []string
	for i, name := range fleet {
		if in[i] {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("%s leaves no drone; the fleet has %s", quote(s.Text), span(fleet))
	}
	return names, nil
}

func (t term) matches(name string, short int) bool {
	if t.from > 0 {
		return short >= t.from && short <= t.to
	}
	ok, _ := path.Match(t.pattern, name) // well formed: parseTerm tried it
	return ok
}

func span(fleet []string) string {
	switch len(fleet) {
	case 0:
		return "no drones"
	case 1:
		return fleet[0] + " (p1)"
	}
	return fmt.Sprintf("%s to %s (p1 to p%d)", fleet[0], fleet[len(fleet)-1], len(fleet))
}
