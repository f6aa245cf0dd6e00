package durable_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/aim-control/aimlock/firmware/durable"
	"github.com/aim-control/aimlock/firmware/durable/faultfs"
)

// rewriteCalls is what a steady Rewrite asks of the kernel: no file is made,
// nothing waits for the disk, and nothing is written over a name.
const rewriteCalls = "openat fstatat openat fstat fstat pwrite close exchangeat close"

func TestRewriteMakesNoFileAndNoSync(t *testing.T) {
	t.Parallel()
	disk := faultfs.New()
	var calls []string
	for i := range 4 {
		if i == 2 { // the file and its spare are there
			disk.Trace(func(call, _ string) { calls = append(calls, call) })
		}
		if err := durable.Rewrite(disk, "/rec", pattern(byte('a'+i), 300), 0o644); err != nil {
			t.Fatal(err)
		}
		if i == 2 {
			disk.Trace(nil)
		}
		if got := disk.Files()["/rec"]; !bytes.Equal(got, pattern(byte('a'+i), 300)) {
			t.Errorf("after %d: %q", i, got)
		}
	}
	if got := strings.Join(calls, " "); got != rewriteCalls {
		t.Errorf("calls %s\nwant  %s", got, rewriteCalls)
	}
	if n := len(disk.Files()); n != 2 {
		t.Errorf("%d files, want the file and its spare", n)
	}
}

// Killed at each call, or each call fails: the file is the old one or the new
// one, whole, and the next Rewrite goes well.
func TestRewriteKilledOrFailedAtEachCall(t *testing.T) {
	t.Parallel()
	long, short := pattern('o', 600), pattern('n', 100)
	for k := 1; ; k++ {
		kill := faultfs.Fault{Name: "killed", Errno: faultfs.ErrKilled, Arm: (*faultfs.Proc).KillAt}
		for _, f := range append(faultfs.Faults(), kill) {
			what := f.Name
			disk := faultfs.New()
			for range 2 {
				if err := durable.Rewrite(disk, "/rec", long, 0o640); err != nil {
					t.Fatal(err)
				}
			}
			doomed := disk.Process()
			f.Arm(doomed, k)
			err := durable.Rewrite(doomed, "/rec", short, 0o644)
			if n := doomed.Descriptors(); n > 0 || err != nil && !errors.Is(err, f.Errno) {
				t.Errorf("%s at call %d: %d descriptors, %v", what, k, n, err)
			}
			got := disk.Files()["/rec"]
			if !bytes.Equal(got, short) && (err == nil || !bytes.Equal(got, long)) {
				t.Errorf("%s at call %d: %v, then %.10q (%d bytes)", what, k, err, got, len(got))
			}
			if err := durable.Rewrite(disk, "/rec", pattern('x', 601), 0o644); err != nil {
				t.Errorf("%s at call %d, then: %v", what, k, err)
			}
			if st, err := disk.Fstatat(unix.AT_FDCWD, "/rec", 0); err != nil || st.Perm() != 0o640 || st.Size != 601 {
				t.Errorf("%s at call %d: mode %o, %d bytes, %v", what, k, st.Perm(), st.Size, err)
			}
		}
		if k > 12 {
			return
		}
	}
}

// FAT cannot exchange names, and there are links and strangers' spares.
func TestRewriteFallsBackToAReplacement(t *testing.T) {
	t.Parallel()
	for what, prepare := range map[string]func(*faultfs.FS) error{
		"no exchange":       func(f *faultfs.FS) error { f.SplitRename = true; return nil },
		"no file yet":       func(f *faultfs.FS) error { return f.Unlinkat(unix.AT_FDCWD, "/rec", 0) },
		"spare is a folder": func(f *faultfs.FS) error { return f.Mkdirat(unix.AT_FDCWD, "/.rec.spare", 0o755) },
	} {
		disk := faultfs.New()
		disk.Put("/rec", []byte("old"), 0o600)
		if err := prepare(disk); err != nil {
			t.Fatal(err)
		}
		for i := range 3 {
			want := fmt.Sprint("new ", i)
			if err := durable.Rewrite(disk, "/rec", []byte(want), 0o644); err != nil {
				t.Errorf("%s: %v", what, err)
			}
			if got := disk.Files()["/rec"]; string(got) != want {
				t.Errorf("%s: %q", what, got)
			}
		}
	}
}

// A power cut leaves the new content, any older one, an empty or a damaged
// file; never none, if the file's name was durable.
func TestRewriteAfterAPowerCut(t *testing.T) {
	t.Parallel()
	disk := faultfs.New()
	for _, c := range []byte("ab") {
		if err := durable.Rewrite(disk, "/rec", pattern(c, 40), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	disk = disk.Crash(func(int) bool { return true })
	found := map[string]int{}
	faultfs.Enumerate(disk, func() {
		if err := durable.Rewrite(disk, "/rec", pattern('c', 40), 0o644); err != nil {
			t.Error(err)
		}
	}, func(after *faultfs.FS) {
		got, err := durable.Read(after, "/rec", 64)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			t.Error("no file")
		case err != nil:
			t.Error(err)
		default:
			found[string(got[:1])]++
		}
	})
	if found["a"] == 0 || found["b"] == 0 || found["c"] == 0 {
		t.Errorf("found %v: an older content must be among them, or the enumeration sees nothing", found)
	}
}

// On the kernel: the inode alternates between two, the owner's mode is kept.
func TestRewriteOnLinux(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "rec")
	inodes := map[uint64]bool{}
	for i := range 6 {
		want := strings.Repeat("x", 10+i%3)
		if err := durable.Rewrite(durable.Linux, path, []byte(want), 0o640); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(path); err != nil || string(got) != want {
			t.Fatalf("%q, %v", got, err)
		}
		st, err := durable.Linux.Fstatat(unix.AT_FDCWD, path, 0)
		if err != nil || st.Perm() != 0o640 {
			t.Fatalf("mode %o, %v", st.Perm(), err)
		}
		inodes[st.Ino] = true
	}
	if len(inodes) != 2 {
		t.Errorf("%d inodes in turn, want 2", len(inodes))
	}
}
