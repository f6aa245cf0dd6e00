package telemetry

//go:generate go tool -modfile=../../scripts/tools.mod msgp -file wire.go -o wire_gen.go -tests=false -io=false
//go:generate sed -i s,github.com/tinylib/msgp/msgp,github.com/aim-control/aimlock/firmware/msgp, wire_gen.go
// The limits below bound what the generated code allocates; Decode bounds the
// message as a whole before it. Tuples of another length than ours are read:
// what is missing stays zero, what is more is skipped, so a tuple may grow at
// its end without a new schema.

//msgp:limit arrays:64 maps:64 marshal:true
//msgp:vartuple Cause Lock Config Patch Lines Sample Supply Evidence PatchPackage
//msgp:noduplicates Envelope Command Offer

// Schema is the version of every message below. It grows only when an old
// reader would misread a new message; a new key alone does not raise it.
const Schema = 1

// Availability says whether a drone is connected. The drone publishes it, and
// so does the broker for it as the will; a will whose Conn is not the current
// one speaks of an older connection and is ignored.
type Availability struct {
	Schema  uint8  `msg:"v" json:"schema"`
	Boot    string `msg:"b" json:"boot"`
	TimeMS  int64  `msg:"t" json:"time_ms"` // wall clock, Unix milliseconds, a hint
	Online  bool   `msg:"o" json:"online"`
	Conn    uint64 `msg:"c" json:"conn"`
	Version string `msg:"a" json:"agent"`
	Reason  string `msg:"r" json:"reason"`
}

// Status is what a drone is, on change and every minute, retained; the same
// message is served by the local status socket.
type Status struct {
	Schema    uint8    `msg:"v" json:"schema"`
	Boot      string   `msg:"b" json:"boot"`
	TimeMS    int64    `msg:"t" json:"time_ms"`
	UpMS      int64    `msg:"u" json:"up_ms"` // CLOCK_BOOTTIME, milliseconds
	Drone     string   `msg:"d" json:"drone"`
	Fleet     string   `msg:"f" json:"fleet"`
	Agent     string   `msg:"a" json:"agent"`      // version of aimd
	State     string   `msg:"s" json:"state"`      // NOMINAL PAUSING UNCONFIRMED PAUSED OVERRIDDEN RESUMING
	SinceMS   int64    `msg:"ss" json:"since_ms"`  // CLOCK_BOOTTIME of the last change of state
	Requested bool     `msg:"rq" json:"requested"` // the request line is on
	Flight    string   `msg:"fl" json:"flight"`    // disarmed armed holding unknown
	FC        string   `msg:"fc" json:"fc"`        // ok lost
	Causes    []Cause  `msg:"c" json:"causes"`
	Waived    []string `msg:"w" json:"waived"` // spent causes: reported, no longer requested
	Lock      Lock     `msg:"l" json:"lock"`
	Config    Config   `msg:"cf" json:"config"`
	Patch     Patch    `msg:"p" json:"patch"`
	LED       string   `msg:"led" json:"led"`   // the pattern's word, hal/led
	Faults    []string `msg:"x" json:"faults"`  // what is UNKNOWN: motor2, companion, supply:battery, fc, lock, ...
	Online    bool     `msg:"on" json:"online"` // the broker is reached
	Supply    []Supply `msg:"su" json:"supply"`
	Reset     string   `msg:"rs" json:"reset"` // what reset the machine before this boot: watchdog, undervoltage, ...; empty: not known
	// Whose signatures count. Version 1: the identity's keys, unless it says
	// another; 0: nobody's, or an agent that does not say.
	KeysVersion int64    `msg:"kv" json:"keys_version"`
	KeysSHA256  string   `msg:"kh" json:"keys_sha256"` // of keyring.json: the base of a patch that changes it
	Keys        []string `msg:"k" json:"keys"`         // role:ID, of the key's id its first eight digits
}

// Cause is one reason to pause that holds now.
type Cause struct {
	Name    string `msg:"n" json:"name"` // lock config motor companion command
	SinceMS int64  `msg:"s" json:"since_ms"`
	HeldMS  int64  `msg:"h" json:"held_ms"` // hold time used in this flight
	Waived  bool   `msg:"w" json:"waived"`
	Text    string `msg:"x" json:"text"` // in words, with what to do
}

// Lock is the verdict of the latest look at the live file's lock.
type Lock struct {
	Verdict string `msg:"v" json:"verdict"` // FREE HELD OVERDUE DEAD BOOT ORPHAN UNKNOWN
	Hot     bool   `msg:"h" json:"hot"`
	Holder  string `msg:"o" json:"holder"`
	Role    string `msg:"r" json:"role"`
	PID     int64  `msg:"p" json:"pid"`
	Reason  string `msg:"w" json:"reason"`
	Epoch   uint64 `msg:"e" json:"epoch"`
	SinceMS int64  `msg:"s" json:"since_ms"` // CLOCK_BOOTTIME at which it was acquired
	UntilMS int64  `msg:"u" json:"until_ms"` // effective deadline
}

// Config is the configuration in force, and what is wrong with the file.
type Config struct {
	Version int64  `msg:"v" json:"version"`
	SHA256  string `msg:"h" json:"sha256"`
	Valid   bool   `msg:"ok" json:"valid"`  // the file on disk is valid
	Drift   bool   `msg:"d" json:"drift"`   // the file on disk is not the fleet's committed one
	Pending bool   `msg:"p" json:"pending"` // valid, waits to be adopted until disarmed
	Problem string `msg:"x" json:"problem"`
}

// Patch is the state of the patch at hand.
type Patch struct {
	State  string `msg:"s" json:"state"` // IDLE STAGED WAITING APPLYING TRIAL COMMITTED REVERTED REJECTED
	ID     string `msg:"i" json:"id"`
	Reason string `msg:"r" json:"reason"`
}

// Telemetry is sent each interval at QoS 0; only the newest is kept.
type Telemetry struct {
	Schema    uint8    `msg:"v" json:"schema"`
	Boot      string   `msg:"b" json:"boot"`
	TimeMS    int64    `msg:"t" json:"time_ms"`
	Seq       uint64   `msg:"n" json:"seq"`
	Lines     Lines    `msg:"l" json:"lines"`
	Motors    []Sample `msg:"m" json:"motors"`
	Companion Sample   `msg:"c" json:"companion"`
	Supply    []Supply `msg:"p" json:"supply"`
}

// Lines are the levels last read: 0 unknown, 1 low, 2 high.
type Lines struct {
	Disarmed uint8 `msg:"d" json:"disarmed"`
	Holding  uint8 `msg:"h" json:"holding"`
	FC       uint8 `msg:"f" json:"fc"` // heartbeat: 0 unknown, 1 lost, 2 ok
	Request  uint8 `msg:"r" json:"request"`
}

// Sample is one temperature.
type Sample struct {
	MilliC int32 `msg:"c" json:"milli_c"`
	AgeMS  int32 `msg:"a" json:"age_ms"`
	OK     bool  `msg:"k" json:"ok"` // false: unknown
}

// Supply is one supply's voltage, current and power.
type Supply struct {
	MilliV int32  `msg:"v" json:"milli_v"`
	MilliA int32  `msg:"a" json:"milli_a"` // positive: out of the supply
	AgeMS  int32  `msg:"g" json:"age_ms"`
	OK     bool   `msg:"k" json:"ok"` // false: unknown
	MilliW int32  `msg:"w" json:"milli_w"`
	Name   string `msg:"n" json:"name"` // the board table's: battery
}

// Event is something that happened, with its evidence. N counts per boot, so
// that a gap shows; Boot and N together make duplicates recognisable.
type Event struct {
	Schema   uint8      `msg:"v" json:"schema"`
	Boot     string     `msg:"b" json:"boot"`
	TimeMS   int64      `msg:"t" json:"time_ms"`
	UpMS     int64      `msg:"u" json:"up_ms"`
	N        uint64     `msg:"n" json:"n"`
	Kind     string     `msg:"k" json:"kind"`  // dotted: state.paused lock.hot lock.reclaimed config.invalid ...
	Level    string     `msg:"l" json:"level"` // info warn error
	Text     string     `msg:"x" json:"text"`
	Evidence []Evidence `msg:"e" json:"evidence"`
}

// Evidence is one fact of an event.
type Evidence struct {
	Key   string `msg:"k" json:"key"`
	Value string `msg:"v" json:"value"`
}

// Envelope carries a signed payload: minisign signature files over exactly
// the bytes of Payload.
type Envelope struct {
	Payload    []byte   `msg:"p,limit=131072" json:"payload"`
	Signatures [][]byte `msg:"s,limit=1024" json:"signatures"`
}

// Command is an envelope's payload on command/<id>: bound to one fleet, drone
// and boot, and to a counter of which the drone keeps the highest durably.
type Command struct {
	Schema  uint8  `msg:"v" json:"schema"`
	ID      string `msg:"i" json:"id"`
	Fleet   string `msg:"f" json:"fleet"`
	Drone   string `msg:"d" json:"drone"`
	Boot    string `msg:"b" json:"boot"`
	Counter uint64 `msg:"c" json:"counter"`
	Verb    string `msg:"w" json:"verb"` // pause resume report withdraw revert
	HoldMS  int64  `msg:"h" json:"hold_ms"`
	Arg     string `msg:"a" json:"arg"` // withdraw, revert: the patch's id
}

// Reply is a command's outcome.
type Reply struct {
	Schema  uint8  `msg:"v" json:"schema"`
	Boot    string `msg:"b" json:"boot"`
	TimeMS  int64  `msg:"t" json:"time_ms"`
	ID      string `msg:"i" json:"id"`
	Outcome string `msg:"o" json:"outcome"` // done refused failed
	Reason  string `msg:"r" json:"reason"`
}

// Offer is an envelope's payload on patch/offer, signed by the operator's key:
// a patch for one drone, in one rollout of one controller. An empty message
// there means that nothing is offered. A drone durably refuses a lower epoch
// than it has seen, and an equal one from another controller.
type Offer struct {
	Schema     uint8        `msg:"v" json:"schema"`
	Fleet      string       `msg:"f" json:"fleet"`
	Drone      string       `msg:"d" json:"drone"`
	Rollout    string       `msg:"r" json:"rollout"`
	Epoch      uint64       `msg:"e" json:"epoch"`
	Controller string       `msg:"c" json:"controller"`
	Canary     bool         `msg:"k" json:"canary"`
	Package    PatchPackage `msg:"p" json:"package"`
}

// PatchPackage is a patch's folder in one message; firmware/patch judges it.
type PatchPackage struct {
	Manifest   []byte   `msg:"m,limit=16384" json:"manifest"`
	Content    []byte   `msg:"c,limit=65536" json:"content"`
	Signatures [][]byte `msg:"s,limit=1024" json:"signatures"`
	Revert     []byte   `msg:"r,limit=32768" json:"revert"`
}

// Report says how far a patch has come on a drone, retained. N rises with every
// report of a boot, so that reports sent again are recognised and their order
// is known; it is no count.
type Report struct {
	Schema     uint8      `msg:"v" json:"schema"`
	Boot       string     `msg:"b" json:"boot"`
	TimeMS     int64      `msg:"t" json:"time_ms"`
	UpMS       int64      `msg:"u" json:"up_ms"`
	N          uint64     `msg:"n" json:"n"`
	Patch      string     `msg:"i" json:"patch"` // its id
	Rollout    string     `msg:"r" json:"rollout"`
	Epoch      uint64     `msg:"e" json:"epoch"`
	State      string     `msg:"s" json:"state"`  // IDLE STAGED WAITING APPLYING TRIAL COMMITTED REVERTED REJECTED
	Reason     string     `msg:"y" json:"reason"` // one word: window, flight, lock, clock; a refusal's name; a revert's cause
	Detail     string     `msg:"x" json:"detail"` // in words, with what to do
	Version    int64      `msg:"cv" json:"version"`
	SHA256     string     `msg:"h" json:"sha256"`
	OldVersion int64      `msg:"ov" json:"old_version"`
	OldSHA256  string     `msg:"oh" json:"old_sha256"`
	OfferedMS  int64      `msg:"to" json:"offered_ms"`
	StagedMS   int64      `msg:"ts" json:"staged_ms"`
	TriedMS    int64      `msg:"tt" json:"tried_ms"` // the switch
	EndedMS    int64      `msg:"te" json:"ended_ms"` // committed, reverted or rejected
	Evidence   []Evidence `msg:"ev" json:"evidence"`
}
