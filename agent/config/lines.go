package config

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

var sprintf = fmt.Sprintf

// line returns the line of an offset, from 1.
func (d *document) line(at int) int {
	return bytes.Count(d.data[:min(at, len(d.data))], []byte{'\n'}) + 1
}

// position returns the line and column of an offset, columns in characters.
func (d *document) position(at int) (line, col int) {
	lead := d.data[:min(at, len(d.data))]
	return d.line(at), utf8.RuneCount(lead[bytes.LastIndexByte(lead, '\n')+1:]) + 1
}

// lineEnd returns the offset just after the line that holds at.
func (d *document) lineEnd(at int) int {
	if i := bytes.IndexByte(d.data[at:], '\n'); i >= 0 {
		return at + i + 1
	}
	return len(d.data)
}

func (d *document) lineStart(at int) int {
	return bytes.LastIndexByte(d.data[:at], '\n') + 1
}

// valueStart returns the offset of the value whose key ends at end.
func (d *document) valueStart(end int) int {
	for end < len(d.data) && strings.IndexByte(" \t=", d.data[end]) >= 0 {
		end++
	}
	return end
}

// skipString returns the offset after the string that begins at i. One that is
// never closed ends with its line, or with the document.
func skipString(data []byte, i int) int {
	quote := data[i]
	long := i+2 < len(data) && data[i+1] == quote && data[i+2] == quote
	if long {
		i += 2
	}
	for i++; i < len(data); i++ {
		switch c := data[i]; {
		case c == '\\' && quote == '"':
			i++
		case c == '\n' && !long:
			return i
		case c == quote && !long:
			return i + 1
		case c == quote && i+2 < len(data) && data[i+1] == quote && data[i+2] == quote:
			for i += 3; i < len(data) && data[i] == quote; i++ { // two more quotes may belong to it
			}
			return i
		}
	}
	return len(data)
}

// tooDeep returns the offset of the first bracket beyond maxDepth, or -1.
func tooDeep(data []byte) int {
	depth := 0
	for i := 0; i < len(data); i++ {
		switch data[i] {
		case '#':
			for i < len(data) && data[i] != '\n' {
				i++
			}
		case '"', '\'':
			i = skipString(data, i) - 1
		case '[', '{':
			if depth++; depth > maxDepth {
				return i
			}
		case ']', '}':
			depth = max(0, depth-1)
		}
	}
	return -1
}

// resume returns the offset of the next line after from that looks like a
// header or a key with a value: there reading goes on after a syntax error.
func resume(data []byte, from int) int {
	for from < len(data) {
		i := bytes.IndexByte(data[from:], '\n')
		if i < 0 {
			break
		}
		from += i + 1
		line, _, _ := bytes.Cut(data[from:], []byte{'\n'})
		line = bytes.TrimLeft(line, " \t")
		key := bytes.TrimLeft(line, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.")
		if len(key) < len(line) && bytes.HasPrefix(bytes.TrimLeft(key, " \t"), []byte{'='}) {
			return from
		}
		name, _, closed := bytes.Cut(line, []byte{']'})
		if closed && len(name) > 1 && name[0] == '[' && bytes.IndexByte(name, ',') < 0 && !isDigit(name[1]) && name[1] != '"' {
			return from
		}
	}
	return len(data)
}

// maxShown bounds what an error repeats of a file, in characters.
const maxShown = 40

// show quotes a piece of the file for an error.
func show(s string) string { return strconv.Quote(cut(s)) }

// shorten writes a piece of the file for an error without quotes. Errors go to
// terminals and logs, so what does not print does not pass.
func shorten(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return utf8.RuneError
		}
		return r
	}, cut(s))
}

func cut(s string) string {
	n := 0
	for i := range s {
		if n++; n > maxShown {
			return s[:i] + "…"
		}
	}
	return s
}

// quoteKey writes a key as TOML would, but never a long one in full.
func quoteKey(k string) string {
	bare := k != ""
	for i := range len(k) {
		bare = bare && (isDigit(k[i]) || k[i]|0x20 >= 'a' && k[i]|0x20 <= 'z' || k[i] == '_' || k[i] == '-')
	}
	if bare {
		return shorten(k)
	}
	return show(k)
}

func joinKeys(keys []keyPart) string {
	parts := make([]string, len(keys))
	for i, k := range keys {
		parts[i] = quoteKey(k.name)
	}
	return strings.Join(parts, ".")
}
