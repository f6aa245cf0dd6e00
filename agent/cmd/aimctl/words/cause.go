package words

import (
	"fmt"
	"slices"
	"time"

	"github.com/aim-control/aimlock/agent/telemetry"
)

// causeShort says a cause in the headline.
func causeShort(cause string) string {
	switch cause {
	case "lock":
		return "the configuration lock is stuck"
	case "config":
		return "the configuration file is not valid"
	case "motor":
		return "a motor is too hot"
	case "companion":
		return "the companion computer is too hot"
	case "command":
		return "an operator paused it"
	case "applying":
		return "a patch is being applied"
	}
	return Clean(cause, 20)
}

// waived tells whether a cause has used up its hold time.
func (t teller) waived(c telemetry.Cause) bool {
	return c.Waived || slices.Contains(t.st.Waived, c.Name)
}

// why says each cause, what the agent says of it, and what became of its hold.
func (t teller) why() []string {
	var lines []string
	for _, c := range t.st.Causes {
		s := fmt.Sprintf("%s for %s", Clean(c.Name, 20), Span(t.ago(c.SinceMS)))
		switch {
		case t.waived(c):
			s += fmt.Sprintf("; its hold time is used up (%s): the drone holds for it no more", heldText(c.HeldMS))
		case t.st.State == "NOMINAL":
			s += "; the drone does not hold for it: safe_pause.on leaves it out"
		case c.HeldMS > 0:
			s += fmt.Sprintf("; has held the drone for %s of this flight", heldText(c.HeldMS))
		}
		lines = append(lines, s+".")
		if c.Text != "" && t.adds(c) {
			lines = append(lines, sentence(Clean(c.Text, 400)))
		}
	}
	if len(lines) > 0 {
		return lines
	}
	switch t.st.State {
	case "PAUSING", "UNCONFIRMED", "PAUSED":
		if t.applying() {
			return []string{"A patch is being applied."}
		}
		return []string{"The cause is gone; the agent waits a little to be sure."}
	case "OVERRIDDEN":
		return []string{"The pilot or the autopilot's own failsafe took over during a hold. The agent leaves them alone until the drone is disarmed."}
	case "RESUMING":
		return []string{"The cause is gone. The flight controller has not left the hold yet."}
	}
	return nil
}

// adds tells whether the agent's words on a cause say more than other rows do:
// temperatures, and who has a lock open that no record explains.
func (t teller) adds(c telemetry.Cause) bool {
	switch c.Name {
	case "lock":
		return t.st.Lock.Verdict == "ORPHAN" || t.st.Lock.Verdict == "UNKNOWN"
	case "config", "command", "applying":
		return false
	}
	return true
}

func heldText(ms int64) string { return Span(time.Duration(ms) * time.Millisecond) }

// sentence ends a text with a full stop.
func sentence(s string) string {
	if s == "" || s[len(s)-1] == '.' {
		return s
	}
	return s + "."
}

// todo says what to do now, most urgent first.
func (t teller) todo() []string {
	lines := t.todoState()
	if slices.Contains(t.st.Faults, "request-line") {
		lines = append(lines, "The agent cannot stop this drone: whoever must stop it takes over by radio (pilot's switch).")
	}
	for _, c := range t.st.Causes {
		lines = append(lines, t.todoCause(c.Name)...)
	}
	if len(t.st.Causes) == 0 && t.applying() {
		lines = append(lines, t.todoCause("applying")...)
	}
	if !slices.ContainsFunc(t.st.Causes, func(c telemetry.Cause) bool { return c.Name == "config" }) && !t.st.Config.Valid {
		lines = append(lines, t.todoCause("config")...)
	}
	if t.st.FC == "lost" {
		lines = append(lines, "Check the cable and the script AIML on the flight controller: its heartbeat is missing.")
	}
	if len(lines) > 0 {
		return lines
	}
	if slices.ContainsFunc(t.st.Faults, func(f string) bool { return !isSupply(f) }) {
		return []string{"See to what is listed under Faults (cable, power). Until then no patch is applied."}
	}
	if len(t.st.Faults) > 0 {
		return []string{"See to what is listed under Faults (cable, power)."}
	}
	return []string{"Nothing."}
}

// todoState is what the state itself asks for.
func (t teller) todoState() []string {
	switch t.st.State {
	case "PAUSING":
		if !t.grounded() {
			return []string{"Keep clear, and watch: it should stand still within seconds."}
		}
	case "UNCONFIRMED":
		return []string{
			"Treat the drone as FLYING ON. If it must stop, take over by radio (pilot's switch).",
			"On the ground: check the line HOLDING and the script AIML on the flight controller.",
		}
	case "PAUSED":
		if !t.grounded() {
			return []string{"Keep clear: it goes on BY ITSELF when the hold ends."}
		}
	case "OVERRIDDEN":
		return []string{"Leave the controls to the pilot. Once landed and disarmed, the agent is back at work."}
	case "RESUMING":
		return []string{"Keep clear: it starts to move."}
	}
	return nil
}

// todoCause is what ends one cause.
func (t teller) todoCause(cause string) []string {
	switch cause {
	case "lock":
		return lockTodo(t.st.Lock)
	case "config":
		return []string{
			fmt.Sprintf("Correct the file; each fault is listed by the next line. Version %d stays in force meanwhile.", t.st.Config.Version),
			"\taimctl config check " + t.at.Live,
		}
	case "motor":
		return []string{"Let the motor cool; land if you can. The hold ends by itself once it is cool. Then look for a blocked or damaged motor."}
	case "companion":
		return []string{"Let the companion computer cool: shade, air, less load. The hold ends by itself once it is cool."}
	case "command":
		return []string{
			"It resumes by an operator's command, or when the time given with the pause is over.",
			"\taimctl command resume " + name(t.st.Drone) + " --key FILE",
		}
	case "applying":
		return []string{"Wait; do not cut the power."}
	}
	return nil
}
