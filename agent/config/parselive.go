package config

import (
	"slices"
	"time"
)

var (
	causes = []string{"lock", "config", "motor", "companion", "command"}
	days   = []string{"mon", "tue", "wed", "thu", "fri", "sat", "sun"}
)

// liveForm is what is read of the live file before days and times have types.
type liveForm struct {
	live  Live
	days  []string
	start string
}

const maxVersion = 1<<53 - 1 // what JSON's readers keep exact

func (l *liveForm) schema() schema {
	v := &l.live
	sp := &v.SafePause
	fields := []field{
		integer("version", &v.Version, 0, 0, maxVersion, "41", "of the configuration; a patch must raise it above every version ever committed from a patch"),
		instant("timestamp", &v.Timestamp, "when the configuration was written"),
		boolean("lock.reclaim_on_boot", &v.Lock.ReclaimOnBoot, true, "end a stale lock at the agent's start, before the network"),
		duration("lock.ttl", &v.Lock.TTL, 30*time.Second, time.Second, time.Hour, "longest lease that a holder of the lock gets"),
		duration("lock.gc_interval", &v.Lock.GCInterval, 10*time.Second, time.Second, time.Hour, "time between two audits for stale locks"),
		oneOf("update_window.flight", &v.Window.Flight, []string{"disarmed", "paused"}, "in which state of flight a patch may be applied; paused: holding, confirmed"),
		words("update_window.days", &l.days, []string{}, days, "days on which the window opens, UTC; empty: every day"),
		text("update_window.start", &l.start, "00:00", "00:00 … 23:59", "02:00", "when the window opens, UTC", clockTime),
		windowLength(l),
		words("safe_pause.on", &sp.On, causes, causes, "the causes that pause the drone"),
		duration("safe_pause.max_hold", &sp.MaxHold, 2*time.Minute, time.Second, 10*time.Minute, "longest hold for lock, config and command, each cause and flight"),
		duration("safe_pause.confirm", &sp.Confirm, 10*time.Second, 100*time.Millisecond, time.Minute, "how long the flight controller may take to confirm"),
	}
	fields = append(fields, thermal("safe_pause.motor", "a motor", &sp.Motor, Thermal{80, 95, 80, 30 * time.Second})...)
	fields = append(fields, thermal("safe_pause.companion", "the companion computer", &sp.Companion, Thermal{75, 80, 70, 30 * time.Second})...)
	fields = append(fields, duration("telemetry.interval", &v.Telemetry.Interval, time.Second, 100*time.Millisecond, time.Minute, "time between two telemetry messages"))
	return schema{fields: fields, foreign: true}
}

func thermal(table, of string, t *Thermal, def Thermal) []field {
	return []field{
		celsius(table+".warm", &t.Warm, def.Warm, 0, 150, "from here on "+of+" is shown as warm; at most hot"),
		celsius(table+".hot", &t.Hot, def.Hot, 0, 150, "from here on "+of+" is HOT, by 3 fresh samples"),
		celsius(table+".clear", &t.Clear, def.Clear, 0, 150, "down to here "+of+" must cool to clear; below hot"),
		duration(table+".clear_for", &t.ClearFor, def.ClearFor, 0, 10*time.Minute, "how long it must stay there"),
	}
}

func clockTime(s string) (what, remedy string) {
	if _, ok := parseClock(s); !ok {
		return show(s) + " is not a time of day", `write hours and minutes, like "02:00"`
	}
	return "", ""
}

func parseClock(s string) (time.Duration, bool) {
	t, err := time.Parse("15:04", s)
	return time.Duration(t.Hour())*time.Hour + time.Duration(t.Minute())*time.Minute, err == nil && len(s) == 5
}

func windowLength(l *liveForm) field {
	v := &l.live
	f := duration("update_window.length", &v.Window.Length, 0, time.Minute, 24*time.Hour, "how long the window stays open; none: always open")
	f.Type, f.Default, f.example = "duration or none", `"none"`, `"3h"`
	f.Range = "none, " + f.Range
	take := f.take
	f.take = func(n *node) fault {
		if n.text == "none" {
			return fault{}
		}
		return take(n)
	}
	return f
}

// ParseLive reads a live file strictly: an unknown key in one of our tables, a
// wrong type, a value out of its range and a contradiction are all errors. The
// error is of type Problems and names everything that is wrong; name is the
// file name it shows. Tables that are not ours pass through, as long as they are
// TOML and their names are no misspellings of ours.
func ParseLive(name string, data []byte) (*Live, error) {
	l, r := readLive(name, data)
	if err := r.err(); err != nil {
		return nil, err
	}
	return l, nil
}

func readLive(name string, data []byte) (*Live, *reader) {
	var l liveForm
	s := l.schema() // stores the defaults, so before the values are read
	r := read(parse(name, data, MaxLive), s)
	v := &l.live
	for _, day := range l.days {
		v.Window.Days = append(v.Window.Days, time.Weekday((slices.Index(days, day)+1)%7))
	}
	v.Window.Start, _ = parseClock(l.start)
	if !r.broken { // a key that could not be read is no default
		r.window()
		r.thermal("safe_pause.motor", &v.SafePause.Motor)
		r.thermal("safe_pause.companion", &v.SafePause.Companion)
	}
	return v, r
}

// window refuses days and a start that say nothing.
func (r *reader) window() {
	if n := r.seen["update_window.length"]; n != nil && n.text != "none" {
		return
	}
	for _, key := range []string{"update_window.start", "update_window.days"} {
		if n := r.seen[key]; n != nil && (n.kind != kArray || len(n.items) > 0) {
			r.complain(n.key, key, "has no effect, because length is none: the window is always open",
				`set a length, such as length = "3h", or take this key out`)
		}
	}
}

// thermal checks the limits of a table against each other.
func (r *reader) thermal(table string, t *Thermal) {
	if r.wrong(table+".hot") || r.wrong(table+".clear") || r.wrong(table+".warm") {
		return
	}
	if t.Clear >= t.Hot {
		r.contradiction(table, "clear", "hot", sprintf("clear is %s and hot is %s: it would clear while it is hot", degrees(t.Clear), degrees(t.Hot)), "set clear below hot")
	}
	switch {
	case t.Warm <= t.Hot:
	case r.seen[table+".warm"] == nil:
		t.Warm = t.Hot // the default is at most hot
	default:
		r.contradiction(table, "warm", "hot", sprintf("warm is %s and hot is %s: it would be hot before it is warm", degrees(t.Warm), degrees(t.Hot)), "set warm to at most hot")
	}
}

// wrong tells whether something is wrong with the key already.
func (r *reader) wrong(key string) bool {
	return slices.ContainsFunc(r.problems, func(l located) bool { return l.key == key })
}

// contradiction complains about the key a at its place, else about b at its.
func (r *reader) contradiction(table, a, b, what, remedy string) {
	for _, name := range []string{a, b} {
		if n := r.seen[table+"."+name]; n != nil {
			if name == b {
				what += sprintf(" (%s by default)", a)
			}
			r.complain(n.key, table+"."+name, what, remedy)
			return
		}
	}
}
