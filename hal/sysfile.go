package hal

import (
	"fmt"
	"io"

	"golang.org/x/sys/unix"
)

// sysFile is a file of sysfs that is read or written again and again: its
// descriptor stays open, so that nothing is allocated. After an error it is
// opened anew. One goroutine at a time uses it.
type sysFile struct {
	path string
	fd   int // −1: not open
}

// read reads the file from its start.
func (f *sysFile) read(buf []byte) (int, error) {
	if err := f.open(unix.O_RDONLY); err != nil {
		return 0, err
	}
	n, err := unix.Pread(f.fd, buf, 0)
	return n, f.ended("read", err)
}

// write writes data, all of it, at the file's start.
func (f *sysFile) write(data []byte) error {
	if err := f.open(unix.O_WRONLY); err != nil {
		return err
	}
	n, err := unix.Pwrite(f.fd, data, 0)
	if err == nil && n < len(data) {
		err = io.ErrShortWrite
	}
	return f.ended("write", err)
}

func (f *sysFile) open(mode int) (err error) {
	if f.fd < 0 {
		f.fd, err = unix.Open(f.path, mode|unix.O_CLOEXEC, 0)
		err = f.ended("open", err)
	}
	return err
}

// ended is what a call came to; a failed one closes the descriptor.
func (f *sysFile) ended(call string, err error) error {
	if err != nil {
		f.Close()
		return fmt.Errorf("hal: %s %s: %w", call, f.path, err)
	}
	return nil
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
