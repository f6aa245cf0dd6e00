package faultfs

import (
	"maps"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/aim-control/aimlock/firmware/durable"
)

var _ durable.Sys = (*Proc)(nil)

// file is an open file description.
type file struct {
	n        *inode
	readable bool
	writable bool
}

// at returns the directory that dirfd stands for.
func (p *Proc) at(dirfd int) (*inode, error) {
	if dirfd == unix.AT_FDCWD {
		return p.fs.root, nil
	}
	of := p.fds[dirfd]
	if of == nil {
		return nil, unix.EBADF
	}
	return of.n, nil
}

// Openat knows O_CREAT, O_EXCL, O_TRUNC, O_DIRECTORY and the access mode.
func (p *Proc) Openat(dirfd int, name string, flags int, mode uint32) (fd int, err error) {
	fd = -1
	err = p.call("openat", name, func() error {
		base, err := p.at(dirfd)
		if err != nil {
			return err
		}
		n, err := p.fs.open(base, name, flags, mode)
		if err != nil {
			return err
		}
		access := flags & unix.O_ACCMODE
		of := &file{n: n, readable: access != unix.O_WRONLY, writable: access != unix.O_RDONLY}
		for fd = firstFD; p.fds[fd] != nil; fd++ {
		}
		p.fds[fd] = of
		n.opens++
		return nil
	})
	return fd, err
}

const firstFD = 3

func (f *FS) open(base *inode, name string, flags int, mode uint32) (*inode, error) {
	n, err := f.lookup(base, name)
	switch {
	case f.readOnly && flags&(unix.O_ACCMODE|unix.O_CREAT) != unix.O_RDONLY:
		return nil, unix.EROFS
	case err == unix.ENOENT && flags&unix.O_CREAT != 0:
		dir, last, err := f.walk(base, name)
		if err != nil {
			return nil, err
		}
		n = f.newInode(unix.S_IFREG | mode&0o777)
		f.names(edit{dir, last, n})
		return n, nil
	case err != nil:
		return nil, err
	case flags&unix.O_CREAT != 0 && flags&unix.O_EXCL != 0:
		return nil, unix.EEXIST
	case flags&unix.O_DIRECTORY != 0 && !n.dir():
		return nil, unix.ENOTDIR
	case n.dir() && flags&unix.O_ACCMODE != unix.O_RDONLY:
		return nil, unix.EISDIR
	}
	if flags&unix.O_TRUNC != 0 && len(n.view.data) > 0 {
		f.do(n, &change{kind: changeSize, size: 0})
	}
	return n, nil
}

// Close gives a lock back too.
func (p *Proc) Close(fd int) error {
	// The descriptor is free even when close fails.
	var of *file
	err := p.callAnyway("close", "", func() error {
		if of = p.fds[fd]; of == nil {
			return unix.EBADF
		}
		p.drop(fd)
		return nil
	})
	return err
}

func (p *Proc) drop(fd int) {
	if of := p.fds[fd]; of.n.owner == of {
		of.n.owner = nil
	}
	n := p.fds[fd].n
	n.opens--
	delete(p.fds, fd)
	p.fs.evict(n)
}

// on runs do on an open file.
func (p *Proc) on(call string, fd int, do func(of *file) error) error {
	return p.call(call, "", func() error {
		of := p.fds[fd]
		if of == nil {
			return unix.EBADF
		}
		return do(of)
	})
}

// Pread reads what programs see.
func (p *Proc) Pread(fd int, b []byte, off int64) (n int, err error) {
	err = p.on("pread", fd, func(of *file) error {
		switch {
		case of.n.dir():
			return unix.EISDIR
		case !of.readable:
			return unix.EBADF
		case off < 0:
			return unix.EINVAL
		case p.fs.met(of.n):
			return unix.EIO
		}
		if off < int64(len(of.n.view.data)) {
			n = copy(b, of.n.view.data[off:])
		}
		return nil
	})
	return n, err
}

// Pwrite writes only half where ShortAt says so.
func (p *Proc) Pwrite(fd int, b []byte, off int64) (n int, err error) {
	err = p.on("pwrite", fd, func(of *file) error {
		if !of.writable {
			return unix.EBADF
		}
		if off < 0 {
			return unix.EINVAL
		}
		if p.fs.met(of.n) {
			return unix.EIO
		}
		if p.short {
			b = b[:len(b)/2]
		}
		p.fs.write(of.n, b, off)
		n = len(b)
		return nil
	})
	return n, err
}

// Fsync settles the changes to the file or directory itself.
func (p *Proc) Fsync(fd int) error { return p.sync("fsync", fd, false) }

// Fdatasync is Fsync without mode and owner.
func (p *Proc) Fdatasync(fd int) error { return p.sync("fdatasync", fd, true) }

func (p *Proc) sync(call string, fd int, dataOnly bool) error {
	err := p.on(call, fd, func(of *file) error {
		p.fs.flush(of.n)
		of.n.sync(dataOnly)
		return nil
	})
	if err == nil {
		return nil
	}
	p.fs.mu.Lock()
	defer p.fs.mu.Unlock()
	if of := p.fds[fd]; of != nil {
		of.n.syncFailed()
	}
	return err
}

// Ftruncate cuts off, or adds zeros.
func (p *Proc) Ftruncate(fd int, size int64) error {
	return p.on("ftruncate", fd, func(of *file) error {
		if !of.writable || size < 0 {
			return unix.EINVAL
		}
		if size != int64(len(of.n.view.data)) {
			p.fs.do(of.n, &change{kind: changeSize, size: size})
		}
		return nil
	})
}

func (n *inode) stat() durable.Stat {
	v := &n.view
	return durable.Stat{Dev: 1, Ino: n.ino, Size: int64(len(v.data)), Mode: v.mode, UID: v.uid, GID: v.gid, Mtime: v.mtime}
}

// Fstat sees device 1.
func (p *Proc) Fstat(fd int) (st durable.Stat, err error) {
	err = p.on("fstat", fd, func(of *file) error { st = of.n.stat(); return nil })
	return st, err
}

// Fstatat has no symbolic links to follow.
func (p *Proc) Fstatat(dirfd int, name string, _ int) (st durable.Stat, err error) {
	err = p.call("fstatat", name, func() error {
		base, err := p.at(dirfd)
		if err != nil {
			return err
		}
		n, err := p.fs.lookup(base, name)
		if err != nil {
			return err
		}
		st = n.stat()
		return nil
	})
	return st, err
}

// Fchmod always works: there are no permissions.
func (p *Proc) Fchmod(fd int, mode uint32) error {
	return p.on("fchmod", fd, func(of *file) error { of.n.chmod(p.fs, mode); return nil })
}

// Fchown takes -1 for "leave it".
func (p *Proc) Fchown(fd, uid, gid int) error {
	return p.on("fchown", fd, func(of *file) error { of.n.chown(p.fs, uid, gid); return nil })
}

// ReadDir is sorted.
func (p *Proc) ReadDir(fd int) (names []string, err error) {
	err = p.on("getdents", fd, func(of *file) error {
		if !of.n.dir() {
			return unix.ENOTDIR
		}
		names = slices.Sorted(maps.Keys(of.n.view.names))
		return nil
	})
	return names, err
}

// SetLock locks for this open file.
func (p *Proc) SetLock(fd int) error {
	return p.on("setlock", fd, func(of *file) error {
		switch {
		case !of.writable:
			return unix.EBADF
		case of.n.owner != nil && of.n.owner != of:
			return unix.EAGAIN
		}
		of.n.owner = of
		return nil
	})
}

// Unlock without a lock does nothing.
func (p *Proc) Unlock(fd int) error {
	return p.on("unlock", fd, func(of *file) error {
		if of.n.owner == of {
			of.n.owner = nil
		}
		return nil
	})
}

// LockRefused takes nothing.
func (p *Proc) LockRefused(fd int) (refused bool, err error) {
	err = p.on("getlock", fd, func(of *file) error {
		refused = of.n.owner != nil && of.n.owner != of
		return nil
	})
	return refused, err
}
