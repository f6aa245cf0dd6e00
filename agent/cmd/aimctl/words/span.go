package words

import (
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Span says a duration in at most two units: "0 s", "47 s", "4 min 10 s",
// "2 h 5 min", "3 d 4 h". A negative duration counts as zero: clocks differ by
// a little and nobody wants to read of the future.
func Span(d time.Duration) string {
	d = max(d, 0)
	switch s := int64(d / time.Second); {
	case s < 60:
		return fmt.Sprintf("%d s", s)
	case s < 3600:
		return two(s/60, "min", s%60, "s")
	case s < 86400:
		return two(s/3600, "h", s%3600/60, "min")
	default:
		return two(s/86400, "d", s%86400/3600, "h")
	}
}

func two(a int64, unit string, b int64, small string) string {
	if b == 0 {
		return fmt.Sprintf("%d %s", a, unit)
	}
	return fmt.Sprintf("%d %s %d %s", a, unit, b, small)
}

// Short is Span for a table's cell: "47s", "4m10s", "2h05m", "3d04h".
func Short(d time.Duration) string {
	d = max(d, 0)
	switch s := int64(d / time.Second); {
	case s < 60:
		return fmt.Sprintf("%ds", s)
	case s < 3600:
		return fmt.Sprintf("%dm%02ds", s/60, s%60)
	case s < 86400:
		return fmt.Sprintf("%dh%02dm", s/3600, s%3600/60)
	default:
		return fmt.Sprintf("%dd%02dh", s/86400, s%86400/3600)
	}
}

// clockFloor is the earliest wall-clock time that is believed. A drone without
// a battery clock starts in 1970 or at its build time; such a time on the
// screen would only mislead.
var clockFloor = time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)

// Clock says a time of day in zone, with the date when it is not today's, or
// "" when the time cannot be believed.
func Clock(t, now time.Time, zone *time.Location) string {
	if t.Before(clockFloor) {
		return ""
	}
	t, now = t.In(zone), now.In(zone)
	if t.YearDay() != now.YearDay() || t.Year() != now.Year() {
		return t.Format("2006-01-02 15:04 MST")
	}
	return t.Format("15:04:05 MST")
}

// Clean makes text from the network or from another process fit for a
// terminal: control characters and broken UTF-8 become spaces, runs of spaces
// one, and at most limit characters are kept.
func Clean(s string, limit int) string {
	var b strings.Builder
	n, space := 0, true
	for _, r := range s {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			r = ' '
		}
		if r == ' ' && space {
			continue
		}
		if n == limit {
			return strings.TrimRight(b.String(), " ") + "…"
		}
		space = r == ' '
		b.WriteRune(r)
		n++
	}
	return strings.TrimRight(b.String(), " ")
}
