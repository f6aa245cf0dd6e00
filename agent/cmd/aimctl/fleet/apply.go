package fleet

import (
	"fmt"
	"strings"
	"time"

	"github.com/aim-control/aimlock/agent/cmd/aimctl/words"
	"github.com/aim-control/aimlock/agent/telemetry"
)

func (f *Fleet) status(c *Change, m Msg) (bool, error) {
	var st telemetry.Status
	if err := telemetry.Decode(m.Payload, &st); err != nil {
		return false, err
	}
	d := f.drone(c.Drone)
	if d == nil {
		return false, nil
	}
	was := ""
	if d.Status != nil {
		was = Summary(d.Status)
	}
	d.Status, d.statusAt = &st, d.live(m, st.TimeMS)
	f.supplies(d, st.Supply, d.statusAt)
	c.Kind, c.Status, c.Text = KindStatus, &st, Summary(&st)
	c.News = c.Text != was
	if st.Requested {
		c.Level = "warn"
	}
	return true, nil
}

// measured takes a drone's figures: the newest ones count.
func (f *Fleet) measured(name string, m Msg) error {
	var t telemetry.Telemetry
	if err := telemetry.Decode(m.Payload, &t); err != nil {
		return err
	}
	if d := f.drone(name); d != nil {
		f.supplies(d, t.Supply, d.live(m, t.TimeMS))
	}
	return nil
}

func (f *Fleet) supplies(d *Drone, list []telemetry.Supply, at time.Time) {
	if !at.Before(d.supplyAt) {
		d.supply, d.supplyAt = list, at
		f.powered = f.powered || len(list) > 0
	}
}

// clockFloor is the earliest time that is believed of a drone's clock.
var clockFloor = time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)

// live notes a sign of life and returns its moment. A retained message is as
// old as it says itself; with a clock that cannot be believed it proves
// nothing, until the drone speaks again.
func (d *Drone) live(m Msg, wallMS int64) time.Time {
	at := m.At
	if m.Retained {
		if at = time.UnixMilli(wallMS); at.Before(clockFloor) {
			return m.At
		}
		if at.After(m.At) {
			at = m.At
		}
	}
	if at.After(d.heard) {
		d.heard = at
		d.silent = d.silent && d.Silent(m.At)
	}
	return at
}

func (f *Fleet) availability(c *Change, m Msg) (bool, error) {
	var a telemetry.Availability
	if err := telemetry.Decode(m.Payload, &a); err != nil {
		return false, err
	}
	d := f.drone(c.Drone)
	if d == nil || !d.current(&a) {
		return false, nil
	}
	c.News = d.Link == nil || d.Link.Online != a.Online || d.Link.Conn != a.Conn
	d.Link, d.linkAt = &a, m.At
	if m.Retained { // a will carries the time of its making, not of the loss
		d.linkAt = time.Time{}
	}
	c.Availability = &a
	if a.Online {
		d.live(m, a.TimeMS)
		c.Kind, c.Text = KindOnline, "agent "+words.Clean(a.Version, 40)
		return true, nil
	}
	c.Kind, c.Level = KindOffline, "warn"
	if c.Text = words.Clean(a.Reason, 120); c.Text == "" {
		c.Text = "no reason given"
	}
	return true, nil
}

// current tells whether an availability speaks of the connection at hand. A
// broker may publish the will of an old connection after the drone is back;
// its number is lower. A drone whose state was wiped counts from the start
// again, which its new boot id shows.
func (d *Drone) current(a *telemetry.Availability) bool {
	if d.Link == nil || a.Conn >= d.Link.Conn {
		return true
	}
	return a.Online && a.Boot != d.Link.Boot
}

func (f *Fleet) happened(c *Change, m Msg) (bool, error) {
	var e telemetry.Event
	if err := telemetry.Decode(m.Payload, &e); err != nil {
		return false, err
	}
	d := f.drone(c.Drone)
	if d == nil || (e.Boot == d.boot && e.N <= d.event) {
		return false, nil // sent again by a drone that missed the acknowledgement
	}
	missed := ""
	if e.Boot == d.boot && e.N > d.event+1 {
		missed = fmt.Sprintf(" (%d before it missed)", e.N-d.event-1)
	}
	d.boot, d.event = e.Boot, e.N
	d.live(m, e.TimeMS)
	c.Kind, c.Event, c.News = KindEvent, &e, true
	c.Level = words.Clean(e.Level, 10)
	c.Text = words.Clean(e.Kind, 40) + ": " + words.Clean(e.Text, 300) + missed
	return true, nil
}

// Summary says a status on one line, without anything that changes by mere
// time: two statuses with the same summary bring no news.
func Summary(st *telemetry.Status) string {
	parts := []string{words.Clean(st.State, 12)}
	if st.Flight != "" {
		parts[0] += ", " + words.Clean(st.Flight, 10)
	}
	for _, c := range st.Causes {
		s := words.Clean(c.Name, 12)
		if c.Name == "lock" {
			s = lockText(st.Lock)
		}
		if c.Waived {
			s += " (waived)"
		}
		parts = append(parts, s)
	}
	if !hasCause(st, "lock") && st.Lock.Verdict != "FREE" {
		parts = append(parts, lockText(st.Lock))
	}
	parts = append(parts, fmt.Sprintf("configuration %d%s", st.Config.Version, configNote(st.Config)))
	if st.Patch.State != "" && st.Patch.State != "IDLE" {
		parts = append(parts, "patch "+words.Clean(st.Patch.State, 12))
	}
	if len(st.Faults) > 0 {
		parts = append(parts, "fault: "+words.Clean(strings.Join(st.Faults, " "), 80))
	}
	return strings.Join(append(parts, "LEDs "+words.Clean(st.LED, 12)), "; ")
}

func hasCause(st *telemetry.Status, name string) bool {
	for _, c := range st.Causes {
		if c.Name == name {
			return true
		}
	}
	return false
}

// lockText says a verdict and whose lock it is.
func lockText(l telemetry.Lock) string {
	s := "lock " + words.Clean(l.Verdict, 10)
	if who := words.Clean(l.Holder, 40); who != "" && l.Verdict != "FREE" {
		s += fmt.Sprintf(" by %s (pid %d)", who, l.PID)
	}
	return s
}

func configNote(c telemetry.Config) string {
	switch {
	case !c.Valid:
		return " (file INVALID)"
	case c.Pending:
		return " (change waits)"
	case c.Drift:
		return " (drift)"
	}
	return ""
}
