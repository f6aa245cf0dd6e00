package plainjson

import (
	"unicode/utf16"
	"unicode/utf8"
)

// Delim is one of { } [ ].
type Delim byte

// Number is a number as it is written.
type Number string

// Reader gives the tokens of a text one by one.
type Reader struct {
	data []byte
	at   int
}

// Read begins to read data, which it keeps, and which must be exactly one
// value; a *SyntaxError says where it is not.
func Read(data []byte) (*Reader, error) {
	if err := check(data); err != nil {
		return nil, err
	}
	return &Reader{data: data}, nil
}

// peek skips what stands between tokens; 0 is the end.
func (r *Reader) peek() byte {
	for ; r.at < len(r.data); r.at++ {
		switch c := r.data[r.at]; c {
		case ' ', '\t', '\r', '\n', ',', ':':
		default:
			return c
		}
	}
	return 0
}

// More says whether the object or list has another member.
func (r *Reader) More() bool {
	c := r.peek()
	return c != 0 && c != '}' && c != ']'
}

// Token is the next Delim, string (of a key, too), Number, bool or, for null,
// nil; Delim(0) at the end. What is no UTF-8 in a text becomes U+FFFD.
func (r *Reader) Token() any {
	switch c := r.peek(); c {
	case 0:
		return Delim(0)
	case '{', '}', '[', ']':
		r.at++
		return Delim(c)
	case '"':
		return r.text()
	case 't':
		r.at += len("true")
		return true
	case 'f':
		r.at += len("false")
		return false
	case 'n':
		r.at += len("null")
		return nil
	}
	from := r.at
	for r.at < len(r.data) && (isDigit(r.data[r.at]) || r.data[r.at]|0x20 == 'e' || r.data[r.at] == '.' || r.data[r.at] == '-' || r.data[r.at] == '+') {
		r.at++
	}
	return Number(r.data[from:r.at])
}

// Skip goes past the next value.
func (r *Reader) Skip() {
	for depth := 0; ; {
		switch r.Token() {
		case Delim(0):
			return
		case Delim('{'), Delim('['):
			depth++
		case Delim('}'), Delim(']'):
			depth--
		}
		if depth <= 0 {
			return
		}
	}
}

// text reads a text whose grammar was checked.
func (r *Reader) text() string {
	var b []byte
	for r.at++; r.data[r.at] != '"'; {
		c, rest := r.data[r.at], r.data[r.at:]
		switch {
		case c == '\\' && rest[1] == 'u':
			u, _ := hex4(rest[2:])
			r.at += 6
			if utf16.IsSurrogate(u) {
				u = r.pair(u)
			}
			b = utf8.AppendRune(b, u)
		case c == '\\':
			b = append(b, unescape(rest[1]))
			r.at += 2
		case c < utf8.RuneSelf:
			b = append(b, c)
			r.at++
		default:
			u, n := utf8.DecodeRune(rest)
			b = utf8.AppendRune(b, u)
			r.at += n
		}
	}
	r.at++
	return string(b)
}

// pair joins a surrogate with the one behind it; alone it is U+FFFD.
func (r *Reader) pair(u rune) rune {
	rest := r.data[r.at:]
	if len(rest) < 6 || rest[0] != '\\' || rest[1] != 'u' {
		return utf8.RuneError
	}
	low, _ := hex4(rest[2:])
	whole := utf16.DecodeRune(u, low)
	if whole != utf8.RuneError {
		r.at += 6
	}
	return whole
}

func unescape(c byte) byte {
	switch c {
	case 'b':
		return '\b'
	case 'f':
		return '\f'
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 't':
		return '\t'
	}
	return c
}
