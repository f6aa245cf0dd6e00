package hal

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// sysFile is a file of sysfs that is read again and again: its descriptor
// stays open, so that a read allocates nothing. After an error it is opened
// anew. One goroutine at a time uses it.
type sysFile struct {
	path string
	fd   int // −1: not open
}

// read reads the file from its start.
func (f *sysFile) read(buf []byte) (int, error) {
	if f.fd < 0 {
		fd, err := unix.Open(f.path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err != nil {
			return 0, fmt.Errorf("hal: open %s: %w", f.path, err)
		}
		f.fd = fd
	}
	n, err := unix.Pread(f.fd, buf, 0)
	if err != nil {
		f.Close()
		return 0, fmt.Errorf("hal: read %s: %w", f.path, err)
	}
	return n, nil
}

// Close closes the descriptor; a later read opens it again.
func (f *sysFile) Close() error {
	if f.fd < 0 {
		return nil
	}
	fd := f.fd
	f.fd = -1
	return unix.Close(fd)
}
