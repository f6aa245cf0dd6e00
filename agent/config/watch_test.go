package config

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// live is a valid live file; all versions have the same size.
func live(version int) string { return fmt.Sprintf("version = %d\n", version+1000) }

// watching runs a watcher and returns what receives its next change.
func watching(t *testing.T, w *watcher) func() Change {
	t.Helper()
	out := running(t, w)
	return func() Change {
		t.Helper()
		select {
		case c := <-out:
			return c
		case <-time.After(20 * time.Second):
			t.Fatal("no change was noticed")
			return Change{}
		}
	}
}

// running runs a watcher until the test ends; the channel has room, so that a
// change is seen even if a newer one follows before the test receives it.
func running(t *testing.T, w *watcher) <-chan Change {
	ctx, cancel := context.WithCancel(t.Context())
	out, ended := make(chan Change, 16), make(chan error, 1)
	go func() { ended <- w.run(ctx, out) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("run returned %v", err)
		}
	})
	return out
}

// must fails the test on any error: for steps that are not its subject.
func must(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

func write(path, text string) error { return os.WriteFile(path, []byte(text), 0o644) }

// swap replaces the link path by one to target, as Kubernetes does.
func swap(target, path string) error {
	return errors.Join(os.Symlink(target, path+".new"), os.Rename(path+".new", path))
}

// edits are ways in which live(2) takes the place of live(1).
var edits = []struct {
	name  string
	look  bool // events alone cannot see it
	setup func(path string) error
	edit  func(path string) error
}{
	{name: "in place", edit: func(p string) error { return write(p, live(2)) }},
	{name: "renamed over", edit: func(p string) error {
		return errors.Join(write(p+".tmp", live(2)), os.Rename(p+".tmp", p))
	}},
	{name: "moved away and written anew", edit: func(p string) error {
		return errors.Join(os.Rename(p, p+"~"), write(p, live(2)))
	}},
	{name: "size and times set back", edit: func(p string) error {
		info, err := os.Stat(p)
		if err != nil {
			return err
		}
		return errors.Join(write(p, live(2)), os.Chtimes(p, info.ModTime(), info.ModTime()))
	}},
	{name: "data link swapped",
		setup: func(p string) error {
			dir := filepath.Dir(p)
			return errors.Join(os.Remove(p), os.Mkdir(dir+"/..1", 0o755), os.Mkdir(dir+"/..2", 0o755),
				write(dir+"/..1/conf", live(1)), write(dir+"/..2/conf", live(2)),
				os.Symlink("..1", dir+"/..data"), os.Symlink("..data/conf", p))
		},
		edit: func(p string) error { return swap("..2", filepath.Dir(p)+"/..data") }},
	{name: "target of a link elsewhere",
		setup: func(p string) error {
			return errors.Join(os.Mkdir(p+".d", 0o755), os.Rename(p, p+".d/conf"), os.Symlink(p+".d/conf", p))
		},
		edit: func(p string) error { return write(p+".d/conf", live(2)) }},
	{name: "folder replaced", look: true, edit: func(p string) error {
		dir := filepath.Dir(p)
		return errors.Join(os.Mkdir(dir+".new", 0o755), write(dir+".new/"+filepath.Base(p), live(2)),
			os.Rename(dir, dir+".old"), os.Rename(dir+".new", dir))
	}},
	{name: "link to the folder swapped", look: true,
		setup: func(p string) error {
			dir := filepath.Dir(p)
			return errors.Join(os.Rename(dir, dir+".1"), os.Symlink(dir+".1", dir),
				os.Mkdir(dir+".2", 0o755), write(dir+".2/"+filepath.Base(p), live(2)))
		},
		edit: func(p string) error { return swap(filepath.Dir(p)+".2", filepath.Dir(p)) }},
}

func place(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "etc")
	path := filepath.Join(dir, LiveName)
	must(t, os.Mkdir(dir, 0o755), write(path, live(1)))
	return path
}

// TestWatch makes each edit twice: seen by events alone, and by looks alone.
func TestWatch(t *testing.T) {
	t.Parallel()
	for _, e := range edits {
		for _, blind := range []bool{false, true} {
			if e.look && !blind {
				continue
			}
			t.Run(fmt.Sprintf("%s/blind=%v", e.name, blind), func(t *testing.T) {
				t.Parallel()
				path := place(t)
				if e.setup != nil {
					must(t, e.setup(path))
				}
				w := &watcher{path: path, events: inotify(path), look: time.Hour}
				if blind {
					w.look = look
					w.events.add = func(string) error { return unix.ENOSPC }
				}
				next := watching(t, w)
				first := next()
				if string(first.Data) != live(1) || first.Err != nil {
					t.Fatalf("first: %+v", first)
				}
				if got := strings.Contains(first.Degraded, "max_user_watches"); got != blind {
					t.Errorf("degraded: %q", first.Degraded)
				}
				must(t, e.edit(path))
				if c := next(); c.Err != nil || c.Live.Version != 1002 || c.Hash != Hash([]byte(live(2))) || string(c.Data) != live(2) {
					t.Errorf("after the edit: %+v", c)
				}
			})
		}
	}
}

// TestWatchBroken takes a file through all that can be wrong with it.
func TestWatchBroken(t *testing.T) {
	t.Parallel()
	path := place(t)
	next := watching(t, &watcher{path: path, floor: Safety{MotorHotMax: 100}, events: inotify(path), look: look})
	next()
	for _, step := range []struct {
		name string
		edit func() error
		want string // in the error
		is   error  // want and is both empty: valid again
	}{
		{"missing", func() error { return os.Remove(path) }, "put the live file back", fs.ErrNotExist},
		{"back", func() error { return write(path, "[safe_pause.motor]\nhot = 99.0\n") }, "", nil},
		{"beyond the floor", func() error { return write(path, "[safe_pause.motor]\nhot = 101.0\n") }, "2:7: safe_pause.motor.hot: 101.0 °C is less safe", nil},
		{"invalid", func() error { return write(path, "[lock]\nttl = 30\n") }, "2:7: lock.ttl", nil},
		{"too large", func() error { return write(path, strings.Repeat("# long\n", MaxLive/7+1)) }, "larger than the 65536 bytes", nil},
		{"named pipe", func() error { return errors.Join(os.Remove(path), syscall.Mkfifo(path, 0o644)) }, "not a regular file", errNotAFile},
		{"link to itself", func() error { return errors.Join(os.Remove(path), os.Symlink(LiveName, path)) }, "", syscall.ELOOP},
		{"folder", func() error { return errors.Join(os.Remove(path), os.Mkdir(path, 0o755)) }, "not a regular file", errNotAFile},
		{"folder gone", func() error { return os.RemoveAll(filepath.Dir(path)) }, "put the live file back", fs.ErrNotExist},
		{"folder back", func() error { return errors.Join(os.Mkdir(filepath.Dir(path), 0o755), write(path, live(9))) }, "", nil},
	} {
		must(t, step.edit())
		c := next()
		switch {
		case step.want == "" && step.is == nil && (c.Err != nil || c.Live == nil):
			t.Errorf("%s: %v", step.name, c.Err)
		case step.is != nil && !errors.Is(c.Err, step.is):
			t.Errorf("%s: %v, want %v", step.name, c.Err, step.is)
		case step.want != "" && (c.Err == nil || !strings.Contains(c.Err.Error(), step.want) || c.Live != nil):
			t.Errorf("%s: %v, want %q", step.name, c.Err, step.want)
		}
		if c.Degraded != "" {
			t.Errorf("%s: degraded: %s", step.name, c.Degraded)
		}
	}
}
