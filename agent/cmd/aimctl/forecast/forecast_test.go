package forecast

import (
	"strings"
	"testing"
	"time"

	"github.com/aim-control/aimlock/agent/cmd/aimctl/fleet"
	"github.com/aim-control/aimlock/agent/rollout"
	"github.com/aim-control/aimlock/agent/telemetry"
	"github.com/aim-control/aimlock/firmware/patch"
)

var now = time.Date(2026, 11, 23, 14, 0, 0, 0, time.UTC)

const (
	oldSHA = "0000"
	newSHA = "4242"
)

// known is a drone as the broker keeps it; nil: no status, no availability.
func known(t *testing.T, st *telemetry.Status, av *telemetry.Availability) []*fleet.Drone {
	t.Helper()
	var f fleet.Fleet
	put := func(leaf string, m telemetry.Message) {
		b, err := telemetry.Append(nil, m)
		if err != nil {
			t.Fatal(err)
		}
		f.Apply(fleet.Msg{Topic: telemetry.Topic("north", "d1", leaf), Payload: b, Retained: true, At: now})
	}
	if av != nil {
		put(telemetry.LeafAvailability, av)
	}
	if st != nil {
		put(telemetry.LeafStatus, st)
	}
	return f.Drones()
}

// What would become of the offer to a drone in each state, and why.
func TestFates(t *testing.T) {
	t.Parallel()
	hot := func(holder string) func(*telemetry.Status, *patch.Manifest) {
		return func(st *telemetry.Status, m *patch.Manifest) {
			st.Causes, st.State, st.Flight = []telemetry.Cause{{Name: "lock"}}, "PAUSED", "holding"
			st.Lock = telemetry.Lock{Verdict: "OVERDUE", Hot: true, Holder: holder}
		}
	}
	for _, c := range []struct {
		name   string
		change func(*telemetry.Status, *patch.Manifest)
		fate   Fate
		why    string
	}{
		{"on the ground", nil, Takes, ""},
		{"has it", func(st *telemetry.Status, _ *patch.Manifest) { st.Config.SHA256 = newSHA }, Has, ""},
		{"not a target", func(_ *telemetry.Status, m *patch.Manifest) { m.Targets = []string{"d2"} }, Refuses, "not a target"},
		{"a target by name", func(_ *telemetry.Status, m *patch.Manifest) { m.Targets = []string{"d2", "d1"} }, Takes, ""},
		{"another base", func(_ *telemetry.Status, m *patch.Manifest) { m.BaseSHA256 = "ffff" }, Refuses, "base: "},
		{"the base", func(_ *telemetry.Status, m *patch.Manifest) { m.BaseSHA256 = oldSHA }, Takes, ""},
		{"a version no lower", func(st *telemetry.Status, _ *patch.Manifest) { st.Config.Version = 42 }, Perhaps, "version: 42 is in force"},
		{"HOT(lock)", hot("fleet-updater"), Refuses, "HOT(lock): OVERDUE by fleet-updater; the patch has no override"},
		{"HOT(lock), overridden", func(st *telemetry.Status, m *patch.Manifest) {
			hot("fleet-updater")(st, m)
			m.DespiteLock = &patch.Override{Holder: "fleet-updater"}
		}, Takes, "HOT(lock), PAUSED, in the air"},
		{"HOT(lock), another's override", func(st *telemetry.Status, m *patch.Manifest) {
			hot("fleet-updater")(st, m)
			m.DespiteLock = &patch.Override{Holder: "somebody"}
		}, Refuses, "the override is for the lock of somebody"},
		{"HOT(lock) of nobody known", func(st *telemetry.Status, m *patch.Manifest) {
			hot("")(st, m)
			m.DespiteLock = &patch.Override{Holder: "unknown"}
		}, Takes, "HOT(lock)"},
		{"HOT(config)", func(st *telemetry.Status, _ *patch.Manifest) { st.Causes = []telemetry.Cause{{Name: "config"}} }, Takes, "HOT(config)"},
		{"flies", func(st *telemetry.Status, _ *patch.Manifest) { st.Flight = "armed" }, Waits, "it flies"},
		{"overridden", func(st *telemetry.Status, _ *patch.Manifest) { st.Flight, st.State = "holding", "OVERRIDDEN" }, Waits, "(OVERRIDDEN)"},
		{"no flight controller", func(st *telemetry.Status, _ *patch.Manifest) { st.FC = "lost" }, Waits, "the flight controller is not heard"},
		{"a sensor is lost", func(st *telemetry.Status, _ *patch.Manifest) { st.Faults = []string{"motor2"} }, Waits, "motor2"},
		{"an old status of one that is connected", func(st *telemetry.Status, _ *patch.Manifest) { st.TimeMS -= 3600_000 }, Takes, ""},
	} {
		st := &telemetry.Status{Schema: 1, TimeMS: now.UnixMilli(), State: "NOMINAL", Flight: "disarmed", FC: "ok", Lock: telemetry.Lock{Verdict: "FREE"},
			Config: telemetry.Config{Version: 41, SHA256: oldSHA, Valid: true}}
		m := &patch.Manifest{ID: "p", Targets: []string{patch.Everyone}, ConfigVersion: 42, SHA256: newSHA}
		if c.change != nil {
			c.change(st, m)
		}
		f := Make(plan("d1"), m, known(t, st, &telemetry.Availability{Schema: 1, Online: true, Conn: 1}), now)
		if d := f.Drones[0]; d.Fate != c.fate || !strings.Contains(d.Why, c.why) || (d.Why == "") != (c.why == "") {
			t.Errorf("%s: %s %q, want %s %q", c.name, d.Fate, d.Why, c.fate, c.why)
		}
	}
}

// A change of the keys waits for nothing and goes by the ring in force.
func TestFatesOfKeys(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		version int64
		sha     string
		fate    Fate
		why     string
	}{
		{"the base, in the air", 1, oldSHA, Takes, ""},
		{"has them", 2, newSHA, Has, ""},
		{"other keys", 4, "7777", Refuses, "base: the patch was made from other keys than those in force there (version 4)"},
		{"an agent that says nothing", 0, "", Refuses, "older"},
	} {
		st := &telemetry.Status{Schema: 1, TimeMS: now.UnixMilli(), State: "NOMINAL", Flight: "armed", FC: "ok", KeysVersion: c.version, KeysSHA256: c.sha,
			Lock: telemetry.Lock{Verdict: "OVERDUE", Hot: true}, Config: telemetry.Config{Version: 41, SHA256: newSHA, Valid: true}}
		m := &patch.Manifest{ID: "p", Kind: patch.KindKeys, Targets: []string{patch.Everyone}, ConfigVersion: 2, SHA256: newSHA, BaseSHA256: oldSHA}
		f := Make(plan("d1"), m, known(t, st, &telemetry.Availability{Schema: 1, Online: true, Conn: 1}), now)
		if d := f.Drones[0]; d.Fate != c.fate || !strings.Contains(d.Why, c.why) || d.Version != c.version {
			t.Errorf("%s: %+v, want %s %q", c.name, d, c.fate, c.why)
		}
	}
}

func plan(drones ...string) rollout.Plan {
	return rollout.Plan{SHA256: newSHA, Drones: drones, Canary: rollout.Canary{Count: 1}, Waves: []rollout.Size{{Count: 1}, {Count: 5}}, BakeNS: 600e9}
}

func TestAbsent(t *testing.T) {
	t.Parallel()
	st := func(age time.Duration) *telemetry.Status {
		return &telemetry.Status{Schema: 1, TimeMS: now.Add(-age).UnixMilli(), Flight: "disarmed", FC: "ok"}
	}
	m := &patch.Manifest{Targets: []string{patch.Everyone}}
	for _, c := range []struct {
		st  *telemetry.Status
		av  *telemetry.Availability
		why string
	}{
		{nil, nil, "is the name right"},
		{st(0), &telemetry.Availability{Schema: 1, Reason: "stop\x1bped"}, "offline: stop ped"},
		{nil, &telemetry.Availability{Schema: 1, Online: true}, "its status is not known"},
		{st(time.Hour), nil, "nothing heard from it for more than 1m30s"},
		{st(time.Second), nil, ""},
	} {
		f := Make(plan("d1"), m, known(t, c.st, c.av), now)
		if d := f.Drones[0]; (d.Fate == Absent) != (c.why != "") || !strings.Contains(d.Why, c.why) {
			t.Errorf("%s %q, want %q", d.Fate, d.Why, c.why)
		}
	}
}

// Who is in which wave, from when on, and a patch that does not live so long.
func TestWaves(t *testing.T) {
	t.Parallel()
	m := &patch.Manifest{Targets: []string{patch.Everyone}, Expires: now.Add(20*time.Minute + time.Second)}
	f := Make(plan("a", "b", "c", "d"), m, nil, now)
	if len(f.Waves) != 3 || f.Waves[2].FromMS != 1200_000 || f.Waves[2].UntilMS != 1800_000 || strings.Join(f.Waves[2].Drones, " ") != "c d" || len(f.Never) != 0 {
		t.Errorf("%+v", f)
	}
	if f.Count(Absent) != 4 || f.Drones[3].Wave != 2 {
		t.Errorf("%+v", f.Drones)
	}
	m.Expires = now.Add(19 * time.Minute)
	if f := Make(plan("a", "b", "c", "d"), m, nil, now); len(f.Never) != 1 || !strings.Contains(f.Never[0], "before wave 2 can begin") {
		t.Errorf("%q", f.Never)
	}
}
