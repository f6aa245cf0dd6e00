//go:build e2e

package e2e

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
)

// mistaken is a table of the armv7 board that is wrong in four ways: a chip
// where nobody answers, another chip than the one that is there, a bus that is
// not there, and a line that somebody has as something else.
const mistaken = `name = "mistaken"

[bus]
motors = "/dev/i2c-0"
spare  = "/dev/i2c-77"

[motor]
motor1 = { chip = "tmp105", bus = "motors", addr = 0x48 }
motor2 = { chip = "ina228", bus = "motors", addr = 0x49 }
motor3 = { chip = "tmp105", bus = "motors", addr = 0x4F }
motor4 = { chip = "tmp105", bus = "spare", addr = 0x48 }

[line]
DISARMED     = { chip = "1e780000.gpio", offset = 48 }
HOLDING      = { chip = "1e780000.gpio", offset = 49 }
FC_HEARTBEAT = { chip = "1e780000.gpio", offset = 50 }
PAUSE_REQ    = { chip = "1e780000.gpio", offset = 51 }
LED_BLUE     = { chip = "1e780000.gpio", offset = 53 }
LED_AMBER    = { chip = "1e780000.gpio", offset = 54 }
`

// examination is what `aimctl doctor --json` prints.
type examination struct {
	OK, Notes, Wrong int
	Checks           []struct{ Check, Grade, Found string }
}

// examined runs aimctl doctor on the drone, beside the agent that has its lines
// and its watchdog; then once more with a table that is not this board's.
// Meanwhile nothing is written to a chip, by anybody, and no line is touched.
func (r *rig) examined(t *testing.T) {
	if _, written := transfers(r.m.traces()); len(written) == 0 {
		t.Error("the trace shows not even what the agent wrote to its chips at its start")
	}
	r.m.tracing(true)
	began := time.Now()
	x, code := r.doctor(t, "drone")
	y, wrong := r.doctor(t, "mistaken")
	took := time.Since(began)
	r.m.tracing(false)
	want := map[string]string{"bus motors": "/dev/i2c-0 is there", "agent": "runs, state NOMINAL", "lock": "", "watchdog": "/dev/watchdog0, fed by the agent"}
	for i := range 4 {
		want[fmt.Sprintf("chip motor%d", i+1)] = fmt.Sprintf("/dev/i2c-0 0x%x: tmp105", 0x48+i)
	}
	for i, name := range []string{"DISARMED", "HOLDING", "FC_HEARTBEAT", "BUTTON", "PAUSE_REQ", "LED_BLUE", "LED_AMBER"} {
		want["line "+name] = fmt.Sprintf("1e780000.gpio line %d, held by the agent", 48+i)
	}
	x.finds(t, "ok", want)
	if x.Wrong > 0 || code != 0 {
		t.Errorf("doctor: %d are wrong, exit %d, want none and 0", x.Wrong, code)
	}
	y.finds(t, "wrong", map[string]string{
		"chip motor2": "the board has a ina228 there", "chip motor3": "0x4f: nothing answers", "bus spare": "/dev/i2c-77 is not there", "line PAUSE_REQ": "held by the agent as BUTTON",
	})
	y.finds(t, "ok", map[string]string{"chip motor1": "tmp105", "line LED_BLUE": "held by the agent"})
	if wrong != 1 {
		t.Errorf("doctor with a mistaken table: exit %d, want 1", wrong)
	}
	all := r.m.traces()
	if n, written := transfers(all); n < 20 || len(written) > 0 {
		t.Errorf("doctor: %d transfers, written: %v", n, written)
	} else {
		t.Logf("doctor: two examinations in %.1f s, exit %d and %d: %d ok, %d notes, %d wrong, then %d wrong; %d transfers on the bus, agent's and doctor's, and no write", took.Seconds(), code, wrong, x.OK, x.Notes, x.Wrong, y.Wrong, n)
	}
	if edges := requestEdges(all, false); len(edges) > 0 {
		t.Errorf("doctor moved the request line: %v", edges)
	}
	for _, c := range x.Checks {
		if c.Grade != "ok" {
			t.Logf("doctor: %s %s: %s", c.Grade, c.Check, c.Found)
		}
	}
}

// doctor examines with an identity, and returns what it finds and its exit code.
func (r *rig) doctor(t *testing.T, identity string) (x examination, code int) {
	t.Helper()
	text := r.m.tell("doctor", identity)
	first, rest, _ := strings.Cut(text, " ")
	if _, err := fmt.Sscan(first, &code); err != nil {
		t.Fatalf("doctor: %s", text)
	}
	if err := json.Unmarshal([]byte(rest), &x); err != nil {
		t.Fatalf("doctor: exit %d: %v: %s", code, err, rest)
	}
	return x, code
}

// finds looks for checks with a grade that found something.
func (x examination) finds(t *testing.T, grade string, want map[string]string) {
	t.Helper()
	for name, text := range want {
		found := "no such check"
		for _, c := range x.Checks {
			if c.Check == name {
				found = c.Grade + ": " + c.Found
			}
		}
		if !strings.HasPrefix(found, grade+": ") || !strings.Contains(found, text) {
			t.Errorf("doctor: %s is %q, want %s with %q", name, found, grade, text)
		}
	}
}
