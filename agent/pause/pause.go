// Package pause is the safe-pause machine: which causes hold, whether the
// pause request is on, and what the flight controller made of it.
//
// It is pure: no time, no net, no os. Time is an argument, in nanoseconds of
// any clock that does not go back; the caller performs what [Machine.Step]
// returns and calls it again at [Machine.Next]. A Machine is a value: it can
// be copied, compared and kept.
//
//	NOMINAL ──cause──▶ PAUSING ──holding──▶ PAUSED ──no cause──▶ RESUMING ─▶ NOMINAL
//	                      │ confirm passes     │ holding drops in the air
//	                      ▼                    ▼
//	                 UNCONFIRMED           OVERRIDDEN ──disarmed──▶ NOMINAL
package pause

// State is where the drone stands between flying on and holding.
type State uint8

// The states. The request line is on in Pausing, Unconfirmed and Paused only.
const (
	Nominal     State = iota // nothing asked
	Pausing                  // asked, not yet confirmed
	Unconfirmed              // asked, the flight controller did not confirm in time
	Paused                   // confirmed: holding in the air, or disarmed on the ground
	Overridden               // the pilot or a failsafe took over: nothing is asked until disarmed
	Resuming                 // no longer asked, the hold has not ended yet
)

var stateNames = [...]string{"NOMINAL", "PAUSING", "UNCONFIRMED", "PAUSED", "OVERRIDDEN", "RESUMING"}

// String gives the state's name as it goes over the wire.
func (s State) String() string { return stateNames[s] }

// Requests tells whether the pause request is on in this state.
func (s State) Requests() bool { return s == Pausing || s == Unconfirmed || s == Paused }

// ParseState is String's inverse; ok is false for an unknown name.
func ParseState(name string) (s State, ok bool) {
	for i, n := range stateNames {
		if n == name {
			return State(i), true
		}
	}
	return Nominal, false
}

// Cause is a reason to pause.
type Cause uint8

// The causes. Applying is the interlock of a patch that is being applied: no
// policy switches it off, and it is bounded as the others are.
const (
	Lock Cause = iota
	Config
	Motor
	Companion
	Command
	Applying
	Causes // how many there are
)

var causeNames = [...]string{"lock", "config", "motor", "companion", "command", "applying"}

// String gives the cause's word, as in safe_pause.on.
func (c Cause) String() string { return causeNames[c] }

// ParseCause is String's inverse; ok is false for an unknown word.
func ParseCause(word string) (c Cause, ok bool) {
	for i, n := range causeNames {
		if n == word {
			return Cause(i), true
		}
	}
	return 0, false
}

// Set is a set of causes.
type Set uint8

// Of makes a set.
func Of(causes ...Cause) Set {
	var s Set
	for _, c := range causes {
		s |= 1 << c
	}
	return s
}

// Has tells whether c is in the set.
func (s Set) Has(c Cause) bool { return s&(1<<c) != 0 }

// With returns the set with c in it (in) or out of it (!in).
func (s Set) With(c Cause, in bool) Set {
	if in {
		return s | 1<<c
	}
	return s &^ (1 << c)
}

// thermal causes are not ended by the agent: the flight controller's script
// turns a request that is held too long into return-to-launch.
const thermal = Set(1<<Motor | 1<<Companion)

// Tri is a level that may be unknown.
type Tri uint8

// The three levels.
const (
	Unknown Tri = iota
	No
	Yes
)

// TriOf makes a known level.
func TriOf(b bool) Tri {
	if b {
		return Yes
	}
	return No
}

// Thermal says when a temperature pauses. Temperatures in milli-degrees
// Celsius, ClearFor in nanoseconds.
type Thermal struct {
	Warm, Hot, Clear int32
	ClearFor         int64
}

// Policy is what the live file says of safe-pause. Times in nanoseconds.
type Policy struct {
	On               Set   // causes that request; the others are reported only
	MaxHold          int64 // of each bounded cause and flight
	Confirm          int64 // how long the flight controller may take
	Motor, Companion Thermal
}

// MaxMotors bounds the motors of a drone.
const MaxMotors = 8

// HotSamples is how many fresh samples in a row prove a motor or companion
// hot (reference: PX4 and ModalAI thresholds, one reading may be noise).
const HotSamples = 3

// Kind says what an Event carries.
type Kind uint8

// The kinds of event, with the fields that each uses besides At.
const (
	Tick       Kind = iota // nothing: time has passed
	Lines                  // Disarmed, Holding
	MotorTemp              // Index, MilliC, OK (false: unknown)
	CompTemp               // MilliC, OK
	LockLook               // Hot (Unknown: the look failed)
	ConfigLook             // Hot: the live file is invalid
	CmdPause               // Hold
	CmdResume              // nothing
	Interlock              // Hot: a patch is being applied
	SetPolicy              // Policy
)

// Event is one thing that happened. At never goes back.
type Event struct {
	Kind              Kind
	At                int64
	Disarmed, Holding Tri
	Index             uint8
	MilliC            int32
	OK                bool
	Hot               Tri
	Hold              int64
	Policy            Policy
}

// NoteKind says what a Note reports.
type NoteKind uint8

// The kinds of note.
const (
	Moved       NoteKind = iota // From → To
	Entered                     // Cause holds now
	Cleared                     // Cause holds no longer
	Waived                      // Cause has used up its hold: reported, no longer requested
	Lifted                      // Cause's waiver ended: it cleared on the ground
	ResumeLate                  // the flight controller still holds after the request ended
	CommandOver                 // the commanded hold has ended by itself
)

// Note is something to report.
type Note struct {
	Kind     NoteKind
	Cause    Cause
	From, To State
	Held     int64 // hold time the cause has used, ns
}

// maxNotes bounds the notes of one step; the exhaustive walk shows that it is
// never reached.
const maxNotes = 16

// Actions is what the caller does after a step.
type Actions struct {
	Request bool // the request line's level now
	Count   int  // valid entries of Notes
	Notes   [maxNotes]Note
}

func (a *Actions) note(n Note) {
	if a.Count < maxNotes {
		a.Notes[a.Count] = n
		a.Count++
	}
}
