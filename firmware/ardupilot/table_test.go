package ardupilot_test

import (
	"bufio"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// row is one line of a table of transitions; see testdata/transitions.txt.
type row struct {
	line    int
	do      string // "" : nothing happens
	refused bool
	wait    time.Duration
	mode    string
	lines   string // "-", "disarmed", "holding" or both
	still   bool   // the heartbeat must not beat
	says    string // must be part of what the script said
}

// scenario is one case of a table.
type scenario struct {
	name string
	rows []row
}

// seen is a flight controller as the table sees it.
type seen struct {
	mode              string
	disarmed, holding bool
	beats             int    // changes of the heartbeat during the wait
	said              string // everything sent to the pilot during the wait
}

func (s seen) lines() string {
	switch {
	case s.disarmed && s.holding:
		return "disarmed holding"
	case s.disarmed:
		return "disarmed"
	case s.holding:
		return "holding"
	}
	return "-"
}

// flightController is what a table is held against.
type flightController interface {
	do(t *testing.T, what string) (accepted bool)
	wait(t *testing.T, d time.Duration) seen
}

// fly plays a scenario.
func (s scenario) fly(t *testing.T, fc flightController) {
	t.Helper()
	fc.wait(t, 100*time.Millisecond) // the boot
	for _, r := range s.rows {
		if r.do != "" {
			if accepted := fc.do(t, r.do); accepted == r.refused {
				t.Fatalf("line %d: %q accepted: %v, want %v", r.line, r.do, accepted, !r.refused)
			}
		}
		got := fc.wait(t, r.wait)
		if got.mode != r.mode || got.lines() != r.lines {
			t.Errorf("line %d: after %q and %v: %s | %s, want %s | %s", r.line, r.do, r.wait, got.mode, got.lines(), r.mode, r.lines)
		}
		if !strings.Contains(got.said, r.says) {
			t.Errorf("line %d: after %q it said %q, want %q in it", r.line, r.do, got.said, r.says)
		}
		r.checkBeat(t, got.beats)
		if t.Failed() {
			return // what follows would only repeat it
		}
	}
}

// checkBeat holds the heartbeat to about 250 ms between changes: the script
// looks every 20 ms, so up to 280.
func (r row) checkBeat(t *testing.T, beats int) {
	t.Helper()
	switch least, most := int(r.wait/(280*time.Millisecond))-1, int(r.wait/(250*time.Millisecond))+1; {
	case r.still && beats > 0:
		t.Errorf("line %d: the heartbeat changed %d times, want it still", r.line, beats)
	case !r.still && r.wait >= time.Second && !strings.HasPrefix(r.do, "break") && !strings.HasPrefix(r.do, "mend") && (beats < least || beats > most):
		t.Errorf("line %d: the heartbeat changed %d times in %v, want %d to %d", r.line, beats, r.wait, least, most)
	}
}

// table reads a table of transitions.
func table(t *testing.T, name string) []scenario {
	t.Helper()
	f, err := os.Open(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var all []scenario
	sc := bufio.NewScanner(f)
	for n := 1; sc.Scan(); n++ {
		text := strings.TrimSpace(sc.Text())
		switch name, isCase := strings.CutPrefix(text, "case "); {
		case text == "" || strings.HasPrefix(text, "#"):
		case isCase:
			all = append(all, scenario{name: name})
		case len(all) == 0:
			t.Fatalf("%s:%d: a row before the first case", f.Name(), n)
		default:
			s := &all[len(all)-1]
			s.rows = append(s.rows, parseRow(t, f.Name(), n, text))
		}
	}
	if err := sc.Err(); err != nil {
		t.Fatal(err)
	}
	if len(all) < 10 {
		t.Fatalf("%s: only %d cases", f.Name(), len(all))
	}
	return all
}

func parseRow(t *testing.T, file string, n int, text string) row {
	t.Helper()
	cells := strings.Split(text, "|")
	for i := range cells {
		cells[i] = strings.TrimSpace(cells[i])
	}
	if len(cells) < 4 || len(cells) > 5 {
		t.Fatalf("%s:%d: %d columns, want 4 or 5", file, n, len(cells))
	}
	r := row{line: n, mode: cells[2], lines: cells[3]}
	r.do, r.refused = strings.CutSuffix(cells[0], ", refused")
	if r.do == "-" {
		r.do = ""
	}
	var err error
	if r.wait, err = time.ParseDuration(cells[1]); err != nil {
		t.Fatalf("%s:%d: %v", file, n, err)
	}
	if len(cells) == 5 {
		r.says = strings.Trim(cells[4], `"`)
		if r.still = cells[4] == "still"; r.still {
			r.says = ""
		} else if r.says == cells[4] {
			t.Fatalf("%s:%d: fifth column %s, want still or a quoted text", file, n, cells[4])
		}
	}
	return r
}
