package durable_test

import (
	"bytes"
	"errors"
	"io/fs"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/aim-control/aimlock/firmware/durable"
	"github.com/aim-control/aimlock/firmware/durable/faultfs"
)

// Whatever call fails: the old file or the new one, an error that names it, no
// descriptor and no temporary file left; the same under a power cut; and the
// next replacement, once storage is well again, survives.
func TestReplaceAfterAFailedCall(t *testing.T) {
	t.Parallel()
	for _, f := range faultfs.Faults() {
		t.Run(f.Name, func(t *testing.T) {
			t.Parallel()
			failed := 0
			for k := 1; ; k++ {
				calls, err := replaceFailing(t, f, k)
				if err != nil {
					failed++
				}
				if calls < k {
					break
				}
			}
			if want := map[bool]int{true: 8, false: 0}[f.Errno != nil]; failed < want {
				t.Errorf("only %d calls failed", failed)
			}
		})
	}
}

func replaceFailing(t *testing.T, f faultfs.Fault, k int) (calls int, err error) {
	disk := faultfs.New()
	disk.Put(file, oldData, 0o640)
	bad := findings{}
	acked, done := false, false
	var before []byte
	faultfs.Enumerate(disk, func() {
		f.Arm(disk.Proc, k)
		err = durable.Replace(disk, file, newData, 0o644)
		acked = err == nil
		calls = disk.Calls()
		disk.Heal()
		judgeFailure(disk, bad, f, err)
		before, _ = durable.Read(disk, file, 1<<16)
		if err := errors.Join(durable.Sweep(disk, file), durable.Replace(disk, file, redo, 0o644)); err != nil {
			bad.add("afterwards: %v", err)
		}
		done = true
	}, func(after *faultfs.FS) {
		switch got, _ := durable.Read(after, file, 1<<16); {
		case bytes.Equal(got, redo) && before != nil:
		case before != nil && !done && bytes.Equal(got, before): // the second one is at work
		default:
			judgeFile(after, bad, acked || done, oldData, newData)
		}
	})
	if n := len(disk.Files()); n != 1 {
		bad.add("%d files in the end", n)
	}
	if bad.total() > 0 {
		t.Errorf("call %d (%v): %v", k, err, bad)
	}
	return calls, err
}

func judgeFailure(disk *faultfs.FS, bad findings, f faultfs.Fault, err error) {
	files := disk.Files()
	want := newData
	if err != nil && !errors.Is(err, durable.ErrUnsure) {
		want = oldData
	}
	if !bytes.Equal(files[file], want) {
		bad.add("wrong content after %v", err)
	}
	if len(files) != 1 && !f.Lasts {
		bad.add("a temporary file is left")
	}
	bad.leaks(disk)
	bad.unclear(f, err, file)
}

func TestReplaceKeepsOwnerAndMode(t *testing.T) {
	t.Parallel()
	disk := faultfs.New()
	disk.Put(file, oldData, 0o640)
	fd, err := disk.Openat(unix.AT_FDCWD, file, unix.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	disk.Fchown(fd, 7, 8)
	disk.Close(fd)
	for path, want := range map[string]durable.Stat{
		file:       {UID: 7, GID: 8, Mode: unix.S_IFREG | 0o640},
		"/etc/new": {Mode: unix.S_IFREG | 0o604},
	} {
		if err := durable.Replace(disk, path, newData, 0o604); err != nil {
			t.Fatal(err)
		}
		st, err := disk.Fstatat(unix.AT_FDCWD, path, 0)
		if err != nil || st.UID != want.UID || st.GID != want.GID || st.Mode != want.Mode {
			t.Errorf("%s: %+v, %v; want %+v", path, st, err, want)
		}
	}
}

// liar changes what is read back.
type liar struct{ *faultfs.FS }

func (l liar) Pread(fd int, p []byte, off int64) (int, error) {
	n, err := l.FS.Pread(fd, p, off)
	if n > 0 {
		p[n-1] ^= 1
	}
	return n, err
}

func TestReplaceReadsBack(t *testing.T) {
	t.Parallel()
	for _, size := range []int{1, 500, 16<<10 - 1, 16 << 10, 16<<10 + 1, 40 << 10} {
		disk := faultfs.New()
		disk.Put(file, oldData, 0o640)
		if err := durable.Replace(liar{disk}, file, pattern('x', size), 0o644); !errors.Is(err, durable.ErrDiffers) {
			t.Errorf("%d bytes: %v, want ErrDiffers", size, err)
		}
		if files := disk.Files(); len(files) != 1 || !bytes.Equal(files[file], oldData) {
			t.Errorf("%d bytes: the old file is not all that is left", size)
		}
		if err := durable.Replace(disk, file, pattern('x', size), 0o644); err != nil {
			t.Errorf("%d bytes: %v", size, err)
		}
	}
}

// squatter takes the name of the first temporary file before it is created.
type squatter struct {
	*faultfs.FS
	taken string
}

func (s *squatter) Openat(dirfd int, path string, flags int, mode uint32) (int, error) {
	if s.taken == "" && strings.HasSuffix(path, ".tmp") {
		s.taken = "/etc/" + path
		s.Put(s.taken, []byte("another's"), 0o600)
	}
	return s.FS.Openat(dirfd, path, flags, mode)
}

func TestReplaceLeavesAnothersTemporaryFile(t *testing.T) {
	t.Parallel()
	s := &squatter{FS: faultfs.New()}
	s.Put(file, oldData, 0o640)
	if err := durable.Replace(s, file, newData, 0o644); err != nil {
		t.Fatal(err)
	}
	files := s.Files()
	if !bytes.Equal(files[file], newData) || string(files[s.taken]) != "another's" {
		t.Errorf("%q has %q", s.taken, files[s.taken])
	}
}

func TestRead(t *testing.T) {
	t.Parallel()
	disk := faultfs.New()
	disk.Put(file, oldData, 0o640)
	for _, c := range []struct {
		path string
		max  int64
		want error
	}{
		{file, 1000, nil}, {file, 700, nil}, {file, 699, durable.ErrTooLarge}, {file, 0, durable.ErrTooLarge},
		{"/etc/none", 1000, fs.ErrNotExist}, {"/none/none", 1000, fs.ErrNotExist},
	} {
		got, err := durable.Read(disk, c.path, c.max)
		if !errors.Is(err, c.want) || err == nil && !bytes.Equal(got, oldData) {
			t.Errorf("%s at most %d: %d bytes, %v; want %v", c.path, c.max, len(got), err, c.want)
		}
	}
	if _, err := durable.Read(disk, "/etc", 10); err == nil || !strings.Contains(err.Error(), "not a regular file") {
		t.Errorf("a directory: %v", err)
	}
	if n := disk.Descriptors(); n != 0 {
		t.Errorf("%d descriptors leaked", n)
	}
}

func TestSweepTakesOnlyItsOwn(t *testing.T) {
	t.Parallel()
	disk := faultfs.New()
	keep := []string{file, "/etc/.live.conf.tmp", "/etc/.live.conf.0123456789abcdeg.tmp", "/etc/.other.0123456789abcdef.tmp", "/etc/.live.conf.0123456789abcdef.tmp2"}
	for _, name := range append(keep, "/etc/.live.conf.0123456789abcdef.tmp") {
		disk.Put(name, oldData, 0o640)
	}
	if err := durable.Sweep(disk, file); err != nil {
		t.Fatal(err)
	}
	files := disk.Files()
	for _, name := range keep {
		if files[name] == nil {
			t.Errorf("%s is gone", name)
		}
	}
	if len(files) != len(keep) {
		t.Errorf("%d files are left, want %d", len(files), len(keep))
	}
}
