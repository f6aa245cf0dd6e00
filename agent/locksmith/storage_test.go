package locksmith

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// sick says that err is that errno and what a person can do.
func sick(t *testing.T, what string, err, errno error, cure string) {
	t.Helper()
	if !errors.Is(err, errno) || !strings.Contains(err.Error(), cure) {
		t.Errorf("%s: %v; want %v and %q", what, err, errno, cure)
	}
}

// A file system without a free page, the kernel's own. A lock that is new to it
// is refused with a cure, and free; one that has its files goes on.
func TestFullFileSystem(t *testing.T) {
	t.Parallel()
	if !inside(t) {
		return
	}
	fill := func(dir string) (room func()) {
		path := filepath.Join(dir, "state", "fill")
		if err := os.WriteFile(path, make([]byte, 1<<20), 0o600); !errors.Is(err, unix.ENOSPC) {
			t.Fatalf("it is not full: %v", err)
		}
		return func() {
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
		}
	}
	fresh := func(grants int) (string, *Smith) {
		dir := folder(t)
		mount(t, "none", filepath.Join(dir, "state"), "tmpfs", 0, "size=32k")
		s := open(t, dir, nil)
		for range grants {
			if err := acquire(t, s, claim("earlier")).Release(); err != nil {
				t.Fatal(err)
			}
		}
		return dir, s
	}

	dir, s := fresh(0)
	room := fill(dir)
	_, err := s.Acquire(context.Background(), claim("holder"))
	sick(t, "acquire", err, unix.ENOSPC, "make room")
	look(t, s, Free)
	room()
	l := acquire(t, s, claim("holder"))
	room = fill(dir)
	sick(t, "renew", l.Renew(), unix.ENOSPC, "make room")
	look(t, s, Held)
	sick(t, "release", l.Release(), unix.ENOSPC, "make room")
	look(t, s, Free)
	room()
	next := acquire(t, s, claim("next"))
	if err := next.Release(); next.Epoch() <= l.Epoch() || err != nil {
		t.Errorf("epoch %d after %d, %v", next.Epoch(), l.Epoch(), err)
	}

	dir, s = fresh(3)
	defer fill(dir)()
	l = acquire(t, s, claim("holder"))
	if err := errors.Join(l.Renew(), l.Release()); err != nil || l.Epoch() != 4 {
		t.Errorf("epoch %d on a full disk: %v", l.Epoch(), err)
	}
	look(t, s, Free)
}

// The state's file system turns read-only under a holder, as failing storage
// does: looks go on and tell the truth, errors say what to do, nothing is HOT
// that nobody refuses. A program that has the lock and could write no record is
// HOT(unknown), with its name.
func TestReadOnlyFileSystem(t *testing.T) {
	t.Parallel()
	if !inside(t) {
		return
	}
	const cure = "mount the file system writable"
	dir := folder(t)
	s := open(t, dir, faster)
	s.maxTTL = ttl(maxLease)
	l := acquire(t, s, claim("holder"))
	state, run := filepath.Join(dir, "state"), filepath.Join(dir, "run")
	readOnly := func(path string) {
		mount(t, path, path, "", unix.MS_BIND, "")
		mount(t, "none", path, "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY, "")
	}
	readOnly(state)
	sick(t, "renew", l.Renew(), unix.EROFS, cure)
	look(t, s, Held)
	if err := l.Commit(func() error { return nil }); err != nil {
		t.Errorf("a commit elsewhere: %v", err)
	}
	sick(t, "release", l.Release(), unix.EROFS, cure)
	look(t, s, Dead) // free, though its record cannot say so
	_, err := s.Acquire(context.Background(), claim("next"))
	sick(t, "acquire", err, unix.EROFS, cure)
	look(t, s, Dead)

	s.every = time.Millisecond
	out := watch(t, s, time.Hour)
	r := await(t, out, "a reclaim that fails", func(r Report) bool { return r.Err != nil })
	sick(t, "watch", r.Err, unix.EROFS, cure)
	if r.Hot || r.Look.Verdict != Dead {
		t.Errorf("HOT though nobody refuses: %+v", r)
	}
	fd, err := s.take(s.lock) // the other program: the kernel lock and no record of its own
	if err != nil {
		t.Fatal(err)
	}
	mount(t, "none", state, "tmpfs", unix.MS_RDONLY, "") // and none of another
	r = await(t, out, "HOT", func(r Report) bool { return r.Hot })
	if words := r.Look.Words(); r.Look.Verdict != Unknown || !strings.Contains(words, "end that process") || !strings.Contains(words, "(pid 1)") {
		t.Errorf("%v: %s", r.Look.Verdict, words)
	}
	s.drop(fd)
	await(t, out, "free", func(r Report) bool { return r.Look.Verdict == Free && !r.Hot })

	readOnly(run)
	look(t, s, Free)
	_, err = s.Acquire(context.Background(), claim("next"))
	sick(t, "acquire with a read-only lock file", err, unix.EROFS, cure)

	for _, path := range []string{run, state, state} {
		if err := unix.Unmount(path, unix.MNT_DETACH); err != nil {
			t.Fatal(err)
		}
	}
	await(t, out, "reclaimed once it is writable", func(r Report) bool { return r.Reclaimed != nil })
	next := acquire(t, s, claim("next"))
	if err := next.Release(); err != nil {
		t.Error(err)
	}
}
