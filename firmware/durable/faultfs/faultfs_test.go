package faultfs_test

import (
	"bytes"
	"errors"
	"maps"
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/aim-control/aimlock/firmware/durable"
	"github.com/aim-control/aimlock/firmware/durable/faultfs"
)

func open(t *testing.T, sys durable.Sys, path string, flags int) int {
	t.Helper()
	fd, err := sys.Openat(unix.AT_FDCWD, path, flags, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	return fd
}

func must(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

func wrote(t *testing.T, sys durable.Sys, fd int, p []byte, off int64) {
	t.Helper()
	if n, err := sys.Pwrite(fd, p, off); n != len(p) || err != nil {
		t.Fatalf("wrote %d of %d: %v", n, len(p), err)
	}
}

// disks counts the different contents of path after a power cut now; "-" is a
// missing file.
func disks(fs *faultfs.FS, path string) map[string]int {
	out := map[string]int{}
	for mask := range 1 << fs.Unsynced() {
		data, ok := fs.Crash(func(i int) bool { return mask>>i&1 == 1 }).Files()[path]
		if !ok {
			data = []byte("-")
		}
		out[string(data)]++
	}
	return out
}

func expect(t *testing.T, fs *faultfs.FS, path string, want ...string) {
	t.Helper()
	got := disks(fs, path)
	for _, w := range want {
		if got[w] == 0 {
			t.Errorf("%.20q cannot be found after a power cut", w)
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d different disks, want %d: %q", len(got), len(want), slices.Sorted(maps.Keys(got)))
	}
}

func TestWhatAPowerCutLeaves(t *testing.T) {
	t.Parallel()
	fs := faultfs.New()
	fs.Put("/f", []byte("old"), 0o644)
	fd := open(t, fs, "/f", unix.O_RDWR)
	expect(t, fs, "/f", "old")
	wrote(t, fs, fd, []byte("NEW!"), 0) // the size and the data, each or not
	expect(t, fs, "/f", "old", "NEW", "old\x00", "NEW!")
	must(t, fs.Fdatasync(fd))
	expect(t, fs, "/f", "NEW!")
	must(t, fs.Ftruncate(fd, 1), fs.Ftruncate(fd, 3))
	expect(t, fs, "/f", "NEW!", "N", "NEW", "N\x00\x00")
	must(t, fs.Fsync(fd))
	expect(t, fs, "/f", "N\x00\x00")

	three := bytes.Repeat([]byte("x"), 3*512)
	must(t, fs.Ftruncate(fd, 4*512), fs.Fsync(fd))
	wrote(t, fs, fd, three, 256) // touches four sectors
	if n := fs.Unsynced(); n != 4 {
		t.Errorf("%d pieces, want 4", n)
	}
}

func TestNamesNeedTheirDirectory(t *testing.T) {
	t.Parallel()
	fs := faultfs.New()
	fs.Put("/d/old", []byte("old"), 0o644)
	dir := open(t, fs, "/d", unix.O_RDONLY|unix.O_DIRECTORY)
	fd := open(t, fs, "/d/new", unix.O_RDWR|unix.O_CREAT|unix.O_EXCL)
	wrote(t, fs, fd, []byte("new"), 0)
	must(t, fs.Fsync(fd))
	expect(t, fs, "/d/new", "-", "new")
	must(t, fs.Fsync(dir))
	expect(t, fs, "/d/new", "new")
	must(t, fs.Renameat(dir, "new", dir, "old"))
	expect(t, fs, "/d/old", "old", "new")
	expect(t, fs, "/d/new", "new", "-")
	must(t, fs.Fsync(dir))
	expect(t, fs, "/d/old", "new")
	must(t, fs.Unlinkat(dir, "old", 0))
	expect(t, fs, "/d/old", "new", "-")
	must(t, fs.Mkdirat(unix.AT_FDCWD, "/e", 0o755), fs.Renameat(unix.AT_FDCWD, "/d", unix.AT_FDCWD, "/e/d"))
	expect(t, fs, "/e/d/old", "-", "new")
	root := open(t, fs, "/", unix.O_RDONLY)
	must(t, fs.Fsync(dir), fs.Fsync(root))
	expect(t, fs, "/e/d/old", "-")
}

// After a failed sync the cache shows what no later sync will write.
func TestAFailedSyncIsFinal(t *testing.T) {
	t.Parallel()
	fs := faultfs.New()
	fs.Put("/f", []byte("old"), 0o644)
	fd := open(t, fs, "/f", unix.O_RDWR)
	wrote(t, fs, fd, []byte("new"), 0)
	fs.FailAt(1, unix.EIO)
	if err := fs.Fsync(fd); err != unix.EIO {
		t.Fatal(err)
	}
	must(t, fs.Fsync(fd), fs.Fdatasync(fd))
	expect(t, fs, "/f", "old", "new")
	if got := fs.Files()["/f"]; string(got) != "new" {
		t.Errorf("the cache has %q", got)
	}
	wrote(t, fs, fd, []byte("NEW"), 0)
	must(t, fs.Fsync(fd))
	expect(t, fs, "/f", "NEW")
}

func TestLocksAndProcesses(t *testing.T) {
	t.Parallel()
	fs := faultfs.New()
	other := fs.Process()
	mine := open(t, fs, "/lock", unix.O_RDWR|unix.O_CREAT)
	theirs := open(t, other, "/lock", unix.O_RDWR)
	must(t, other.SetLock(theirs), other.SetLock(theirs))
	if err := fs.SetLock(mine); err != unix.EAGAIN {
		t.Errorf("%v, want EAGAIN", err)
	}
	if refused, err := fs.LockRefused(mine); !refused || err != nil {
		t.Errorf("refused %v, %v", refused, err)
	}
	other.KillAt(2)
	must(t, other.Fsync(theirs))
	if err := other.Fsync(theirs); err != faultfs.ErrKilled {
		t.Errorf("%v, want ErrKilled", err)
	}
	if refused, err := fs.LockRefused(mine); refused || err != nil {
		t.Errorf("a killed process has the lock: %v, %v", refused, err)
	}
	must(t, fs.SetLock(mine), fs.Unlock(mine), fs.Close(mine))
	if err := other.Close(theirs); err != faultfs.ErrKilled {
		t.Errorf("%v, want ErrKilled", err)
	}
	if err := fs.Close(mine); err != unix.EBADF {
		t.Errorf("%v, want EBADF", err)
	}
}

func TestFaultsComeWhenAsked(t *testing.T) {
	t.Parallel()
	fs := faultfs.New()
	fd := open(t, fs, "/f", unix.O_RDWR|unix.O_CREAT)
	fs.ShortAt(1, unix.ENOSPC)
	if n, err := fs.Pwrite(fd, []byte("1234"), 0); n != 2 || err != nil {
		t.Errorf("short write: %d, %v", n, err)
	}
	if n, err := fs.Pwrite(fd, []byte("34"), 2); n != 0 || err != unix.ENOSPC {
		t.Errorf("then: %d, %v", n, err)
	}
	wrote(t, fs, fd, []byte("34"), 2)
	fs.FailFrom(2, unix.EROFS)
	_, err := fs.Fstat(fd)
	must(t, err)
	for range 3 {
		if err := fs.Ftruncate(fd, 0); err != unix.EROFS {
			t.Errorf("%v, want EROFS", err)
		}
	}
	if err := fs.Close(fd); err != unix.EROFS || fs.Descriptors() != 0 {
		t.Errorf("close: %v, %d descriptors", err, fs.Descriptors())
	}
	fs.Heal()
	if got := fs.Files()["/f"]; string(got) != "1234" {
		t.Errorf("%q", got)
	}
}

// The errnos are the kernel's.
func TestErrnos(t *testing.T) {
	t.Parallel()
	fs := faultfs.New()
	fs.Put("/d/f", nil, 0o644)
	at := func(path string, flags int) error {
		_, err := fs.Openat(unix.AT_FDCWD, path, flags, 0)
		return err
	}
	const cwd = unix.AT_FDCWD
	for what, c := range map[string]struct{ got, want error }{
		"missing":           {at("/x", 0), unix.ENOENT},
		"missing directory": {at("/x/y", unix.O_CREAT), unix.ENOENT},
		"file as directory": {at("/d/f/x", 0), unix.ENOTDIR},
		"O_EXCL":            {at("/d/f", unix.O_CREAT|unix.O_EXCL), unix.EEXIST},
		"O_DIRECTORY":       {at("/d/f", unix.O_DIRECTORY), unix.ENOTDIR},
		"write a directory": {at("/d", unix.O_RDWR), unix.EISDIR},
		"mkdir":             {fs.Mkdirat(cwd, "/d", 0), unix.EEXIST},
		"unlink":            {fs.Unlinkat(cwd, "/d", 0), unix.EISDIR},
		"rmdir":             {fs.Unlinkat(cwd, "/d", unix.AT_REMOVEDIR), unix.ENOTEMPTY},
		"rename":            {fs.Renameat(cwd, "/x", cwd, "/y"), unix.ENOENT},
		"rename over":       {fs.Renameat(cwd, "/d/f", cwd, "/d"), unix.EISDIR},
		"no descriptor":     {fs.Fsync(99), unix.EBADF},
	} {
		if c.got != c.want {
			t.Errorf("%s: %v, want %v", what, c.got, c.want)
		}
	}
}

// Enumerate counts: nothing, the name, then size and data; at the end again.
func TestEnumerate(t *testing.T) {
	t.Parallel()
	fs := faultfs.New()
	got := faultfs.Enumerate(fs, func() {
		fd := open(t, fs, "/f", unix.O_RDWR|unix.O_CREAT)
		wrote(t, fs, fd, []byte("x"), 0)
	}, func(*faultfs.FS) {})
	// 1 empty disk; no file or an empty one; no file, "", "\0" or "x", twice.
	if want := (faultfs.Count{Moments: 4, States: 1 + 2 + 4 + 4}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}

// Beyond 2^12 subsets it fails, it never samples.
func TestEnumerateRefusesToSample(t *testing.T) {
	t.Parallel()
	visited := 0
	run := func(pieces int) (refused any) {
		defer func() { refused = recover() }()
		fs := faultfs.New()
		fs.Put("/f", make([]byte, 512*pieces), 0o644)
		fd := open(t, fs, "/f", unix.O_RDWR)
		faultfs.Enumerate(fs, func() { wrote(t, fs, fd, bytes.Repeat([]byte("x"), 512*pieces), 0) }, func(*faultfs.FS) { visited++ })
		return nil
	}
	if refused := run(faultfs.MaxUnsynced); refused != nil || visited != 1+2<<12 {
		t.Errorf("12 pieces: %v, %d disks", refused, visited)
	}
	if refused := run(faultfs.MaxUnsynced + 1); refused == nil {
		t.Error("13 pieces are not refused")
	}
}

// A key tells disks apart by all that programs see, but names that do not count.
func TestKey(t *testing.T) {
	t.Parallel()
	disk := func(name, data string, mode uint32) *faultfs.FS {
		fs := faultfs.New()
		fs.Put(name, []byte(data), mode)
		return fs
	}
	one := disk("/d/a", "x", 0o644).Key(nil)
	if disk("/d/a", "x", 0o644).Key(nil) != one {
		t.Error("equal disks, two keys")
	}
	for what, other := range map[string]*faultfs.FS{
		"name": disk("/d/b", "x", 0o644), "folder": disk("/e/a", "x", 0o644), "data": disk("/d/a", "y", 0o644), "mode": disk("/d/a", "x", 0o600),
	} {
		if other.Key(nil) == one {
			t.Errorf("another %s, the same key", what)
		}
	}
	as := func(string) string { return "?" }
	if disk("/d/a", "x", 0o644).Key(as) != disk("/e/b", "x", 0o644).Key(as) {
		t.Error("names count that do not")
	}
}
