package faultfs

import (
	"maps"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/aim-control/aimlock/firmware/durable"
)

// Fstatfs says Kind.
func (p *Proc) Fstatfs(fd int) (kind durable.FileSystem, err error) {
	err = p.on("fstatfs", fd, func(*file) error {
		if kind = p.fs.Kind; kind == 0 {
			kind = unix.EXT4_SUPER_MAGIC
		}
		return nil
	})
	return kind, err
}

func (p *Proc) attrs(call string, fd int, do func(n *inode) error) error {
	return p.on(call, fd, func(of *file) error {
		if p.fs.NoAttributes {
			return unix.ENOTSUP
		}
		return do(of.n)
	})
}

// Flistxattr is sorted.
func (p *Proc) Flistxattr(fd int) (names []string, err error) {
	err = p.attrs("flistxattr", fd, func(n *inode) error {
		names = slices.Sorted(maps.Keys(n.view.attrs))
		return nil
	})
	return names, err
}

// Fgetxattr knows no prefixes.
func (p *Proc) Fgetxattr(fd int, name string) (value []byte, err error) {
	err = p.attrs("fgetxattr", fd, func(n *inode) error {
		v, ok := n.view.attrs[name]
		if !ok {
			return unix.ENODATA
		}
		value = []byte(v)
		return nil
	})
	return value, err
}

// Fsetxattr takes any name.
func (p *Proc) Fsetxattr(fd int, name string, value []byte) error {
	return p.attrs("fsetxattr", fd, func(n *inode) error {
		next := maps.Clone(n.view.attrs)
		if next == nil {
			next = map[string]string{}
		}
		next[name] = string(value)
		n.adorn(p.fs, next)
		return nil
	})
}

// Fremovexattr is ENODATA where nothing is.
func (p *Proc) Fremovexattr(fd int, name string) error {
	return p.attrs("fremovexattr", fd, func(n *inode) error {
		if _, ok := n.view.attrs[name]; !ok {
			return unix.ENODATA
		}
		next := maps.Clone(n.view.attrs)
		delete(next, name)
		n.adorn(p.fs, next)
		return nil
	})
}

func (n *inode) adorn(f *FS, attrs map[string]string) {
	meta := n.view
	meta.attrs = attrs
	f.do(n, &change{kind: changeMode, meta: meta})
}
