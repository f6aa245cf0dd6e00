package plainjson

import "bytes"

// grammar walks over a text and knows all of RFC 8259's rules, so that what
// reads values after it needs none.
type grammar struct {
	data []byte
	at   int
}

// check takes data if it is exactly one value.
func check(data []byte) error {
	g := grammar{data: data}
	if err := g.value(0); err != nil {
		return err
	}
	if g.peek(); g.at < len(data) {
		return g.want("nothing behind the value")
	}
	return nil
}

func (g *grammar) want(what string) error { return &SyntaxError{g.at, what} }

// peek skips white space; 0 is the end, or no part of any value.
func (g *grammar) peek() byte {
	for ; g.at < len(g.data); g.at++ {
		switch c := g.data[g.at]; c {
		case ' ', '\t', '\r', '\n':
		default:
			return c
		}
	}
	return 0
}

func (g *grammar) value(depth int) error {
	switch c := g.peek(); {
	case c == '{' || c == '[':
		if depth == MaxDepth {
			return g.want("less nesting")
		}
		return g.list(c, depth+1)
	case c == '"':
		return g.text()
	case c == '-' || isDigit(c):
		return g.number()
	}
	for _, word := range []string{"true", "false", "null"} {
		if bytes.HasPrefix(g.data[g.at:], []byte(word)) {
			g.at += len(word)
			return nil
		}
	}
	return g.want("a value")
}

// list is an object or a list: their brackets' codes differ by two.
func (g *grammar) list(open byte, depth int) error {
	g.at++
	if g.peek() == open+2 {
		g.at++
		return nil
	}
	for {
		if open == '{' {
			if g.peek() != '"' {
				return g.want("a key in quotes")
			}
			if err := g.text(); err != nil {
				return err
			}
			if g.peek() != ':' {
				return g.want("a colon")
			}
			g.at++
		}
		if err := g.value(depth); err != nil {
			return err
		}
		switch g.peek() {
		case ',':
			g.at++
		case open + 2:
			g.at++
			return nil
		default:
			return g.want("a comma or the end of the list or object")
		}
	}
}

func (g *grammar) text() error {
	for g.at++; g.at < len(g.data); g.at++ {
		switch c := g.data[g.at]; {
		case c == '"':
			g.at++
			return nil
		case c < ' ':
			return g.want("an escape for a control character")
		case c == '\\':
			g.at++
			rest := g.data[g.at:]
			if len(rest) > 0 && rest[0] == 'u' {
				if _, ok := hex4(rest[1:]); !ok {
					return g.want("four hexadecimal digits")
				}
				g.at += 4
			} else if len(rest) == 0 || bytes.IndexByte([]byte(`"\/bfnrt`), rest[0]) < 0 {
				return g.want("an escape that there is")
			}
		}
	}
	return g.want("the end of the text")
}

func (g *grammar) number() error {
	if g.data[g.at] == '-' {
		g.at++
	}
	if g.at < len(g.data) && g.data[g.at] == '0' {
		g.at++
	} else if !g.digits() {
		return g.want("a digit")
	}
	if g.at < len(g.data) && g.data[g.at] == '.' {
		if g.at++; !g.digits() {
			return g.want("a digit")
		}
	}
	if g.at < len(g.data) && g.data[g.at]|0x20 == 'e' {
		g.at++
		if g.at < len(g.data) && (g.data[g.at] == '+' || g.data[g.at] == '-') {
			g.at++
		}
		if !g.digits() {
			return g.want("a digit")
		}
	}
	return nil
}

// digits skips digits; there must be one.
func (g *grammar) digits() bool {
	from := g.at
	for g.at < len(g.data) && isDigit(g.data[g.at]) {
		g.at++
	}
	return g.at > from
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// hex4 reads the four digits of a \u.
func hex4(b []byte) (r rune, ok bool) {
	if len(b) < 4 {
		return 0, false
	}
	for _, c := range b[:4] {
		switch {
		case isDigit(c):
			c -= '0'
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			c = c | 0x20 - 'a' + 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}
