package models

import (
	"io"
	"math/rand/v2"
	"path"

	"github.com/cockroachdb/pebble/v2/vfs"
	"golang.org/x/sys/unix"

	"github.com/aim-control/aimlock/firmware/durable"
)

// memDisk is Pebble's MemFS as a durable.Sys. What the MemFS lacks: a file
// cannot become shorter (what is cut off becomes zeros, which every reader of
// ours takes for the end), names cannot be exchanged (EINVAL, as on FAT), and
// there are no owners, modes and extended attributes. Its clones keep or lose
// whole blocks of 4 KiB and new names; a removal is never kept before the
// directory's sync, so that it lacks some states that package faultfs has.
type memDisk struct {
	durable.Sys // what it does not know panics
	fs          *vfs.MemFS
	fds         map[int]*memFile
	inos        map[string]uint64 // by path
	last        uint64
	locks       map[string]int // by path: the descriptor that has it
	changed     func()
	random      *rand.Rand
	patience    int // dry draws for each different clone
}

type memFile struct {
	vfs.File
	path string
	ino  uint64
	dir  bool
}

const memBlock = 4096 // bytes; vfs/mem_fs.go, CrashClone

func newMemDisk() Disk { return memDiskOf(vfs.NewCrashableMem()) }

func memDiskOf(fs *vfs.MemFS) *memDisk {
	return &memDisk{fs: fs, fds: map[int]*memFile{}, inos: map[string]uint64{}, locks: map[string]int{}, random: rand.New(rand.NewPCG(1, 2)), patience: 32}
}

func (d *memDisk) Piece() int { return memBlock }

// did tells Cut of a change that has succeeded.
func (d *memDisk) did(err error) error {
	if err == nil && d.changed != nil {
		d.changed()
	}
	return err
}

func (d *memDisk) at(dirfd int, name string) string {
	if !path.IsAbs(name) && dirfd != unix.AT_FDCWD {
		name = path.Join(d.fds[dirfd].path, name)
	}
	return path.Join("/", name)
}

func (d *memDisk) ino(p string) uint64 {
	if d.inos[p] == 0 {
		d.last++
		d.inos[p] = d.last
	}
	return d.inos[p]
}

func (d *memDisk) Openat(dirfd int, name string, flags int, _ uint32) (int, error) {
	p := d.at(dirfd, name)
	st, err := d.fs.Stat(p)
	var f vfs.File
	made := false
	switch {
	case err != nil && flags&unix.O_CREAT == 0:
		return -1, unix.ENOENT
	case err != nil:
		delete(d.inos, p)
		made = true
		f, err = d.fs.Create(p, vfs.WriteCategoryUnspecified)
	case flags&unix.O_EXCL != 0:
		return -1, unix.EEXIST
	case st.IsDir() != (flags&unix.O_DIRECTORY != 0):
		return -1, unix.ENOTDIR
	case st.IsDir():
		f, err = d.fs.OpenDir(p)
	case flags&unix.O_ACCMODE == unix.O_RDONLY:
		f, err = d.fs.Open(p)
	default:
		f, err = d.fs.OpenReadWrite(p, vfs.WriteCategoryUnspecified)
	}
	if err != nil {
		return -1, unix.ENOENT
	}
	fd := 3
	for d.fds[fd] != nil {
		fd++
	}
	d.fds[fd] = &memFile{f, p, d.ino(p), st != nil && st.IsDir()}
	if made {
		_ = d.did(nil)
	}
	return fd, nil
}

func (d *memDisk) Close(fd int) error {
	f := d.fds[fd]
	if f == nil {
		return unix.EBADF
	}
	if d.locks[f.path] == fd {
		delete(d.locks, f.path)
	}
	delete(d.fds, fd)
	return f.File.Close()
}

func (d *memDisk) Pread(fd int, b []byte, off int64) (int, error) {
	n, err := d.fds[fd].ReadAt(b, off)
	if err == io.EOF {
		err = nil
	}
	return n, err
}

func (d *memDisk) Pwrite(fd int, b []byte, off int64) (int, error) {
	n, err := d.fds[fd].WriteAt(b, off)
	return n, d.did(err)
}

func (d *memDisk) Fsync(fd int) error     { return d.fds[fd].Sync() }
func (d *memDisk) Fdatasync(fd int) error { return d.fds[fd].SyncData() }

func (d *memDisk) Ftruncate(fd int, size int64) error {
	st, err := d.Fstat(fd)
	if err != nil || st.Size == size {
		return err
	}
	from, to := min(st.Size, size), max(st.Size, size)
	_, err = d.fds[fd].WriteAt(make([]byte, to-from), from)
	return d.did(err)
}

func (d *memDisk) Renameat(olddirfd int, oldpath string, newdirfd int, newpath string) error {
	from, to := d.at(olddirfd, oldpath), d.at(newdirfd, newpath)
	ino := d.ino(from)
	if err := d.fs.Rename(from, to); err != nil {
		return unix.ENOENT
	}
	delete(d.inos, from)
	d.inos[to] = ino
	return d.did(nil)
}

func (d *memDisk) Exchangeat(int, string, string) error { return unix.EINVAL }

func (d *memDisk) Unlinkat(dirfd int, name string, _ int) error {
	p := d.at(dirfd, name)
	if err := d.fs.Remove(p); err != nil {
		return unix.ENOENT
	}
	delete(d.inos, p)
	return d.did(nil)
}

func (d *memDisk) Mkdirat(dirfd int, name string, _ uint32) error {
	p := d.at(dirfd, name)
	if _, err := d.fs.Stat(p); err == nil {
		return unix.EEXIST
	}
	return d.did(d.fs.MkdirAll(p, 0o755))
}

func (d *memDisk) stat(p string, ino uint64, st vfs.FileInfo) durable.Stat {
	out := durable.Stat{Dev: 1, Ino: ino, Size: st.Size(), Mode: unix.S_IFREG | 0o644}
	if st.IsDir() {
		out.Mode = unix.S_IFDIR | 0o755
	}
	return out
}

func (d *memDisk) Fstat(fd int) (durable.Stat, error) {
	f := d.fds[fd]
	st, err := f.Stat()
	if err != nil {
		return durable.Stat{}, err
	}
	return d.stat(f.path, f.ino, st), nil
}

func (d *memDisk) Fstatat(dirfd int, name string, _ int) (durable.Stat, error) {
	p := d.at(dirfd, name)
	st, err := d.fs.Stat(p)
	if err != nil {
		return durable.Stat{}, unix.ENOENT
	}
	return d.stat(p, d.ino(p), st), nil
}

func (d *memDisk) Fstatfs(int) (durable.FileSystem, error) { return unix.EXT4_SUPER_MAGIC, nil }

func (d *memDisk) Flistxattr(int) ([]string, error) { return nil, unix.ENOTSUP }

func (d *memDisk) Fchmod(int, uint32) error         { return nil }
func (d *memDisk) Fchown(int, int, int) error       { return nil }
func (d *memDisk) ReadDir(fd int) ([]string, error) { return d.fs.List(d.fds[fd].path) }

func (d *memDisk) SetLock(fd int) error {
	p := d.fds[fd].path
	if has := d.locks[p]; has != 0 && has != fd {
		return unix.EAGAIN
	}
	d.locks[p] = fd
	return nil
}

func (d *memDisk) Unlock(fd int) error {
	if p := d.fds[fd].path; d.locks[p] == fd {
		delete(d.locks, p)
	}
	return nil
}

func (d *memDisk) LockRefused(fd int) (bool, error) {
	has := d.locks[d.fds[fd].path]
	return has != 0 && has != fd, nil
}
