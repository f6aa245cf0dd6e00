package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/aim-control/aimlock/agent/cmd/aimctl/past"
	"github.com/aim-control/aimlock/agent/config"
	"github.com/aim-control/aimlock/firmware/durable"
	"github.com/aim-control/aimlock/firmware/store"
)

// The agent sees a change of the live file within a second; adoptWait is how
// long it is waited for, adoptLook between two looks.
const (
	adoptWait = 3 * time.Second
	adoptLook = 100 * time.Millisecond
)

// done tells what the change means now, and for the next patch.
func (c *localChange) done(ctx context.Context, version int64, next []byte) error {
	r := changed{Changed: true, Version: version, SHA256: config.Hash(next), NextAbove: c.high()}
	if c.base != nil {
		r.Was = config.Hash(c.base)
	}
	if c.a.json {
		return c.a.printJSON(r)
	}
	fmt.Fprintf(c.say, "\nIn place: version %d (%s), changed on this drone by %s.\n%s\n", version, past.Short(r.SHA256), c.who, c.adopted(ctx, r.SHA256))
	_, err := fmt.Fprintf(c.say, "The next patch must have a version above %d, and no base or this one:\n  %s\n", r.NextAbove, r.SHA256)
	return err
}

// high is the highest version ever committed from a patch.
func (c *localChange) high() int64 {
	p, err := store.Peek(durable.Linux, filepath.Join(c.id.Paths.State, storeFolder))
	if err != nil {
		return 0
	}
	return p.High
}

// adopted says when the agent puts the file in force, and waits for it if that is
// now.
func (c *localChange) adopted(ctx context.Context, sha string) string {
	ctx, cancel := context.WithTimeout(ctx, adoptWait)
	defer cancel()
	tick := time.NewTicker(adoptLook)
	defer tick.Stop()
	for {
		st, err := askStatus(ctx, c.id.Paths.Run)
		silent := (*noAgent)(nil)
		switch {
		case errors.As(err, &silent):
			return "The agent does not answer: it puts this in force at its start."
		case err == nil && st.Config.SHA256 == sha:
			return "The agent has put it in force."
		case err == nil && st.Flight != "disarmed":
			return "The drone is not known to be disarmed: the agent reports it as drift now, and puts it in force once it is disarmed."
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return "The agent has not put it in force yet: see aimctl status."
		}
	}
}
