package agent

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aim-control/aimlock/agent/config"
)

// checksIn makes a folder of checks, in which body is the one script.
func checksIn(t *testing.T, body string) hooks {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "10-check"), []byte("#!/bin/sh\n"+body), 0o755); err != nil {
		t.Fatal(err)
	}
	return hooks{Hooks: config.Hooks{Checks: dir}}
}

// A check gets no descriptor of the agent's: with the lock's, it could keep
// the lease alive behind the agent's back.
func TestCheckInheritsNothing(t *testing.T) {
	t.Parallel()
	f, err := os.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	h := checksIn(t, "ls -l /proc/$$/fd | sed -n 's/.* -> //p' | tr '\\n' ' '; read line || echo 'nothing to read'; exit 1\n")
	name, out, err := h.check(t.Context())
	if err == nil || name != "10-check" || !strings.Contains(out, "nothing to read") {
		t.Fatalf("%s: %v, %q", name, err, out)
	}
	for _, open := range strings.Fields(strings.TrimSuffix(out, "nothing to read")) {
		if open != "/dev/null" && !strings.HasPrefix(open, "pipe:") && !strings.HasSuffix(open, name) {
			t.Errorf("the check has %s open: %s", open, out)
		}
	}
}

// A command that takes too long dies with all its children, and its output so
// far is kept.
func TestCheckThatHangs(t *testing.T) {
	t.Parallel()
	h := checksIn(t, "echo $$ waits; sleep 1000 & echo $!; wait\n")
	out, err := h.exec(t.Context(), 200*time.Millisecond, filepath.Join(h.Checks, "10-check"))
	if err == nil || !strings.Contains(err.Error(), "took longer") {
		t.Errorf("%v, %q", err, out)
	}
	said := strings.Fields(out)
	if len(said) != 3 {
		t.Fatalf("its output is lost: %q", out)
	}
	late := time.Now().Add(10 * time.Second)
	for { // its parent is dead: init reaps it
		stat, err := os.ReadFile("/proc/" + said[2] + "/stat")
		if err != nil || strings.Contains(string(stat), ") Z ") {
			break
		}
		if time.Now().After(late) {
			t.Fatalf("a child outlived its check: %s", stat)
		}
	}
}

// What others can change decides nothing.
func TestCheckOfOthers(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(dir string) error{
		"writable folder": func(dir string) error { return os.Chmod(dir, 0o777) },
		"writable script": func(dir string) error { return os.Chmod(filepath.Join(dir, "10-check"), 0o775) },
	} {
		h := checksIn(t, "exit 0\n")
		if _, _, err := h.check(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := spoil(h.Checks); err != nil {
			t.Fatal(err)
		}
		if _, _, err := h.check(t.Context()); err == nil || !strings.Contains(err.Error(), "chmod go-w") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A report stays small, whatever a check prints.
func TestCheckThatTalks(t *testing.T) {
	t.Parallel()
	h := checksIn(t, "i=0; while [ $i -lt 5000 ]; do echo line $i; i=$((i+1)); done; exit 3\n")
	_, out, err := h.check(t.Context())
	if err == nil || len(out) > maxOutput || !strings.HasPrefix(out, "line 0 line 1") {
		t.Errorf("%v, %d bytes: %.40s", err, len(out), out)
	}
}
