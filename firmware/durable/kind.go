package durable

import (
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"
)

// FileSystem is a kind of file system: the magic number that statfs(2) gives
// (include/uapi/linux/magic.h); 0 if it could not be asked.
type FileSystem uint32

// FileSystemOf says on what the directory of path lies.
func FileSystemOf(sys Sys, path string) FileSystem {
	fd, err := sys.Openat(unix.AT_FDCWD, filepath.Dir(path), unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return 0
	}
	defer sys.Close(fd)
	return kindOf(sys, fd)
}

func kindOf(sys Sys, fd int) FileSystem {
	magic, err := sys.Fstatfs(fd)
	if err != nil {
		return 0
	}
	return magic
}

// Proven reports whether a rename over an existing name is one transaction
// here, which an fsync of the directory makes durable. Those are:
//   - ext4, with the journal that it has by default. ext2, ext3 and ext4 share
//     one number; without a journal the name is one sector's change, and the
//     rest is for fsck.
//   - xfs, btrfs and f2fs, by their log.
//   - tmpfs and ramfs: nothing survives there, so that nothing can be torn.
//   - overlayfs, which passes both calls to its upper folder. FAT cannot be
//     that: the kernel refuses file systems with names of their own comparison.
//
// Everything else is not: vfat, exfat and ntfs change several sectors one by
// one; of nfs, 9p, fuse and the unknown nobody here can say what is beneath.
func (f FileSystem) Proven() bool {
	switch f {
	case unix.EXT4_SUPER_MAGIC, unix.XFS_SUPER_MAGIC, unix.BTRFS_SUPER_MAGIC, unix.F2FS_SUPER_MAGIC,
		unix.TMPFS_MAGIC, unix.RAMFS_MAGIC, unix.OVERLAYFS_SUPER_MAGIC:
		return true
	}
	return false
}

// String is the name as mount(8) has it, or the number.
func (f FileSystem) String() string {
	switch f {
	case unix.MSDOS_SUPER_MAGIC:
		return "vfat"
	case unix.EXFAT_SUPER_MAGIC:
		return "exfat"
	case unix.NFS_SUPER_MAGIC:
		return "nfs"
	case unix.FUSE_SUPER_MAGIC:
		return "fuse"
	case unix.V9FS_MAGIC:
		return "9p"
	}
	return "a file system of kind 0x" + strconv.FormatUint(uint64(f), 16)
}

// shaky reports that fd lies on a file system that is not proven. What is done
// differently there is what Linux's vfat needs (fs/fat), and harms nowhere:
//   - A file's directory entry tells where its data lie and how long it is. An
//     fsync of the file writes it, and one of the directory does not: a rename
//     that only the latter follows is lost, or comes up as an empty file.
//   - Both syncs write the table of clusters too, in no order with the entry.
//     An entry that points to free clusters makes the kernel mount the file
//     system read-only when it meets it. So the table comes first, by a sync of
//     the directory while the entry is still in memory; and clusters are given
//     back last, by keeping a descriptor of a file whose name goes.
func shaky(sys Sys, fd int) bool { return !kindOf(sys, fd).Proven() }

// swap renames from over to, in one directory, and makes that durable if synced
// says so.
func swap(sys Sys, dfd int, from, to string, synced bool) (step string, err error) {
	weak := synced && shaky(sys, dfd)
	if weak {
		old, err := pin(sys, dfd, to)
		if err == nil {
			defer sys.Close(old)
		} else if err != unix.ENOENT {
			return "open the old file", err
		}
	}
	if err := sys.Renameat(dfd, from, dfd, to); err != nil {
		return "rename", err
	}
	if !synced {
		return "", nil
	}
	if err := sys.Fsync(dfd); err != nil {
		return "sync its directory", unsure(err)
	}
	if weak {
		if err := syncFile(sys, dfd, to); err != nil {
			return "sync its name", unsure(err)
		}
	}
	return "", nil
}

// syncFile makes the entry of a name durable. The mode that it has is set once
// more, because an fsync writes the entry only of an inode that is dirty: where
// the kernel's flusher came first, the entry waits in the block device's cache,
// which no fsync of vfat looks at (__generic_file_fsync, fs/fat/inode.c).
func syncFile(sys Sys, dfd int, name string) error {
	fd, err := sys.Openat(dfd, name, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return err
	}
	defer sys.Close(fd)
	if st, err := sys.Fstat(fd); err == nil {
		_ = sys.Fchmod(fd, st.Perm())
	}
	return sys.Fsync(fd)
}

// pin keeps the file from being given back while its descriptor is open.
func pin(sys Sys, dfd int, name string) (fd int, err error) {
	return sys.Openat(dfd, name, unix.O_PATH|unix.O_NOFOLLOW, 0)
}

// Remove removes the file at path; one that is not there is fine.
func Remove(sys Sys, path string) error {
	dfd, base, err := openDir(sys, path)
	if err != nil {
		return fail("remove", path, "open its directory", err)
	}
	defer sys.Close(dfd)
	return fail("remove", path, "unlink", remove(sys, dfd, base))
}

func remove(sys Sys, dfd int, name string) error {
	weak := shaky(sys, dfd)
	if weak {
		fd, err := pin(sys, dfd, name)
		if err == unix.ENOENT {
			return nil
		}
		if err != nil {
			return err
		}
		defer sys.Close(fd)
	}
	err := sys.Unlinkat(dfd, name, 0)
	if err == unix.ENOENT {
		return nil
	}
	if err == nil && weak {
		err = sys.Fsync(dfd)
	}
	return err
}
