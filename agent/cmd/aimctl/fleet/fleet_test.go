package fleet

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/lipgloss"

	"github.com/aim-control/aimlock/agent/telemetry"
)

var update = flag.Bool("update", false, "rewrite the golden files")

var start = time.Date(2026, 11, 23, 14, 0, 0, 0, time.UTC)

// air makes the messages of drones as the broker hands them on.
type air struct {
	t  *testing.T
	at time.Time
}

func (a *air) msg(drone, leaf string, m telemetry.Message, retained bool) Msg {
	a.t.Helper()
	b, err := telemetry.Append(nil, m)
	if err != nil {
		a.t.Fatal(err)
	}
	return Msg{Topic: telemetry.Topic("north", drone, leaf), Payload: b, Retained: retained, At: a.at}
}

// status is a healthy drone's, changed by change.
func (a *air) status(drone string, change func(*telemetry.Status)) Msg {
	st := &telemetry.Status{
		Schema: 1, Boot: "b1", TimeMS: a.at.UnixMilli(), UpMS: 600_000 + a.at.Sub(start).Milliseconds(),
		Drone: drone, Fleet: "north", State: "NOMINAL", SinceMS: 480_000, Flight: "armed", FC: "ok",
		Lock: telemetry.Lock{Verdict: "FREE"}, Config: telemetry.Config{Version: 41, Valid: true},
		Patch: telemetry.Patch{State: "IDLE"}, LED: "healthy", Online: true,
	}
	if change != nil {
		change(st)
	}
	return a.msg(drone, telemetry.LeafStatus, st, false)
}

func (a *air) online(drone string, conn uint64) Msg {
	return a.msg(drone, telemetry.LeafAvailability, &telemetry.Availability{
		Schema: 1, Boot: "b1", TimeMS: a.at.UnixMilli(), Online: true, Conn: conn, Version: "v1.0.0"}, false)
}

func (a *air) will(drone string, conn uint64, boot string) Msg {
	return a.msg(drone, telemetry.LeafAvailability, &telemetry.Availability{
		Schema: 1, Boot: boot, Conn: conn, Reason: "connection lost"}, false)
}

func (a *air) event(drone string, n uint64, boot string) Msg {
	return a.msg(drone, telemetry.LeafEvent, &telemetry.Event{
		Schema: 1, Boot: boot, N: n, Kind: "lock.hot", Level: "error", TimeMS: a.at.UnixMilli(),
		Text: "aim_lock_config.conf: HOT"}, false)
}

func retained(m Msg) Msg { m.Retained = true; return m }

func locked(s *telemetry.Status) {
	s.State, s.SinceMS, s.Requested, s.Flight, s.LED = "PAUSED", s.UpMS-4000, true, "holding", "holding"
	s.Causes = []telemetry.Cause{{Name: "lock"}}
	s.Lock = telemetry.Lock{Verdict: "OVERDUE", Hot: true, Holder: "fleet-updater", PID: 4312, SinceMS: 350_000}
}

func hot(s *telemetry.Status) {
	s.State, s.SinceMS, s.Requested, s.LED = "UNCONFIRMED", s.UpMS-12_000, true, "asking"
	s.Causes = []telemetry.Cause{{Name: "motor"}}
	s.Faults = []string{"motor2"}
}

func waived(s *telemetry.Status) {
	locked(s)
	s.State, s.Requested, s.Flight, s.LED = "NOMINAL", false, "armed", "healthy"
	s.Causes[0].Waived = true
}

// TestTranscript plays one afternoon of a fleet and compares every line.
func TestTranscript(t *testing.T) {
	t.Parallel()
	a := &air{t, start}
	var f Fleet
	var out strings.Builder
	apply := func(what string, m Msg) {
		fmt.Fprintf(&out, "# %s\n", what)
		if c, ok := f.Apply(m); !ok {
			fmt.Fprintln(&out, "(nothing)")
		} else if !c.News {
			fmt.Fprintf(&out, "(%s, no news)\n", c.Kind)
		} else {
			fmt.Fprintln(&out, c.Line(time.UTC))
		}
	}
	tick := func(d time.Duration) {
		a.at = a.at.Add(d)
		fmt.Fprintf(&out, "# %v pass\n", d)
		for _, c := range f.Tick(a.at) {
			fmt.Fprintln(&out, c.Line(time.UTC))
		}
	}
	apply("a drone comes up", a.online("p1", 7))
	apply("its first status", a.status("p1", nil))
	apply("the same a second time", a.status("p1", nil))
	tick(time.Second)
	apply("the lock is overdue", a.status("p1", locked))
	apply("an event", a.event("p1", 1, "b1"))
	apply("the event again, not acknowledged before", a.event("p1", 1, "b1"))
	apply("an event after a gap", a.event("p1", 4, "b1"))
	apply("an event of the next boot", a.event("p1", 1, "b2"))
	apply("the drone is back on another connection", a.online("p1", 8))
	apply("the broker publishes the old connection's will", a.will("p1", 7, "b1"))
	apply("the present connection's will", a.will("p1", 8, "b1"))
	apply("back again", a.online("p1", 9))
	apply("its state was wiped: the count starts again, in a new boot", a.msg("p1", telemetry.LeafAvailability,
		&telemetry.Availability{Schema: 1, Boot: "b3", Online: true, Conn: 1, Version: "v1.0.0", TimeMS: a.at.UnixMilli()}, false))
	apply("another drone's status, a minute old", func() Msg { m := retained(a.status("p2", waived)); m.At = m.At.Add(time.Minute); return m }())
	apply("one whose clock is not set, retained", retained(a.status("p3", func(s *telemetry.Status) { s.TimeMS = 1000 })))
	tick(31 * time.Second)
	tick(60 * time.Second)
	apply("p2 speaks", a.status("p2", hot))
	tick(91 * time.Second)
	tick(time.Second)
	apply("not MessagePack", Msg{Topic: "aim/v1/north/p1/status", Payload: []byte("hello"), At: a.at})
	apply("not a drone", Msg{Topic: "aim/v1/north/_controller", At: a.at})
	apply("not asked for", Msg{Topic: "aim/v1/north/p1/patch/offer", At: a.at})
	apply("telemetry is no news", a.msg("p1", telemetry.LeafTelemetry, &telemetry.Telemetry{Schema: 1}, false))
	apply("telemetry that cannot be read", Msg{Topic: "aim/v1/north/p1/telemetry", Payload: []byte("x"), At: a.at})
	golden(t, "transcript.txt", out.String())
}

// TestView draws a mixed fleet at several sizes.
func TestView(t *testing.T) {
	t.Parallel()
	a := &air{t, start}
	var f Fleet
	changes := map[string]func(*telemetry.Status){"patrol-02": locked, "patrol-04": hot, "patrol-05": waived}
	for i := 1; i <= 8; i++ {
		name := fmt.Sprintf("patrol-%02d", i)
		if i == 7 {
			a.at = start.Add(-2 * time.Minute)
		}
		f.Apply(a.status(name, changes[name]))
		f.Apply(a.online(name, 1))
		a.at = start
	}
	f.Apply(a.will("patrol-06", 1, "b1"))
	f.Apply(a.event("patrol-02", 1, "b1"))
	f.Apply(a.msg("patrol-02", telemetry.LeafEvent, &telemetry.Event{Schema: 1, Boot: "b1", N: 2, Kind: "state.paused", Level: "info"}, false))
	f.Tick(start)
	supply := func(drone string, list ...telemetry.Supply) {
		f.Apply(a.msg(drone, telemetry.LeafTelemetry, &telemetry.Telemetry{Schema: 1, Boot: "b1", Supply: list}, false))
	}
	battery := telemetry.Supply{MilliV: 15187, MilliA: 18460, MilliW: 280352, AgeMS: 40, OK: true, Name: "battery"}
	supply("patrol-01", battery)
	supply("patrol-02", battery, battery)
	supply("patrol-03", telemetry.Supply{MilliV: 15187, AgeMS: 4000, Name: "battery"})
	supply("patrol-06", battery)
	battery.AgeMS = 2900
	supply("patrol-05", battery)
	a.at = start.Add(-40 * time.Second)
	supply("patrol-08", battery) // older than its status, which says nothing of supplies
	a.at = start
	now := start.Add(2030 * time.Millisecond)
	for _, o := range []Look{
		{Width: 120, Height: 24}, {Width: 80, Height: 24}, {Width: 60, Height: 16}, {Width: 100, Height: 12, Scroll: 3},
		{Width: 120, Height: 24, Trouble: true, Legend: true}, {Width: 40, Height: 8, Legend: true},
		{Width: 90, Height: 20, Broker: "NO LINK TO THE BROKER"},
	} {
		o.Name, o.Zone, o.Style = "north", time.UTC, NewPlain()
		got := f.View(now, o)
		lines := strings.Split(got, "\n")
		if len(lines) > o.Height {
			t.Errorf("%d×%d: %d lines", o.Width, o.Height, len(lines))
		}
		for _, l := range lines {
			if w := lipgloss.Width(l); w > o.Width {
				t.Errorf("%d×%d: %d wide: %q", o.Width, o.Height, w, l)
			}
		}
		for i := range lines {
			lines[i] = strings.TrimRight(lines[i], " ")
		}
		name := fmt.Sprintf("view-%dx%d", o.Width, o.Height)
		if o.Trouble || o.Legend {
			name += "-legend"
		}
		golden(t, name+".txt", strings.Join(lines, "\n")+"\n")
	}
}

// TestNext checks that the table is drawn again when an LED changes.
func TestNext(t *testing.T) {
	t.Parallel()
	a := &air{t, start}
	var f Fleet
	if got := f.Next(start.Add(400 * time.Millisecond)); got != 600*time.Millisecond {
		t.Errorf("empty fleet: %v, want the rest of the second", got)
	}
	f.Apply(a.status("p1", nil))
	if got := f.Next(start); got != 60*time.Millisecond {
		t.Errorf("healthy: %v, want the blip's 60 ms", got)
	}
	f.Apply(a.status("p2", func(s *telemetry.Status) { s.LED = "lost" }))
	if got := f.Next(start.Add(61 * time.Millisecond)); got != 30*time.Millisecond {
		t.Errorf("at an edge: %v, want the least, 30 ms", got)
	}
	if got := f.Next(start.Add(Silence + time.Second + 400*time.Millisecond)); got != 600*time.Millisecond {
		t.Errorf("silent drones show no LED: %v", got)
	}
}

// TestBounds feeds more than is kept.
func TestBounds(t *testing.T) {
	t.Parallel()
	a := &air{t, start}
	var f Fleet
	for i := range maxDrones + 10 {
		f.Apply(a.online(fmt.Sprintf("d%d", i), 1))
	}
	for i := range maxEvents + 10 {
		f.Apply(a.event("d1", uint64(i+1), "b"))
	}
	if len(f.Drones()) != maxDrones || len(f.Events) != maxEvents {
		t.Errorf("%d drones, %d events kept", len(f.Drones()), len(f.Events))
	}
	if last := f.Events[maxEvents-1].Event.N; last != maxEvents+10 {
		t.Errorf("the newest event is %d", last)
	}
}

// FuzzApply feeds any payload to any leaf and draws what comes of it.
func FuzzApply(f *testing.F) {
	for i, leaf := range []string{telemetry.LeafStatus, telemetry.LeafAvailability, telemetry.LeafEvent, telemetry.LeafTelemetry} {
		for _, m := range []telemetry.Message{&telemetry.Status{Schema: 1}, &telemetry.Availability{Schema: 1}, &telemetry.Event{Schema: 1}, &telemetry.Telemetry{Schema: 1}} {
			b, err := telemetry.Append(nil, m)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(leaf, b, i == 0)
		}
	}
	f.Fuzz(func(t *testing.T, leaf string, payload []byte, retained bool) {
		var fl Fleet
		c, ok := fl.Apply(Msg{Topic: "aim/v1/north/p1/" + leaf, Payload: payload, Retained: retained, At: start})
		if ok && strings.ContainsFunc(c.Line(time.UTC), func(r rune) bool { return r < ' ' || r == 0x7f || r == 0x9b }) {
			t.Errorf("a line with a control character: %q", c.Line(time.UTC))
		}
		view := fl.View(start, Look{Name: "north", Width: 80, Height: 24, Zone: time.UTC, Style: NewPlain()})
		if n := strings.Count(view, "\n"); n >= 24 || strings.ContainsAny(view, "\x1b\x07") {
			t.Errorf("%d lines, or a control character:\n%q", n, view)
		}
	})
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal([]byte(got), want) {
		t.Errorf("%s differs (go test -update rewrites it); got:\n%s\nwant:\n%s", path, got, want)
	}
}
