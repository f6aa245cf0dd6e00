package progress

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/charmbracelet/x/ansi"

	"github.com/aim-control/aimlock/agent/cmd/aimctl/fleet"
	"github.com/aim-control/aimlock/agent/rollout"
	"github.com/aim-control/aimlock/agent/rollout/run"
	"github.com/aim-control/aimlock/agent/telemetry"
)

var update = flag.Bool("update", false, "rewrite the golden files")

var began = time.Date(2026, 11, 23, 14, 0, 0, 0, time.UTC)

// led is a rollout that is led, and the board that shows it.
type led struct {
	t     *testing.T
	s     rollout.State
	now   time.Time
	board Board
}

func lead(t *testing.T, drones int, change func(*rollout.Plan)) *led {
	t.Helper()
	p := rollout.Plan{ID: "hotfix-42", Fleet: "north", Patch: "p-42", Version: 42, SHA256: strings.Repeat("ab", 32), Canary: rollout.Canary{Count: 2},
		Waves: []rollout.Size{{Percent: 25}, {Percent: 50}}, BakeNS: 600e9, Heartbeats: 20, TimeoutNS: 300e9, SilenceNS: 900e9}
	for i := range drones {
		p.Drones = append(p.Drones, fmt.Sprintf("patrol-%02d", i+1))
	}
	if change != nil {
		change(&p)
	}
	s, err := rollout.New(p)
	if err != nil {
		t.Fatal(err)
	}
	l := &led{t: t, s: s, now: began}
	for _, d := range p.Drones {
		l.do(rollout.Event{Kind: rollout.Seen, Drone: d, Vitals: rollout.Vitals{Version: 41}}).do(rollout.Event{Kind: rollout.Link, Drone: d, Online: true})
	}
	return l
}

func (l *led) do(ev rollout.Event) *led {
	ev.At = int64(l.now.Sub(began))
	var orders []rollout.Order
	l.s, orders = l.s.Step(ev)
	p := run.Progress{Saved: l.saved()}
	for _, o := range orders {
		if o.Kind == rollout.Say {
			p.Say = append(p.Say, run.Line{Drone: o.Drone, Text: o.Text})
		}
	}
	l.board.Take(p, l.now)
	return l
}

func (l *led) saved() run.Saved {
	return run.Saved{Schema: 1, Controller: "tess.host", Epoch: 3, Rollout: l.s}
}

func (l *led) says(drone, state, reason string) *led {
	if state == "COMMITTED" {
		l.do(rollout.Event{Kind: rollout.Seen, Drone: drone, Vitals: rollout.Vitals{Version: 42, SHA256: l.s.Plan.SHA256, PatchState: state}})
	}
	return l.do(rollout.Event{Kind: rollout.Reported, Drone: drone, Report: rollout.Report{State: state, Reason: reason}})
}

func (l *led) pass(d time.Duration) *led {
	l.now = l.now.Add(d)
	return l.do(rollout.Event{Kind: rollout.Tick})
}

func (l *led) beat(n int, drones ...string) *led {
	for _, d := range drones {
		for range n {
			l.do(rollout.Event{Kind: rollout.Beat, Drone: d})
		}
	}
	return l
}

// canary lets the canary through its commit.
func (l *led) canary() *led {
	return l.says("patrol-01", "COMMITTED", "").says("patrol-02", "COMMITTED", "")
}

var stories = map[string]func(t *testing.T) *led{
	"offering": func(t *testing.T) *led {
		return lead(t, 8, nil).says("patrol-01", "COMMITTED", "").says("patrol-02", "WAITING", "window: outside")
	},
	"baking": func(t *testing.T) *led { return lead(t, 8, nil).canary().beat(8, "patrol-02").pass(90 * time.Second) },
	"wave": func(t *testing.T) *led {
		return lead(t, 8, nil).canary().beat(20, "patrol-01", "patrol-02").pass(10*time.Minute).says("patrol-03", "TRIAL", "")
	},
	"approval": func(t *testing.T) *led {
		return lead(t, 3, func(p *rollout.Plan) { p.Approve = rollout.ApproveCanary }).canary().beat(20, "patrol-01", "patrol-02").pass(10 * time.Minute)
	},
	"inconclusive": func(t *testing.T) *led {
		l := lead(t, 3, nil).says("patrol-01", "COMMITTED", "").do(rollout.Event{Kind: rollout.Link, Drone: "patrol-02"})
		return l.beat(20, "patrol-01").pass(10 * time.Minute)
	},
	"held": func(t *testing.T) *led { return lead(t, 3, nil).do(rollout.Event{Kind: rollout.DoPause, By: "tess"}) },
	"rolling-back": func(t *testing.T) *led {
		return lead(t, 8, nil).says("patrol-01", "COMMITTED", "").says("patrol-02", "REVERTED", "check: 10-radio fails\x1b[2J")
	},
	"stopped": func(t *testing.T) *led {
		return lead(t, 8, nil).says("patrol-01", "COMMITTED", "").says("patrol-02", "REVERTED", "check: 10-radio fails").says("patrol-01", "REVERTED", "command")
	},
	"stopped-in-part": func(t *testing.T) *led {
		return lead(t, 8, nil).says("patrol-01", "COMMITTED", "").says("patrol-02", "REJECTED", "floor: motor.hot").pass(5 * time.Minute)
	},
	"finished": func(t *testing.T) *led {
		return lead(t, 2, nil).canary().beat(20, "patrol-01", "patrol-02").pass(10 * time.Minute)
	},
	"many": func(t *testing.T) *led {
		l := lead(t, 600, func(p *rollout.Plan) { p.Canary.Count, p.Waves = 100, []rollout.Size{{Count: 20}} })
		for i := 1; i <= 100; i += 2 {
			l.says(fmt.Sprintf("patrol-%02d", i), "COMMITTED", "")
		}
		return l
	},
	"no-link": func(t *testing.T) *led {
		l := lead(t, 3, nil)
		l.board.Take(run.Progress{Saved: l.saved(), Link: errors.New("connection refused\x07")}, l.now)
		l.board.Note = "a note"
		return l
	},
	"nothing": func(t *testing.T) *led { return &led{t: t, s: rollout.State{}, now: began} },
}

// What a terminal shows of a rollout, and what a page and the end say of it.
func TestStories(t *testing.T) {
	t.Parallel()
	for name, story := range stories {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := story(t)
			var out bytes.Buffer
			for _, size := range [][2]int{{80, 24}, {60, 16}} {
				text := l.board.View(l.now.Add(2*time.Second), Look{Width: size[0], Height: size[1], Zone: time.UTC, Style: fleet.NewPlain(), Keys: "keys"})
				fits(t, text, size[0], size[1])
				fmt.Fprintf(&out, "--- %d x %d\n%s", size[0], size[1], text)
			}
			if name != "nothing" {
				s, list := Of(l.saved()), DronesOf(l.s)
				out.WriteString("--- page\n")
				if err := Report(s, list, Place{ID: "hotfix-42", Fleet: "north", Process: "A process leads it.", Age: 4 * time.Second}).Write(&out, 80, nil); err != nil {
					t.Fatal(err)
				}
				fmt.Fprintf(&out, "--- end\n%s\n", strings.Join(Summary(s, list), "\n"))
			}
			if strings.ContainsAny(out.String(), "\x1b\x07") {
				t.Error("a control character gets through")
			}
			golden(t, name+".txt", out.Bytes())
		})
	}
}

func fits(t *testing.T, text string, width, height int) {
	t.Helper()
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	if len(lines) > height-1 {
		t.Errorf("%d lines in a terminal of %d", len(lines), height)
	}
	for _, l := range lines {
		if n := ansi.StringWidth(l); n > width || !utf8.ValidString(l) {
			t.Errorf("%d cells of %d: %q", n, width, l)
		}
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

// The bake goes on between what the runner tells, and stands while there is no
// link.
func TestBoardTime(t *testing.T) {
	t.Parallel()
	l := lead(t, 2, nil).canary().beat(20, "patrol-01", "patrol-02")
	left := func(now time.Time) time.Duration {
		ns, _, _ := l.board.Rollout(now).BakeLeft()
		return time.Duration(ns)
	}
	if got := left(l.now.Add(time.Minute)); got != 9*time.Minute {
		t.Error(got)
	}
	l.board.Take(run.Progress{Saved: l.saved(), Link: errors.New("away")}, l.now)
	if got := left(l.now.Add(time.Minute)); got != 10*time.Minute {
		t.Error(got)
	}
	for range 2 * maxLines {
		l.board.Take(run.Progress{Saved: l.saved(), Say: []run.Line{{Text: "x"}}}, l.now)
	}
	if len(l.board.lines) != maxLines {
		t.Error(len(l.board.lines))
	}
}

func TestOfMessage(t *testing.T) {
	t.Parallel()
	s, list := OfMessage(&telemetry.Rollout{ID: "r", State: "RUNNING", Phase: "BAKING", Wave: 1, Waves: 3, BakeMS: 60_000, Controller: "c", Epoch: 4, Patch: "p",
		Drones: []telemetry.RolloutDrone{{Drone: "a", State: "SUCCEEDED"}, {Drone: "b", Wave: 1, State: "OFFLINE", Reason: "away"}}})
	if Doing(s) != "wave 1 of 2 is watched" || s.BakeLeftMS != 60_000 || Counts(s.Counts) != "1 succeeded, 1 offline" || list[1].Wave != 1 || list[1].Reason != "away" {
		t.Errorf("%+v %+v", s, list)
	}
}
