package config

import (
	"slices"
	"time"
)

// day is a day of UTC, which has no hours that come twice.
const day = 24 * time.Hour

// Open tells whether the window is open at t. A window that goes past midnight
// belongs to the day on which it began.
func (w Window) Open(t time.Time) bool {
	if w.Length == 0 {
		return true
	}
	t = t.UTC()
	midnight := t.Truncate(day)
	for _, began := range []time.Time{midnight, midnight.Add(-day)} {
		from := began.Add(w.Start)
		on := len(w.Days) == 0 || slices.Contains(w.Days, began.Weekday())
		if on && !t.Before(from) && t.Before(from.Add(w.Length)) {
			return true
		}
	}
	return false
}
