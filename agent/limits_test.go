package agent

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/aim-control/aimlock/agent/config"
	"github.com/aim-control/aimlock/agent/locksmith"
	"github.com/aim-control/aimlock/agent/pause"
	"github.com/aim-control/aimlock/agent/telemetry"
	"github.com/aim-control/aimlock/board"
	"github.com/aim-control/aimlock/firmware/durable/faultfs"
)

// TestWorstStatusFits: every cause at once, every motor hot and lost, every
// part broken, every text as long as its source allows.
func TestWorstStatusFits(t *testing.T) {
	r := newRig(t, 1)
	l := r.loop
	l.ids.motors = pause.MaxMotors
	long := strings.Repeat("é", 8000)
	look := locksmith.Look{Verdict: locksmith.Overdue, HasRecord: true, Record: locksmith.Record{Held: true,
		Holder: strings.Repeat("h", 64), Reason: strings.Repeat("r", 200), Role: locksmith.RoleOrchestrator}}
	for i := range int64(4) {
		for m := range pause.MaxMotors {
			l.turn(event{kind: motorTemp, at: i, index: m, milliC: 150000, ok: true})
		}
		l.turn(event{kind: compTemp, at: i, milliC: 150000, ok: true})
	}
	l.turn(event{kind: lockReport, lock: &locksmith.Report{Look: look, Hot: true, Err: errors.New(long)}})
	l.turn(event{kind: liveFile, change: &config.Change{Err: errors.New(long), Degraded: long}})
	got := make(chan outcome, 1)
	l.turn(event{kind: order, order: &command{verb: "pause", hold: 1 << 60, reply: got}})
	for _, part := range []string{"journal", "state", "watchdog", "led", "request-line"} {
		l.turn(event{kind: trouble, text: part + ": " + long})
	}
	for i := range l.lostMotor {
		l.lostMotor[i] = true
	}
	l.lostComp, l.fc = true, pause.No
	l.facts.supplies = slices.Repeat([]supplyFact{{name: strings.Repeat("s", 32), power: power{1 << 30, 1 << 30, 1 << 30}, lost: true}}, board.MaxSupplies)
	b := l.statusBytes(l.clock())
	var st telemetry.Status
	if err := telemetry.Decode(b, &st); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d of %d bytes", len(b), telemetry.MaxStatus)
	if len(st.Causes) != 5 || len(st.Faults) < 2*pause.MaxMotors+8 {
		t.Errorf("not the worst: %+v", st)
	}
}

// TestWorstEventFits: a report of any length reaches the journal, shortened at
// whole characters, and is no reason to call the disk broken.
func TestWorstEventFits(t *testing.T) {
	t.Parallel()
	p := keeperOn(t, faultfs.New(), "boot-1")
	p.trouble = func(part, why string) { t.Errorf("%s: %s", part, why) }
	r := report{kind: "lock.hot", level: levelError, text: strings.Repeat("→", 9000)}
	for range 10 {
		r.pairs = append(r.pairs, telemetry.Evidence{Key: "do", Value: strings.Repeat("é\xff", 9000)})
	}
	p.report(r)
	p.drain()
	ev := lastEvent(t, p.journal)
	if ev.N != 1 || len(ev.Evidence) != 10 {
		t.Errorf("got event %d with %d pieces of evidence", ev.N, len(ev.Evidence))
	}
	for _, s := range append([]string{ev.Text}, ev.Evidence[0].Value) {
		if !utf8.ValidString(s) || len(s) < 900 || !strings.HasSuffix(s, "…") {
			t.Errorf("%d bytes, valid %v: …%q", len(s), utf8.ValidString(s), s[len(s)-10:])
		}
	}
}

// TestForgedLines: what others wrote into a message starts no line of its own
// and steers no terminal.
func TestForgedLines(t *testing.T) {
	t.Parallel()
	for name, evil := range map[string]string{
		"newline":         "x\n10:00:00.000 ERROR forged",
		"carriage return": "x\rERROR forged",
		"escape":          "x\x1b[2J",
		"8-bit escape":    "x\u009b2J",
		"next line":       "x\u0085ERROR forged",
		"line separator":  "x\u2028ERROR forged",
		"bidi override":   "x\u202eTOH",
		"delete":          "x\x7f",
		"no UTF-8":        "x\xff\x9b2J",
	} {
		var b bytes.Buffer
		log := NewLog(&b, false, false)
		report{level: levelWarn, text: "from " + evil, pairs: pairs("holder", evil)}.write(log)
		line, rest, _ := strings.Cut(b.String(), "\n")
		if rest != "" || !utf8.ValidString(line) || strings.ContainsFunc(line, func(r rune) bool { return r != ' ' && !isShown(r) }) {
			t.Errorf("%s: %q", name, b.String())
		}
		b.Reset()
		report{level: levelWarn, text: "from " + evil, pairs: pairs("holder", evil)}.write(NewLog(&b, true, false))
		if strings.Count(b.String(), "\n") != 1 || strings.ContainsAny(b.String(), "\r\x1b") {
			t.Errorf("%s, JSON: %q", name, b.String())
		}
	}
}

// isShown tells whether a character takes place on a terminal and does nothing
// else; written out here, not taken from what is tested.
func isShown(r rune) bool {
	return r > ' ' && r < 0x7f || r > 0xa0 && r != 0x2028 && r != 0x2029 && (r < 0x200b || r > 0x200f) && (r < 0x202a || r > 0x202e)
}
