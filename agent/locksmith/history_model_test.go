package locksmith

import (
	"fmt"

	"github.com/anishathalye/porcupine"
)

// world is the sequential truth that a history must fit: who has the kernel
// lock, the epoch, the live file. It knows nothing of files and calls.
type world struct {
	held  uint64 // the acquire that has the kernel lock; 0: nobody
	epoch uint64 // the current one
	file  uint64 // the commit whose content the live file has
	dead  uint64 // bit set of processes
}

// step is one atomic step of an operation. An acquire has two, which both lie
// in its time: it is in nobody's power to take the lock and raise the epoch at
// one moment, and others may come in between.
type step struct {
	kind    string
	process int    // bit in world.dead
	claim   uint64 // the acquire that it is about; 0: of a superseding lease, which has no kernel lock
	epoch   uint64 // of the lease used, or granted
	value   uint64 // written or read
}

func (s step) String() string {
	return fmt.Sprintf("%s process %d claim %d epoch %d value %d", s.kind, s.process, s.claim, s.epoch, s.value)
}

// after is the set of worlds that the step may lead to; none: it cannot happen.
// What a killed process had begun may have happened or not.
func (s step) after(w world) []any {
	next := w
	possible := false
	switch s.kind {
	case "lock", "maybe lock":
		possible = w.held == 0 && w.dead&(1<<s.process) == 0
		next.held = s.claim
	case "grant":
		possible = w.held == s.claim && s.epoch > w.epoch
		next.epoch = s.epoch
	case "maybe grant":
		possible = w.held == s.claim
		next.epoch++
	case "refused": // only while somebody has it
		possible = w.held != 0
	case "gone": // only while nobody has it
		possible = w.held == 0
	case "pass": // the epoch is raised past whoever has it
		possible = s.epoch > w.epoch
		next.epoch = s.epoch
	case "maybe pass":
		possible = true
		next.epoch++
	case "renew":
		possible = w.epoch == s.epoch
	case "commit", "maybe commit":
		possible = w.epoch == s.epoch
		next.file = s.value
	case "read":
		possible = w.file == s.value
	case "stale":
		possible = w.epoch > s.epoch
	case "release":
		possible = w.epoch == s.epoch && (s.claim == 0 || w.held == s.claim)
		next = w.without(s.claim)
	case "stale release":
		possible = w.epoch > s.epoch && (s.claim == 0 || w.held == s.claim)
		next = w.without(s.claim)
	case "leak ends":
		possible = w.held == s.claim
		next = w.without(s.claim)
	case "die":
		possible = true
		next = w.without(s.claim)
		next.dead |= 1 << s.process
	}
	switch {
	case s.kind[:3] == "may" && possible:
		return []any{w, next}
	case s.kind[:3] == "may":
		return []any{w}
	case possible:
		return []any{next}
	}
	return nil
}

func (w world) without(claim uint64) world {
	if claim != 0 && w.held == claim {
		w.held = 0
	}
	return w
}

func leaseModel() porcupine.Model {
	m := porcupine.NondeterministicModel{
		Init: func() []any { return []any{world{}} },
		Step: func(state, input, _ any) []any { return input.(step).after(state.(world)) },
		Hash: func(state any) uint64 {
			w := state.(world)
			return (w.held*31+w.epoch)*31 + w.file*1_000_003 + w.dead
		},
		DescribeOperation: func(input, _ any) string { return input.(step).String() },
	}
	return m.ToModel()
}

// event is an operation as its process told it.
type event struct {
	process    int
	id         uint64
	kind       string
	grant      uint64 // the operation that was granted the lease it uses
	call, back int64  // ns of CLOCK_BOOTTIME; back of an open one: when the process was dead
	result     string // "": open
	number     uint64
}

// lent is a grant: its epoch, and whether the kernel lock came with it.
type lent struct {
	epoch  uint64
	kernel bool
}

// steps are the event's, for the model. grants are by their operations.
func (e event) steps(grants map[uint64]lent) ([]step, error) {
	st := step{process: e.process, epoch: grants[e.grant].epoch, value: e.number}
	if grants[e.grant].kernel || e.kind == "die" || e.kind == "leak ends" {
		st.claim = e.grant
	}
	as := func(kind string) step { st.kind = kind; return st }
	switch e.kind + " " + e.result {
	case "acquire ok":
		st.claim, st.epoch = e.id, e.number
		return []step{as("lock"), as("grant")}, nil
	case "acquire ":
		st.claim = e.id
		return []step{as("maybe lock"), as("maybe grant")}, nil
	case "acquire refused":
		return []step{as("refused")}, nil
	case "supersede ok":
		st.epoch = e.number
		return []step{as("refused"), as("pass")}, nil
	case "supersede ":
		return []step{as("maybe pass")}, nil
	case "supersede gone":
		return []step{as("gone")}, nil
	case "renew ok", "read ok", "commit ok", "release ok", "die ok", "leak ends ok":
		return []step{as(e.kind)}, nil
	case "renew stale", "commit stale":
		return []step{as("stale")}, nil
	case "release stale":
		return []step{as("stale release")}, nil
	case "commit ":
		st.value = e.id
		return []step{as("maybe commit")}, nil
	case "supersede other", "late released", "late stale", // no effect, and legal at any time
		"renew ", "read ", "release ", "late ": // the death that ends it says it all
		return nil, nil
	}
	return nil, fmt.Errorf("operation %d of process %d: %s must not answer %q", e.id, e.process, e.kind, e.result)
}
