package scenario

import (
	"time"

	"github.com/aim-control/aimlock/agent/rollout"
)

// Action is what a step does. The verbs without arguments are a Simple.
type Action interface{ verb() string }

// Simple is a verb that takes drones and nothing else.
type Simple string

// The verbs without arguments.
const (
	Disarm   Simple = "disarm"
	TakeOff  Simple = "take-off"
	Land     Simple = "land"
	DropLock Simple = "drop-lock" // SIGKILL of the process that holds the lock
	Reboot   Simple = "reboot"    // SIGKILL of all processes, run folder wiped, new boot id
	Restore  Simple = "restore"   // the link works again
	Quit     Simple = "quit"      // end the run
)

type (
	// Arm arms the motors. Refused: the flight controller must refuse, as it
	// does while a pause is requested.
	Arm struct{ Refused bool }
	// Pilot switches to LOITER (Take) or back to AUTO.
	Pilot struct{ Take bool }
	// Heat forces a steady temperature on a motor, or on the companion
	// computer (Motor 0).
	Heat struct {
		Motor   int // 1 to Motors, 0: companion
		Celsius float64
	}
	// Cool ends what Heat began: of one motor, of the companion (0), or of
	// everything (-1).
	Cool struct{ Motor int }
	// Break makes a target fail.
	Break struct{ Target, Kind string }
	// Fix ends what Break began; an empty target is every target.
	Fix struct{ Target string }
	// Lock starts a real process that takes the live file's lock and keeps it
	// without ever renewing it.
	Lock struct {
		TTL                  time.Duration
		Holder, Reason, Role string
	}
	// Kill is SIGKILL of the agent; its supervisor starts it again after Down
	// (0: the supervisor's usual pause).
	Kill struct{ Down time.Duration }
	// Press holds the technician's button for so long.
	Press struct{ For time.Duration }
	// Cut cuts the link to the broker: connections are reset and refused, or
	// silently lead nowhere (Silent), as a radio link does.
	Cut struct{ Silent bool }
	// Command sends a signed command by MQTT and waits for the reply. Refused:
	// the drone must refuse it.
	Command struct {
		Verb    string        // pause, resume, report
		Hold    time.Duration // of pause
		Refused bool
	}
	// Edit changes one key of the live file as an editor does (write beside,
	// rename), or makes the file unreadable nonsense (Garble), or puts back
	// what it was before the first edit (Undo).
	Edit struct {
		Key, Value   string
		Garble, Undo bool
	}
	// Run runs a shell command with AIM_DIR, and AIM_IDENTITY of each selected
	// drone in turn. A result other than 0 is a failed expectation.
	Run struct{ Command string }
	// Say is the headline of a chapter.
	Say struct{ Text string }
	// Sleep waits.
	Sleep struct{ For time.Duration }
	// Expect asks that conditions hold on every selected drone, all of them in
	// the same status: at once, within a time, or for a whole time (For). A
	// Wait that fails ends the run, an expectation that fails is noted.
	Expect struct {
		Wait        bool
		Conditions  []Condition
		Within, For time.Duration
	}
	// Patch makes and signs a patch from the fleet's live file, as an operator
	// does. The version rises by one and the timestamp is the present, unless
	// Set says otherwise.
	Patch struct {
		ID      string
		Set     []Config
		Despite string        // holder of the lock that it goes past; "": none
		Kill    bool          // that holder may be ended
		Expires time.Duration // from now; 0: never
		Notes   string
	}
	// Rollout offers a patch to drones: to a canary, then in waves.
	Rollout struct {
		Patch         string
		Canary        int      // the first so many; 0: Names
		Names         Selector // the canary by name
		Waves         []rollout.Size
		Bake, Silence time.Duration // as in rollout.Plan
		Timeout       time.Duration
		Heartbeats    int
		Stopped       bool // it must stop and take the patch back; else it must finish
		Behind        bool // the scenario goes on meanwhile
	}
	// Fleet sets the number of drones. It stands before everything that acts.
	Fleet struct{ Drones int }
	// Config sets a key of every drone's live file before the fleet starts.
	Config struct{ Key, Value string }
)

func (s Simple) verb() string { return string(s) }
func (Arm) verb() string      { return "arm" }
func (Pilot) verb() string    { return "pilot" }
func (Heat) verb() string     { return "heat" }
func (Cool) verb() string     { return "cool" }
func (Break) verb() string    { return "break" }
func (Fix) verb() string      { return "fix" }
func (Lock) verb() string     { return "lock" }
func (Kill) verb() string     { return "kill" }
func (Press) verb() string    { return "press" }
func (Cut) verb() string      { return "cut" }
func (Command) verb() string  { return "command" }
func (Edit) verb() string     { return "edit" }
func (Run) verb() string      { return "run" }
func (Patch) verb() string    { return "patch" }
func (Rollout) verb() string  { return "rollout" }
func (Say) verb() string      { return "say" }
func (Sleep) verb() string    { return "sleep" }
func (Fleet) verb() string    { return "drones" }
func (Config) verb() string   { return "config" }
func (e Expect) verb() string {
	if e.Wait {
		return "wait"
	}
	return "expect"
}

// Verb is the word that begins an action.
func Verb(a Action) string { return a.verb() }

// Setup reports whether the action belongs before the fleet's start.
func Setup(a Action) bool {
	switch a.(type) {
	case Fleet, Config:
		return true
	}
	return false
}
