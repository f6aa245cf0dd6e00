package main

import (
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/aim-control/aimlock/agent/config"
	"github.com/aim-control/aimlock/firmware/durable"
	"github.com/aim-control/aimlock/firmware/store"
)

// cmdKeeps does what an agent would, with the store and the files of the drone:
//
//	keeps adopt FILE                 the first configuration
//	keeps patch ID VERSION FILE      a patch, committed
//	keeps trial ID VERSION FILE      a patch, on trial
//	keeps reverted ID VERSION FILE   a patch that was reverted
//	keeps edit FILE                  a local edit, taken over; FILE may be the live file
//	keeps open                       the store stays open, as an agent has it
//
// It does so at a fixed time, or with WALL=now in the environment now.
func cmdKeeps(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 {
		ts.Fatalf("usage: keeps adopt|patch|trial|reverted|edit|open …")
	}
	live, state := ts.MkAbs(config.LiveName), ts.MkAbs("state")
	var wall int64 = 1_500_000_000_000
	if ts.Getenv("WALL") == "now" {
		wall = time.Now().UnixMilli()
	}
	s, err := store.Open(durable.Linux, store.Options{Live: live, Dir: filepath.Join(state, storeFolder), Wall: func() int64 { return wall }})
	ts.Check(err)
	if args[0] == "open" {
		ts.Defer(func() { s.Close() })
		return
	}
	defer s.Close()
	data := []byte(ts.ReadFile(args[len(args)-1]))
	free := func(write func() error) error { return write() }
	switch args[0] {
	case "adopt":
		ts.Check(s.Adopt(data))
	case "edit":
		ts.Check(s.Noted(data))
	default:
		version, err := strconv.ParseInt(args[2], 10, 64)
		ts.Check(err)
		ts.Check(s.Stage(data, store.Meta{Patch: args[1], Rollout: "r", Version: version, SHA256: config.Hash(data)}))
		ts.Check(s.Try(free))
		if args[0] == "patch" {
			ts.Check(s.Commit())
		} else if args[0] == "reverted" {
			ts.Check(s.Revert(free, "check: 20-altitude: above 120\x1b[2J", true))
		}
	}
	if args[0] != "trial" && args[0] != "reverted" {
		ts.Check(os.WriteFile(live, data, 0o644))
		ts.Check(os.WriteFile(filepath.Join(state, lastGoodFile), data, 0o644))
	}
}
