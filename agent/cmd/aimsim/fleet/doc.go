// Package fleet runs simulated drones, each as real processes on a simulated
// board.
//
// The parent keeps what outlives an agent: the worlds (hal/sim, served to each
// agent over a socket), the broker, one cuttable link a drone, and a
// supervisor that starts an agent again after it ended, as systemd does. An
// agent is the same program started again as "child", a process that leaks a
// lock as "hold"; they can be seen, stopped and killed from outside like any
// other process. The kernel kills them when the parent dies.
//
//	<dir>/broker.url  operator.key  operator.pub
//	<dir>/patches/<id>/             a patch's folder
//	<dir>/rollouts/<id>.json        a rollout's state
//	<dir>/drones/<name>/drone.toml  aim_lock_config.conf  agent.log  world.sock
//	<dir>/drones/<name>/checks.d/   what must pass before a patch is kept
//	<dir>/drones/<name>/reload      run after a new live file; writes mission
//	<dir>/drones/<name>/state/      survives a reboot
//	<dir>/drones/<name>/run/        wiped by a reboot; boot_id is this boot's
package fleet

import (
	"fmt"
	"path/filepath"
)

// Limits of a fleet.
const (
	maxSocketPath = 107      // sun_path without its final zero, bytes
	maxLogLine    = 16 << 10 // of an agent; longer lines are cut
	maxStatus     = 64 << 10 // bytes read from a status socket
	maxEvents     = 512      // remembered of each drone
	maxReports    = 64       // remembered of each drone
	maxLogFile    = 64 << 20 // of one agent.log
)

// Layout names the files of a fleet's folder.
type Layout struct{ Dir string }

// BrokerURL holds the broker's address, with the operator's name, for other
// programs.
func (l Layout) BrokerURL() string { return filepath.Join(l.Dir, "broker.url") }

// Key is the operator's secret key, unencrypted, in minisign's format.
func (l Layout) Key() string { return filepath.Join(l.Dir, "operator.key") }

// PublicKey belongs to Key.
func (l Layout) PublicKey() string { return filepath.Join(l.Dir, "operator.pub") }

// Patch is the folder of a patch.
func (l Layout) Patch(id string) string { return filepath.Join(l.Patches(), id) }

// Patches has the patches' folders.
func (l Layout) Patches() string { return filepath.Join(l.Dir, "patches") }

// Rollouts has the rollouts' states.
func (l Layout) Rollouts() string { return filepath.Join(l.Dir, "rollouts") }

// RolloutState is the state of one.
func (l Layout) RolloutState(id string) string { return filepath.Join(l.Rollouts(), id+".json") }

// Folder is the folder of one drone.
func (l Layout) Folder(name string) Folder { return Folder{filepath.Join(l.Dir, "drones", name)} }

// Folder names the files of one drone.
type Folder struct{ Dir string }

func (f Folder) join(name string) string { return filepath.Join(f.Dir, name) }

// Identity is drone.toml.
func (f Folder) Identity() string { return f.join("drone.toml") }

// Live is the live file.
func (f Folder) Live() string { return f.join("aim_lock_config.conf") }

// State survives a reboot.
func (f Folder) State() string { return f.join("state") }

// Run is wiped by a reboot.
func (f Folder) Run() string { return f.join("run") }

// BootID is this boot's identity, one line of text.
func (f Folder) BootID() string { return filepath.Join(f.Run(), "boot_id") }

// StatusSocket serves the status.
func (f Folder) StatusSocket() string { return filepath.Join(f.Run(), "status.sock") }

// World is the socket on which the drone's board is served.
func (f Folder) World() string { return f.join("world.sock") }

// Log is what the agent said on its standard error.
func (f Folder) Log() string { return f.join("agent.log") }

// Checks has the executables that must pass before a patch is kept.
func (f Folder) Checks() string { return f.join("checks.d") }

// Reload is run after a new live file.
func (f Folder) Reload() string { return f.join("reload") }

// fits refuses a folder in which sockets would have names too long for the
// kernel.
func (f Folder) fits() error {
	if n := len(f.StatusSocket()); n > maxSocketPath {
		return fmt.Errorf("fleet: %s: %d bytes, and a socket's path takes %d; choose a shorter --dir", f.StatusSocket(), n, maxSocketPath)
	}
	return nil
}

// Name is the name of the drone with this number, from 1.
func Name(number int) string { return fmt.Sprintf("patrol-%02d", number) }

// Names are the names of the first n drones.
func Names(n int) []string {
	names := make([]string, n)
	for i := range names {
		names[i] = Name(i + 1)
	}
	return names
}
