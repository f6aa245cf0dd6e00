package config

import (
	"time"
)

// LiveName is the file name of the live file; the locks are named after it
// without its extension.
const LiveName = "aim_lock_config.conf"

// MaxLive is the largest live file that is read, in bytes.
const MaxLive = 64 << 10

// Live is what the live file says, with the default for each key that it
// leaves out. A Live is never changed after ParseLive returned it, so it may be
// shared between goroutines.
type Live struct {
	Version   int64     // of the configuration, 0 … 2^53-1; 0: the file names none
	Timestamp time.Time // when it was written; zero: the file names none
	Lock      LockPolicy
	Window    Window
	SafePause SafePause
	Telemetry Telemetry
}

// LockPolicy says how long leases last and how often stale ones are collected.
type LockPolicy struct {
	ReclaimOnBoot bool
	TTL           time.Duration // longest lease that a holder gets, 1s … 1h
	GCInterval    time.Duration // time between two audits for stale locks, 1s … 1h
}

// Window says when a patch may be applied.
type Window struct {
	Flight string         // "disarmed" or "paused" (holding, confirmed)
	Days   []time.Weekday // UTC, in the order of the file; empty: every day
	Start  time.Duration  // of the day, UTC, 0 … 23h59m
	Length time.Duration  // 1m … 24h; 0: always open, then Days and Start mean nothing
}

// SafePause says which causes pause the drone, and for how long.
type SafePause struct {
	On        []string      // of "lock", "config", "motor", "companion", "command"
	MaxHold   time.Duration // per cause and flight, 1s … 10m; thermal causes are not bound by it
	Confirm   time.Duration // how long the flight controller may take to confirm, 100ms … 60s
	Motor     Thermal
	Companion Thermal
}

// Thermal is a thermal cause: it enters at Hot and clears once the temperature
// has been at most Clear for ClearFor. Clear < Hot, Warm <= Hot.
type Thermal struct {
	Warm, Hot, Clear float64       // °C, 0 … 150
	ClearFor         time.Duration // 0s … 10m
}

// Telemetry says how often the drone reports.
type Telemetry struct {
	Interval time.Duration // 100ms … 1m
}
