package durable_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/aim-control/aimlock/firmware/durable"
)

func TestLinuxReplace(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "live.conf")
	target := filepath.Join(dir, "target")
	if err := errors.Join(os.WriteFile(target, oldData, 0o600), os.Symlink("target", path)); err != nil {
		t.Fatal(err)
	}
	// Over a symbolic link, over the file that took its place, and anew.
	for _, p := range []string{path, path, filepath.Join(dir, "new")} {
		if err := durable.Replace(durable.Linux, p, newData, 0o644); err != nil {
			t.Fatal(err)
		}
		got, err := durable.Read(durable.Linux, p, 1<<16)
		if err != nil || !bytes.Equal(got, newData) {
			t.Fatalf("%s: %d bytes, %v", p, len(got), err)
		}
	}
	for p, mode := range map[string]os.FileMode{path: 0o600, target: 0o600, filepath.Join(dir, "new"): 0o644} {
		if fi, err := os.Lstat(p); err != nil || fi.Mode() != mode {
			t.Errorf("%s: %v, %v; want %v", p, fi.Mode(), err, mode)
		}
	}
	if got, _ := os.ReadFile(target); !bytes.Equal(got, oldData) {
		t.Error("the target of the link was written")
	}
	if err := durable.Replace(durable.Linux, dir, newData, 0o644); err == nil || !strings.Contains(err.Error(), "not a regular file") {
		t.Errorf("over a directory: %v", err)
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 3 {
		t.Errorf("%d files, want 3", len(entries))
	}
}

// Readers beside several writers see one whole value or another.
func TestLinuxReplaceIsAtomicForReaders(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "record")
	values := [][]byte{pattern('a', 3000), pattern('b', 700), pattern('c', 5000)}
	if err := durable.Replace(durable.Linux, path, values[0], 0o644); err != nil {
		t.Fatal(err)
	}
	var writers, readers sync.WaitGroup
	stop := make(chan struct{})
	for _, v := range values {
		writers.Go(func() {
			for range 100 {
				if err := durable.ReplaceUnsynced(durable.Linux, path, v, 0o644); err != nil {
					t.Error(err)
				}
			}
		})
	}
	readers.Go(func() {
		for {
			got, err := durable.Read(durable.Linux, path, 1<<16)
			if err != nil || !slices.ContainsFunc(values, func(v []byte) bool { return bytes.Equal(v, got) }) {
				t.Errorf("torn: %d bytes, %v", len(got), err)
				return
			}
			select {
			case <-stop:
				return
			default:
			}
		}
	})
	writers.Wait()
	close(stop)
	readers.Wait()
	if entries, _ := os.ReadDir(filepath.Dir(path)); len(entries) != 1 {
		t.Errorf("%d files left, want 1", len(entries))
	}
}

func TestLinuxReadRefusesAPipe(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "pipe")
	if err := unix.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := durable.Read(durable.Linux, path, 10); err == nil || !strings.Contains(err.Error(), "not a regular file") {
		t.Errorf("%v", err)
	}
	if got, err := durable.Read(durable.Linux, "/proc/self/stat", 4096); err != nil || len(got) == 0 {
		t.Errorf("a file of /proc, which says it is empty: %d bytes, %v", len(got), err)
	}
}

func TestLinuxLocks(t *testing.T) {
	t.Parallel()
	sys := durable.Linux
	path := filepath.Join(t.TempDir(), "lock")
	var fds [2]int
	for i := range fds {
		fd, err := sys.Openat(unix.AT_FDCWD, path, unix.O_RDWR|unix.O_CREAT, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		fds[i] = fd
		if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err != nil || flags&unix.FD_CLOEXEC == 0 {
			t.Errorf("close on exec is not set: %#x, %v", flags, err)
		}
	}
	look := func(when string, want ...bool) {
		t.Helper()
		for i, fd := range fds {
			if got, err := sys.LockRefused(fd); err != nil || got != want[i] {
				t.Errorf("%s: descriptor %d refused %v, %v; want %v", when, i, got, err, want[i])
			}
		}
	}
	look("free", false, false)
	if err := sys.SetLock(fds[0]); err != nil {
		t.Fatal(err)
	}
	look("taken", false, true)
	if err := sys.SetLock(fds[1]); err != unix.EAGAIN {
		t.Errorf("second lock: %v, want EAGAIN", err)
	}
	if err := sys.Unlock(fds[0]); err != nil {
		t.Fatal(err)
	}
	look("given back", false, false)
	if err := sys.SetLock(fds[1]); err != nil {
		t.Fatal(err)
	}
	look("taken by the other", true, false)
	if err := errors.Join(sys.Close(fds[1]), sys.SetLock(fds[0]), sys.Close(fds[0])); err != nil {
		t.Errorf("a close does not give the lock back: %v", err)
	}
}

func TestLinuxReadDir(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var want []string
	for i := range 300 { // several calls of getdents
		name := fmt.Sprintf("a-name-that-takes-room-%03d", i)
		want = append(want, name)
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	fd, err := durable.Linux.Openat(unix.AT_FDCWD, dir, unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer durable.Linux.Close(fd)
	for range 2 {
		got, err := durable.Linux.ReadDir(fd)
		slices.Sort(got)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%d names, %v; want %d", len(got), err, len(want))
		}
	}
}

// The rest of what the building blocks do, on a real file system.
func TestLinuxSlotsAndJournal(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for seq := uint64(1); seq < 6; seq++ {
		s, err := durable.OpenSlots(durable.Linux, filepath.Join(dir, "epoch"), slotSize)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Write(value(seq)); err != nil {
			t.Fatal(err)
		}
		if got, q, err := s.Read(); err != nil || q != seq || !bytes.Equal(got, value(seq)) {
			t.Errorf("read %d bytes, seq %d, %v; want seq %d", len(got), q, err, seq)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if _, _, err := s.Read(); err == nil {
			t.Error("read after close")
		}
	}
	useJournal(t, durable.Linux, filepath.Join(dir, "journal"))
}
