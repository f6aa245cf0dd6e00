package durable_test

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/aim-control/aimlock/firmware/durable"
	"github.com/aim-control/aimlock/firmware/durable/faultfs"
)

// attrs reads the extended attributes that begin with "user." or "system.".
func attrs(t *testing.T, sys durable.Sys, path string) map[string]string {
	t.Helper()
	fd, err := sys.Openat(unix.AT_FDCWD, path, unix.O_RDONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer sys.Close(fd)
	names, err := sys.Flistxattr(fd)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, name := range names {
		v, err := sys.Fgetxattr(fd, name)
		if err != nil {
			t.Fatal(err)
		}
		if name != "security.selinux" {
			out[name] = string(v)
		}
	}
	return out
}

func setAttr(t *testing.T, sys durable.Sys, path, name, value string) {
	t.Helper()
	fd, err := sys.Openat(unix.AT_FDCWD, path, unix.O_RDWR, 0)
	if err == nil {
		err = errors.Join(sys.Fsetxattr(fd, name, []byte(value)), sys.Fsync(fd), sys.Close(fd))
	}
	if err != nil {
		t.Fatalf("%s %s: %v (the test needs a file system with user attributes: set TMPDIR)", path, name, err)
	}
}

// acl is an access list that lets user 7 read: version 2, then tag, permission
// and id of each entry (include/uapi/linux/posix_acl_xattr.h).
const acl = "\x02\x00\x00\x00" +
	"\x01\x00\x06\x00\xff\xff\xff\xff" + // owner rw-
	"\x02\x00\x04\x00\x07\x00\x00\x00" + // user 7 r--
	"\x04\x00\x00\x00\xff\xff\xff\xff" + // group ---
	"\x10\x00\x04\x00\xff\xff\xff\xff" + // mask r--
	"\x20\x00\x00\x00\xff\xff\xff\xff" // others ---

// On the real file system: attributes and access list follow the name, those
// that a folder gives new files do not stay, and long ones fit.
func TestAttributesAreKept(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "live.conf")
	if err := os.WriteFile(path, oldData, 0o600); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"user.origin": "provisioned", "user.empty": "", "user.long": string(pattern('x', 3000)), "system.posix_acl_access": acl}
	for name, value := range want {
		setAttr(t, durable.Linux, path, name, value)
	}
	for name, replace := range map[string]func(durable.Sys, string, []byte, uint32) error{"replace": durable.Replace, "stage and switch": stageAndSwitch} {
		if err := replace(durable.Linux, path, newData, 0o644); err != nil {
			t.Fatal(err)
		}
		if got := attrs(t, durable.Linux, path); !maps.Equal(got, want) {
			t.Errorf("%s: %q, want %q", name, slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(want)))
		}
		if fi, err := os.Stat(path); err != nil || fi.Mode().Perm() != 0o640 { // the mask shows as the group's
			t.Errorf("%s: %v, %v", name, fi.Mode(), err)
		}
	}
	if err := errors.Join(unix.Removexattr(path, "system.posix_acl_access"), os.Chmod(path, 0o600),
		unix.Setxattr(filepath.Dir(path), "system.posix_acl_default", []byte(acl), 0)); err != nil {
		t.Fatal(err)
	}
	delete(want, "system.posix_acl_access")
	if err := durable.Replace(durable.Linux, path, newData, 0o644); err != nil {
		t.Fatal(err)
	}
	if got := attrs(t, durable.Linux, path); !maps.Equal(got, want) {
		t.Errorf("the folder's access list: %q", slices.Sorted(maps.Keys(got)))
	}
}

// What changes between Stage and Switch is taken over, durably, and what belongs
// to the content is not.
func TestSwitchTakesAttributesOver(t *testing.T) {
	t.Parallel()
	disk := faultfs.New()
	disk.Put(file, oldData, 0o640)
	for _, name := range []string{"user.goes", "user.stays", "security.capability", "security.ima", "security.evm"} {
		setAttr(t, disk, file, name, "1")
	}
	if err := durable.Stage(disk, file, staged, newData, 0); err != nil {
		t.Fatal(err)
	}
	fd, err := disk.Openat(unix.AT_FDCWD, file, unix.O_RDWR, 0)
	err = errors.Join(err, disk.Fremovexattr(fd, "user.goes"), disk.Fsetxattr(fd, "user.comes", []byte("2")), disk.Fsync(fd), disk.Close(fd))
	if err != nil {
		t.Fatal(err)
	}
	if err := durable.Switch(disk, file, staged); err != nil {
		t.Fatal(err)
	}
	lost := disk.Crash(func(int) bool { return false })
	if got := attrs(t, lost, file); !maps.Equal(got, map[string]string{"user.stays": "1", "user.comes": "2"}) {
		t.Errorf("%v", got)
	}
}

// picky refuses to set one attribute.
type picky struct{ durable.Sys }

func (p picky) Fsetxattr(fd int, name string, value []byte) error {
	if name == "trusted.x" {
		return unix.EPERM
	}
	return p.Sys.Fsetxattr(fd, name, value)
}

// An attribute that cannot be kept is an error, and nothing has changed.
func TestAnAttributeThatCannotBeKept(t *testing.T) {
	t.Parallel()
	disk := faultfs.New()
	disk.Put(file, oldData, 0o640)
	setAttr(t, disk, file, "trusted.x", "1")
	for name, replace := range map[string]func(durable.Sys, string, []byte, uint32) error{"replace": durable.Replace, "stage": stageAndSwitch} {
		err := replace(picky{disk}, file, newData, 0)
		if !errors.Is(err, unix.EPERM) || err.Error() != "durable: "+name+" /etc/live.conf: keep its attributes: attribute trusted.x: operation not permitted (run as the user that owns it, or as root)" {
			t.Errorf("%v", err)
		}
		if got, err := durable.Read(disk, file, 1<<16); err != nil || string(got) != string(oldData) || len(disk.Files()) != 1 {
			t.Errorf("%s: changed, %v, %d files", name, err, len(disk.Files()))
		}
	}
}

// Every call that an attribute costs may fail: old or new, and nothing is left.
func TestAttributesAfterAFailedCall(t *testing.T) {
	t.Parallel()
	for k := 1; ; k++ {
		disk := faultfs.New()
		disk.Put(file, oldData, 0o640)
		setAttr(t, disk, file, "user.a", "1")
		before := disk.Calls()
		disk.FailAt(k, unix.EIO)
		err := durable.Replace(disk, file, newData, 0)
		done := disk.Calls()-before < k
		disk.Heal()
		if got := attrs(t, disk, file); got["user.a"] != "1" || disk.Descriptors() != 0 || err == nil && !done && len(disk.Files()) != 1 {
			t.Errorf("call %d: %v, %d descriptors, %d files, %v", k, got, disk.Descriptors(), len(disk.Files()), err)
		}
		if done {
			if k < 20 {
				t.Errorf("only %d calls", k)
			}
			return
		}
	}
}

// The kinds: what is proven, and what a person reads.
func TestFileSystems(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]struct {
		kind   durable.FileSystem
		proven bool
	}{
		"vfat": {unix.MSDOS_SUPER_MAGIC, false}, "exfat": {unix.EXFAT_SUPER_MAGIC, false}, "nfs": {unix.NFS_SUPER_MAGIC, false},
		"fuse": {unix.FUSE_SUPER_MAGIC, false}, "9p": {unix.V9FS_MAGIC, false},
		"a file system of kind 0x7366746e": {0x7366746e, false}, "a file system of kind 0x0": {0, false},
		"a file system of kind 0xef53": {unix.EXT4_SUPER_MAGIC, true}, "a file system of kind 0xf2f52010": {unix.F2FS_SUPER_MAGIC, true},
		"a file system of kind 0x9123683e": {unix.BTRFS_SUPER_MAGIC, true},
	} {
		if want.kind.String() != name || want.kind.Proven() != want.proven {
			t.Errorf("%v %v, want %v %v", want.kind, want.kind.Proven(), name, want.proven)
		}
	}
	var st unix.Statfs_t
	if err := unix.Statfs("/proc", &st); err != nil {
		t.Fatal(err)
	}
	if got := durable.FileSystemOf(durable.Linux, "/proc/x"); got != unix.PROC_SUPER_MAGIC || got.Proven() {
		t.Errorf("/proc is %v", got)
	}
}
