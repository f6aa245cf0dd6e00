package durable

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// Read returns the whole content of the regular file at path, which may be at
// most max bytes long: ErrTooLarge beyond. A symbolic link is followed. A
// missing file is fs.ErrNotExist; a pipe or a device is refused rather than
// waited for.
func Read(sys Sys, path string, max int64) ([]byte, error) {
	fd, err := sys.Openat(unix.AT_FDCWD, path, unix.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, fail("read", path, "open", err)
	}
	defer sys.Close(fd)
	st, err := sys.Fstat(fd)
	if err != nil {
		return nil, fail("read", path, "stat", err)
	}
	if !st.Regular() {
		return nil, fail("read", path, "stat", errNotRegular)
	}
	if st.Size > max {
		return nil, tooLarge(path, st.Size, max)
	}
	// The size is a hint only: /proc says 0, and a writer may be at work.
	buf := make([]byte, 0, min(max, st.Size)+1)
	for {
		if len(buf) == cap(buf) {
			buf = append(buf, 0)[:len(buf)]
		}
		n, err := sys.Pread(fd, buf[len(buf):cap(buf)], int64(len(buf)))
		if err != nil {
			return nil, fail("read", path, "read", err)
		}
		if n == 0 {
			return buf, nil
		}
		if buf = buf[:len(buf)+n]; int64(len(buf)) > max {
			return nil, tooLarge(path, int64(len(buf)), max)
		}
	}
}

func tooLarge(path string, size, max int64) error {
	return fmt.Errorf("durable: read %s: %w: %d bytes or more, at most %d: is it the right file?", path, ErrTooLarge, size, max)
}
