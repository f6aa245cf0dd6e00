package run

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/aim-control/aimlock/agent/rollout"
	"github.com/aim-control/aimlock/firmware/durable"
	"golang.org/x/sys/unix"
)

// maxSaved bounds a state file, bytes: 2,048 drones need about 1 MiB.
const maxSaved = 8 << 20

const savedSchema = 1

// Saved is the state file's content.
type Saved struct {
	Schema     int           `json:"schema"`
	Controller string        `json:"controller"`
	Epoch      uint64        `json:"epoch"`
	Manifest   string        `json:"manifest_sha256"` // of patch.json: the same patch goes on
	Rollout    rollout.State `json:"rollout"`
}

// Load reads a state file. A missing one is fs.ErrNotExist.
func Load(path string) (Saved, error) { return load(durable.Linux, path) }

func load(sys durable.Sys, path string) (Saved, error) {
	b, err := durable.Read(sys, path, maxSaved)
	if err != nil {
		return Saved{}, fmt.Errorf("run: %w: %w", ErrState, err)
	}
	s, err := parse(b)
	if err != nil {
		return Saved{}, fmt.Errorf("run: %w %s: %w", ErrState, path, err)
	}
	return s, nil
}

// parse reads a state file's content and judges it as far as carrying on needs.
func parse(b []byte) (s Saved, err error) {
	if err := json.Unmarshal(b, &s); err != nil {
		return Saved{}, fmt.Errorf("not a rollout's state: %w", err)
	}
	if s.Schema != savedSchema || s.Rollout.Schema != rollout.Schema {
		return Saved{}, fmt.Errorf("schema %d/%d, known %d/%d; use the program that wrote it", s.Schema, s.Rollout.Schema, savedSchema, rollout.Schema)
	}
	if err := s.Rollout.Validate(); err != nil {
		return Saved{}, err
	}
	return s, nil
}

// save makes the state durable. Nothing may be sent before.
func (r *Runner) save() error {
	b, err := json.MarshalIndent(r.saved, "", " ")
	if err == nil {
		err = durable.Replace(r.o.Sys, r.o.State, append(b, '\n'), 0o644)
	}
	if err != nil {
		return fmt.Errorf("run: %w %s: %w", ErrState, r.o.State, err)
	}
	r.savedRev, r.savedAt = r.saved.Rollout.Rev, r.saved.Rollout.Now
	return nil
}

// begin reads the state file, or makes a new rollout's state.
func (r *Runner) begin() error {
	saved, err := load(r.o.Sys, r.o.State)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		s, err := rollout.New(r.o.Plan)
		if err != nil {
			return err
		}
		r.fresh = true
		r.saved = Saved{Schema: savedSchema, Manifest: r.manifest, Rollout: s}
		return nil
	case err != nil:
		return err
	case saved.Rollout.Plan.ID != r.o.Plan.ID:
		return fmt.Errorf("run: %w %s: it is rollout %s's, not %s's; name another file", ErrState, r.o.State, saved.Rollout.Plan.ID, r.o.Plan.ID)
	case saved.Manifest != r.manifest:
		return fmt.Errorf("run: %w %s: rollout %s has another patch (patch.json differs); give it the one it began with", ErrState, r.o.State, r.o.Plan.ID)
	}
	r.saved = saved
	return nil
}

// lock is held while a runner runs; it goes with the process.
func lock(sys durable.Sys, state string) (fd int, err error) {
	fd, err = sys.Openat(unix.AT_FDCWD, state+".lock", unix.O_RDWR|unix.O_CREAT, 0o644)
	if errors.Is(err, fs.ErrNotExist) {
		return -1, fmt.Errorf("run: %w %s: its folder is not there: mkdir -p %s, or name another file", ErrState, state, filepath.Dir(state))
	}
	if err != nil {
		return -1, fmt.Errorf("run: %w: %s.lock: %w", ErrState, state, err)
	}
	if err := sys.SetLock(fd); err != nil {
		_ = sys.Close(fd)
		if err == unix.EAGAIN {
			return -1, fmt.Errorf("run: %w: %s", ErrRuns, state)
		}
		return -1, fmt.Errorf("run: %w: %s.lock: %w", ErrState, state, err)
	}
	return fd, nil
}

// Running reports whether a runner runs on a state file.
func Running(path string) (bool, error) {
	fd, err := durable.Linux.Openat(unix.AT_FDCWD, path+".lock", unix.O_RDWR, 0)
	if err == unix.ENOENT {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("run: %w: %s.lock: %w", ErrState, path, err)
	}
	defer durable.Linux.Close(fd)
	return durable.Linux.LockRefused(fd)
}
