package main

import (
	"bufio"
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestFailedExpectation: the run goes on, says which line failed and what was
// seen instead, and ends with 1; the folder stays.
func TestFailedExpectation(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	lines := "expect p1 state=PAUSED within 200ms\nexpect p1 state=NOMINAL\nrun echo $AIM_DRONE; exit 3\n"
	code, out, errs := aimsim(lines, "run", "--plain", "--drones", "1", "--dir", dir, "-")
	if code != exitFailed || errs != "" {
		t.Errorf("exit code %d, %q", code, errs)
	}
	for _, want := range []string{
		"✗ input:1: expect p1 state=PAUSED within 200ms: patrol-01: state is NOMINAL",
		"✓ expect p1 state=NOMINAL",
		"exit status 3: patrol-01",
		"2 failed; 3 expectations were judged",
		"Everything stays in " + dir,
	} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
}

// TestFailedWait: a wait that fails ends the run.
func TestFailedWait(t *testing.T) {
	t.Parallel()
	code, out, _ := aimsim("wait p1 state=PAUSED within 100ms\nsay never\n", "run", "--plain", "--drones", "1", "--dir", folder(t), "-")
	if code != exitFailed || strings.Contains(out, "never") || !strings.Contains(out, "✗ stopped") {
		t.Errorf("exit code %d:\n%s", code, out)
	}
}

// TestTypedLines: a malformed line on standard input ends a run that follows
// it, with 2; whoever types at an interactive run gets another try.
func TestTypedLines(t *testing.T) {
	t.Parallel()
	code, out, errs := aimsim("say hello\nfly p1\nsay never\n", "run", "--plain", "--drones", "1", "--dir", folder(t), "-")
	if code != exitSyntax || !strings.Contains(errs, `input:2: no verb "fly"`) || strings.Contains(out, "never") {
		t.Errorf("exit code %d, %q:\n%s", code, errs, out)
	}
	code, out, errs = aimsim("fly p1\nsay again\nquit\nsay never\n", "run", "--plain", "--drones", "1", "--dir", folder(t))
	if code != exitOK || !strings.Contains(out, `input:1: no verb "fly"`) || !strings.Contains(out, "again") || strings.Contains(out, "never") {
		t.Errorf("exit code %d, %q:\n%s", code, errs, out)
	}
}

// TestFullFolder: a fleet never moves in with somebody else's files.
func TestFullFolder(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	if err := os.WriteFile(filepath.Join(dir, "mine"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if code, _, errs := aimsim("", "run", "--plain", "--dir", dir, "-"); code != exitFailed || !strings.Contains(errs, "is not empty") {
		t.Errorf("exit code %d: %s", code, errs)
	}
}

// TestInterrupt ends a run with locks held by SIGINT and by SIGKILL: no
// process of it may be left.
func TestInterrupt(t *testing.T) {
	t.Parallel()
	for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGKILL} {
		t.Run(signal.String(), func(t *testing.T) {
			t.Parallel()
			interrupt(t, signal)
		})
	}
}

func interrupt(t *testing.T, signal syscall.Signal) {
	dir := folder(t)
	cmd := exec.Command("/proc/self/exe", "run", "--plain", "--drones", "2", "--dir", dir, "-")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	if _, err := in.Write([]byte("lock all\nrun echo ready\n")); err != nil {
		t.Fatal(err)
	}
	var pids []int
	var seen bytes.Buffer
	lines := bufio.NewScanner(out)
	for lines.Scan() && !strings.Contains(lines.Text(), "│ ready") {
		seen.WriteString(lines.Text() + "\n")
	}
	go func() { // or the pipe fills up
		for lines.Scan() {
		}
	}()
	pids = children(t, cmd.Process.Pid)
	if len(pids) != 4 {
		t.Errorf("%d processes, want two agents and two holders; it said\n%s", len(pids), seen.String())
	}
	var fds []int
	for _, pid := range pids {
		fd, err := unix.PidfdOpen(pid, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer unix.Close(fd)
		fds = append(fds, fd)
	}
	if err := cmd.Process.Signal(signal); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	for i, fd := range fds {
		p := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
		if n, err := unix.Poll(p, int((5 * time.Second).Milliseconds())); n != 1 {
			_ = unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0)
			t.Errorf("process %d is left (%v)", pids[i], err)
		}
	}
}

var parent = regexp.MustCompile(`(?m)^PPid:\s+(\d+)$`)

// children are the processes whose parent is pid.
func children(t *testing.T, pid int) []int {
	t.Helper()
	list, err := filepath.Glob("/proc/[0-9]*/status")
	if err != nil {
		t.Fatal(err)
	}
	var all []int
	for _, file := range list {
		text, err := os.ReadFile(file)
		if err != nil {
			continue // gone meanwhile
		}
		if m := parent.FindSubmatch(text); m != nil && string(m[1]) == strconv.Itoa(pid) {
			child, _ := strconv.Atoi(filepath.Base(filepath.Dir(file)))
			all = append(all, child)
		}
	}
	return all
}

// TestFly: a fleet on patrol says what an operator in another shell needs, and
// its files are where it says.
func TestFly(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	lines := "wait all sim.flying=true\nexpect all sim.flying=true for 1s\nrun cd $AIM_DIR && ls operator.key patches rollouts && grep mqtt://operator@ broker.url\nquit\n"
	code, out, errs := aimsim(lines, "fly", "--plain", "--drones", "2", "--dir", dir)
	if code != exitOK || errs != "" {
		t.Errorf("exit code %d, %q\n%s", code, errs, out)
	}
	for _, want := range []string{"cd " + dir, "aimctl --identity drones/patrol-01/drone.toml watch", "rollout start patches/mine --key operator.key", "$(cat broker.url)", "The fleet flies."} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
}
