package durable

import (
	"strings"

	"golang.org/x/sys/unix"
)

func (linux) Fstatfs(fd int) (FileSystem, error) {
	var st unix.Statfs_t
	err := again(func() error { return unix.Fstatfs(fd, &st) })
	return FileSystem(st.Type), err
}

func (linux) Flistxattr(fd int) ([]string, error) {
	b, err := sized(func(b []byte) (int, error) { return unix.Flistxattr(fd, b) })
	return strings.FieldsFunc(string(b), func(r rune) bool { return r == 0 }), err
}

func (linux) Fgetxattr(fd int, name string) ([]byte, error) {
	return sized(func(b []byte) (int, error) { return unix.Fgetxattr(fd, name, b) })
}

func (linux) Fsetxattr(fd int, name string, value []byte) error {
	return again(func() error { return unix.Fsetxattr(fd, name, value, 0) })
}

func (linux) Fremovexattr(fd int, name string) error {
	return again(func() error { return unix.Fremovexattr(fd, name) })
}

// sized asks with a buffer that does for nearly all, then with the largest that
// the kernel fills (XATTR_LIST_MAX, XATTR_SIZE_MAX: 64 KiB).
func sized(ask func([]byte) (int, error)) ([]byte, error) {
	b := make([]byte, 256)
	n, err := ask(b)
	if err == unix.ERANGE {
		b = make([]byte, 64<<10)
		n, err = ask(b)
	}
	return b[:max(n, 0)], err
}
