package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/aim-control/aimlock/agent/cmd/aimctl/past"
	"github.com/aim-control/aimlock/agent/cmd/aimctl/words"
	"github.com/aim-control/aimlock/agent/config"
	"github.com/aim-control/aimlock/agent/locksmith"
	"github.com/aim-control/aimlock/firmware/durable"
	"github.com/aim-control/aimlock/firmware/store"
)

// localChange is a change of the live file on the drone itself: by hand, or back
// to something older.
type localChange struct {
	a     *app
	id    *config.Identity
	smith *locksmith.Smith
	who   string // holds the lease
	how   string // the command
	yes   bool   // nobody is asked
	say   io.Writer

	base []byte // the live file that is to be replaced; nil: there is none
}

// changed is what "config edit" and "config revert" print with --json.
type changed struct {
	Changed   bool   `json:"changed"`
	Version   int64  `json:"version"`
	SHA256    string `json:"sha256"`     // of the live file now
	Was       string `json:"was_sha256"` // before; "": there was none
	NextAbove int64  `json:"next_above"` // a patch must have a version above it
	Copy      string `json:"copy"`       // what was edited and is not in place; "": none
}

// errChangedMeanwhile: another has put a file in place since base was read.
var errChangedMeanwhile = errors.New("the live file was changed meanwhile by another")

// errDeclined: the person who was asked does not want it.
var errDeclined = &exit{code: exitFailed}

// newChange opens the drone and reads the live file.
func (a *app) newChange(how, as string, yes bool) (*localChange, error) {
	id, err := a.load()
	if err != nil {
		return nil, err
	}
	c := &localChange{a: a, id: id, who: or(as, person()), how: how, yes: yes, say: a.out}
	if a.json {
		c.say = a.err
	}
	dir := filepath.Dir(id.Paths.Config)
	if err := unix.Access(dir, unix.W_OK|unix.X_OK); errors.Is(err, fs.ErrPermission) {
		return nil, fmt.Errorf("may not write in %s: run it as root, sudo aimctl %s", dir, how)
	}
	if c.smith, _, err = a.smith(); err != nil {
		return nil, err
	}
	if err := c.onTrial(); err != nil {
		return nil, err
	}
	return c, c.read()
}

// read reads the live file that is to be replaced.
func (c *localChange) read() (err error) {
	c.base, err = durable.Read(durable.Linux, c.id.Paths.Config, config.MaxLive)
	if errors.Is(err, fs.ErrNotExist) {
		c.base, err = nil, nil
	}
	return err
}

// onTrial refuses while the live file belongs to a patch: it goes back, or is
// committed, whatever was written over it.
func (c *localChange) onTrial() error {
	p, err := store.Peek(durable.Linux, filepath.Join(c.id.Paths.State, storeFolder))
	if err != nil {
		return nil // no patch was ever here, or the agent tells what is wrong
	}
	if ph := p.Op.Phase; ph == store.Trial || ph == store.Reverting {
		return &exit{exitTemp, fmt.Errorf("patch %s is %v: until that has ended nothing else can take its place.\nSee aimctl status; try again then", words.Clean(p.Op.Meta.Patch, 64), ph)}
	}
	return nil
}

// check is the version in a file, or config.Problems: all that is wrong with it,
// the drone's safety floor included.
func (c *localChange) check(name string, data []byte) (version int64, err error) {
	live, err := config.CheckLive(name, data, c.id.Safety)
	if err != nil {
		return 0, err
	}
	return live.Version, nil
}

// show shows what will change.
func (c *localChange) show(name string, next []byte) error {
	return past.Compare(past.Side{Name: c.id.Paths.Config, Data: c.base}, past.Side{Name: name, Data: next}).Write(c.say, c.a.diffStyle())
}

// put takes the lease, makes sure that the live file is still the one that was
// read, and puts next in its place.
func (c *localChange) put(ctx context.Context, next []byte) error {
	ctx, stop := interruptible(ctx)
	defer stop()
	lease, err := c.smith.Acquire(ctx, locksmith.Claim{Role: locksmith.RoleTechnician, Holder: c.who, Reason: "aimctl " + c.how})
	var refused *locksmith.Refused
	if errors.As(err, &refused) {
		width, _ := c.a.terminal()
		_ = lockReport(refused.Look, c.a.place(c.id)).Write(c.a.err, width, nil)
		return &exit{exitTemp, errors.New("the lock is not ours: the live file is untouched")}
	}
	if err != nil {
		return commitRefused(err)
	}
	if gone := lease.Reclaimed(); gone != nil {
		fmt.Fprintf(c.a.err, "aimctl: took over the lock of a holder that is gone: %v\n", gone)
	}
	err = c.onTrial() // its agent may have died since, and its lease with it
	if err == nil {
		err = putLive(c.id.Paths.Config, next, func(write func() error) error {
			return lease.Commit(func() error {
				if err := c.same(); err != nil {
					return err
				}
				return write()
			})
		})
	}
	if err == nil {
		c.note(next)
	}
	if rel := lease.Release(); rel != nil && err == nil {
		fmt.Fprintf(c.a.err, "aimctl: it is in place, but the lock was not given back in order: %v\n", plain(rel))
	}
	return commitRefused(err)
}

// same makes sure that nobody has changed the live file since it was read.
func (c *localChange) same() error {
	now, err := durable.Read(durable.Linux, c.id.Paths.Config, config.MaxLive)
	switch {
	case errors.Is(err, fs.ErrNotExist) && c.base == nil:
		return nil
	case err != nil:
		return err
	case c.base == nil || !bytes.Equal(now, c.base):
		return errChangedMeanwhile
	}
	return nil
}

// note writes down whose edit it was, for the history. Without it the edit is
// as good.
func (c *localChange) note(next []byte) {
	notes, err := past.ReadNotes(durable.Linux, c.id.Paths.State)
	if err == nil {
		err = notes.Add(durable.Linux, c.id.Paths.State, past.Note{SHA256: config.Hash(next), Who: c.who, How: "aimctl " + c.how, AtMS: time.Now().UnixMilli()})
	}
	if err != nil {
		fmt.Fprintf(c.a.err, "aimctl: who has edited it is not written down: %v\n", err)
	}
}
