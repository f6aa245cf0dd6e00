package words

import "strings"

// faultText says what a fault's word means. Sensors are named by their number.
var faultText = map[string]string{
	"fc":           "no heartbeat from the flight controller",
	"lock":         "the agent cannot look at the lock",
	"companion":    "no temperature of the companion computer",
	"request-line": "the pause request cannot be switched: THE DRONE CANNOT BE PAUSED",
	"led":          "cannot be switched: do not trust the LEDs",
	"file-events":  "changed files are noticed up to a second late, by looking",
	"watchdog":     "cannot be fed: the board may reset itself",
	"journal":      "events cannot be kept on the disk: is it full?",
	"keyring":      "whom the drone trusts is not known: IT TAKES NO PATCH AND NO COMMAND (aimctl keys show says what to do)",
	"state":        "what must survive a restart cannot be kept on the disk: is it full?",
}

// isSupply tells whether a fault is a power monitor's, which blocks nothing.
func isSupply(fault string) bool { return strings.HasPrefix(fault, "supply:") }

// faults says what is not known or broken.
func (t teller) faults() []string {
	var lines []string
	for _, f := range t.st.Faults {
		f = Clean(f, 40)
		text := faultText[f]
		switch {
		case text != "":
		case strings.HasPrefix(f, "motor"):
			text = "no temperature of this motor"
		case isSupply(f):
			text = "no voltage and current of this supply: aimctl doctor looks at its power monitor"
		default:
			text = "does not work"
		}
		lines = append(lines, f+": "+text)
	}
	return lines
}
