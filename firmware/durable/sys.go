package durable

import "golang.org/x/sys/unix"

// Sys is the set of system calls that the building blocks use, with the
// kernel's meaning. Descriptors are raw and belong to the caller: no finalizer
// ever closes one, because a closed descriptor drops its lock. Errors are bare
// errnos (errors.Is(err, unix.ENOSPC), errors.Is(err, fs.ErrNotExist)).
//
// dirfd may be unix.AT_FDCWD. Implementations are safe for concurrent use.
type Sys interface {
	// Openat opens path, relative to dirfd. O_CLOEXEC is always added.
	Openat(dirfd int, path string, flags int, mode uint32) (fd int, err error)
	// Close frees fd whatever it returns; it is never repeated.
	Close(fd int) error
	// Pread may return fewer bytes than asked for; 0 with no error is the end.
	Pread(fd int, p []byte, off int64) (n int, err error)
	// Pwrite may write fewer bytes than given, without an error.
	Pwrite(fd int, p []byte, off int64) (n int, err error)
	Fsync(fd int) error
	Fdatasync(fd int) error
	Ftruncate(fd int, size int64) error
	Renameat(olddirfd int, oldpath string, newdirfd int, newpath string) error
	// Exchangeat swaps the files of two names in one directory, both of which
	// exist: renameat2 with RENAME_EXCHANGE. EINVAL where the file system cannot.
	Exchangeat(dirfd int, a, b string) error
	// Unlinkat takes unix.AT_REMOVEDIR to remove an empty directory.
	Unlinkat(dirfd int, path string, flags int) error
	Mkdirat(dirfd int, path string, mode uint32) error
	Fstat(fd int) (Stat, error)
	// Fstatat takes unix.AT_SYMLINK_NOFOLLOW.
	Fstatat(dirfd int, path string, flags int) (Stat, error)
	Fchmod(fd int, mode uint32) error
	Fchown(fd, uid, gid int) error
	// Fstatfs says on what fd lies.
	Fstatfs(fd int) (FileSystem, error)
	// Flistxattr names the extended attributes, in no particular order. ENOTSUP
	// where the file system has none.
	Flistxattr(fd int) ([]string, error)
	// Fgetxattr returns the whole value. ENODATA when it is not there.
	Fgetxattr(fd int, name string) ([]byte, error)
	Fsetxattr(fd int, name string, value []byte) error
	Fremovexattr(fd int, name string) error
	// ReadDir lists all names in the directory fd but "." and "..", in no
	// particular order, from its beginning at every call.
	ReadDir(fd int) ([]string, error)
	// SetLock tries F_OFD_SETLK for writing on the whole file; EAGAIN when
	// another open file has it. fd must be open for writing.
	SetLock(fd int) error
	// Unlock gives back what SetLock took.
	Unlock(fd int) error
	// LockRefused asks with F_OFD_GETLK whether SetLock would be refused. It
	// takes nothing, so that nobody else ever sees "busy" because of a look.
	LockRefused(fd int) (bool, error)
}

// Stat is what the building blocks want to know of a file.
type Stat struct {
	Dev, Ino uint64
	Size     int64  // bytes
	Mode     uint32 // st_mode: type and permissions
	UID, GID uint32
	Mtime    int64 // ns since 1970, wall clock
}

// Regular reports whether it is a regular file.
func (s Stat) Regular() bool { return s.Mode&unix.S_IFMT == unix.S_IFREG }

// Symlink reports whether it is a symbolic link (of a stat that did not follow it).
func (s Stat) Symlink() bool { return s.Mode&unix.S_IFMT == unix.S_IFLNK }

// Dir reports whether it is a directory.
func (s Stat) Dir() bool { return s.Mode&unix.S_IFMT == unix.S_IFDIR }

// Perm is the permission part of the mode, set-id and sticky bits included.
func (s Stat) Perm() uint32 { return s.Mode & 0o7777 }
