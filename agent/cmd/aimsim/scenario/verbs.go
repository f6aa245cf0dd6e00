package scenario

import (
	"sort"
	"strings"
)

// VerbDoc documents one verb for a person.
type VerbDoc struct {
	Verb  string
	Usage string // the whole line
	What  string
	parse func(*cursor, *Step) *Error
}

// Verbs lists every verb in the order in which a reader needs them.
func Verbs() []VerbDoc { return append([]VerbDoc(nil), verbs...) }

var verbs []VerbDoc

func init() { // not a literal: the parsers name the table in their errors
	verbs = []VerbDoc{
		{"drones", "drones N", "how many drones (1 to 64); before all that acts", parseFleet},
		{"config", "config KEY=VALUE", "a key of every live file, before the fleet starts", parseConfig},
		{"say", "say TEXT", "headline of a chapter", parseSay},
		{"sleep", "sleep DURATION", "let time pass", parseSleep},
		{"arm", "arm DRONES [refused]", "arm the motors; refused: the flight controller must refuse", parseArm},
		{"disarm", "disarm DRONES", "disarm the motors", simple(Disarm)},
		{"take-off", "take-off DRONES", "take off and fly patrol legs in AUTO", simple(TakeOff)},
		{"land", "land DRONES", "land and disarm", simple(Land)},
		{"pilot", "pilot DRONES take|release", "the pilot takes over in LOITER, or gives back to AUTO", parsePilot},
		{"heat", "heat DRONES MOTOR|companion CELSIUS", "force a temperature", parseHeat},
		{"cool", "cool DRONES [MOTOR|companion]", "end what heat began", parseCool},
		{"break", "break DRONES TARGET KIND", "a sensor, bus, line or the flight controller fails", parseBreak},
		{"fix", "fix DRONES [TARGET]", "end what break began", parseFix},
		{"press", "press DRONES [for=3500ms]", "hold the technician's button", parsePress},
		{"lock", "lock DRONES [ttl=2s] [holder=NAME] [role=ROLE] [reason=\"…\"]", "a real process takes the lock and keeps it", parseLock},
		{"drop-lock", "drop-lock DRONES", "SIGKILL of the process that holds the lock", simple(DropLock)},
		{"kill", "kill DRONES [down=DURATION]", "SIGKILL of the agent; started again after a pause", parseKill},
		{"reboot", "reboot DRONES", "SIGKILL of all the drone's processes, run folder wiped, new boot id", simple(Reboot)},
		{"cut", "cut DRONES [silent]", "cut the link to the broker; silent: packets vanish", parseCut},
		{"restore", "restore DRONES", "the link works again", simple(Restore)},
		{"edit", "edit DRONES KEY=VALUE|garble|undo", "edit the live file as an editor does; garble: nonsense; undo: as it was", parseEdit},
		{"command", "command DRONES pause|resume|report [hold=DURATION] [refused]", "a command, signed by the operator, by MQTT; waits for the reply", parseCommand},
		{"patch", "patch NAME KEY=VALUE… [despite=HOLDER [kill]] [expires=DURATION] [notes=\"…\"]", "make and sign a patch from the live file; version and timestamp rise by themselves", parsePatch},
		{"rollout", "rollout DRONES NAME [canary=N|DRONES] [waves=2,50%] [bake=2s] [heartbeats=2] [timeout=20s] [silence=10s] [stopped] [behind]", "offer a patch to a canary, then in waves; must finish, or be stopped and taken back; behind: the scenario goes on meanwhile", parseRollout},
		{"run", "run [on DRONES] COMMAND", "a shell command with AIM_DIR and AIM_IDENTITY; must end with 0", parseRun},
		{"expect", "expect DRONES FIELD=VALUE… [within DURATION|for DURATION]", "= is, != is not, ~ contains; a failure is noted", parseExpect(false)},
		{"wait", "wait DRONES FIELD=VALUE… [within DURATION]", "as expect, 10 s unless told; a failure ends the run", parseExpect(true)},
		{"quit", "quit", "end the run", parseQuit},
	}
}

func lookup(verb string) (VerbDoc, bool) {
	for _, v := range verbs {
		if v.Verb == verb {
			return v, true
		}
	}
	return VerbDoc{}, false
}

// verbNames is the list in an error's remedy, the nearest verb first.
func verbNames(word string) string {
	names := make([]string, len(verbs))
	for i, v := range verbs {
		names[i] = v.Verb
	}
	sort.SliceStable(names, func(i, j int) bool { return distance(word, names[i]) < distance(word, names[j]) })
	if 3*distance(word, names[0]) <= len(word) {
		return "did you mean " + names[0] + "?"
	}
	sort.Strings(names)
	return "verbs are " + strings.Join(names, ", ")
}

// distance is the number of letters to change, insert or remove between two
// words; words are short.
func distance(a, b string) int {
	if len(a) > 32 {
		return len(a)
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		diagonal := row[0]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := diagonal
			if a[i-1] != b[j-1] {
				cost++
			}
			diagonal = row[j]
			row[j] = min(cost, row[j]+1, row[j-1]+1)
		}
	}
	return row[len(b)]
}
