package main

import (
	"bytes"
	"fmt"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

const cwd = ^uint64(99) // AT_FDCWD, -100, as an argument

// entered makes a call of what a thread asks the kernel for, if that matters:
// nil otherwise. What changes a file below the folder and is unknown is an
// error, so that no tape is silently incomplete.
func (r *recorder) entered(tid int, p *pending) (*call, error) {
	a := p.args
	fd := int(int32(a[0]))
	in := r.inside[fd] != nil
	switch p.nr {
	case unix.SYS_OPENAT:
		return r.named(tid, &call{name: "openat", flags: int(a[2]), mode: uint32(a[3])}, a[0], a[1])
	case unix.SYS_FCHMODAT:
		return r.named(tid, &call{name: "chmod", mode: uint32(a[2])}, a[0], a[1])
	case unix.SYS_UNLINKAT:
		return r.named(tid, &call{name: "unlink", flags: int(a[2])}, a[0], a[1])
	case unix.SYS_MKDIRAT:
		return r.named(tid, &call{name: "mkdir", mode: uint32(a[2])}, a[0], a[1])
	case unix.SYS_RENAMEAT, unix.SYS_RENAMEAT2:
		return r.rename(tid, p)
	}
	if !in {
		return nil, nil
	}
	c := &call{fd: fd}
	switch p.nr {
	case unix.SYS_CLOSE:
		c.name = "close"
	case unix.SYS_WRITE, unix.SYS_PWRITE64:
		c.name, c.off = "write", r.inside[fd].pos
		if p.nr == unix.SYS_PWRITE64 {
			c.off = int64(a[3])
		}
		c.data = make([]byte, a[2])
		return c, peek(tid, a[1], c.data)
	case unix.SYS_FSYNC:
		c.name = "fsync"
	case unix.SYS_FDATASYNC:
		c.name = "fdatasync"
	case unix.SYS_FTRUNCATE:
		c.name, c.off = "ftruncate", int64(a[1])
	case unix.SYS_FCHMOD:
		c.name, c.mode = "fchmod", uint32(a[1])
	case unix.SYS_LSEEK:
		c.name = "lseek"
	case unix.SYS_READ, unix.SYS_PREAD64, unix.SYS_FSTAT, sysFstatat, unix.SYS_STATX, unix.SYS_FSTATFS, unix.SYS_FLISTXATTR, unix.SYS_FGETXATTR, unix.SYS_FCNTL, unix.SYS_GETDENTS64, unix.SYS_EPOLL_CTL, unix.SYS_IOCTL:
		return nil, nil // these change nothing (epoll_ctl and ioctl: Go asks whether it can be polled)
	default:
		return nil, fmt.Errorf("system call %d on %s: the recorder does not know it", p.nr, r.inside[fd].path)
	}
	return c, nil
}

// named fills in the path of a call; nil if it lies outside.
func (r *recorder) named(tid int, c *call, dirfd, addr uint64) (*call, error) {
	path, inside, err := r.path(tid, dirfd, addr)
	if c.path = path; !inside {
		return nil, err
	}
	return c, err
}

func (r *recorder) rename(tid int, p *pending) (*call, error) {
	from, in, err := r.path(tid, p.args[0], p.args[1])
	if err != nil {
		return nil, err
	}
	to, in2, err := r.path(tid, p.args[2], p.args[3])
	switch {
	case err != nil || !in && !in2:
		return nil, err
	case in != in2 || p.nr == unix.SYS_RENAMEAT2 && p.args[4] != 0:
		return nil, fmt.Errorf("a rename of %s to %s in a way that the recorder does not know", from, to)
	}
	return &call{name: "rename", path: from, to: to}, nil
}

// path reads a path argument; below the folder it is returned without it.
func (r *recorder) path(tid int, dirfd, addr uint64) (path string, inside bool, err error) {
	b := make([]byte, 0, unix.PathMax)
	for bytes.IndexByte(b, 0) < 0 && len(b) < unix.PathMax {
		part := make([]byte, 64-(addr+uint64(len(b)))%64) // never over a page's end
		if err := peek(tid, addr+uint64(len(b)), part); err != nil {
			return "", false, err
		}
		b = append(b, part...)
	}
	path, _, _ = strings.Cut(string(b), "\x00")
	if !filepath.IsAbs(path) {
		dir := r.inside[int(int32(dirfd))]
		if dir == nil {
			return path, false, nil
		}
		path = filepath.Join(r.root, dir.path, path)
	}
	rest, inside := strings.CutPrefix(filepath.Clean(path), r.root)
	if inside = inside && (rest == "" || rest[0] == '/'); inside {
		path = filepath.Join("/", rest)
	}
	return path, inside, nil
}

// peek reads the thread's memory.
func peek(tid int, addr uint64, b []byte) error {
	if n, err := unix.PtracePeekData(tid, uintptr(addr), b); err != nil || n != len(b) {
		return fmt.Errorf("read %d bytes of its memory: %d, %w", len(b), n, err)
	}
	return nil
}

// returned puts a call that has succeeded on the tape.
func (r *recorder) returned(p *pending, got int64) {
	c := p.call
	switch c.name {
	case "openat":
		c.fd = int(got)
		r.inside[c.fd] = &cursor{path: c.path}
	case "close":
		delete(r.inside, c.fd)
	case "write":
		c.data = c.data[:got]
		if p.nr == unix.SYS_WRITE {
			r.inside[c.fd].pos += got
		}
	case "lseek":
		r.inside[c.fd].pos = got
		return
	}
	r.tape.calls = append(r.tape.calls, *c)
}
