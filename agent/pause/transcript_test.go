package pause

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

var rewrite = flag.Bool("update", false, "rewrite the transcripts' answers")

// testPolicy is DESIGN.md's default.
func testPolicy() Policy {
	return Policy{
		On:        Of(Lock, Config, Motor, Companion, Command),
		MaxHold:   int64(2 * time.Minute),
		Confirm:   int64(10 * time.Second),
		Motor:     Thermal{Warm: 80000, Hot: 95000, Clear: 80000, ClearFor: int64(30 * time.Second)},
		Companion: Thermal{Warm: 80000, Hot: 80000, Clear: 70000, ClearFor: int64(30 * time.Second)},
	}
}

// TestTranscripts plays each file of testdata: a line is an event, the lines
// behind "|" are what the machine answered. Run with -update to rewrite them,
// then read the difference.
func TestTranscripts(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no transcripts: %v", err)
	}
	seen := map[[2]State]bool{}
	for _, file := range files {
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		got := play(t, file, string(want), seen)
		if *rewrite {
			if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		} else if got != string(want) {
			t.Errorf("%s: got\n%s\nwant\n%s", file, got, want)
		}
	}
	for _, move := range table {
		if !seen[move] {
			t.Errorf("no transcript shows %v → %v", move[0], move[1])
		}
	}
	for move := range seen {
		if !inTable(move) {
			t.Errorf("%v → %v is not in the table", move[0], move[1])
		}
	}
}

// table is every transition that DESIGN.md names.
var table = [][2]State{
	{Nominal, Pausing},
	{Pausing, Paused}, {Pausing, Unconfirmed}, {Pausing, Resuming},
	{Unconfirmed, Paused}, {Unconfirmed, Resuming},
	{Paused, Resuming}, {Paused, Overridden}, {Paused, Pausing},
	{Overridden, Nominal},
	{Resuming, Nominal}, {Resuming, Pausing},
}

func inTable(move [2]State) bool {
	for _, m := range table {
		if m == move {
			return true
		}
	}
	return false
}

func play(t *testing.T, file, text string, seen map[[2]State]bool) string {
	var out strings.Builder
	m, at := New(testPolicy(), 0), time.Duration(0)
	for n, line := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
		if strings.HasPrefix(line, "|") {
			continue
		}
		out.WriteString(line + "\n")
		f := strings.Fields(line)
		if len(f) == 0 || f[0] == "#" {
			continue
		}
		if f[1] == "restart" {
			m = Restore(m.Policy(), m.Save(), m.last)
			continue
		}
		d, err := time.ParseDuration(f[0])
		if err != nil {
			t.Fatalf("%s:%d: %v", file, n+1, err)
		}
		at += d
		ev, err := parseEvent(f[1:])
		if err != nil {
			t.Fatalf("%s:%d: %v", file, n+1, err)
		}
		ev.At = int64(at)
		var acts Actions
		m, acts = m.Step(ev)
		for _, note := range acts.Notes[:acts.Count] {
			if note.Kind == Moved {
				seen[[2]State{note.From, note.To}] = true
			}
			fmt.Fprintf(&out, "| %s\n", noteText(note))
		}
		fmt.Fprintf(&out, "| %v request=%v\n", m.State(), acts.Request)
	}
	return out.String()
}

func noteText(n Note) string {
	held := time.Duration(n.Held)
	switch n.Kind {
	case Moved:
		return fmt.Sprintf("%v → %v", n.From, n.To)
	case Entered:
		return fmt.Sprintf("%v holds", n.Cause)
	case Cleared:
		return fmt.Sprintf("%v cleared, held %v", n.Cause, held)
	case Waived:
		return fmt.Sprintf("%v waived after %v", n.Cause, held)
	case Lifted:
		return fmt.Sprintf("%v waiver lifted", n.Cause)
	case ResumeLate:
		return "still holding after the request ended"
	case CommandOver:
		return "commanded hold is over"
	}
	return "?"
}

func parseTri(s string) Tri { return map[string]Tri{"yes": Yes, "no": No}[s] }

func parseEvent(f []string) (ev Event, err error) {
	arg := func(i int) string {
		if i < len(f) {
			return f[i]
		}
		return ""
	}
	temp := func(s string) {
		if ev.OK = s != "bad"; ev.OK {
			var c float64
			c, err = strconv.ParseFloat(s, 64)
			ev.MilliC = int32(c * 1000)
		}
	}
	switch f[0] {
	case "tick":
	case "lines":
		ev.Kind, ev.Disarmed, ev.Holding = Lines, parseTri(arg(1)), parseTri(arg(2))
	case "motor":
		ev.Kind = MotorTemp
		var i int
		i, err = strconv.Atoi(arg(1))
		ev.Index = uint8(i - 1)
		temp(arg(2))
	case "companion":
		ev.Kind = CompTemp
		temp(arg(1))
	case "lock":
		ev.Kind, ev.Hot = LockLook, parseTri(arg(1))
	case "config":
		ev.Kind, ev.Hot = ConfigLook, parseTri(arg(1))
	case "applying":
		ev.Kind, ev.Hot = Interlock, parseTri(arg(1))
	case "pause":
		var d time.Duration
		d, err = time.ParseDuration(arg(1))
		ev.Kind, ev.Hold = CmdPause, int64(d)
	case "resume":
		ev.Kind = CmdResume
	default:
		err = fmt.Errorf("unknown event %q", f[0])
	}
	return ev, err
}
