package faultfs

import (
	"path"

	"golang.org/x/sys/unix"
)

// Renameat replaces a file at newpath; of directories only an empty one.
func (p *Proc) Renameat(olddirfd int, oldpath string, newdirfd int, newpath string) error {
	return p.call("renameat", oldpath, func() error {
		oldbase, err := p.at(olddirfd)
		if err != nil {
			return err
		}
		newbase, err := p.at(newdirfd)
		if err != nil {
			return err
		}
		return p.fs.rename(oldbase, oldpath, newbase, newpath)
	})
}

func (f *FS) rename(oldbase *inode, oldpath string, newbase *inode, newpath string) error {
	from, oldname, err := f.walk(oldbase, oldpath)
	if err != nil {
		return err
	}
	to, newname, err := f.walk(newbase, newpath)
	if err != nil {
		return err
	}
	n, was := from.view.names[oldname], to.view.names[newname]
	switch {
	case n == nil:
		return unix.ENOENT
	case n == was:
		return nil
	case was != nil && was.dir() && !n.dir():
		return unix.EISDIR
	case was != nil && !was.dir() && n.dir():
		return unix.ENOTDIR
	case was != nil && len(was.view.names) > 0:
		return unix.ENOTEMPTY
	}
	if f.SplitRename {
		if was != nil {
			f.names(edit{to, newname, nil})
		}
		f.names(edit{to, newname, n})
		if ch := to.pending[len(to.pending)-1]; f.vfat {
			ch.by = n
			n.pending = append(n.pending, ch)
		}
		f.names(edit{from, oldname, nil})
		f.evict(was)
		return nil
	}
	f.names(edit{from, oldname, nil}, edit{to, newname, n})
	return nil
}

// Exchangeat swaps two files of one directory.
func (p *Proc) Exchangeat(dirfd int, a, b string) error {
	return p.call("exchangeat", a, func() error {
		base, err := p.at(dirfd)
		if err != nil {
			return err
		}
		f := p.fs
		dir, first, err := f.walk(base, a)
		if err != nil {
			return err
		}
		other, second, err := f.walk(base, b)
		if err != nil {
			return err
		}
		x, y := dir.view.names[first], other.view.names[second]
		switch {
		case x == nil || y == nil:
			return unix.ENOENT
		case f.SplitRename || dir != other:
			return unix.EINVAL
		}
		f.names(edit{dir, first, y}, edit{dir, second, x})
		return nil
	})
}

// Unlinkat removes a file, with AT_REMOVEDIR an empty directory.
func (p *Proc) Unlinkat(dirfd int, name string, flags int) error {
	return p.call("unlinkat", name, func() error {
		base, err := p.at(dirfd)
		if err != nil {
			return err
		}
		dir, last, err := p.fs.walk(base, name)
		if err != nil {
			return err
		}
		n, rmdir := dir.view.names[last], flags&unix.AT_REMOVEDIR != 0
		switch {
		case n == nil:
			return unix.ENOENT
		case n.dir() && !rmdir:
			return unix.EISDIR
		case !n.dir() && rmdir:
			return unix.ENOTDIR
		case len(n.view.names) > 0:
			return unix.ENOTEMPTY
		}
		p.fs.names(edit{dir, last, nil})
		p.fs.evict(n)
		return nil
	})
}

// Mkdirat makes a directory.
func (p *Proc) Mkdirat(dirfd int, name string, mode uint32) error {
	return p.call("mkdirat", name, func() error {
		base, err := p.at(dirfd)
		if err != nil {
			return err
		}
		dir, last, err := p.fs.walk(base, path.Clean(name))
		if err != nil {
			return err
		}
		if last == "" || last == "." || dir.view.names[last] != nil {
			return unix.EEXIST
		}
		p.fs.names(edit{dir, last, p.fs.newInode(unix.S_IFDIR | mode&0o777)})
		return nil
	})
}
