package ardupilot_test

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aim-control/aimlock/board"
	"github.com/aim-control/aimlock/hal/sim"
)

func read(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// defaults returns the script's parameters by their full names.
func defaults(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, m := range regexp.MustCompile(`(?m)^  \{ "(\w+)", (\d+) \},`).FindAllStringSubmatch(read(t, "aimlock.lua"), -1) {
		all["AIML_"+m[1]] = m[2]
	}
	if len(all) != 5 {
		t.Fatalf("the script has the parameters %v, want five", all)
	}
	return all
}

// number returns a local constant of the script.
func number(t *testing.T, name string) float64 {
	t.Helper()
	m := regexp.MustCompile(`(?m)^local ` + name + ` = ([\d.]+)`).FindStringSubmatch(read(t, "aimlock.lua"))
	if m == nil {
		t.Fatalf("the script has no %s", name)
	}
	n, err := strconv.ParseFloat(m[1], 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// The parameter file and the page repeat the script's defaults, and the pins
// are plain lines, each of one function.
func TestParameters(t *testing.T) {
	t.Parallel()
	file, page := "\n"+read(t, "aimlock.parm"), read(t, "README.md")
	pins := map[string]string{}
	for name, value := range defaults(t) {
		if len(name) > 16 {
			t.Errorf("%s: ArduPilot's names have at most 16 characters", name)
		}
		if !strings.Contains(file, "\n"+name+","+value+"\n") {
			t.Errorf("aimlock.parm lacks %s,%s", name, value)
		}
		if !strings.Contains(page, "| `"+name+"` | "+value+" |") {
			t.Errorf("README.md lacks %s with its default %s", name, value)
		}
		if !strings.HasSuffix(name, "_PIN") {
			continue
		}
		if pins[value] != "" {
			t.Errorf("%s and %s share GPIO %s", name, pins[value], value)
		}
		pins[value] = name
		n, err := strconv.Atoi(value)
		if err != nil {
			t.Fatal(err)
		}
		// AUX1 is GPIO 50 and output 9 with an IO processor.
		if servo := fmt.Sprintf("\nSERVO%d_FUNCTION,-1\n", n-41); !strings.Contains(file, servo) {
			t.Errorf("aimlock.parm lacks %q for %s", servo, name)
		}
	}
	if strings.Count(file, "AIML_") != len(defaults(t))+1 { // and once in a comment
		t.Error("aimlock.parm has parameters that the script has not")
	}
}

// Script, simulated flight controller and agent agree on times and limits.
func TestTimes(t *testing.T) {
	t.Parallel()
	rtl := defaults(t)["AIML_RTL_S"]
	if got := fmt.Sprint(sim.DefaultModel().RTLAfter.Seconds()); got != rtl {
		t.Errorf("AIML_RTL_S is %s, the simulated flight controller's %s", rtl, got)
	}
	for name, want := range map[string]string{
		"BEAT_MS":     `beatTime   = int64\((\d+) \* time\.Millisecond\)`,
		"DEBOUNCE_MS": `fcDebounce = int64\((\d+) \* time\.Millisecond\)`,
	} {
		if got := number(t, name); got != source(t, "../../hal/sim/controller.go", want) {
			t.Errorf("%s is %v, the simulated flight controller's is not", name, got)
		}
	}
	if got := number(t, "HOLD_SPEED"); got != source(t, "../../hal/sim/flight.go", `const holdSpeed = ([\d.]+)`) {
		t.Errorf("HOLD_SPEED is %v, the simulated flight controller's is not", got)
	}
	lost := source(t, "../../agent/sample.go", `heartbeatLost\s+= (\d+) \* time\.Millisecond`)
	if dead := number(t, "DEAD_MS"); dead <= lost {
		t.Errorf("after an error the script is silent for %v ms; the agent notices only after %v", dead, lost)
	}
	if beat := number(t, "BEAT_MS") + number(t, "LOOP_MS"); 3*beat > lost {
		t.Errorf("the agent waits %v ms for a heartbeat that comes every %v", lost, beat)
	}
	longest := source(t, "../../agent/config/parseidentity.go", `MaxHoldMax, (\d+)\*time\.Second`)
	if n, err := strconv.ParseFloat(rtl, 64); err != nil || n <= longest {
		t.Errorf("AIML_RTL_S is %s: not above the longest hold of %v s", rtl, longest)
	}
}

// source returns a number from Go source that no package exports.
func source(t *testing.T, file, pattern string) float64 {
	t.Helper()
	m := regexp.MustCompile(pattern).FindStringSubmatch(read(t, file))
	if m == nil {
		t.Fatalf("%s: no %s; this test must follow it", file, pattern)
	}
	n, err := strconv.ParseFloat(m[1], 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// header is the pin of each GPIO that the board uses on the Raspberry Pi's
// 40-pin header.
var header = map[int]int{5: 29, 17: 11, 22: 15, 23: 16, 24: 18, 25: 22, 27: 13}

// The page and the drawing show the lines where the board table has them, and
// the script names those that it reads and drives.
func TestWiring(t *testing.T) {
	t.Parallel()
	b, err := board.Lookup("rpi")
	if err != nil {
		t.Fatal(err)
	}
	page, drawing, script := read(t, "README.md"), read(t, "wiring.svg"), read(t, "aimlock.lua")
	for _, l := range slices.Concat(b.Inputs, b.Outputs) {
		pin, ok := header[l.Offset]
		if !ok {
			t.Fatalf("%s: GPIO%d is not on this test's header", l.Name, l.Offset)
		}
		if row := fmt.Sprintf("| `%s` | GPIO%d, pin %d, ", l.Name, l.Offset, pin); !strings.Contains(page, row) {
			t.Errorf("README.md lacks %q", row)
		}
		drawn := regexp.MustCompile(fmt.Sprintf(`>%s</text>\n<text [^>]*>GPIO%d \(pin %d\)<`, l.Name, l.Offset, pin))
		if !drawn.MatchString(drawing) {
			t.Errorf("wiring.svg does not show %s at GPIO%d (pin %d)", l.Name, l.Offset, pin)
		}
	}
	for name, param := range map[string]string{
		board.PauseReq: "AIML_REQ_PIN", board.Disarmed: "AIML_DISARM_PIN",
		board.Holding: "AIML_HOLD_PIN", board.Heartbeat: "AIML_BEAT_PIN",
	} {
		gpio := defaults(t)[param]
		if !strings.Contains(script, "-- GPIO of "+name) || !strings.Contains(page, "`"+param+"` | "+gpio+" | GPIO | `"+name+"`") {
			t.Errorf("%s is not the pin of %s in script and page", param, name)
		}
		if n, _ := strconv.Atoi(gpio); !strings.Contains(page, fmt.Sprintf("| AUX%d, GPIO %d, ", n-49, n)) ||
			!strings.Contains(drawing, fmt.Sprintf(">AUX%d, GPIO %d", n-49, n)) {
			t.Errorf("page or drawing do not show %s at GPIO %s", name, gpio)
		}
	}
	if l, _ := b.Line(board.PauseReq); l.PullUp || l.PullDown {
		t.Error("PAUSE_REQ is push-pull; the pull-down is at the FET's gate")
	}
}

// The script calls what it needs and nothing that could hurt: no disarming, no
// motor, no stick, no waiting.
func TestCalls(t *testing.T) {
	t.Parallel()
	code := regexp.MustCompile(`(?s)--\[\[.*?--\]\]|--[^\n]*`).ReplaceAllString(read(t, "aimlock.lua"), "")
	var got []string
	for _, m := range regexp.MustCompile(`\b([a-zA-Z]\w*):(\w+)\(`).FindAllStringSubmatch(code, -1) {
		got = append(got, m[1]+":"+m[2])
	}
	slices.Sort(got)
	want := []string{
		"FWVersion:type", "RTL_S:get", "ahrs:get_velocity_NED", "arming:get_aux_auth_id", "arming:is_armed",
		"arming:set_aux_auth_failed", "arming:set_aux_auth_passed", "gcs:send_text", "gpio:pinMode", "gpio:read",
		"gpio:write", "handle:init", "param:add_param", "param:add_table", "v:x", "v:y",
		"vehicle:get_control_mode_reason", "vehicle:get_likely_flying", "vehicle:get_mode", "vehicle:set_mode",
	}
	if got = slices.Compact(got); !slices.Equal(got, want) {
		t.Errorf("the script calls\n%v, want\n%v", got, want)
	}
	if d := time.Duration(number(t, "LOOP_MS")) * time.Millisecond; d < 5*time.Millisecond || d > 25*time.Millisecond {
		t.Errorf("a pass every %v: too often, or too rare for its debouncing", d)
	}
}
