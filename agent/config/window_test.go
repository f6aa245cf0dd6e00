package config_test

import (
	"testing"
	"time"

	"github.com/aim-control/aimlock/agent/config"
)

func TestWindowOpen(t *testing.T) {
	t.Parallel()
	night := config.Window{Days: []time.Weekday{time.Monday}, Start: 22 * time.Hour, Length: 4 * time.Hour}
	day := config.Window{Start: 2 * time.Hour, Length: 3 * time.Hour}
	for _, c := range []struct {
		w    config.Window
		at   string
		open bool
	}{
		{config.Window{}, "2026-11-24T12:00:00Z", true},
		{day, "2026-11-24T01:59:59Z", false},
		{day, "2026-11-24T02:00:00Z", true},
		{day, "2026-11-24T04:59:59Z", true},
		{day, "2026-11-24T05:00:00Z", false},
		{day, "2026-11-24T04:30:00+02:00", true}, // 02:30 UTC
		{night, "2026-11-23T21:59:59Z", false},   // Monday
		{night, "2026-11-23T22:00:00Z", true},
		{night, "2026-11-24T01:59:59Z", true}, // Tuesday: it began on Monday
		{night, "2026-11-24T02:00:00Z", false},
		{night, "2026-11-24T22:30:00Z", false},
		{night, "2026-11-23T01:00:00Z", false}, // the night from Sunday
		{config.Window{Start: 23 * time.Hour, Length: 24 * time.Hour}, "2026-11-24T00:30:00Z", true},
	} {
		at, err := time.Parse(time.RFC3339, c.at)
		if err != nil {
			t.Fatal(err)
		}
		if got := c.w.Open(at); got != c.open {
			t.Errorf("%+v at %s: open %v, want %v", c.w, c.at, got, c.open)
		}
	}
}
