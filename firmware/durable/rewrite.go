package durable

import (
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Rewrite puts data in the place of the file at path without any sync, for
// content that is written often, carries its own check and is only a hint after
// a boot. Callers exclude each other; readers need no lock.
//
// It writes a spare file beside path, ".NAME.spare", and exchanges the two
// names, so that path is the old file or the new one whenever a process dies. A
// rename over a file would do the same, but there ext4 writes the new content
// out at once (auto_da_alloc) and every turn allocates an inode: two waits for
// the disk's queue that nobody asked for. Where names cannot be exchanged it is
// [ReplaceUnsynced].
//
// A reader that opened path and was overtaken by two calls may see a mixture;
// the content's check tells, and it reads again. After a power cut the file may
// be new, any older content, empty or garbled.
func Rewrite(sys Sys, path string, data []byte, mode uint32) error {
	dir, base := filepath.Split(path)
	if dir == "" {
		dir = "."
	}
	dfd, err := sys.Openat(unix.AT_FDCWD, dir, unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return fail("rewrite", path, "open its directory", err)
	}
	done := exchange(sys, dfd, base, data)
	sys.Close(dfd)
	if done {
		return nil
	}
	return ReplaceUnsynced(sys, path, data, mode)
}

// exchange fills the spare and swaps it in; false: nothing at base has changed.
func exchange(sys Sys, dfd int, base string, data []byte) bool {
	like, err := sys.Fstatat(dfd, base, unix.AT_SYMLINK_NOFOLLOW)
	if err != nil || !like.Regular() {
		return false // a first write, or a symbolic link, which a replacement resolves
	}
	spare := "." + base + ".spare"
	fd, err := sys.Openat(dfd, spare, unix.O_RDWR|unix.O_CREAT|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0o600)
	if err != nil {
		return false
	}
	ok := fillSpare(sys, fd, like, data)
	if sys.Close(fd) != nil || !ok {
		return false
	}
	return sys.Exchangeat(dfd, spare, base) == nil
}

// fillSpare gives the spare the owner and mode of the file that it replaces,
// and the content.
func fillSpare(sys Sys, fd int, like Stat, data []byte) bool {
	st, err := sys.Fstat(fd)
	if err != nil || !st.Regular() {
		return false
	}
	if st.Size > int64(len(data)) && sys.Ftruncate(fd, int64(len(data))) != nil {
		return false
	}
	_, err = fill(sys, fd, -1, data, look{Stat: like, exists: true}, false)
	return err == nil
}
