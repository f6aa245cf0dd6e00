package scenario

import "strings"

// cursor takes a line apart: blank-separated words, in which double quotes
// keep blanks together and \" and \\ stand for themselves.
type cursor struct {
	pos  Pos
	line string
	at   int
}

func (c *cursor) fail(what, remedy string) *Error {
	return &Error{Pos: c.pos, What: what, Remedy: remedy}
}

func (c *cursor) blanks() {
	for c.at < len(c.line) && (c.line[c.at] == ' ' || c.line[c.at] == '\t') {
		c.at++
	}
}

// done reports whether nothing is left but blanks.
func (c *cursor) done() bool { c.blanks(); return c.at == len(c.line) }

// rest takes everything that is left.
func (c *cursor) rest() string {
	c.blanks()
	r := strings.TrimRight(c.line[c.at:], " \t")
	c.at = len(c.line)
	return r
}

// peek is the next word without taking it; "" at the end or if it is no word.
func (c *cursor) peek() string {
	saved := c.at
	w, err := c.word()
	c.at = saved
	if err != nil {
		return ""
	}
	return w
}

// word takes the next word; "" at the end of the line.
func (c *cursor) word() (string, *Error) {
	c.blanks()
	var b strings.Builder
	quoted := false
	for ; c.at < len(c.line); c.at++ {
		ch := c.line[c.at]
		switch {
		case ch == '"':
			quoted = !quoted
		case ch == '\\' && quoted && c.at+1 < len(c.line) && (c.line[c.at+1] == '"' || c.line[c.at+1] == '\\'):
			c.at++
			b.WriteByte(c.line[c.at])
		case (ch == ' ' || ch == '\t') && !quoted:
			return b.String(), nil
		default:
			b.WriteByte(ch)
		}
	}
	if quoted {
		return "", c.fail(`a quote is not closed`, `end it with "`)
	}
	return b.String(), nil
}

// raw takes the next word as it is written, quotes included.
func (c *cursor) raw() (string, *Error) {
	c.blanks()
	from := c.at
	if _, err := c.word(); err != nil {
		return "", err
	}
	return c.line[from:c.at], nil
}

// need takes a word that has to be there.
func (c *cursor) need(what, usage string) (string, *Error) {
	if c.done() {
		return "", c.fail(what+" is missing", "write "+usage)
	}
	return c.word()
}

// end refuses words that are left over.
func (c *cursor) end(usage string) *Error {
	if c.done() {
		return nil
	}
	extra := c.rest()
	if strings.HasPrefix(extra, "#") {
		return c.fail("a comment follows the step", "put comments on lines of their own")
	}
	return c.fail("nothing may follow here, but "+quote(extra)+" does", "write "+usage)
}

// quote shows a piece of input in an error, cut to a length that fits.
func quote(s string) string {
	const most = 40
	if r := []rune(s); len(r) > most {
		s = string(r[:most]) + "…"
	}
	return `"` + strings.ReplaceAll(s, `"`, `\"`) + `"`
}

// skip drops a word that peek has shown.
func (c *cursor) skip() { _, _ = c.word() }
