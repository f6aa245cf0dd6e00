package agent

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/aim-control/aimlock/agent/pause"
	"github.com/aim-control/aimlock/firmware/durable"
	"github.com/aim-control/aimlock/firmware/plainjson"
)

const maxState = 2048 // bytes of a saved state

// savedState is what survives restarts and reboots. Pause is keyed by the
// flight, not the boot: a companion that reboots in the air goes on counting.
type savedState struct {
	Pause    pause.Saved `json:"pause"`
	Baseline string      `json:"baseline"` // hash of the configuration that the fleet committed
	Conn     uint64      `json:"conn"`     // connection numbers up to this may have been used
	Counter  uint64      `json:"counter"`  // the highest of any command obeyed
	Floor    int64       `json:"floor"`    // Unix s: a time that has certainly passed, by a trusted clock at a commit
}

// stateFile keeps a savedState in two slots. While the disk does not let it be
// read, it is what the agent knows, and is not written: the counters on the
// disk may be higher.
type stateFile struct {
	sys    durable.Sys
	path   string
	gate   gate
	slots  *durable.Slots // nil: not open
	loaded bool           // s has begun with what was on disk
	s      savedState
}

// openState reads the state, or begins a new one; lost says why an old one
// could not be used. A drone with a full or broken disk still flies: the file
// is then opened with the first update that can.
func openState(sys durable.Sys, path string) (f *stateFile, lost error) {
	f = &stateFile{sys: sys, gate: newGate(), path: path}
	lost = f.load()
	if errors.Is(lost, durable.ErrDamaged) { // no power cut does this, and nothing can be written over it
		_ = sys.Unlinkat(unix.AT_FDCWD, path, 0)
		_ = f.load()
	}
	return f, lost
}

// load opens the slots and takes over what they hold.
func (f *stateFile) load() error {
	if f.loaded {
		return nil
	}
	slots, err := durable.OpenSlots(f.sys, f.path, maxState)
	if err != nil {
		return err
	}
	data, _, err := slots.Read()
	if err != nil {
		_ = slots.Close()
		return err
	}
	f.slots, f.loaded = slots, true
	if data == nil { // the drone's first start
		return nil
	}
	if err := plainjson.Unmarshal(data, &f.s); err != nil {
		f.s = savedState{}
		return fmt.Errorf("agent: state %s: %w", f.path, err)
	}
	return nil
}

func (f *stateFile) get() savedState {
	f.gate.enter()
	defer f.gate.leave()
	return f.s
}

// update changes the state; it is on disk when update returns nil, and
// unchanged else. change may be given a state that was only now read.
func (f *stateFile) update(change func(*savedState)) error {
	f.gate.enter()
	defer f.gate.leave()
	if err := f.load(); err != nil && !f.loaded {
		return err
	}
	next := f.s
	change(&next)
	if next == f.s {
		return nil
	}
	data, err := plainjson.Marshal(next)
	if err != nil {
		return err
	}
	if err := f.slots.Write(data); err != nil {
		return errors.Join(err, f.again(err))
	}
	f.s = next
	return nil
}

// again opens the slots anew after a failed sync: the descriptor has told its
// error once and may keep quiet about the next.
func (f *stateFile) again(why error) error {
	if !errors.Is(why, durable.ErrDead) {
		return nil
	}
	slots, err := durable.OpenSlots(f.sys, f.path, maxState)
	if err != nil {
		return err
	}
	_ = f.slots.Close()
	f.slots = slots
	return nil
}

func (f *stateFile) close() {
	f.gate.enter()
	defer f.gate.leave()
	if f.slots != nil {
		_ = f.slots.Close()
	}
}
