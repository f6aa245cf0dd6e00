package durable

import (
	"errors"
	"fmt"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Stage is the first half of [Replace], for a switch that comes later: it puts
// data beside the file at path under the name as, complete, synced and read
// back, with owner and mode of path (else mode). What had that name is
// replaced. The name itself is not durable before [Switch]: a power cut may
// take it, and path is as it was.
func Stage(sys Sys, path, as string, data []byte, mode uint32) error {
	dfd, base, err := openDir(sys, path)
	if err != nil {
		return fail("stage", path, "open its directory", err)
	}
	defer sys.Close(dfd)
	like, exists, err := existing(sys, dfd, base)
	if err != nil {
		return fail("stage", path, "look at it", err)
	}
	if exists {
		mode = like.Perm()
	}
	tmp, step, err := stage(sys, dfd, as, data, mode, like, exists, true)
	if err != nil {
		return fail("stage", path, step, err)
	}
	if err := sys.Renameat(dfd, tmp, dfd, as); err != nil {
		sys.Unlinkat(dfd, tmp, 0)
		return fail("stage", path, "rename", err)
	}
	return nil
}

// Switch is the second half: it renames what [Stage] has put beside path over
// it and syncs the directory. An owner or a mode that path was given since
// then are taken over first. After an error path is as it was, but for
// ErrUnsure.
func Switch(sys Sys, path, as string) error {
	dfd, base, err := openDir(sys, path)
	if err != nil {
		return fail("switch", path, "open its directory", err)
	}
	defer sys.Close(dfd)
	if err := alike(sys, dfd, base, as); err != nil {
		return fail("switch", path, "keep its owner and mode", err)
	}
	if err := sys.Renameat(dfd, as, dfd, base); err != nil {
		return fail("switch", path, "rename", err)
	}
	if err := sys.Fsync(dfd); err != nil {
		return fail("switch", path, "sync its directory", fmt.Errorf("%w: %w", ErrUnsure, err))
	}
	return nil
}

// alike gives the file as the owner and mode of base, if they differ.
func alike(sys Sys, dfd int, base, as string) error {
	like, exists, err := existing(sys, dfd, base)
	if err != nil {
		return err
	}
	st, err := sys.Fstatat(dfd, as, unix.AT_SYMLINK_NOFOLLOW)
	switch {
	case err != nil:
		return err
	case !st.Regular():
		return errNotRegular
	case !exists || st.UID == like.UID && st.GID == like.GID && st.Perm() == like.Perm():
		return nil
	}
	fd, err := sys.Openat(dfd, as, unix.O_RDWR|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return err
	}
	// Owner first: a change of owner clears set-id bits.
	err = sys.Fchown(fd, int(like.UID), int(like.GID))
	if err == nil {
		err = sys.Fchmod(fd, like.Perm())
	}
	if err == nil {
		err = sys.Fsync(fd)
	}
	return errors.Join(err, sys.Close(fd))
}

func openDir(sys Sys, path string) (dfd int, base string, err error) {
	dir, base := filepath.Split(path)
	if dir == "" {
		dir = "."
	}
	dfd, err = sys.Openat(unix.AT_FDCWD, dir, unix.O_RDONLY|unix.O_DIRECTORY, 0)
	return dfd, base, err
}

// SyncDir makes the names in the directory at path durable.
func SyncDir(sys Sys, path string) error {
	return fail("sync", path, "sync the directory", syncDir(sys, path))
}
