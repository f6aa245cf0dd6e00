package show

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"

	"github.com/aim-control/aimlock/agent/cmd/aimsim/fleet"
	"github.com/aim-control/aimlock/agent/cmd/aimsim/play"
	"github.com/aim-control/aimlock/agent/cmd/aimsim/scenario"
	"github.com/aim-control/aimlock/agent/telemetry"
)

func TestLabel(t *testing.T) {
	t.Parallel()
	fleet := strings.Fields("patrol-01 patrol-02 patrol-03 patrol-04 patrol-05 patrol-06 patrol-07 patrol-08 patrol-09 patrol-10 rover")
	tests := []struct{ names, want string }{
		{"", ""},
		{"patrol-01", "patrol-01"},
		{"patrol-01 patrol-02", "patrol-01..02"},
		{"patrol-01 patrol-03", "patrol-01,03"},
		{"patrol-01 patrol-02 patrol-04 patrol-06 patrol-07", "patrol-01..02,04,06..07"},
		{"patrol-09 patrol-10 rover", "patrol-09..10,rover"},
		{"patrol-01 patrol-02 patrol-04 patrol-06 patrol-07 patrol-08 patrol-09 patrol-10 rover", "all but 03,05"},
		{strings.Join(fleet, " "), "all 11 drones"},
	}
	for _, tt := range tests {
		if got := label(strings.Fields(tt.names), fleet); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.names, got, tt.want)
		}
	}
}

func TestBrief(t *testing.T) {
	t.Parallel()
	tests := []struct{ line, want string }{
		{"no pairs", "no pairs"},
		{`aim_lock_config.conf: HOT cause=lock holder="up (pid 1)" until="0s ago" proof="a \"b\"" do="end it"`, `aim_lock_config.conf: HOT cause=lock holder="up (pid 1)" → end it`},
		{`reclaimed from up: pid 7 is gone holder=up proof="pid 7 is gone" when="before the network"`, `reclaimed from up: pid 7 is gone when="before the network"`},
	}
	for _, tt := range tests {
		if got := brief(tt.line); got != tt.want {
			t.Errorf("%s:\n got %s\nwant %s", tt.line, got, tt.want)
		}
	}
}

func TestGather(t *testing.T) {
	t.Parallel()
	var out []string
	g := gather{out: func(l Line) {
		out = append(out, fmt.Sprintf("%v %s +%d", l.Drones, l.Text, l.Alike))
	}}
	say := func(at time.Duration, drone, text string) {
		l := Line{At: at, Text: text}
		if drone != "" {
			l.Drones = []string{drone}
		}
		g.add(l)
	}
	say(0, "b", "pid 41 is up")
	say(1*time.Millisecond, "a", "pid 7 is up")
	say(2*time.Millisecond, "a", "pid 8 is up") // again the same drone: a line of its own
	say(3*time.Millisecond, "", "the scenario acts")
	say(4*time.Millisecond, "c", "pid 9 is up") // after an action: never joins what was before
	g.flush(100 * time.Millisecond)
	if len(out) != 0 {
		t.Fatalf("too early: %q", out)
	}
	g.flush(together + 3*time.Millisecond)
	g.rest()
	want := []string{"[a b] pid 41 is up +1", "[a] pid 8 is up +0", "[] the scenario acts +0", "[c] pid 9 is up +0"}
	if strings.Join(out, "|") != strings.Join(want, "|") {
		t.Fatalf("got %q", out)
	}
}

// tale tells a short story with everything that a story can have in it.
func tale(t *testing.T) (*Tale, []string) {
	t.Helper()
	names := fleet.Names(3)
	tl := NewTale(names)
	begin := time.Now().Add(-10 * time.Second)
	tl.Begin(begin)
	at := func(ms int) time.Time { return begin.Add(time.Duration(ms) * time.Millisecond) }
	lock := telemetry.Lock{Verdict: "HELD", Holder: "fleet-updater", Role: "orchestrator", PID: 41, Epoch: 3, SinceMS: 1000, UntilMS: 3000}
	hot := lock
	hot.Verdict, hot.Hot = "OVERDUE", true
	cause := []telemetry.Cause{{Name: "lock", HeldMS: 2500, Text: "fleet-updater has kept the lock since 2 s"}}
	waived := []telemetry.Cause{{Name: "lock", HeldMS: 12000, Text: "fleet-updater keeps the lock", Waived: true}}
	status := func(state, led string, l telemetry.Lock, c []telemetry.Cause) *telemetry.Status {
		s := &telemetry.Status{State: state, LED: led, Lock: l, Causes: c, UpMS: 3500, TimeMS: time.Now().UnixMilli()}
		s.Config = telemetry.Config{Version: 41, SHA256: "41", Valid: true}
		return s
	}
	step := func(line string) scenario.Step {
		s, err := scenario.ParseLine("story.aim", 7, line)
		if err != nil {
			t.Fatal(err)
		}
		return *s
	}
	for _, name := range names {
		tl.Note(fleet.Note{At: at(0), Drone: name, Kind: fleet.NoteStatus, Status: status("NOMINAL", "healthy", telemetry.Lock{Verdict: "FREE"}, nil)})
		tl.Note(fleet.Note{At: at(0), Drone: name, Kind: fleet.NoteLink, Online: true})
	}
	tl.Mark(play.Mark{At: at(1000), Step: step("say An updater keeps the lock.")})
	tl.Mark(play.Mark{At: at(1000), Step: step("lock all")})
	for _, name := range names {
		tl.Note(fleet.Note{At: at(1100), Drone: name, Kind: fleet.NoteStatus, Status: status("NOMINAL", "healthy", lock, nil)})
		tl.Note(fleet.Note{At: at(3000), Drone: name, Kind: fleet.NoteAgent, Level: "ERROR", Text: "aim_lock_config.conf: HOT cause=lock"})
		tl.Note(fleet.Note{At: at(3000), Drone: name, Kind: fleet.NoteStatus, Status: status("PAUSING", "asking", hot, cause)})
		tl.Note(fleet.Note{At: at(4500), Drone: name, Kind: fleet.NoteStatus, Status: status("PAUSED", "holding", hot, cause)})
	}
	e := &telemetry.Event{Kind: "lock.reclaimed", Text: "reclaimed", Evidence: []telemetry.Evidence{{Key: "proof", Value: "pid 41 is gone"}}}
	tl.Note(fleet.Note{At: at(5000), Drone: names[1], Kind: fleet.NoteEvent, Event: e})
	tl.Note(fleet.Note{At: at(5000), Drone: names[1], Kind: fleet.NoteStatus, Status: status("RESUMING", "leaving", telemetry.Lock{Verdict: "FREE", Epoch: 4}, nil)})
	tl.Note(fleet.Note{At: at(6000), Drone: names[2], Kind: fleet.NoteStatus})
	tl.Note(fleet.Note{At: at(6000), Drone: names[2], Kind: fleet.NoteProcess, Text: "the agent's process (pid 7) ended: signal: killed"})
	w := status("NOMINAL", "healthy", hot, waived)
	w.Waived = []string{"lock"}
	tl.Note(fleet.Note{At: at(7000), Drone: names[0], Kind: fleet.NoteStatus, Status: w})
	tl.Mark(play.Mark{At: at(7100), Step: step("rollout all unstick canary=2 behind")})
	rollouts(tl, at)
	failed := step("expect p1 state=PAUSED")
	tl.Mark(play.Mark{At: at(8000), Step: failed, Done: true, Failures: []play.Failure{{Step: failed, Drone: names[0], Seen: "state is NOMINAL"}}})
	tl.Mark(play.Mark{At: at(8100), Step: step("expect p2 causes="), Done: true, Took: time.Second})
	return tl, names
}

// rollouts tells of a patch that is committed, and of one that is taken back.
func rollouts(tl *Tale, at func(int) time.Time) {
	word := func(ms int, r telemetry.Rollout, outcomes ...string) {
		r.Fleet, r.Controller, r.Epoch, r.Waves = "north", "aimsim", 2, 2
		for i, o := range outcomes {
			r.Drones = append(r.Drones, telemetry.RolloutDrone{Drone: tl.names[i], Wave: uint32(i / 2), State: o})
		}
		tl.Note(fleet.Note{At: at(ms), Kind: fleet.NoteRollout, Rollout: &r})
	}
	report := func(ms, drone int, r telemetry.Report) {
		r.EndedMS, r.OfferedMS = 2100, 100
		tl.Note(fleet.Note{At: at(ms), Drone: tl.names[drone], Kind: fleet.NoteReport, Report: &r})
	}
	ended := []telemetry.Evidence{{Key: "lock_holder", Value: "fleet-updater (pid 41)"}, {Key: "became", Value: "ended"}, {Key: "nonce", Value: "x"}}
	word(7110, telemetry.Rollout{ID: "unstick", Patch: "unstick", State: "RUNNING", Phase: "OFFERING"}, "IN_PROGRESS", "IN_PROGRESS", "PENDING")
	for n := range 2 {
		report(7200, n, telemetry.Report{N: 1, Patch: "unstick", State: "TRIAL"})
		report(7300, n, telemetry.Report{N: 2, Patch: "unstick", State: "COMMITTED", Evidence: ended})
		report(7400, n, telemetry.Report{N: 3, Patch: "unstick", State: "COMMITTED"}) // again, after a restart
	}
	word(7310, telemetry.Rollout{ID: "unstick", Patch: "unstick", State: "RUNNING", Phase: "BAKING"}, "SUCCEEDED", "SUCCEEDED", "PENDING")
	word(7400, telemetry.Rollout{ID: "unstick", Patch: "unstick", State: "RUNNING", Phase: "OFFERING", Wave: 1}, "SUCCEEDED", "SUCCEEDED", "IN_PROGRESS")
	word(7500, telemetry.Rollout{ID: "unstick", Patch: "unstick", State: "FINISHED", Phase: "BAKING", Wave: 1}, "SUCCEEDED", "SUCCEEDED", "SUCCEEDED")
	word(7550, telemetry.Rollout{ID: "old", Patch: "old", State: "STOPPED"}, "PENDING") // ended before anybody looked
	word(7600, telemetry.Rollout{ID: "high", Patch: "high", State: "RUNNING", Phase: "OFFERING"}, "IN_PROGRESS", "PENDING", "PENDING")
	report(7700, 0, telemetry.Report{N: 4, Patch: "high", State: "REVERTED", Reason: "check", Detail: "10-mission: too high"})
	word(7710, telemetry.Rollout{ID: "high", Patch: "high", State: "ROLLING_BACK", Reason: "patrol-01: reverted"}, "REVERTED", "PENDING", "PENDING")
	word(7720, telemetry.Rollout{ID: "high", Patch: "high", State: "STOPPED", Reason: "patrol-01: reverted"}, "REVERTED", "PENDING", "PENDING")
}

// TestPlain compares the whole story with testdata/plain.txt; AIMSIM_REWRITE=1
// writes that file anew.
func TestPlain(t *testing.T) {
	t.Parallel()
	tl, _ := tale(t)
	done, cancel := context.WithCancel(context.Background())
	cancel()
	var b bytes.Buffer
	if err := WritePlain(done, tl, &b); err != nil {
		t.Fatal(err)
	}
	tl.End()
	tl.ended = tl.start.Add(10 * time.Second)
	b.WriteString("\n" + tl.Summary(Result{Judged: 2, Events: 1, Dir: "/tmp/x", Failures: []play.Failure{{Seen: "state is NOMINAL"}}, Stopped: errors.New("interrupted")}))
	golden(t, "testdata/plain.txt", b.Bytes())
}

func golden(t *testing.T, file string, got []byte) {
	t.Helper()
	if os.Getenv("AIMSIM_REWRITE") != "" {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s differs; AIMSIM_REWRITE=1 writes it anew. Got\n%s", file, got)
	}
}

// TestPictureFits draws the picture in terminals of many sizes: it must have
// exactly their size, or it would scroll.
func TestPictureFits(t *testing.T) {
	t.Parallel()
	tl, _ := tale(t)
	m := &Live{tale: tl, title: "act one", footer: strings.Repeat("x", 200), submit: func(string) {}}
	m.look = func(name string) World {
		return World{Mode: "AUTO", Leg: 2, Blue: true, HottestC: 97, Known: true, MaxHold: 12 * time.Second, Status: tl.rows[name].status}
	}
	m.lines, _ = tl.News(0, true)
	for _, width := range []int{70, 80, 96, 104, 120, 130, 136, 152, 200} {
		for _, height := range []int{20, 24, 60} {
			m.width, m.height = width, height
			lines := strings.Split(m.View(), "\n")
			if len(lines) != height {
				t.Errorf("%d×%d: %d lines", width, height, len(lines))
			}
			for i, l := range lines {
				if n := ansi.StringWidth(l); n != width {
					t.Errorf("%d×%d: line %d is %d wide: %q", width, height, i, n, l)
				}
			}
		}
	}
	m.width, m.height = 150, 44
	text := ansi.Strip(m.View())
	for _, want := range []string{"patrol-01", "NOMINAL", "RESUMING", "DOWN", "HOT cause=lock", "lock waived", "97°", "An updater keeps the lock.", "the agent does not answer", "AUTO ↻2", "ROLLOUT high  ✗□ □  STOPPED patrol-01: reverted"} {
		if !strings.Contains(text, want) {
			t.Errorf("the picture lacks %q:\n%s", want, text)
		}
	}
}
