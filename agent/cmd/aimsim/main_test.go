package main

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestMain makes the test program aimsim itself when it is started again: for
// agents, for holders of locks, and for whole runs.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && slices.Contains([]string{"child", "hold", "run"}, os.Args[1]) {
		os.Exit(command(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
	}
	os.Exit(m.Run())
}

// folder is a new folder with a path short enough for sockets, which
// t.TempDir's need not have.
func folder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "aimsim-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// aimsim runs a command line and returns its exit code and what it printed.
func aimsim(stdin string, args ...string) (code int, out, errs string) {
	var o, e bytes.Buffer
	code = command(args, strings.NewReader(stdin), &o, &e)
	return code, o.String(), e.String()
}

// TestScenarios plays every scenario of the folder, all at the same time, each
// on a fleet of its own.
func TestScenarios(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("scenarios/*.aim")
	if err != nil || len(files) < 7 {
		t.Fatalf("%d scenarios, %v", len(files), err)
	}
	type result struct {
		code      int
		out, errs string
		took      time.Duration
	}
	results := make([]result, len(files))
	var all sync.WaitGroup
	for i, file := range files {
		dir := folder(t)
		all.Go(func() {
			begin := time.Now()
			r := &results[i]
			r.code, r.out, r.errs = aimsim("", "run", "--plain", "--dir", dir, file)
			r.took = time.Since(begin)
		})
	}
	all.Wait()
	for i, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			r := results[i]
			t.Logf("took %v", r.took.Round(100*time.Millisecond))
			if r.code != exitOK {
				t.Errorf("exit code %d\n%s\n%s", r.code, r.out, r.errs)
			}
		})
	}
}

func TestStoryIsWellFormed(t *testing.T) {
	t.Parallel()
	if code, out, errs := aimsim("", "check", "story.aim", "fly.aim"); code != exitOK || out+errs != "" {
		t.Errorf("exit code %d: %s%s", code, out, errs)
	}
}

func TestSyntaxErrors(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	file := filepath.Join(dir, "bad.aim")
	write := func(text string) {
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("arm all\nfly all\nexpect p9 state=NOMINAL\n")
	tests := []struct {
		args []string
		want string
	}{
		{[]string{"run", file}, file + `:2: no verb "fly"`},
		{[]string{"check", file}, file + `:2: no verb "fly"`},
		{[]string{"run", filepath.Join(dir, "none.aim")}, "no such file"},
		{[]string{"story", "--drones", "4"}, "names drones that the fleet has not"},
		{[]string{"story", "--drones", "99"}, "use 1 to 64"},
		{[]string{"story", "--colour"}, "unknown flag"},
		{[]string{"story", "now"}, "see aimsim --help"},
		{[]string{"soar"}, "unknown command"},
		{[]string{"run", "-", file}, "stands alone"},
	}
	for _, tt := range tests {
		code, out, errs := aimsim("", tt.args...)
		if code != exitSyntax || !strings.Contains(errs, tt.want) || out != "" {
			t.Errorf("%q: exit code %d, %q, %q; want %d, %q", tt.args, code, out, errs, exitSyntax, tt.want)
		}
	}
	write("expect p9 lock.verdickt=FREE\n")
	if code, _, errs := aimsim("", "check", file); code != exitSyntax || !strings.Contains(errs, "bad.aim:1: ") {
		t.Errorf("exit code %d, %q", code, errs)
	}
}

// TestVerbs: the reference names every verb.
func TestVerbs(t *testing.T) {
	t.Parallel()
	code, out, _ := aimsim("", "verbs")
	if code != exitOK || !strings.Contains(out, "drop-lock DRONES") || !strings.Contains(out, "seen.gaps") {
		t.Errorf("exit code %d: %s", code, out)
	}
}
