package durable

import (
	"errors"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Stage is the first half of [Replace], for a switch that comes later: it puts
// data beside the file at path under the name as, complete, synced and read
// back, with owner, mode and attributes of path (else mode). What had that name
// is replaced. The name itself is not durable before [Switch]: a power cut may
// take it, and path is as it was.
func Stage(sys Sys, path, as string, data []byte, mode uint32) error {
	dfd, base, err := openDir(sys, path)
	if err != nil {
		return fail("stage", path, "open its directory", err)
	}
	defer sys.Close(dfd)
	l, err := existing(sys, dfd, base, mode, true)
	if err != nil {
		return fail("stage", path, "look at it", err)
	}
	if shaky(sys, dfd) { // its space is given back once its name is gone
		if err := remove(sys, dfd, as); err != nil {
			return fail("stage", path, "remove "+as, err)
		}
	}
	tmp, step, err := stage(sys, dfd, as, data, l, true)
	if err != nil {
		return fail("stage", path, step, err)
	}
	if step, err = swap(sys, dfd, tmp, as, false); err != nil {
		_ = remove(sys, dfd, tmp)
	}
	return fail("stage", path, step, err)
}

// Switch is the second half: it renames what [Stage] has put beside path over
// it and makes that durable. An owner, a mode or attributes that path was given
// since then are taken over first. After an error path is as it was, but for
// ErrUnsure.
func Switch(sys Sys, path, as string) error {
	dfd, base, err := openDir(sys, path)
	if err != nil {
		return fail("switch", path, "open its directory", err)
	}
	defer sys.Close(dfd)
	if err := alike(sys, dfd, base, as); err != nil {
		return fail("switch", path, "keep its owner, mode and attributes", err)
	}
	step, err := swap(sys, dfd, as, base, true)
	return fail("switch", path, step, err)
}

// alike gives the file as the looks of base, if they differ.
func alike(sys Sys, dfd int, base, as string) error {
	l, err := existing(sys, dfd, base, 0, true)
	if err != nil {
		return err
	}
	fd, err := sys.Openat(dfd, as, unix.O_RDWR|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return err
	}
	if l.exists {
		var changed bool
		if changed, _, err = dress(sys, fd, l, true); changed && err == nil {
			err = sys.Fsync(fd)
		}
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
