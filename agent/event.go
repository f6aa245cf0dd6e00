package agent

import (
	"github.com/aim-control/aimlock/agent/config"
	"github.com/aim-control/aimlock/agent/locksmith"
	"github.com/aim-control/aimlock/agent/pause"
	"github.com/aim-control/aimlock/agent/telemetry"
)

// kind says what an event of the loop carries.
type kind uint8

const (
	tick       kind = iota // nothing: a deadline has come
	motorTemp              // index, milliC, ok
	compTemp               // milliC, ok
	supply                 // index, power, ok
	line                   // index (a lineID), level
	lockReport             // lock
	liveFile               // change
	order                  // order
	link                   // ok: connected; text: why not
	ask                    // reply: somebody wants the status now
	trouble                // text: a part of the agent that is broken; ok: mended
	peek                   // seen: the applier wants the facts now
	interlock              // ok: a patch is being applied; done is closed once the request line was driven
	patchState             // patch: what the status says of it
	ours                   // text: hash of the file that the store may put in place now; "": none; done
	bundled                // text: an archive's path, or why there is none; ok: it is made
	switched               // change is in force now, the store has put it in place; ok: it is committed; done
)

// lineID numbers the input lines.
type lineID uint8

const (
	lineDisarmed lineID = iota
	lineHolding
	lineHeartbeat
	lineButton
	lines // how many there are
)

// event is one thing that happened. It goes through the channel by value, so
// that a steady turn allocates nothing.
type event struct {
	kind   kind
	at     int64 // clock of the loop, ns; the sample's own time
	edge   int64 // of a line's newest edge, as the kernel has it; 0: not known
	index  int
	milliC int32
	power  power
	ok     bool
	level  pause.Tri
	text   string
	lock   *locksmith.Report
	change *config.Change
	order  *command
	reply  chan<- []byte
	seen   chan<- seen // capacity 1
	done   chan<- struct{}
	patch  telemetry.Patch
}

// command is a verified order of the operator.
type command struct {
	verb  string
	hold  int64        // ns, for pause
	reply chan outcome // capacity 1
}

// outcome is what became of a command.
type outcome struct {
	word   string // done, refused, failed
	reason string
}
