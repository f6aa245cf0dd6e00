package config

import (
	"time"
)

// Identity is what drone.toml says: who the drone is, where it reports, whom it
// trusts, what it may run, and its safety floor. No configuration patches it.
type Identity struct {
	Drone, Fleet string // [a-z0-9][a-z0-9-]{0,31}
	Board        string // a board's name, or the path of a board.toml
	MQTT         MQTT
	Trust        Trust
	Paths        Paths
	Lock         Reclaim
	Safety       Safety
	Hooks        Hooks
}

// MQTT says where the drone reports.
type MQTT struct {
	Broker        string // mqtts://host[:port]; mqtt:// only to a loopback address
	CA, Cert, Key string // PEM files; CA "": the system's; Cert and Key "": no client certificate
}

// Trust holds minisign public keys by what they may sign.
type Trust struct {
	Version                      int64 // of these keys: a change of them by a patch is the next one, 1 … 2^53-1
	Threshold                    int   // signatures that a patch needs, 1 … 16
	Config, Command, Keys, Agent []string
}

// Paths are absolute.
type Paths struct {
	Config string // the live file
	State  string // folder that survives a reboot
	Run    string // folder that a reboot wipes
}

// Reclaim says which holder of a lock may be ended without an override.
type Reclaim struct {
	Reclaim string // "dead" or "overdue"
}

// Safety is the floor under every live file.
type Safety struct {
	MotorHotMax float64       // °C, highest safe_pause.motor.hot; 0: no bound
	Require     []string      // causes that safe_pause.on must name
	MaxHoldMax  time.Duration // longest safe_pause.max_hold; 0: no bound
}

// Hooks are what the agent may run.
type Hooks struct {
	Reload []string // command and arguments, run after a new live file; empty: none
	Checks string   // folder of executables that must pass before a patch is committed; "": none
}
