package main

import (
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/aim-control/aimlock/firmware/durable"
)

// call is one recorded system call that succeeded and that matters to a disk.
// Paths are those of the tape's folder, without it.
type call struct {
	name  string
	fd    int // what it was made on, or what an openat returned
	path  string
	to    string // of a rename
	flags int
	mode  uint32
	off   int64 // of a write, or a file's new size
	data  []byte
}

func (c call) String() string {
	return fmt.Sprintf("%s fd %d %s %s flags %#x mode %#o off %d, %d bytes", c.name, c.fd, c.path, c.to, c.flags, c.mode, c.off, len(c.data))
}

// tape is what a program did below one folder.
type tape struct{ calls []call }

// play makes the calls again.
func (t *tape) play(sys durable.Sys) error {
	fds := map[int]int{}
	for i, c := range t.calls {
		if err := c.play(sys, fds); err != nil {
			return fmt.Errorf("call %d of %d, %v: %w", i, len(t.calls), c, err)
		}
	}
	return nil
}

func (c call) play(sys durable.Sys, fds map[int]int) error {
	const cwd = unix.AT_FDCWD
	switch c.name {
	case "openat":
		fd, err := sys.Openat(cwd, c.path, c.flags&^unix.O_CLOEXEC, c.mode)
		fds[c.fd] = fd
		return err
	case "close":
		return sys.Close(fds[c.fd])
	case "write":
		n, err := sys.Pwrite(fds[c.fd], c.data, c.off)
		if err == nil && n != len(c.data) {
			err = fmt.Errorf("%d of %d bytes", n, len(c.data))
		}
		return err
	case "fsync":
		return sys.Fsync(fds[c.fd])
	case "fdatasync":
		return sys.Fdatasync(fds[c.fd])
	case "ftruncate":
		return sys.Ftruncate(fds[c.fd], c.off)
	case "fchmod":
		return sys.Fchmod(fds[c.fd], c.mode)
	case "chmod":
		fd, err := sys.Openat(cwd, c.path, unix.O_RDONLY, 0)
		if err == nil {
			err = sys.Fchmod(fd, c.mode)
			_ = sys.Close(fd)
		}
		return err
	case "rename":
		return sys.Renameat(cwd, c.path, cwd, c.to)
	case "unlink":
		return sys.Unlinkat(cwd, c.path, c.flags)
	case "mkdir":
		return sys.Mkdirat(cwd, c.path, c.mode)
	}
	return fmt.Errorf("the player does not know %s", c.name)
}
