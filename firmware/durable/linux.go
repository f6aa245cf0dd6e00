package durable

import (
	"golang.org/x/sys/unix"
)

// Linux makes the real system calls. EINTR is retried, descriptors are raw and
// close on exec.
var Linux Sys = linux{}

type linux struct{}

// again repeats call while a signal interrupts it.
func again(call func() error) error {
	for {
		if err := call(); err != unix.EINTR {
			return err
		}
	}
}

func (linux) Openat(dirfd int, path string, flags int, mode uint32) (fd int, err error) {
	err = again(func() error {
		fd, err = unix.Openat(dirfd, path, flags|unix.O_CLOEXEC, mode)
		return err
	})
	return fd, err
}

// Close is the one call that is not retried: Linux has freed the descriptor
// when it returns EINTR, and a second close could hit another's file.
func (linux) Close(fd int) error {
	if err := unix.Close(fd); err != unix.EINTR {
		return err
	}
	return nil
}

func (linux) Pread(fd int, p []byte, off int64) (n int, err error) {
	err = again(func() error { n, err = unix.Pread(fd, p, off); return err })
	return max(n, 0), err
}

func (linux) Pwrite(fd int, p []byte, off int64) (n int, err error) {
	err = again(func() error { n, err = unix.Pwrite(fd, p, off); return err })
	return max(n, 0), err
}

func (linux) Fsync(fd int) error     { return again(func() error { return unix.Fsync(fd) }) }
func (linux) Fdatasync(fd int) error { return again(func() error { return unix.Fdatasync(fd) }) }

func (linux) Ftruncate(fd int, size int64) error {
	return again(func() error { return unix.Ftruncate(fd, size) })
}

func (linux) Renameat(olddirfd int, oldpath string, newdirfd int, newpath string) error {
	return again(func() error { return unix.Renameat(olddirfd, oldpath, newdirfd, newpath) })
}

func (linux) Exchangeat(dirfd int, a, b string) error {
	return again(func() error { return unix.Renameat2(dirfd, a, dirfd, b, unix.RENAME_EXCHANGE) })
}

func (linux) Unlinkat(dirfd int, path string, flags int) error {
	return again(func() error { return unix.Unlinkat(dirfd, path, flags) })
}

func (linux) Mkdirat(dirfd int, path string, mode uint32) error {
	return again(func() error { return unix.Mkdirat(dirfd, path, mode) })
}

func (linux) Fstat(fd int) (Stat, error) {
	var st unix.Stat_t
	err := again(func() error { return unix.Fstat(fd, &st) })
	return stat(&st, err)
}

func (linux) Fstatat(dirfd int, path string, flags int) (Stat, error) {
	var st unix.Stat_t
	err := again(func() error { return unix.Fstatat(dirfd, path, &st, flags) })
	return stat(&st, err)
}

func stat(st *unix.Stat_t, err error) (Stat, error) {
	if err != nil {
		return Stat{}, err
	}
	return Stat{
		Dev: uint64(st.Dev), Ino: uint64(st.Ino), Size: int64(st.Size), Mode: uint32(st.Mode),
		UID: st.Uid, GID: st.Gid, Mtime: st.Mtim.Nano(),
	}, nil
}

func (linux) Fchmod(fd int, mode uint32) error {
	return again(func() error { return unix.Fchmod(fd, mode) })
}

func (linux) Fchown(fd, uid, gid int) error {
	return again(func() error { return unix.Fchown(fd, uid, gid) })
}

func (linux) ReadDir(fd int) ([]string, error) {
	if _, err := unix.Seek(fd, 0, 0); err != nil {
		return nil, err
	}
	var names []string
	buf := make([]byte, 4096)
	for {
		var n int
		err := again(func() (err error) { n, err = unix.Getdents(fd, buf); return err })
		if err != nil || n <= 0 {
			return names, err
		}
		_, _, names = unix.ParseDirent(buf[:n], -1, names)
	}
}

// whole is a write lock on the whole file, however long it grows.
func whole(kind int16) *unix.Flock_t { return &unix.Flock_t{Type: kind, Whence: 0} }

func (linux) SetLock(fd int) error {
	err := again(func() error { return unix.FcntlFlock(uintptr(fd), unix.F_OFD_SETLK, whole(unix.F_WRLCK)) })
	if err == unix.EACCES { // POSIX allows either word for "refused"
		return unix.EAGAIN
	}
	return err
}

func (linux) Unlock(fd int) error {
	return again(func() error { return unix.FcntlFlock(uintptr(fd), unix.F_OFD_SETLK, whole(unix.F_UNLCK)) })
}

func (linux) LockRefused(fd int) (bool, error) {
	lk := whole(unix.F_WRLCK)
	err := again(func() error { return unix.FcntlFlock(uintptr(fd), unix.F_OFD_GETLK, lk) })
	return lk.Type != unix.F_UNLCK, err
}
