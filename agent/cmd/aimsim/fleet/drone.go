package fleet

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/aim-control/aimlock/agent/cmd/aimsim/link"
	"github.com/aim-control/aimlock/agent/config"
	"github.com/aim-control/aimlock/agent/telemetry"
	"github.com/aim-control/aimlock/hal/sim"
)

// Drone is one simulated drone.
type Drone struct {
	Name   string
	Folder Folder
	World  *sim.World
	Link   *link.Link

	fleet  *Fleet
	log    *agentLog
	orders chan order

	holding sync.Mutex // while a process takes the lock, or is ended
	holder  *process

	mu     sync.Mutex // for moments; never while a note is given
	pid    int        // of the agent, 0: none
	starts int        // of the agent
	boots  int
	status *telemetry.Status // the last one served; nil: the agent does not answer
	seen   seen              // by MQTT
}

// Kill ends the agent with SIGKILL; it is started again after down, or after
// the supervisor's usual pause if down is 0.
func (d *Drone) Kill(ctx context.Context, down time.Duration) error {
	if down == 0 {
		down = restart
	}
	return d.order(ctx, down, func() error { return nil })
}

// Reboot ends all processes of the drone with SIGKILL, wipes its run folder,
// draws a new boot id and starts the agent after a boot's time. The flight
// controller flies on: it is another computer.
func (d *Drone) Reboot(ctx context.Context) error {
	return d.order(ctx, boot, func() error {
		if err := d.DropLock(); err != nil && !errors.Is(err, errNoHolder) {
			return err
		}
		d.mu.Lock()
		d.boots++
		d.mu.Unlock()
		return d.Folder.boot()
	})
}

// Edit changes one key of the live file.
func (d *Drone) Edit(key, value string) error {
	return d.Folder.edit(func(old []byte) ([]byte, error) { return config.Set(old, key, value) })
}

// Garble makes the live file unreadable nonsense: what a slip with an editor
// or half a download leaves behind.
func (d *Drone) Garble() error {
	return d.Folder.edit(func(old []byte) ([]byte, error) {
		return append(old[:len(old)/2:len(old)/2], "\n<<<<<<< half a file = [\n"...), nil
	})
}

// Undo puts back the live file of before the first edit.
func (d *Drone) Undo() error {
	return d.Folder.edit(func([]byte) ([]byte, error) { return d.fleet.live, nil })
}

// PID is the agent's process, 0 if none runs.
func (d *Drone) PID() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.pid
}

// Starts is how often the agent was started.
func (d *Drone) Starts() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.starts
}

// say adds a note about this drone.
func (d *Drone) say(kind NoteKind, text string) {
	d.fleet.note(Note{Drone: d.Name, Kind: kind, Text: text})
}

// failf is an error about this drone.
func (d *Drone) failf(format string, args ...any) error {
	return fmt.Errorf("%s: %w", d.Name, fmt.Errorf(format, args...))
}
