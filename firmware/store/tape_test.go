package store_test

import (
	"fmt"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/aim-control/aimlock/firmware/durable"
)

// tape records the system calls of a store, so that the very same ones can be
// made again without a store: what the store costs beside them is the ratio.
// What is only asked (pread, stat, readdir) is on the tape as well.
type tape struct {
	durable.Sys
	mu    sync.Mutex
	calls []func(*player) error
}

// player makes recorded calls in another folder.
type player struct {
	from, to string
	fds      map[int]int // recorded → its own
	buf      []byte
}

func (p *player) path(s string) string { return strings.Replace(s, p.from, p.to, 1) }

func (p *player) fd(n int) int {
	if n == unix.AT_FDCWD {
		return n
	}
	return p.fds[n]
}

func (t *tape) add(f func(*player) error) {
	t.mu.Lock()
	t.calls = append(t.calls, f)
	t.mu.Unlock()
}

// take gives the calls since the last time away.
func (t *tape) take() []func(*player) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	calls := t.calls
	t.calls = nil
	return calls
}

func (p *player) play(calls []func(*player) error) error {
	for i, f := range calls {
		if err := f(p); err != nil {
			return fmt.Errorf("call %d of %d: %w", i, len(calls), err)
		}
	}
	return nil
}

// same: a call that failed when it was recorded (a file that was not there)
// fails again.
func same(was, is error) error {
	if was != nil {
		return nil
	}
	return is
}

func (t *tape) Openat(dirfd int, path string, flags int, mode uint32) (int, error) {
	fd, err := t.Sys.Openat(dirfd, path, flags, mode)
	t.add(func(p *player) error {
		n, e := unix.Openat(p.fd(dirfd), p.path(path), flags|unix.O_CLOEXEC, mode)
		if e == nil {
			p.fds[fd] = n
		}
		return same(err, e)
	})
	return fd, err
}

func (t *tape) Close(fd int) error {
	t.add(func(p *player) error { return unix.Close(p.fd(fd)) })
	return t.Sys.Close(fd)
}

func (t *tape) Pread(fd int, b []byte, off int64) (int, error) {
	n, err := t.Sys.Pread(fd, b, off)
	size := len(b)
	t.add(func(p *player) error { _, e := unix.Pread(p.fd(fd), p.buf[:size], off); return same(err, e) })
	return n, err
}

func (t *tape) Pwrite(fd int, b []byte, off int64) (int, error) {
	n, err := t.Sys.Pwrite(fd, b, off)
	kept := append([]byte(nil), b...)
	t.add(func(p *player) error { _, e := unix.Pwrite(p.fd(fd), kept, off); return same(err, e) })
	return n, err
}

func (t *tape) Fsync(fd int) error {
	t.add(func(p *player) error { return unix.Fsync(p.fd(fd)) })
	return t.Sys.Fsync(fd)
}

func (t *tape) Fdatasync(fd int) error {
	t.add(func(p *player) error { return unix.Fdatasync(p.fd(fd)) })
	return t.Sys.Fdatasync(fd)
}

func (t *tape) Ftruncate(fd int, size int64) error {
	t.add(func(p *player) error { return unix.Ftruncate(p.fd(fd), size) })
	return t.Sys.Ftruncate(fd, size)
}

func (t *tape) Renameat(od int, op string, nd int, np string) error {
	t.add(func(p *player) error { return unix.Renameat(p.fd(od), p.path(op), p.fd(nd), p.path(np)) })
	return t.Sys.Renameat(od, op, nd, np)
}

func (t *tape) Unlinkat(dirfd int, path string, flags int) error {
	err := t.Sys.Unlinkat(dirfd, path, flags)
	t.add(func(p *player) error { return same(err, unix.Unlinkat(p.fd(dirfd), p.path(path), flags)) })
	return err
}

func (t *tape) Mkdirat(dirfd int, path string, mode uint32) error {
	err := t.Sys.Mkdirat(dirfd, path, mode)
	t.add(func(p *player) error { return same(err, unix.Mkdirat(p.fd(dirfd), p.path(path), mode)) })
	return err
}

func (t *tape) Fstat(fd int) (durable.Stat, error) {
	t.add(func(p *player) error { var st unix.Stat_t; return unix.Fstat(p.fd(fd), &st) })
	return t.Sys.Fstat(fd)
}

func (t *tape) Fstatat(dirfd int, path string, flags int) (durable.Stat, error) {
	st, err := t.Sys.Fstatat(dirfd, path, flags)
	t.add(func(p *player) error {
		var st unix.Stat_t
		return same(err, unix.Fstatat(p.fd(dirfd), p.path(path), &st, flags))
	})
	return st, err
}

func (t *tape) Fchmod(fd int, mode uint32) error {
	t.add(func(p *player) error { return unix.Fchmod(p.fd(fd), mode) })
	return t.Sys.Fchmod(fd, mode)
}

func (t *tape) Fchown(fd, uid, gid int) error {
	t.add(func(p *player) error { return unix.Fchown(p.fd(fd), uid, gid) })
	return t.Sys.Fchown(fd, uid, gid)
}

// ReadDir reads a directory with getdents64 until its end.
func (t *tape) ReadDir(fd int) ([]string, error) {
	t.add(func(p *player) error {
		if _, err := unix.Seek(p.fd(fd), 0, unix.SEEK_SET); err != nil {
			return err
		}
		for {
			if n, err := unix.Getdents(p.fd(fd), p.buf); n == 0 || err != nil {
				return err
			}
		}
	})
	return t.Sys.ReadDir(fd)
}

func (t *tape) Fstatfs(fd int) (durable.FileSystem, error) {
	t.add(func(p *player) error { var st unix.Statfs_t; return unix.Fstatfs(p.fd(fd), &st) })
	return t.Sys.Fstatfs(fd)
}

func (t *tape) Flistxattr(fd int) ([]string, error) {
	names, err := t.Sys.Flistxattr(fd)
	t.add(func(p *player) error { _, e := unix.Flistxattr(p.fd(fd), p.buf[:256]); return same(err, e) })
	return names, err
}
