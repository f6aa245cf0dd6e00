package words

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/aim-control/aimlock/agent/telemetry"
)

var update = flag.Bool("update", false, "rewrite the golden files")

var at = Place{
	Live: "/etc/aimlock/aim_lock_config.conf",
	Now:  time.Date(2026, 11, 23, 14, 3, 0, 0, time.UTC),
	Zone: time.UTC,
}

// flying is a healthy drone on its mission, up for an hour.
func flying() *telemetry.Status {
	return &telemetry.Status{
		Schema: 1, Boot: "b1", TimeMS: at.Now.UnixMilli(), UpMS: 3_600_000,
		Drone: "patrol-03", Fleet: "north", Agent: "v1.0.0",
		State: "NOMINAL", SinceMS: 3_000_000, Flight: "armed", FC: "ok",
		Lock:   telemetry.Lock{Verdict: "FREE"},
		Config: telemetry.Config{Version: 41, SHA256: "ab", Valid: true},
		Patch:  telemetry.Patch{State: "IDLE"}, LED: "healthy", Online: true,
	}
}

// overdue makes the incident: an updater that keeps the lock.
func overdue(s *telemetry.Status) {
	s.Lock = telemetry.Lock{Verdict: "OVERDUE", Hot: true, Holder: "fleet-updater", Role: "orchestrator", PID: 4312,
		Reason: "update cycle 77", Epoch: 9, SinceMS: 3_350_000, UntilMS: 3_380_000}
	s.Causes = []telemetry.Cause{{Name: "lock", SinceMS: 3_553_000, HeldMS: 44_000}}
}

func holding(s *telemetry.Status) {
	s.State, s.SinceMS, s.Requested, s.Flight, s.LED = "PAUSED", 3_556_000, true, "holding", "holding"
}

var cases = map[string]func(*telemetry.Status){
	"flying": func(*telemetry.Status) {},
	"supply": func(s *telemetry.Status) {
		s.Supply = []telemetry.Supply{{MilliV: 15187, MilliA: -450, MilliW: -6834, AgeMS: 80, OK: true, Name: "battery"},
			{MilliV: 5010, MilliA: 2200, MilliW: 11022, AgeMS: 64_000, Name: "servos"}, {AgeMS: 1 << 30, Name: "spare"}}
		s.Faults, s.LED = []string{"supply:servos", "supply:spare"}, "lost"
	},
	"reset":   func(s *telemetry.Status) { s.Reset = "watchdog, undervoltage" },
	"ground":  func(s *telemetry.Status) { s.Flight = "disarmed" },
	"hovers":  func(s *telemetry.Status) { s.Flight = "holding" },
	"overdue": func(s *telemetry.Status) { overdue(s); holding(s) },
	"overdue-ground": func(s *telemetry.Status) {
		overdue(s)
		holding(s)
		s.Flight = "disarmed"
	},
	"waived": func(s *telemetry.Status) {
		overdue(s)
		s.Causes[0].Waived, s.Causes[0].HeldMS, s.Waived = true, 120_000, []string{"lock"}
	},
	"not-asked": overdue, // the cause is not in safe_pause.on
	"orphan": func(s *telemetry.Status) {
		overdue(s)
		holding(s)
		s.Lock.Verdict = "ORPHAN"
		s.Causes[0].Text = "fleet-updater (pid 4312, orchestrator) is dead, but sh (pid 4400) has it open. End it."
	},
	"unknown-holder": func(s *telemetry.Status) {
		overdue(s)
		holding(s)
		s.Lock = telemetry.Lock{Verdict: "UNKNOWN", Hot: true}
	},
	"held": func(s *telemetry.Status) {
		overdue(s)
		s.Causes = nil
		s.Lock.Verdict, s.Lock.Hot, s.Lock.UntilMS = "HELD", false, 3_621_000
	},
	"left-over": func(s *telemetry.Status) {
		overdue(s)
		s.Causes, s.Lock.Verdict, s.Lock.Hot = nil, "BOOT", false
	},
	"unconfirmed": func(s *telemetry.Status) {
		overdue(s)
		s.State, s.SinceMS, s.Requested, s.LED = "UNCONFIRMED", 3_590_000, true, "asking"
	},
	"pausing": func(s *telemetry.Status) {
		overdue(s)
		s.State, s.SinceMS, s.Requested, s.LED = "PAUSING", 3_599_000, true, "asking"
	},
	"overridden": func(s *telemetry.Status) {
		overdue(s)
		s.State, s.SinceMS, s.LED = "OVERRIDDEN", 3_590_000, "leaving"
	},
	"overridden-cleared": func(s *telemetry.Status) { s.State, s.SinceMS, s.LED = "OVERRIDDEN", 3_590_000, "leaving" },
	"resuming": func(s *telemetry.Status) {
		s.State, s.SinceMS, s.Flight, s.LED = "RESUMING", 3_599_000, "holding", "leaving"
	},
	"motor": func(s *telemetry.Status) {
		holding(s)
		s.Causes = []telemetry.Cause{{Name: "motor", SinceMS: 3_550_000, HeldMS: 44_000, Text: "motor2 is at 97.3 °C, hot from 95 °C"}}
	},
	"cooling": holding,
	"command": func(s *telemetry.Status) {
		holding(s)
		s.Causes = []telemetry.Cause{{Name: "command", SinceMS: 3_550_000, HeldMS: 44_000, Text: "commanded by the operator"}}
	},
	"invalid": func(s *telemetry.Status) {
		holding(s)
		s.Causes = []telemetry.Cause{{Name: "config", SinceMS: 3_550_000, HeldMS: 44_000}}
		s.Config.Valid, s.Config.Problem = false, "aim_lock_config.conf:7:1: lock.ttl: 5 is no duration; write \"30s\""
	},
	"pending": func(s *telemetry.Status) { s.Config.Pending, s.Config.Drift = true, true },
	"applying": func(s *telemetry.Status) {
		holding(s)
		s.Flight = "disarmed"
		s.Patch = telemetry.Patch{State: "APPLYING", ID: "p-42"}
	},
	"fc-lost": func(s *telemetry.Status) {
		s.FC, s.Flight, s.Faults, s.LED = "lost", "unknown", []string{"fc", "motor2", "companion", "request-line", "odd"}, "lost"
	},
	"sensor":     func(s *telemetry.Status) { s.Faults, s.LED = []string{"motor2"}, "lost" },
	"not-looked": func(s *telemetry.Status) { s.Lock = telemetry.Lock{} },
	"no-clock": func(s *telemetry.Status) {
		overdue(s)
		holding(s)
		s.TimeMS, s.Online = 90_000, false
	},
	"yesterday": func(s *telemetry.Status) { s.UpMS += 86_400_000 },
	"hostile": func(s *telemetry.Status) {
		overdue(s)
		holding(s)
		s.Lock.Holder, s.Lock.Reason = "evil\x1b[2J\nState  NOMINAL", strings.Repeat("x", 500)
		s.Drone, s.LED, s.State, s.Faults = "", "\x07disco", "\x1b]0;owned\x07", []string{"\x9b31m"}
	},
}

func TestStatus(t *testing.T) {
	for name, change := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			st := flying()
			change(st)
			var out bytes.Buffer
			if err := Status(st, at).Write(&out, 80, nil); err != nil {
				t.Fatal(err)
			}
			for _, line := range strings.Split(out.String(), "\n") {
				if utf8.RuneCountInString(line) > 80 && !strings.Contains(line, "xxxxxxxx") {
					t.Errorf("wider than 80: %q", line)
				}
			}
			if i := strings.IndexFunc(out.String(), func(r rune) bool { return r < ' ' && r != '\n' || r == 0x9b || r == 0x7f }); i >= 0 {
				t.Errorf("control character %q at %d", out.String()[i], i)
			}
			golden(t, name+".txt", out.Bytes())
		})
	}
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s differs (go test -update rewrites it); got:\n%s\nwant:\n%s", path, got, want)
	}
}

func TestSpan(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration][2]string{
		-time.Hour:                     {"0 s", "0s"},
		59*time.Second + 999*1000*1000: {"59 s", "59s"},
		time.Minute:                    {"1 min", "1m00s"},
		4*time.Minute + 10*time.Second: {"4 min 10 s", "4m10s"},
		2*time.Hour + 5*time.Minute:    {"2 h 5 min", "2h05m"},
		time.Hour + 59*time.Second:     {"1 h", "1h00m"},
		76 * time.Hour:                 {"3 d 4 h", "3d04h"},
		time.Duration(1<<63 - 1):       {"106751 d 23 h", "106751d23h"},
	} {
		if got := [2]string{Span(d), Short(d)}; got != want {
			t.Errorf("%v: %q, want %q", d, got, want)
		}
	}
}

func TestClean(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"plain":              "plain",
		" a\t\tb\n":          "a b",
		"a\x1b[31mb":         "a [31mb",
		"\xff\xfebad":        "bad",
		"0123456789":         "0123456789",
		"0123456789x":        "0123456789…",
		"zero\u200bwidth":    "zero width",
		"right\u202eto left": "right to l…",
	} {
		if got := Clean(in, 10); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}
