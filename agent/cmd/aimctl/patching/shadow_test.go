package patching

import (
	"strings"
	"testing"
	"time"
)

var now = time.Date(2026, 11, 24, 10, 5, 12, 0, time.UTC)

const liveFile = `# the fleet's
version   = 41   # of the configuration
timestamp = 2026-11-23T20:00:00Z

[lock]
gc_interval = "10s" # audit
[mission]
altitude_m = 40
`

// Every byte that was not asked for stays; version and timestamp are raised
// unless somebody says otherwise.
func TestShadow(t *testing.T) {
	t.Parallel()
	next := strings.NewReplacer("41 ", "42 ", "2026-11-23T20:00:00Z", "2026-11-24T10:05:12Z")
	higher := strings.NewReplacer("41 ", "50 ", "23T20", "24T09").Replace(liveFile)
	for _, c := range []struct {
		name, live, from string
		set              []Setting
		want             string
	}{
		{"one key", liveFile, "", []Setting{{"lock.gc_interval", "2s"}}, strings.Replace(next.Replace(liveFile), "10s", "2s", 1)},
		{"a version of one's own", liveFile, "", []Setting{{"version", "99"}}, strings.Replace(next.Replace(liveFile), "42 ", "99 ", 1)},
		{"a time of one's own", liveFile, "", []Setting{{"timestamp", "2026-11-24T00:00:00Z"}}, strings.Replace(next.Replace(liveFile), "10:05:12", "00:00:00", 1)},
		{"no version, no time", "[lock]\nttl = \"9s\"\n", "", []Setting{{"lock.ttl", "5s"}}, "version = 1\ntimestamp = 2026-11-24T10:05:12Z\n[lock]\nttl = \"5s\"\n"},
		{"from a file that has the live file's", liveFile, strings.Replace(liveFile, "40", "30", 1), nil, strings.Replace(next.Replace(liveFile), "40", "30", 1)},
		{"from an older file", strings.Replace(liveFile, "41 ", "60 ", 1), liveFile, nil, strings.Replace(next.Replace(liveFile), "42 ", "61 ", 1)},
		{"from a file with both its own", liveFile, higher, nil, higher},
		{"edits above a file", liveFile, higher, []Setting{{"version", "51"}, {"mission.altitude_m", "20"}}, strings.NewReplacer("50 ", "51 ", "40", "20").Replace(higher)},
		{"a broken live file, a good one with its version", "version = [", higher, nil, higher},
		{"a wrong live file and a version", "version = 4\nlock.ttl = \"9h\"\n", "", []Setting{{"lock.ttl", "9s"}, {"version", "5"}}, "version = 5\nlock.ttl = \"9s\"\ntimestamp = 2026-11-24T10:05:12Z\n"},
	} {
		e := Edit{Set: c.set, Now: now}
		if c.from != "" {
			e.From = []byte(c.from)
		}
		got, err := Shadow([]byte(c.live), e)
		if err != nil || string(got) != c.want {
			t.Errorf("%s: %v\ngot\n%swant\n%s", c.name, err, got, c.want)
		}
	}
}

func TestShadowRefuses(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		live string
		set  Setting
		want string
	}{
		{liveFile, Setting{"lock", "1"}, "lock is a table on line 5"},
		{"version = 4\nlock.ttl = \"9h\"\n", Setting{"lock.ttl", "9s"}, "say --set version=N"},
		{"version = [", Setting{"lock.ttl", "9s"}, "the file:1:"},
	} {
		if got, err := Shadow([]byte(c.live), Edit{Set: []Setting{c.set}, Now: now}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: %q, %v; want %q", c.live, got, err, c.want)
		}
	}
}

func TestDefaultID(t *testing.T) {
	t.Parallel()
	if got := DefaultID("north", 42, now, "7f3a91c0"); got != "north-42-261124-7f3a91" {
		t.Error(got)
	}
	if got := DefaultID(strings.Repeat("n", 32), 1<<53-1, now, "7f3a91c0"); len(got) != 63 {
		t.Errorf("%d: %s", len(got), got)
	}
}
