package durable

import (
	"errors"
	"fmt"
	"io"

	"golang.org/x/sys/unix"
)

// remedies says what a technician can do about the errnos that storage gives.
var remedies = map[unix.Errno]string{
	unix.ENOSPC: "make room on this file system",
	unix.EDQUOT: "raise the quota or make room",
	unix.EROFS:  "the file system is mounted read-only: see the kernel log, then remount it",
	unix.EIO:    "the storage fails: see the kernel log, replace the card",
	unix.EACCES: "run as the user that owns it",
	unix.EPERM:  "run as the user that owns it, or as root",
	unix.EMFILE: "too many open files: raise the limit",
	unix.ENFILE: "too many open files in the system",
}

// fail words err: what was being done to which file, in which step, and what
// can be done about it. errors.Is still finds err.
func fail(what, path, step string, err error) error {
	if err == nil {
		return nil
	}
	return &failure{what, path, step, err}
}

// failure is worded only when somebody reads it: that a file is not there is
// asked several times a second.
type failure struct {
	what, path, step string
	err              error
}

func (f *failure) Unwrap() error { return f.err }

func (f *failure) Error() string {
	var no unix.Errno
	if errors.As(f.err, &no) && remedies[no] != "" {
		return fmt.Sprintf("durable: %s %s: %s: %v (%s)", f.what, f.path, f.step, f.err, remedies[no])
	}
	return fmt.Sprintf("durable: %s %s: %s: %v", f.what, f.path, f.step, f.err)
}

// writeAll writes all of p at off, however the kernel portions it.
func writeAll(sys Sys, fd int, p []byte, off int64) error {
	for len(p) > 0 {
		n, err := sys.Pwrite(fd, p, off)
		if err != nil {
			return err
		}
		if n <= 0 {
			return io.ErrShortWrite
		}
		p, off = p[n:], off+int64(n)
	}
	return nil
}

// readFull reads into p from off until p is full or the file ends.
func readFull(sys Sys, fd int, p []byte, off int64) (n int, err error) {
	for n < len(p) {
		k, err := sys.Pread(fd, p[n:], off+int64(n))
		if err != nil {
			return n, err
		}
		if k == 0 {
			break
		}
		n += k
	}
	return n, nil
}

// syncDir makes the names in the directory at path durable.
func syncDir(sys Sys, path string) error {
	fd, err := sys.Openat(unix.AT_FDCWD, path, unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return err
	}
	err = sys.Fsync(fd)
	sys.Close(fd)
	return err
}
