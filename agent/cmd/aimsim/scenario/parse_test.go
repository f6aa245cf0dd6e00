package scenario

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/aim-control/aimlock/agent/rollout"
)

func selector(text string) Selector { s, _, _ := ParseSelector(text); return s }

func TestParseLine(t *testing.T) {
	t.Parallel()
	cond := func(f string, op Op, v string) Condition { return Condition{f, op, v} }
	tests := []struct {
		line   string
		drones string
		do     Action
	}{
		{"arm all", "all", Arm{}},
		{"arm p1 refused", "p1", Arm{true}},
		{"  take-off p1..p4,-p2 ", "p1..p4,-p2", TakeOff},
		{"pilot p1 take", "p1", Pilot{true}},
		{"pilot p1 release", "p1", Pilot{false}},
		{"heat p2 motor3 97.5°C", "p2", Heat{3, 97.5}},
		{"heat p2 3 97", "p2", Heat{3, 97}},
		{"heat p2 companion 85C", "p2", Heat{0, 85}},
		{"cool p2", "p2", Cool{-1}},
		{"cool p2 motor1", "p2", Cool{1}},
		{"break p1 motor1 nack", "p1", Break{"motor1", "nack"}},
		{"break p1 bus:motors stuck", "p1", Break{"bus:motors", "stuck"}},
		{"break p1 line:HOLDING float", "p1", Break{"line:HOLDING", "float"}},
		{"break p1 fc stop", "p1", Break{"fc", "stop"}},
		{"fix p1", "p1", Fix{}},
		{"fix p1 fc", "p1", Fix{"fc"}},
		{"lock all", "all", Lock{2 * time.Second, "fleet-updater", "", "orchestrator"}},
		{`lock p1 ttl=500ms holder=me role=technician reason="a \"long\" night"`, "p1", Lock{500 * time.Millisecond, "me", `a "long" night`, "technician"}},
		{"drop-lock p1", "p1", DropLock},
		{"kill p1", "p1", Kill{}},
		{"press p1", "p1", Press{3500 * time.Millisecond}},
		{"press p1 for=20s", "p1", Press{20 * time.Second}},
		{"kill p1 down=3s", "p1", Kill{3 * time.Second}},
		{"reboot patrol-0*", "patrol-0*", Reboot},
		{"cut p1", "p1", Cut{}},
		{"cut p1 silent", "p1", Cut{true}},
		{"restore p1", "p1", Restore},
		{`edit p1 lock.ttl = "5s"`, "p1", Edit{Key: "lock.ttl", Value: `"5s"`}},
		{"edit p1 garble", "p1", Edit{Garble: true}},
		{"command p1 pause hold=5s", "p1", Command{"pause", 5 * time.Second, false}},
		{"command p1 resume refused", "p1", Command{"resume", 0, true}},
		{"edit p1 undo", "p1", Edit{Undo: true}},
		{"run aimctl status | grep # HOT", "", Run{"aimctl status | grep # HOT"}},
		{"run on p1,p2 kill -9 1", "p1,p2", Run{"kill -9 1"}},
		{`patch unstick-1 lock.gc_interval="2s" update_window.days=["mon","tue"]`, "", Patch{ID: "unstick-1", Set: []Config{{"lock.gc_interval", `"2s"`}, {"update_window.days", `["mon","tue"]`}}}},
		{`patch p version=40 despite="fleet updater" kill notes="a \"b\""`, "", Patch{ID: "p", Set: []Config{{"version", "40"}}, Despite: "fleet updater", Kill: true, Expires: overrideLife, Notes: `a "b"`}},
		{`patch p mission.name="a b = c" expires=1m`, "", Patch{ID: "p", Set: []Config{{"mission.name", `"a b = c"`}}, Expires: time.Minute}},
		{"rollout all p", "all", Rollout{Patch: "p", Canary: 1, Bake: rolloutBake, Heartbeats: rolloutHeartbeats, Timeout: rolloutTimeout, Silence: rolloutSilence}},
		{"rollout p1..p8 p canary=3 waves=2,50% bake=1s heartbeats=0 timeout=5s silence=6s stopped behind", "p1..p8", Rollout{Patch: "p", Canary: 3,
			Waves: []rollout.Size{{Count: 2}, {Percent: 50}}, Bake: time.Second, Timeout: 5 * time.Second, Silence: 6 * time.Second, Stopped: true, Behind: true}},
		{"rollout all p canary=p1,p3", "all", Rollout{Patch: "p", Names: selector("p1,p3"), Bake: rolloutBake, Heartbeats: rolloutHeartbeats, Timeout: rolloutTimeout, Silence: rolloutSilence}},
		{"say  It is 2 o'clock # and dark", "", Say{"It is 2 o'clock # and dark"}},
		{"sleep 0s", "", Sleep{0}},
		{"drones 8", "", Fleet{8}},
		{"config lock.ttl=\"2s\"", "", Config{"lock.ttl", `"2s"`}},
		{"quit", "", Quit},
		{"expect p1 state=PAUSED", "p1", Expect{Conditions: []Condition{cond("state", Is, "PAUSED")}}},
		{`expect p1 causes!=lock lock.reason~"night shift" within 2s`, "p1", Expect{
			Conditions: []Condition{cond("causes", IsNot, "lock"), cond("lock.reason", Has, "night shift")}, Within: 2 * time.Second}},
		{"expect p1 requested=false for 1s", "p1", Expect{Conditions: []Condition{cond("requested", Is, "false")}, For: time.Second}},
		{"wait p1 causes=", "p1", Expect{Wait: true, Conditions: []Condition{cond("causes", Is, "")}, Within: WaitUnlessTold}},
	}
	for _, tt := range tests {
		step, err := ParseLine("x.aim", 3, tt.line)
		if err != nil {
			t.Errorf("%q: %v", tt.line, err)
			continue
		}
		if step.Drones.Text != tt.drones || !reflect.DeepEqual(step.Do, tt.do) || step.Line != 3 || step.Timed {
			t.Errorf("%q: got %q %#v, want %q %#v", tt.line, step.Drones.Text, step.Do, tt.drones, tt.do)
		}
	}
}

// TestEveryVerb holds the table of verbs against the parser: an example of
// each verb is above, and the usage begins with the verb.
func TestEveryVerb(t *testing.T) {
	t.Parallel()
	for _, v := range Verbs() {
		if !strings.HasPrefix(v.Usage, v.Verb) || v.What == "" {
			t.Errorf("%s: usage %q, what %q", v.Verb, v.Usage, v.What)
		}
	}
}

func TestTimes(t *testing.T) {
	t.Parallel()
	steps, err := Parse("x.aim", []byte("# first\n\ndrones 2\n@1.5s arm all\ndisarm all\n@2s say end\r\n"))
	if err != nil {
		t.Fatal(err)
	}
	if len(steps) != 4 || steps[1].At != 1500*time.Millisecond || !steps[1].Timed || steps[1].Line != 4 || steps[2].Timed || steps[3].At != 2*time.Second {
		t.Fatalf("got %+v", steps)
	}
}

func TestErrors(t *testing.T) {
	t.Parallel()
	patchUse := usage("patch")
	tests := []struct{ line, want string }{
		{"fly p1", `x.aim:1: no verb "fly"; verbs are arm, break, command, config, cool, cut, disarm, drones, drop-lock, edit, expect, fix, heat, kill, land, lock, patch, pilot, press, quit, reboot, restore, rollout, run, say, sleep, take-off, wait`},
		{"rebot p1", `x.aim:1: no verb "rebot"; did you mean reboot?`},
		{"@2 arm p1", `x.aim:1: "2" is no duration; durations look like 500ms, 1.5s, 2m`},
		{"@2h arm p1", `x.aim:1: a duration of 2h0m0s; use 0s to 1h0m0s`},
		{"@1s", `x.aim:1: the verb is missing; write [@DURATION] VERB [DRONES] ARGS`},
		{"@1s drones 2", `x.aim:1: "drones" with a time; it applies before the start: leave the time away`},
		{"drones 65", `x.aim:1: "65" drones; use 1 to 64: each is a process of its own`},
		{"arm", `x.aim:1: the list of drones is missing; write arm DRONES [refused]`},
		{"arm P1", `x.aim:1: "P1" names no drones; drones are names, globs, p1..p4, all, all-p3, or lists of these: p1,p3 or all,-p3,-p5`},
		{"arm p4..p1", `x.aim:1: "p4..p1" names no drones; drones are names, globs, p1..p4, all, all-p3, or lists of these: p1,p3 or all,-p3,-p5`},
		{"arm -p1", `x.aim:1: "-p1" names no drones; drones are names, globs, p1..p4, all, all-p3, or lists of these: p1,p3 or all,-p3,-p5`},
		{"arm all-p1,p2", `x.aim:1: "all-p1,p2" can be read in two ways; write all,-p3,-p5 to leave p3 and p5 out`},
		{"arm p1 now", `x.aim:1: nothing may follow here, but "now" does; write arm DRONES [refused]`},
		{"arm p1 # now", `x.aim:1: a comment follows the step; put comments on lines of their own`},
		{"heat p1 motor5 90", `x.aim:1: no motor "motor5"; use motor1 to motor4, or companion`},
		{"heat p1 motor1 NaN", `x.aim:1: temperature "NaN"; use a number from -40 to 150`},
		{"break p1 motor1 float", `x.aim:1: motor1 cannot fail by "float"; use nack, stuck, garbage, reset`},
		{"break p1 wing nack", `x.aim:1: no target "wing"; targets are motor1 to motor4, battery, companion, bus:NAME, line:NAME, fc`},
		{"pilot p1 sleep", `x.aim:1: a pilot cannot "sleep"; write take or release`},
		{`lock p1 reason="x`, `x.aim:1: a quote is not closed; end it with "`},
		{"lock p1 ttl=0s", `x.aim:1: a duration of 0s; use 1ms to 1h0m0s`},
		{"lock p1 role=king", `x.aim:1: no role "king"; use agent, technician or orchestrator`},
		{"lock p1 2s", `x.aim:1: no option "2s"; write lock DRONES [ttl=2s] [holder=NAME] [role=ROLE] [reason="…"]`},
		{"command p1 dance", `x.aim:1: no command "dance"; use pause, resume or report`},
		{"command p1 pause", `x.aim:1: a pause without its length; write pause hold=5s: every hold is bounded`},
		{"command p1 pause hold=0s", `x.aim:1: a duration of 0s; use 1ms to 1h0m0s`},
		{"edit p1 ttl", `x.aim:1: KEY=VALUE is missing; write edit DRONES KEY=VALUE|garble|undo, as lock.ttl="5s"`},
		{"edit p1 a b=1", `x.aim:1: no key "a b"; keys are dotted names, as safe_pause.motor.hot`},
		{"patch", `x.aim:1: the patch's name is missing; write ` + patchUse},
		{"patch a/b lock.ttl=1", `x.aim:1: no name "a/b"; use 1 to 60 of A-Z a-z 0-9 . _ -`},
		{"patch p", `x.aim:1: a patch that changes nothing; write ` + patchUse + `, as lock.ttl="5s"`},
		{"patch p ttl=1", `x.aim:1: no option "ttl=1"; write ` + patchUse},
		{"patch p lock.ttl", `x.aim:1: no option "lock.ttl"; write ` + patchUse},
		{"patch p lock..ttl=1", `x.aim:1: no key "lock..ttl"; keys are dotted names, as safe_pause.motor.hot`},
		{"patch p lock.ttl=1 kill", `x.aim:1: kill without despite=HOLDER; name the holder that may be ended`},
		{"patch p lock.ttl=1 despite=", `x.aim:1: a text of 0 bytes; use 1 to 200`},
		{"patch p lock.ttl=1 kill=yes", `x.aim:1: no option "kill=yes"; write ` + patchUse},
		{"patch p" + strings.Repeat(" lock.ttl=1", MaxSettings+1), `x.aim:1: 17 keys; use at most 16`},
		{"rollout all p canary=0", `x.aim:1: a canary of 0; use 1 to 64 drones`},
		{"rollout all p canary=P1", `x.aim:1: "P1" names no drones; drones are names, globs, p1..p4, all, all-p3, or lists of these: p1,p3 or all,-p3,-p5`},
		{"rollout all p waves=0", `x.aim:1: no waves "0"; write numbers of drones or parts of all, as 2,50%`},
		{"rollout all p heartbeats=x", `x.aim:1: "x" heartbeats; use 0 to 1000`},
		{"rollout all p quickly", `x.aim:1: no option "quickly"; write ` + usage("rollout")},
		{"rollout all p wave=2", `x.aim:1: no option "wave=2"; write ` + usage("rollout")},
		{"run", `x.aim:1: the command is missing; write run [on DRONES] COMMAND`},
		{"say", `x.aim:1: the text is missing; write say TEXT`},
		{"expect p1", `x.aim:1: no condition; write expect DRONES FIELD=VALUE… [within DURATION|for DURATION]`},
		{"expect p1 within 2s", `x.aim:1: no condition; write expect DRONES FIELD=VALUE… [within DURATION|for DURATION]`},
		{"expect p1 state", `x.aim:1: "state" is no condition; write FIELD=VALUE, FIELD!=VALUE or FIELD~PART`},
		{"expect p1 state!PAUSED", `x.aim:1: "state!PAUSED" is no condition; write FIELD=VALUE, FIELD!=VALUE or FIELD~PART`},
		{"expect p1 State=x", `x.aim:1: no field "State"; fields are dotted names of the status, as lock.verdict`},
		{"expect p1 state=x within", `x.aim:1: the duration is missing; write expect DRONES FIELD=VALUE… [within DURATION|for DURATION]`},
		{"expect p1 state=x within 2s now", `x.aim:1: nothing may follow here, but "now" does; write expect DRONES FIELD=VALUE… [within DURATION|for DURATION]`},
		{"wait p1 state=x for 2s", `x.aim:1: "wait … for"; use expect for what must stay so`},
		{"arm p1\x00", `x.aim:1: the line has control characters; remove them`},
		{"arm \xff", `x.aim:1: the line is not UTF-8; save the file as UTF-8`},
		{"say " + strings.Repeat("x", MaxLine), `x.aim:1: the line has 4100 bytes; keep lines below 4096`},
		{"@2s arm p1\n@1s arm p1", `x.aim:2: @1s comes after @2s of line 1; put the lines in the order of their times`},
		{"arm p1\ndrones 3", `x.aim:2: "drones" after a step that acts; move it to the top of the file`},
		{strings.Repeat("sleep 0s\n", MaxSteps+1), `x.aim:4097: more than 4096 steps; split the scenario`},
		{strings.Repeat("#", MaxFile+1), `x.aim:1: the file has 262145 bytes; keep a scenario below 262144`},
		{"fly\narm p1\nheat", "x.aim:1: no verb \"fly\"; verbs are"},
	}
	for _, tt := range tests {
		steps, err := Parse("x.aim", []byte(tt.line))
		if err == nil || steps != nil {
			t.Errorf("%q: accepted", tt.line)
			continue
		}
		if got := err.Error(); got != tt.want && !(strings.HasSuffix(tt.want, "verbs are") && strings.HasPrefix(got, tt.want)) {
			t.Errorf("%.60q:\n got %s\nwant %s", tt.line, got, tt.want)
		}
	}
}

func TestAllErrorsAtOnce(t *testing.T) {
	t.Parallel()
	_, err := Parse("x.aim", []byte(strings.Repeat("fly\n", MaxErrors+5)))
	var errs Errors
	if !errors.As(err, &errs) || len(errs) != MaxErrors || errs[1].Line != 2 {
		t.Fatalf("got %d errors: %v", len(errs), err)
	}
}

func TestCheckRollout(t *testing.T) {
	t.Parallel()
	fleet := strings.Fields("a b c")
	tests := []struct{ line, want string }{
		{"rollout all p canary=3", ""},
		{"rollout p1..p2 p canary=p2", ""},
		{"rollout p1..p2 p canary=3", "x.aim:1: a canary of 3 of 2 drones; name more drones, or a smaller canary"},
		{"rollout p1..p2 p canary=p3", `x.aim:1: the canary c is not among "p1..p2"; correct the list`},
		{"rollout p1..p4 p", `x.aim:1: "p1..p4" names drones that the fleet has not; it has a to c (p1 to p3); correct the list`},
	}
	for _, tt := range tests {
		steps, err := Parse("x.aim", []byte(tt.line))
		if err == nil {
			err = Check(steps, fleet, nil)
		}
		if got := fmt.Sprint(err); tt.want == "" && err != nil || tt.want != "" && got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.line, got, tt.want)
		}
	}
}
