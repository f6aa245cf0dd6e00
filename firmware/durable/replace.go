package durable

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"

	"golang.org/x/sys/unix"
)

var errNotRegular = errors.New("not a regular file: move it away")

// Replace puts data in the place of the file at path, or creates it: after a
// power cut at any moment the file is the old one or the new one, and once
// Replace has returned nil it is the new one.
//
// The owner, the mode and the extended attributes of an existing file are kept,
// else mode (permission bits, umask not applied) and the process's owner hold.
// An attribute that cannot be kept is an error, and nothing has changed then;
// security.capability, .ima and .evm, which belong to the content, are not. A
// symbolic link at path is itself replaced, by a file with the owner, mode and
// attributes of its target.
// Concurrent calls for one path are safe; the last rename wins.
//
// After an error the old file is in place, untouched, and no temporary file is
// left if storage still lets it be removed ([Sweep] at the next start). The
// exception is ErrUnsure: the new file is in place and might not survive.
func Replace(sys Sys, path string, data []byte, mode uint32) error {
	return replace(sys, path, data, mode, true)
}

// ReplaceUnsynced is Replace without any sync: readers see the old or the new
// content, never a mixture, as long as power lasts. After a power cut the file
// may be old, new, empty or garbled: for content that carries its own check and
// that is only a hint after a boot.
func ReplaceUnsynced(sys Sys, path string, data []byte, mode uint32) error {
	return replace(sys, path, data, mode, false)
}

func replace(sys Sys, path string, data []byte, mode uint32, synced bool) error {
	dfd, base, err := openDir(sys, path)
	if err != nil {
		return fail("replace", path, "open its directory", err)
	}
	defer sys.Close(dfd)
	l, err := existing(sys, dfd, base, mode, synced)
	if err != nil {
		return fail("replace", path, "look at it", err)
	}
	tmp, step, err := stage(sys, dfd, base, data, l, synced)
	if err != nil {
		return fail("replace", path, step, err)
	}
	step, err = swap(sys, dfd, tmp, base, synced)
	if err != nil && !errors.Is(err, ErrUnsure) {
		_ = remove(sys, dfd, tmp)
	}
	return fail("replace", path, step, err)
}

func unsure(err error) error { return fmt.Errorf("%w: %w", ErrUnsure, err) }

// stage writes a complete temporary file beside base and names the step that
// failed. It leaves no file behind when it fails.
func stage(sys Sys, dfd int, base string, data []byte, l look, synced bool) (tmp, step string, err error) {
	fd := -1
	for range 16 { // a name that is taken is a leftover, or another writer's
		tmp = temporary(base)
		fd, err = sys.Openat(dfd, tmp, unix.O_RDWR|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW, 0o600)
		if err != unix.EEXIST {
			break
		}
	}
	if err != nil {
		return "", "create a temporary file", err
	}
	step, err = fill(sys, fd, dfd, data, l, synced)
	if cerr := sys.Close(fd); err == nil && cerr != nil {
		step, err = "close", cerr
	}
	if err != nil {
		_ = remove(sys, dfd, tmp)
		return "", step, err
	}
	return tmp, "", nil
}

// fill gives the temporary file its owner, mode, attributes and content, in
// this order, so that one sync covers all, and the content is never readable to
// more people.
func fill(sys Sys, fd, dfd int, data []byte, l look, synced bool) (step string, err error) {
	if _, step, err := dress(sys, fd, l, synced); err != nil {
		return step, err
	}
	if err := writeAll(sys, fd, data, 0); err != nil {
		return "write", err
	}
	if !synced {
		return "", nil
	}
	if shaky(sys, dfd) {
		if err := sys.Fsync(dfd); err != nil {
			return "sync its directory", err
		}
	}
	if err := sys.Fsync(fd); err != nil {
		return "sync", err
	}
	return "read back", same(sys, fd, data)
}

// same compares the file with what was written to it.
func same(sys Sys, fd int, data []byte) error {
	buf := make([]byte, min(len(data)+1, 16<<10)) // the byte beyond must not be there
	for off := 0; ; {
		n, err := readFull(sys, fd, buf, int64(off))
		if err != nil {
			return err
		}
		if n > len(data)-off || !bytes.Equal(buf[:n], data[off:off+n]) {
			return ErrDiffers
		}
		if off += n; n < len(buf) { // the end
			if off != len(data) {
				return ErrDiffers
			}
			return nil
		}
	}
}

const tempSuffix = ".tmp"

// temporary is hidden, random and recognisable: .NAME.16 hex digits.tmp
func temporary(base string) string {
	return fmt.Sprintf(".%s.%016x%s", base, rand.Uint64(), tempSuffix)
}

// Sweep removes the temporary files that power cuts and kills have left of
// interrupted replacements of path. Call it at the start, before anybody
// replaces path: a replacement under way would fail (and leave the old file).
func Sweep(sys Sys, path string) error {
	dfd, base, err := openDir(sys, path)
	if err != nil {
		return fail("sweep", path, "open its directory", err)
	}
	defer sys.Close(dfd)
	names, err := sys.ReadDir(dfd)
	if err != nil {
		return fail("sweep", path, "list its directory", err)
	}
	for _, name := range names {
		if !leftover(name, base) {
			continue
		}
		if uerr := remove(sys, dfd, name); uerr != nil {
			err = errors.Join(err, fail("sweep", path, "remove "+name, uerr))
		}
	}
	return err
}

// leftover reports whether name is one that temporary(base) makes.
func leftover(name, base string) bool {
	hex, ok := strings.CutPrefix(name, "."+base+".")
	if !ok {
		return false
	}
	hex, ok = strings.CutSuffix(hex, tempSuffix)
	return ok && len(hex) == 16 && strings.Trim(hex, "0123456789abcdef") == ""
}
