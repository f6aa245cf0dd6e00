//go:build peers

package ardupilot_test

import (
	"bufio"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// scripted is aimlock.lua under Debian's lua5.3, on the stand-in's clock.
type scripted struct {
	in      io.Writer
	out     *bufio.Scanner
	steps   int // most that one pass took
	running bool
}

func newScripted(t *testing.T) *scripted {
	t.Helper()
	cmd := exec.Command("lua5.3", "testdata/standin.lua", "aimlock.lua")
	var errs strings.Builder
	cmd.Stderr = &errs
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatalf("%v; apt-get install lua5.3", err)
	}
	t.Cleanup(func() {
		_ = in.Close()
		if err := cmd.Wait(); err != nil {
			t.Errorf("lua5.3: %v\n%s", err, &errs)
		}
	})
	return &scripted{in: in, out: bufio.NewScanner(out)}
}

func (s *scripted) ask(t *testing.T, command string) string {
	t.Helper()
	if _, err := fmt.Fprintln(s.in, command); err != nil {
		t.Fatal(err)
	}
	if !s.out.Scan() {
		t.Fatalf("%q: the stand-in has ended", command)
	}
	return s.out.Text()
}

func (s *scripted) do(t *testing.T, what string) bool {
	t.Helper()
	if arg, ok := strings.CutPrefix(what, "rtl "); ok {
		what = "set AIML_RTL_S " + arg
	}
	if what == "companion dies" {
		what = "request off" // the FET's gate pull-down
	}
	return s.ask(t, "do "+what) == "ok"
}

func (s *scripted) wait(t *testing.T, d time.Duration) seen {
	t.Helper()
	answer := s.ask(t, fmt.Sprintf("wait %d", d.Milliseconds()))
	var got seen
	var disarmed, holding, running int
	if _, err := fmt.Sscan(answer, &got.mode, &disarmed, &holding, &got.beats, &s.steps, &running); err != nil {
		t.Fatalf("%q: %v", answer, err)
	}
	got.disarmed, got.holding, s.running = disarmed == 1, holding == 1, running == 1
	got.said = strings.Join(strings.Fields(answer)[6:], " ")
	return got
}

// The script does what the table says, and what only it can.
func TestPeersLua(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"transitions.txt", "script.txt"} {
		for _, s := range table(t, name) {
			t.Run(s.name, func(t *testing.T) {
				t.Parallel()
				s.fly(t, newScripted(t))
			})
		}
	}
}

// ArduPilot ends a script that takes more than SCR_VM_I_COUNT steps in one
// pass, 10,000 by default. What is counted includes the stand-in's own.
func TestPeersLuaStepsAreFew(t *testing.T) {
	t.Parallel()
	s := newScripted(t)
	for _, what := range []string{"arm", "takeoff", "request on", "request off"} {
		s.do(t, what)
		s.wait(t, 5*time.Second)
	}
	if s.steps == 0 || s.steps > 5000 {
		t.Errorf("a pass took %d steps, want at most half of ArduPilot's 10,000", s.steps)
	}
	if !s.running {
		t.Error("the script has ended")
	}
}
