package config

import (
	"strconv"
	"strings"
	"time"
)

// checkScalar says why a number or a time of the right shape is none after all.
func checkScalar(n *node) (what, remedy string) {
	switch n.kind {
	case kInt:
		if _, ok := parseInt(n.text); !ok {
			return sprintf("%s is not an integer of 64 bits", shorten(n.text)),
				"write decimal digits without leading zeros, underscores only between digits"
		}
	case kFloat:
		if _, ok := parseFloat(n.text); !ok {
			return sprintf("%s is not a number", shorten(n.text)), "write it like 95.0, with a digit on both sides of the point"
		}
	case kDateTime:
		if _, ok := parseTime(n.text); !ok {
			return sprintf("%s is not a time", shorten(n.text)), "write it like 2026-11-23T20:00:00Z"
		}
	case kLocal:
		if !localTime(n.text) {
			return sprintf("%s is not a date or time", shorten(n.text)), `write a date like 2026-11-23, a time like 20:00:00, or put text in quotes`
		}
	}
	return "", ""
}

// underscores takes out the underscores between two digits, and fails at others.
func underscores(s string, digit func(byte) bool) (string, bool) {
	for i := 0; i < len(s); i++ {
		if s[i] == '_' && (i == 0 || i == len(s)-1 || !digit(s[i-1]) || !digit(s[i+1])) {
			return "", false
		}
	}
	return strings.ReplaceAll(s, "_", ""), true
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }
func isHex(c byte) bool   { return isDigit(c) || c|0x20 >= 'a' && c|0x20 <= 'f' }

func parseInt(s string) (int64, bool) {
	base := 10
	if len(s) > 2 && s[0] == '0' {
		switch s[1] {
		case 'x':
			base = 16
		case 'o':
			base = 8
		case 'b':
			base = 2
		}
		if base != 10 {
			s = s[2:]
		}
	}
	digit := isDigit
	if base == 16 {
		digit = isHex
	}
	s, ok := underscores(s, digit)
	digits := s
	if base == 10 {
		digits = strings.TrimLeft(s, "+-")
	}
	if !ok || len(s)-len(digits) > 1 || digits == "" || !isHex(digits[0]) ||
		base == 10 && len(digits) > 1 && digits[0] == '0' {
		return 0, false
	}
	v, err := strconv.ParseInt(s, base, 64)
	return v, err == nil
}

// parseFloat follows TOML's grammar, which is narrower than strconv's.
func parseFloat(s string) (float64, bool) {
	s, ok := underscores(s, isDigit)
	rest := s
	if rest != "" && (rest[0] == '+' || rest[0] == '-') {
		rest = rest[1:]
	}
	if rest == "inf" || rest == "nan" {
		v, _ := strconv.ParseFloat(strings.TrimPrefix(s, "+"), 64)
		return v, ok
	}
	whole, rest := digits(rest)
	if !ok || whole == "" || len(whole) > 1 && whole[0] == '0' {
		return 0, false
	}
	if strings.HasPrefix(rest, ".") {
		var fraction string
		if fraction, rest = digits(rest[1:]); fraction == "" {
			return 0, false
		}
	}
	if rest != "" && rest[0]|0x20 == 'e' {
		rest = rest[1:]
		if rest != "" && (rest[0] == '+' || rest[0] == '-') {
			rest = rest[1:]
		}
		var exponent string
		if exponent, rest = digits(rest); exponent == "" {
			return 0, false
		}
	}
	v, err := strconv.ParseFloat(s, 64)
	return v, rest == "" && err == nil
}

// digits cuts the leading digits off s.
func digits(s string) (head, tail string) {
	i := 0
	for i < len(s) && isDigit(s[i]) {
		i++
	}
	return s[:i], s[i:]
}

// parseTime reads an offset date-time.
func parseTime(s string) (time.Time, bool) {
	s = strings.ToUpper(s)
	if len(s) < 20 || !localTime(s[:19]) {
		return time.Time{}, false
	}
	zone := s[19:]
	if zone[0] == '.' {
		fraction, rest := digits(zone[1:])
		if fraction == "" || rest == "" {
			return time.Time{}, false
		}
		zone = rest
	}
	if zone != "Z" && (len(zone) != 6 || !shaped(zone[1:], "00:00") || zone[1:3] > "23" || zone[4:] > "59") {
		return time.Time{}, false
	}
	t, err := time.Parse(time.RFC3339Nano, s[:10]+"T"+s[11:])
	return t, err == nil
}

// localTime tells whether s is a TOML date, time or both, without an offset.
func localTime(s string) bool {
	s = strings.ToUpper(s)
	date, clock := "2000-01-01", "00:00:00"
	switch {
	case len(s) == len(date) && s[4] == '-':
		date = s
	case len(s) > len(date) && s[4] == '-':
		if s[10] != 'T' && s[10] != ' ' {
			return false
		}
		date, clock = s[:10], s[11:]
	default:
		clock = s
	}
	if i := strings.IndexByte(clock, '.'); i >= 0 {
		fraction, rest := digits(clock[i+1:])
		if fraction == "" || rest != "" {
			return false
		}
		clock = clock[:i]
	}
	if !shaped(date, "0000-00-00") || !shaped(clock, "00:00:00") {
		return false
	}
	_, err := time.Parse(time.RFC3339, date+"T"+clock+"Z")
	return err == nil
}

// shaped tells whether s has digits where the pattern has 0, and its other bytes.
func shaped(s, pattern string) bool {
	if len(s) != len(pattern) {
		return false
	}
	for i := range len(s) {
		if pattern[i] == '0' && !isDigit(s[i]) || pattern[i] != '0' && s[i] != pattern[i] {
			return false
		}
	}
	return true
}
