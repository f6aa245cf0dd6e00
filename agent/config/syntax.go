package config

import (
	"bytes"
	"errors"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/pelletier/go-toml/v2/unstable"
)

// brokenLine is a place at which the grammar was broken.
type brokenLine struct {
	msg   string // the parser's words
	at    int    // offset
	rest  []byte // the document from there on
	word  string // the rest of its line
	line  string // the line on which the expression begins, without leading space
	key   string // what stands before its =, or ""
	value string // what stands after it on that line, or ""
	same  bool   // at lies on that line, after the =
}

// syntax notes the parser's error in words that help and returns its offset.
func (d *document) syntax(p *unstable.Parser, base, end int, err error) int {
	b := brokenLine{msg: err.Error(), at: len(d.data)}
	var pe *unstable.ParserError
	if errors.As(err, &pe) && len(pe.Highlight) > 0 {
		b.at = base + int(p.Range(pe.Highlight).Offset)
	}
	b.rest = d.data[b.at:]
	b.word, _, _ = strings.Cut(string(b.rest), "\n")
	b.word = strings.TrimSpace(b.word)
	start := d.expressionStart(end)
	if strings.HasPrefix(b.msg, "expected newline") { // the line began well
		start = d.start
		if d.last != nil {
			d.last.void = true
		} else {
			start = d.lineStart(start)
		}
	}
	stop := d.lineEnd(start)
	b.line = string(bytes.Trim(d.data[start:stop], " \t\r\n"))
	if key, value, ok := strings.Cut(b.line, "="); ok && !strings.ContainsAny(key, "[{#\"'") {
		b.key, b.value = strings.TrimSpace(key), strings.TrimSpace(cutComment(value))
		b.same = b.at > start+len(key) && b.at < stop || b.at == len(d.data) && stop == len(d.data)
	}
	if !b.same {
		b.value = ""
	}
	b.key = strings.TrimPrefix(b.key, "\ufeff")
	at := b.at
	if strings.HasPrefix(b.msg, "multiline") && b.at == len(d.data) {
		if i := bytes.IndexAny(d.data[start:], `"'`); i >= 0 {
			at = start + i
		}
	} else if b.same && b.bare() {
		at = start + strings.IndexByte(b.line, '=') + 1
		at = d.valueStart(at)
	}
	what, remedy := b.explain()
	d.complain(at, d.keyOf(b.key), what, remedy)
	if strings.HasPrefix(b.line, "[") { // nobody knows whose the next keys are
		d.closeDotted()
		d.current = &node{kind: kTable, explicit: true}
	}
	if i := bytes.IndexByte(b.rest, '}'); i >= 0 && strings.Contains(b.value, "{") {
		return b.at + i
	}
	return b.at
}

// keyOf returns a key of the current section in full.
func (d *document) keyOf(key string) string {
	if key == "" {
		return ""
	}
	if d.current.prefix != "" {
		key = d.current.prefix + "." + key
	}
	return shorten(key)
}

// expressionStart skips blank lines and comments.
func (d *document) expressionStart(at int) int {
	for at < len(d.data) {
		switch d.data[at] {
		case ' ', '\t', '\r', '\n':
			at++
		case '#':
			at = d.lineEnd(at)
		default:
			return at
		}
	}
	return at
}

func cutComment(s string) string {
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '#':
			return s[:i]
		case '"', '\'':
			i = skipString([]byte(s), i) - 1
		}
	}
	return s
}

func isLetter(s string) bool { return s != "" && s[0]|0x20 >= 'a' && s[0]|0x20 <= 'z' }

// bare tells whether the value is text without quotes.
func (b *brokenLine) bare() bool {
	return b.value != "" && strings.IndexByte("\"'[{", b.value[0]) < 0 && !b.second()
}

// second tells whether a second key follows on the line.
func (b *brokenLine) second() bool {
	return strings.HasPrefix(b.msg, "expected newline") && strings.Contains(b.word, "=")
}

// explain says what is wrong and what would be right.
func (b *brokenLine) explain() (what, remedy string) {
	for _, try := range []func() (string, string){b.file, b.bytes, b.text, b.bracket, b.keyword} {
		if what, remedy = try(); what != "" {
			return what, remedy
		}
	}
	return b.msg, "write one key = value a line, or a [table] header"
}

// file recognises what was never meant to be TOML.
func (b *brokenLine) file() (what, remedy string) {
	switch {
	case bytes.HasPrefix(b.rest, []byte{0}):
		return "a zero byte stands here, as after a power cut", "restore the last good file"
	case b.at == 0 && bytes.HasPrefix(b.rest, []byte("\xef\xbb\xbf")):
		return "the file begins with a byte order mark", "save it as UTF-8 without one"
	case strings.HasPrefix(b.line, "<<<<<<<"), strings.HasPrefix(b.line, "======="), strings.HasPrefix(b.line, ">>>>>>>"):
		return "a merge conflict is left in the file", "keep one of its two sides and take out the marks"
	case strings.HasPrefix(b.line, "{"):
		return "this looks like JSON", "write TOML: one key = value a line under [table] headers"
	}
	for _, mark := range []string{"//", "/*", ";", "--"} {
		if strings.HasPrefix(b.line, mark) {
			return show(mark) + " begins no comment", "begin comments with #"
		}
	}
	return "", ""
}

// bytes recognises wrong characters.
func (b *brokenLine) bytes() (what, remedy string) {
	if len(b.rest) == 0 {
		return "", ""
	}
	r, size := utf8.DecodeRune(b.rest)
	switch {
	case r == utf8.RuneError && size == 1:
		return "the text is not UTF-8", "save the file as UTF-8"
	case strings.ContainsRune("“”„‘’«»", r):
		return sprintf("%c is no quotation mark of TOML", r), `use the straight "`
	case r < ' ' && r != '\n' && r != '\r' && r != '\t' || r == 0x7f:
		return sprintf("%U is a control character", r), sprintf(`take it out, or write it in quotes as \u%04X`, r)
	case strings.HasPrefix(b.msg, "invalid escaped character"):
		if r < ' ' || !unicode.IsPrint(r) {
			return "a backslash stands before the end of the line or before something unprintable, which is no escape", `write \\ for a backslash, or use """ for text of several lines`
		}
		return sprintf(`\%c is no escape`, r), `write \\ for a backslash, or put the text in single quotes`
	case strings.Contains(b.msg, "hex") || strings.Contains(b.msg, "nicode"):
		return `the escape \u names no character`, `write four hexadecimal digits, such as \u00B0`
	}
	return "", ""
}

// text recognises values that lack their quotes.
func (b *brokenLine) text() (what, remedy string) {
	switch lower := strings.ToLower(b.value); {
	case strings.Contains(b.msg, "new lines"), strings.HasPrefix(b.msg, "basic string not"), strings.HasPrefix(b.msg, "unterminated"):
		return "the text has no closing quote on its line", "end it with the quote that began it"
	case strings.HasPrefix(b.msg, "multiline"):
		return "the text that begins here is never closed", "end it with the three quotes that began it"
	case b.same && b.value == "":
		return "has no value", sprintf("write one after %s =", shorten(b.key))
	case !b.bare() && isLetter(b.word) && !strings.HasPrefix(b.msg, "expected newline") && b.value != "":
		word := b.word[:strings.IndexAny(b.word+",", ",]} \t#\"")]
		return sprintf("%s is neither a number nor text in quotes", show(word)), "put text in quotes: " + show(word)
	case !b.bare():
		return "", ""
	case strings.Trim(b.value, "0123456789.") == "" && b.value[0] == '0':
		return sprintf("%s begins with a zero", show(b.value)), "write it without"
	case lower == "true" || lower == "false":
		return sprintf("%s is not spelt so", show(b.value)), "write " + lower
	case lower == "yes" || lower == "no" || lower == "on" || lower == "off":
		return sprintf("%s is neither true nor false", show(b.value)), `write true or false; text stands in quotes`
	}
	return sprintf("%s is neither a number nor text in quotes", show(b.value)),
		sprintf("put text in quotes: %s = %s", shorten(b.key), show(strings.TrimRight(b.value, `",'`)))
}

// bracket recognises broken arrays, inline tables and headers.
func (b *brokenLine) bracket() (what, remedy string) {
	next := byte(0)
	if len(b.rest) > 0 {
		next = b.rest[0]
	}
	switch {
	case strings.HasPrefix(b.line, "["):
		return "the header of a table is broken", "write it like [lock], alone on its line"
	case strings.HasPrefix(b.msg, "array is"), b.msg == "expected character ] but the document ended here":
		return "the array is never closed", "end it with ]"
	case strings.HasPrefix(b.msg, "array elements"):
		return "a comma is missing before this", "put one between two elements"
	case strings.HasPrefix(b.msg, "array cannot"):
		return "the array begins with a comma", "take it out"
	case !strings.Contains(b.value, "{"):
		return "", ""
	case next == '\n' || next == '\r' || next == 0 || next == '#':
		return "an inline table must be closed on its line", "end it with }, or use a [table] header and one line a key"
	case next == '}':
		return "a key is missing before }", "take out the comma before }"
	}
	return "", ""
}

// keyword recognises broken keys.
func (b *brokenLine) keyword() (what, remedy string) {
	name, _, _ := strings.Cut(b.line, " ")
	switch {
	case strings.HasPrefix(b.msg, "expected newline"):
		return sprintf("%s stands after the value", show(b.word)), "write one key = value a line; comments begin with #"
	case strings.HasPrefix(b.msg, "expected ") && bytes.HasPrefix(b.rest, []byte(":")):
		name, _, _ = strings.Cut(name, ":")
		return "a colon follows the key", sprintf("write %s = …", shorten(name))
	case strings.HasPrefix(b.msg, "expected = "), b.msg == "expected character =":
		return sprintf("%s is followed by no =", show(name)), sprintf("write %s = …", shorten(name))
	case strings.HasPrefix(b.msg, "expected character ,"):
		return "a comma is missing before this", "put one between two keys"
	case strings.HasPrefix(b.msg, "invalid character at start of key") && b.key == "":
		return sprintf("a key cannot begin with %s", show(string(b.rest[:1]))), "keys are letters, digits, _ and -"
	case b.same:
		return sprintf("%s is no value", show(b.value)), "write a number, true or false, an array in [ ], or text in quotes"
	}
	return "", ""
}
