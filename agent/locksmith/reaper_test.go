package locksmith

import "github.com/aim-control/aimlock/firmware/durable"

// Every call of durable.Sys, counted once it has returned.

func (r *reaper) Openat(dirfd int, path string, flags int, mode uint32) (int, error) {
	defer r.count()
	return r.Sys.Openat(dirfd, path, flags, mode)
}

func (r *reaper) Close(fd int) error {
	defer r.count()
	return r.Sys.Close(fd)
}

func (r *reaper) Pread(fd int, p []byte, off int64) (int, error) {
	defer r.count()
	return r.Sys.Pread(fd, p, off)
}

func (r *reaper) Pwrite(fd int, p []byte, off int64) (int, error) {
	defer r.count()
	return r.Sys.Pwrite(fd, p, off)
}

func (r *reaper) Fsync(fd int) error {
	defer r.count()
	return r.Sys.Fsync(fd)
}

func (r *reaper) Fdatasync(fd int) error {
	defer r.count()
	return r.Sys.Fdatasync(fd)
}

func (r *reaper) Ftruncate(fd int, size int64) error {
	defer r.count()
	return r.Sys.Ftruncate(fd, size)
}

func (r *reaper) Renameat(olddirfd int, oldpath string, newdirfd int, newpath string) error {
	defer r.count()
	return r.Sys.Renameat(olddirfd, oldpath, newdirfd, newpath)
}

func (r *reaper) Exchangeat(dirfd int, a, b string) error {
	defer r.count()
	return r.Sys.Exchangeat(dirfd, a, b)
}

func (r *reaper) Unlinkat(dirfd int, path string, flags int) error {
	defer r.count()
	return r.Sys.Unlinkat(dirfd, path, flags)
}

func (r *reaper) Mkdirat(dirfd int, path string, mode uint32) error {
	defer r.count()
	return r.Sys.Mkdirat(dirfd, path, mode)
}

func (r *reaper) Fstat(fd int) (durable.Stat, error) {
	defer r.count()
	return r.Sys.Fstat(fd)
}

func (r *reaper) Fstatat(dirfd int, path string, flags int) (durable.Stat, error) {
	defer r.count()
	return r.Sys.Fstatat(dirfd, path, flags)
}

func (r *reaper) Fchmod(fd int, mode uint32) error {
	defer r.count()
	return r.Sys.Fchmod(fd, mode)
}

func (r *reaper) Fchown(fd, uid, gid int) error {
	defer r.count()
	return r.Sys.Fchown(fd, uid, gid)
}

func (r *reaper) ReadDir(fd int) ([]string, error) {
	defer r.count()
	return r.Sys.ReadDir(fd)
}

func (r *reaper) SetLock(fd int) error {
	defer r.count()
	return r.Sys.SetLock(fd)
}

func (r *reaper) Unlock(fd int) error {
	defer r.count()
	return r.Sys.Unlock(fd)
}

func (r *reaper) LockRefused(fd int) (bool, error) {
	defer r.count()
	return r.Sys.LockRefused(fd)
}
