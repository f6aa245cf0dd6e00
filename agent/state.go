package agent

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/aim-control/aimlock/agent/pause"
	"github.com/aim-control/aimlock/firmware/durable"
)

const maxState = 2048 // bytes of a saved state

// savedState is what survives restarts and reboots. Pause is keyed by the
// flight, not the boot: a companion that reboots in the air goes on counting.
type savedState struct {
	Pause    pause.Saved `json:"pause"`
	Baseline string      `json:"baseline"` // hash of the configuration that the fleet committed
	Conn     uint64      `json:"conn"`     // connection numbers up to this may have been used
	Counter  uint64      `json:"counter"`  // the highest of any command obeyed
}

// stateFile keeps a savedState in two slots.
type stateFile struct {
	sys   durable.Sys
	path  string
	gate  gate
	slots *durable.Slots
	s     savedState
}

// openState reads the state, or begins a new one; lost says why an old one
// could not be used.
func openState(sys durable.Sys, path string) (f *stateFile, lost error, err error) {
	slots, err := durable.OpenSlots(sys, path, maxState)
	if err != nil {
		return nil, nil, err
	}
	f = &stateFile{sys: sys, gate: newGate(), path: path, slots: slots}
	data, _, err := slots.Read()
	switch {
	case err != nil:
		return f, err, nil
	case data == nil: // the drone's first start
		return f, nil, nil
	}
	if err := json.Unmarshal(data, &f.s); err != nil {
		f.s = savedState{}
		return f, fmt.Errorf("agent: state %s: %w", path, err), nil
	}
	return f, nil, nil
}

func (f *stateFile) get() savedState {
	f.gate.enter()
	defer f.gate.leave()
	return f.s
}

// update changes the state; it is on disk when update returns nil, and
// unchanged else.
func (f *stateFile) update(change func(*savedState)) error {
	f.gate.enter()
	defer f.gate.leave()
	next := f.s
	change(&next)
	if next == f.s {
		return nil
	}
	data, err := json.Marshal(next)
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

func (f *stateFile) close() { _ = f.slots.Close() }
