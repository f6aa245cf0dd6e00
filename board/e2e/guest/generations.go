package main

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/aim-control/aimlock/board/e2e/generation"
	"github.com/aim-control/aimlock/firmware/durable"
	"github.com/aim-control/aimlock/firmware/store"
)

// turns bounds a life whose power nobody cuts.
const turns = 300

// prepare makes a drone's disk of an empty one: version 1, which the store has
// adopted.
func prepare() error {
	for _, d := range []string{filepath.Dir(liveFile), stateDir} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			return err
		}
	}
	first := generation.Content(1)
	if err := os.WriteFile(liveFile, first, 0o644); err != nil {
		return err
	}
	s, err := open()
	if err != nil {
		return err
	}
	if err := s.Adopt(first); err != nil {
		return err
	}
	if err := s.Close(); err != nil {
		return err
	}
	unix.Sync()
	if err := unix.Unmount(data, 0); err != nil {
		return err
	}
	tell("prepared")
	rest()
	return nil
}

func open() (*store.Store, error) {
	return store.Open(durable.Linux, store.Options{Live: liveFile, Dir: filepath.Join(stateDir, "store")})
}

// free is a fence that lets everything through: nobody else is here.
func free(write func() error) error { return write() }

// generations recovers as the agent does at its start, says what is in force,
// and patches on and on: each fourth patch is taken back.
func generations(version int64) error {
	s, err := open()
	if err != nil {
		return err
	}
	st, err := s.Recover(free)
	if err != nil {
		return err
	}
	content, _, ok := s.Committed()
	committed, known := generation.Version(content)
	if !ok || !known {
		return fmt.Errorf("the store has nothing committed: %v %v", ok, st)
	}
	tell("recovered %s %d %v", holds(liveFile), committed, st.Phase)
	version = max(version, s.HighVersion()+1) // the commit of the last may have been in time
	for end := version + turns; version < end; version++ {
		data := generation.Content(version)
		tell("begins %d", version)
		if err := s.Stage(data, store.Meta{Patch: fmt.Sprint("p-", version), Version: version, SHA256: fmt.Sprintf("%x", sha256.Sum256(data))}); err != nil {
			return err
		}
		if err := s.Try(free); err != nil {
			return err
		}
		tell("tried %d", version)
		if version%4 == 0 {
			if err := s.Revert(free, "check", true); err != nil {
				return err
			}
			tell("reverted %d", version)
			continue
		}
		tell("commits %d", version) // from here on it may be
		if err := s.Commit(); err != nil {
			return err
		}
		tell("committed %d", version) // and from here on it is
	}
	return nil
}

// replacements replaces the file without a store: the controls of the test.
func replacements(mode string, version int64) error {
	replace := plain
	if mode == "unsynced" || mode == "unhelped" {
		replace = func(path string, content []byte) error {
			return durable.ReplaceUnsynced(durable.Linux, path, content, 0o644)
		}
	}
	for end := version + turns; version < end; version++ {
		tell("begins %d", version)
		tell("commits %d", version)
		if err := replace(liveFile, generation.Content(version)); err != nil {
			return err
		}
		tell("committed %d", version)
	}
	return nil
}

// plain is what everybody does: a temporary file, its fsync, a rename, an fsync
// of the directory.
func plain(path string, content []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".new-")
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := f.Write(content); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	return durable.SyncDir(durable.Linux, filepath.Dir(path))
}
