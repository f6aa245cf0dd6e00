package words

import (
	"fmt"
	"strings"
	"time"

	"github.com/aim-control/aimlock/agent/telemetry"
	"github.com/aim-control/aimlock/hal/led"
)

// Place is what a report does not say of itself and the words need.
type Place struct {
	Live string         // path of the live file, for the commands to type
	Now  time.Time      // to leave out today's date
	Zone *time.Location // the reader's time zone
}

// teller knows one status and the place where it is read.
type teller struct {
	st *telemetry.Status
	at Place
}

// Status tells a drone's status to a technician.
func Status(st *telemetry.Status, at Place) Report {
	t := teller{st, at}
	r := Report{Head: t.head()}
	r.Add("State", t.state())
	r.Add("Flight", t.flight())
	r.Add("Why", t.why()...)
	r.Add("Lock", t.lock()...)
	r.Add("Do now", Steps(t.todo())...)
	r.Add("LEDs", t.leds())
	r.Add("Config", t.config()...)
	r.Add("Patch", t.patch()...)
	r.Add("Keys", t.keys()...)
	r.Add("Supply", t.supply()...)
	if by := Clean(t.st.Reset, 80); by != "" {
		r.Add("Reset", "This boot follows a reset by: "+by+". aimctl doctor says where to look.")
	}
	r.Add("Faults", t.faults()...)
	r.Add("Network", t.network())
	return r
}

// head is the one line that must suffice when nothing else is read.
func (t teller) head() string {
	s := fmt.Sprintf("%s %s", name(t.st.Drone), t.does())
	var why []string
	for _, c := range t.st.Causes {
		if !t.waived(c) {
			why = append(why, causeShort(c.Name))
		}
	}
	if len(t.st.Causes) == 0 && t.applying() {
		why = []string{causeShort("applying")}
	}
	switch {
	case t.st.Requested && len(why) > 0:
		s += ": " + strings.Join(why, "; ")
	case len(t.st.Causes) > 0:
		s += ", although " + causeShort(t.st.Causes[0].Name)
	}
	return s + "."
}

func name(drone string) string {
	if drone = Clean(drone, 32); drone != "" {
		return drone
	}
	return "This drone"
}

func (t teller) applying() bool { return t.st.Patch.State == "APPLYING" }

func (t teller) grounded() bool { return t.st.Flight == "disarmed" && t.st.FC != "lost" }

// does says what the drone does, after its name.
func (t teller) does() string {
	switch t.st.State {
	case "NOMINAL":
		if t.st.FC == "lost" {
			return "is not paused; its flight controller is SILENT"
		}
		switch t.st.Flight {
		case "disarmed":
			return "is on the ground, ready"
		case "holding":
			return "hovers; the agent has not asked for it"
		case "armed":
			return "flies its mission"
		}
		return "is not paused; whether it flies is not known"
	case "PAUSING":
		if t.grounded() {
			return "is on the ground and is being kept there"
		}
		return "is braking to hold its position"
	case "UNCONFIRMED":
		return "was asked to hold and DOES NOT CONFIRM IT"
	case "PAUSED":
		if t.grounded() {
			return "is on the ground and refuses to arm"
		}
		return "holds its position in the air"
	case "OVERRIDDEN":
		return "is flown by its pilot or its failsafe"
	case "RESUMING":
		return "is going back to its mission"
	}
	return "reports a state that this aimctl does not know: " + Clean(t.st.State, 20)
}

// ago is how long before the report a moment of the drone's CLOCK_BOOTTIME was.
func (t teller) ago(ms int64) time.Duration {
	return time.Duration(t.st.UpMS-ms) * time.Millisecond
}

// since says " since 14:02:11 UTC", or "" when the drone's clock is not set.
func (t teller) since(ms int64) string {
	return sinceText(t.ago(ms), t.st.TimeMS, t.at)
}

func sinceText(ago time.Duration, wallMS int64, at Place) string {
	if c := Clock(time.UnixMilli(wallMS).Add(-ago), at.Now, at.Zone); c != "" {
		return " since " + c
	}
	return ""
}

func (t teller) state() string {
	s := fmt.Sprintf("%s for %s", Clean(t.st.State, 20), Span(t.ago(t.st.SinceMS)))
	if c := t.since(t.st.SinceMS); c != "" {
		s += "," + c
	}
	switch {
	case t.st.Requested && t.grounded():
		return s + ". The agent asks not to arm."
	case t.st.Requested:
		return s + ". The agent asks to hold."
	}
	return s + ". The agent asks for nothing."
}

func (t teller) flight() string {
	if t.st.FC == "lost" {
		return "The flight controller is silent: treat the drone as ARMED."
	}
	switch t.st.Flight {
	case "disarmed":
		return "Disarmed, says the flight controller."
	case "armed":
		return "ARMED. Keep clear of the propellers."
	case "holding":
		return "ARMED, holding (the flight controller confirms it). Keep clear."
	}
	return "Not known: treat the drone as ARMED."
}

func (t teller) leds() string {
	p, err := led.Parse(t.st.LED)
	if err != nil {
		return "Pattern " + Clean(t.st.LED, 20) + ", which this aimctl does not know."
	}
	return fmt.Sprintf("%s: %s", p, p.Looks())
}

func (t teller) config() []string {
	c := t.st.Config
	lines := []string{fmt.Sprintf("Version %d is in force.", c.Version)}
	switch {
	case !c.Valid:
		lines = append(lines, "The file on disk is NOT VALID: "+orUnsaid(Clean(c.Problem, 400)))
	case c.Pending:
		lines = append(lines, "The file on disk has changed; it is taken over when the drone is disarmed.")
	case c.Drift:
		lines = append(lines, "Changed by hand: not the file that the fleet committed.")
	}
	if c.Valid && c.Problem != "" {
		lines = append(lines, Clean(c.Problem, 400))
	}
	return lines
}

// keys says whose signatures count, when that is not the identity's first word.
func (t teller) keys() []string {
	if t.st.KeysVersion < 2 {
		return nil
	}
	var list []string
	for _, k := range t.st.Keys {
		list = append(list, Clean(k, 20))
	}
	return []string{fmt.Sprintf("Version %d: %s.", t.st.KeysVersion, strings.Join(list, " "))}
}

func orUnsaid(s string) string {
	if s == "" {
		return "(no reason given)"
	}
	return s
}

func (t teller) patch() []string {
	p := t.st.Patch
	if p.State == "" || p.State == "IDLE" {
		return nil
	}
	s := Clean(p.State, 20)
	if p.ID != "" {
		s += ": " + Clean(p.ID, 64)
	}
	if p.Reason != "" {
		s += " (" + Clean(p.Reason, 200) + ")"
	}
	return []string{s}
}

// supply says what each supply gives; what is not known is not called zero.
func (t teller) supply() []string {
	var lines []string
	for _, s := range t.st.Supply {
		volt, amp := float64(s.MilliV)/1000, float64(s.MilliA)/1000
		line := orUnsaid(Clean(s.Name, 32)) + ": "
		switch {
		case s.OK:
			line += fmt.Sprintf("%.2f V, %.2f A, %.1f W", volt, amp, float64(s.MilliW)/1000)
		case s.MilliV == 0 && s.MilliA == 0:
			line += "not known"
		default:
			line += fmt.Sprintf("NOT KNOWN; %s ago it was %.2f V, %.2f A", Span(time.Duration(s.AgeMS)*time.Millisecond), volt, amp)
		}
		lines = append(lines, line)
	}
	return lines
}

func (t teller) network() string {
	if t.st.Online {
		return "Connected to the broker."
	}
	return "NOT connected to the broker. Events are kept and sent when the link is back."
}
