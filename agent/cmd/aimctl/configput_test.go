package main

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aim-control/aimlock/agent/config"
	"github.com/aim-control/aimlock/agent/locksmith"
	"github.com/aim-control/aimlock/firmware/durable"
)

// changeBench is a drone's folder, and a change of its live file. Once the new
// file lies beside the live one the machine sleeps for so long.
func changeBench(t *testing.T, sleeps time.Duration) *localChange {
	t.Helper()
	dir := t.TempDir()
	id := &config.Identity{Paths: config.Paths{Config: filepath.Join(dir, config.LiveName), State: filepath.Join(dir, "state"), Run: filepath.Join(dir, "run")}}
	host, err := locksmith.KernelHost()
	err = errors.Join(err, os.Mkdir(id.Paths.State, 0o755), os.Mkdir(id.Paths.Run, 0o755),
		os.WriteFile(id.Paths.Config, []byte("version = 1\n"), 0o644))
	if err != nil {
		t.Fatal(err)
	}
	kernel := host.Now
	host.Now = func() int64 {
		if staged, _ := filepath.Glob(filepath.Join(dir, ".*.tmp")); len(staged) > 0 {
			return kernel() + int64(sleeps)
		}
		return kernel()
	}
	smith, err := locksmith.Open(durable.Linux, locksmith.Paths{Run: id.Paths.Run, State: id.Paths.State, Name: lockName}, host,
		func() time.Duration { return 0 })
	if err != nil {
		t.Fatal(err)
	}
	var said bytes.Buffer
	c := &localChange{a: &app{out: &said, err: &said, in: os.Stdin}, id: id, smith: smith, who: "tess", how: "config edit", say: &said}
	if err := c.read(); err != nil {
		t.Fatal(err)
	}
	return c
}

// lies holds the live file against what must lie there, and asks for nothing
// beside it.
func (c *localChange) lies(t *testing.T, want string) {
	t.Helper()
	got, err := os.ReadFile(c.id.Paths.Config)
	if err != nil || string(got) != want {
		t.Errorf("the live file is %q (%v), want %q", got, err, want)
	}
	names, err := filepath.Glob(filepath.Join(filepath.Dir(c.id.Paths.Config), ".*.tmp"))
	if err != nil || len(names) > 0 {
		t.Errorf("left behind: %v, %v", names, err)
	}
}

// TestLateChange: a lease that has ended while the machine slept, right before
// the switch, changes nothing.
func TestLateChange(t *testing.T) {
	t.Parallel()
	c := changeBench(t, 2*time.Hour)
	err := c.put(t.Context(), []byte("version = 2\n"))
	var e *exit
	if !errors.As(err, &e) || e.code != exitTemp || !strings.Contains(err.Error(), "NOT committed, the live file is untouched") {
		t.Errorf("a late change: %v", err)
	}
	c.lies(t, "version = 1\n")
	c = changeBench(t, time.Millisecond)
	if err := c.put(t.Context(), []byte("version = 2\n")); err != nil {
		t.Error(err)
	}
	c.lies(t, "version = 2\n")
}
