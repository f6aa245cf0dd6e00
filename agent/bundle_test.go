package agent

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/aim-control/aimlock/agent/config"
	"github.com/aim-control/aimlock/hal/sim"
)

// aimctlStub is a script in place of aimctl, which finds its archive's path in
// $3.
func aimctlStub(t *testing.T, script string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "aimctl")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

func bundling(t *testing.T, aimctl string) (*parts, string) {
	state := t.TempDir()
	id := &config.Identity{Drone: "patrol-01", Paths: config.Paths{State: state}}
	return &parts{s: Start{Identity: id, IdentityPath: "/etc/d.toml", aimctl: aimctl}}, filepath.Join(state, bundlesName)
}

// TestBundleChild: aimctl runs in a group of its own at the lowest priority,
// with nothing to read and nothing of ours open, and is told where to write.
func TestBundleChild(t *testing.T) {
	t.Parallel()
	p, dir := bundling(t, aimctlStub(t, `{ echo "$@"; cut -d' ' -f5,19 /proc/self/stat; for f in /proc/$$/fd/*; do readlink $f; done; true; } >"$3"`))
	ours, err := os.Create(filepath.Join(t.TempDir(), "ours"))
	if err != nil {
		t.Fatal(err)
	}
	defer ours.Close()
	path, err := p.bundle(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(data)), "\n")
	if want := "bundle --out " + filepath.Join(dir, "patrol-01-1.tar.gz") + " --identity /etc/d.toml"; lines[0] != want {
		t.Errorf("argv %q, want %q", lines[0], want)
	}
	group, nice, _ := strings.Cut(lines[1], " ")
	if nice != "19" || group == strconv.Itoa(unix.Getpgrp()) {
		t.Errorf("niceness %s, group %s as we have", nice, group)
	}
	if lines[2] != "/dev/null" || slices.Contains(lines, ours.Name()) {
		t.Errorf("open: %q", lines[2:])
	}
	if own, err := unix.Getpriority(unix.PRIO_PROCESS, 0); err != nil || own != 20 { // the system call's: 20 - nice
		t.Errorf("our own priority has become %d, %v", own, err)
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the folder: %v, %v", info.Mode(), err)
	}
}

// TestBundlesBounded: the newest four stay, by their numbers; what a killed
// aimctl left, and whatever else, goes.
func TestBundlesBounded(t *testing.T) {
	t.Parallel()
	p, dir := bundling(t, aimctlStub(t, `echo x >"$3"`))
	for range 3 {
		if _, err := p.bundle(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{".patrol-01-3.tar.gz.0011223344556677.tmp", "notes", "patrol-01-x.tar.gz", "patrol-01-99999999999.tar.gz", "old-2.tar.gz"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		if _, err := p.bundle(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	if want := []string{"old-2.tar.gz", "patrol-01-2.tar.gz", "patrol-01-3.tar.gz", "patrol-01-4.tar.gz", "patrol-01-5.tar.gz"}; !slices.Equal(names, want) {
		t.Errorf("kept %q, want %q", names, want)
	}
}

// TestBundleFails: each failure says why.
func TestBundleFails(t *testing.T) {
	t.Parallel()
	p, _ := bundling(t, aimctlStub(t, `echo "no room on the disk" >&2; exit 1`))
	if _, err := p.bundle(t.Context()); err == nil || !strings.Contains(err.Error(), "exit status 1: no room on the disk") {
		t.Errorf("a failed aimctl: %v", err)
	}
	if _, err := findAimctl("", filepath.Join(t.TempDir(), "aimctl")); !errors.Is(err, errNoAimctl) {
		t.Errorf("no aimctl: %v", err)
	}
	open := aimctlStub(t, "")
	if err := os.Chmod(open, 0o777); err != nil {
		t.Fatal(err)
	}
	if _, err := findAimctl(open); err == nil || !strings.Contains(err.Error(), "chmod go-w") {
		t.Errorf("an aimctl that anybody can change: %v", err)
	}
	p, dir := bundling(t, aimctlStub(t, ""))
	if err := os.WriteFile(dir, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := p.bundle(t.Context()); err == nil || !strings.Contains(err.Error(), bundlesName) {
		t.Errorf("a file in the folder's place: %v", err)
	}
}

// TestBundleEndsWithAgent: a hanging aimctl, and what it has started, ends when
// the agent does.
func TestBundleEndsWithAgent(t *testing.T) {
	t.Parallel()
	p, dir := bundling(t, aimctlStub(t, `sleep 1000 & echo $! >"$3.new"; mv "$3.new" "$3"; wait`))
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { _, err := p.bundle(ctx); done <- err }()
	pid := eventuallyRead(t, filepath.Join(dir, "patrol-01-1.tar.gz"))
	cancel()
	if err := <-done; err == nil {
		t.Error("a killed aimctl made an archive")
	}
	n, err := strconv.Atoi(strings.TrimSpace(pid))
	if err != nil {
		t.Fatal(err)
	}
	until(t, "its child has ended", func() bool { return ended(n) })
}

// ended tells whether a process is gone, or only waits to be reaped.
func ended(pid int) bool {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	return err != nil || strings.Contains(string(stat), ") Z ")
}

func eventuallyRead(t *testing.T, path string) (text string) {
	t.Helper()
	until(t, path, func() bool {
		b, err := os.ReadFile(path)
		text = string(b)
		return err == nil
	})
	return text
}

// until polls for what another process does.
func until(t *testing.T, what string, f func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(30 * time.Second); !f(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("not within 30 s: %s", what)
		}
	}
}

// TestButtonToBundle runs a whole agent: the button of its board is held, and
// the archive lies there, reported with its path.
func TestButtonToBundle(t *testing.T) {
	t.Parallel()
	s, log := newDrone(t, "mqtt://127.0.0.1:9")
	s.aimctl = aimctlStub(t, `echo x >"$3"`)
	w := s.Opener.(*sim.World)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- Run(ctx, s) }()
	until(t, "the flight controller's heartbeat", func() bool {
		_, err := os.Stat(filepath.Join(s.Identity.Paths.Run, StatusSocket))
		return err == nil && askStatus(t, s.Identity.Paths.Run).Flight == "disarmed"
	})
	w.Press(true)
	path := filepath.Join(s.Identity.Paths.State, bundlesName, "patrol-01-1.tar.gz")
	until(t, "the archive is reported", func() bool { return strings.Contains(log.String(), "a diagnostic archive is made path="+path) })
	if _, err := os.Stat(path); err != nil {
		t.Error(err)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
