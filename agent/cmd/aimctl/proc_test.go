package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// patience bounds every wait of a script. It is generous: the machine may be
// busy, and a script that passes never waits so long.
const patience = 20 * time.Second

type procsKey struct{}

// procs are the programs that a script has started, and its broker.
type procs struct {
	byName map[string]*proc
	hub    *hub
}

type proc struct {
	cmd  *exec.Cmd
	done chan struct{}

	mu   sync.Mutex
	out  bytes.Buffer
	more chan struct{} // closed and renewed at each write
}

func (p *proc) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.out.Write(b)
	close(p.more)
	p.more = make(chan struct{})
	return len(b), nil
}

func (p *proc) text() (string, <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.out.String(), p.more
}

func (p *proc) await(ts *testscript.TestScript, pattern string) {
	re, err := regexp.Compile("(?m)" + pattern)
	ts.Check(err)
	limit := time.After(patience)
	for {
		text, more := p.text()
		if re.MatchString(text) {
			return
		}
		select {
		case <-more:
		case <-limit:
			ts.Fatalf("%q did not come within %v; so far:\n%s", pattern, patience, text)
		}
	}
}

// cmdStart starts a program in the background: start NAME PROGRAM ARG...
func cmdStart(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: start NAME PROGRAM ARG...")
	}
	ps := ts.Value(procsKey{}).(*procs)
	if ps.byName == nil {
		ps.byName = make(map[string]*proc)
	}
	p := &proc{cmd: command(ts, args[1:]), done: make(chan struct{}), more: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = p, p
	p.cmd.WaitDelay = time.Second // a grandchild may keep the pipe
	ts.Check(p.cmd.Start())
	go func() { p.cmd.Wait(); close(p.done) }()
	ps.byName[args[0]] = p
	ts.Defer(func() {
		p.cmd.Process.Kill()
		<-p.done
		p.killParked()
	})
}

// killParked ends a park that outlived the aimctl which ran it.
func (p *proc) killParked() {
	text, _ := p.text()
	for _, m := range regexp.MustCompile(`(?m)^parked (\d+)$`).FindAllStringSubmatch(text, -1) {
		pid, err := strconv.Atoi(m[1])
		if err != nil {
			continue
		}
		if name, _ := os.ReadFile("/proc/" + m[1] + "/comm"); string(name) == "park\n" {
			syscall.Kill(pid, syscall.SIGKILL)
		}
	}
}

// command is a program of the script's, in its folder and environment.
func command(ts *testscript.TestScript, argv []string) *exec.Cmd {
	path, err := lookPath(ts, argv[0])
	ts.Check(err)
	cmd := exec.Command(path, argv[1:]...)
	cmd.Args[0] = argv[0]
	cmd.Dir = ts.MkAbs(".")
	for _, name := range []string{"PATH", "WORK", "HOME", "AIM_IDENTITY", "XDG_STATE_HOME", "TZ", "NO_COLOR", "USER", "TMPDIR"} {
		cmd.Env = append(cmd.Env, name+"="+ts.Getenv(name))
	}
	return cmd
}

func lookPath(ts *testscript.TestScript, name string) (string, error) {
	for _, dir := range regexp.MustCompile(":").Split(ts.Getenv("PATH"), -1) {
		if path := dir + "/" + name; isProgram(path) {
			return path, nil
		}
	}
	return exec.LookPath(name)
}

func isProgram(path string) bool {
	st, err := os.Stat(path)
	return err == nil && st.Mode().IsRegular() && st.Mode()&0o111 != 0
}

func find(ts *testscript.TestScript, name string) *proc {
	p := ts.Value(procsKey{}).(*procs).byName[name]
	if p == nil {
		ts.Fatalf("nothing was started as %q", name)
	}
	return p
}

// cmdAwait waits until the output matches: await NAME REGEXP.
func cmdAwait(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: await NAME REGEXP")
	}
	find(ts, args[0]).await(ts, args[1])
}

// cmdSignal sends a signal: signal NAME TERM.
func cmdSignal(ts *testscript.TestScript, neg bool, args []string) {
	signals := map[string]syscall.Signal{"TERM": syscall.SIGTERM, "KILL": syscall.SIGKILL, "INT": syscall.SIGINT,
		"STOP": syscall.SIGSTOP, "CONT": syscall.SIGCONT}
	if neg || len(args) < 2 {
		ts.Fatalf("usage: signal NAME TERM|KILL|INT|STOP|CONT...")
	}
	for i, name := range args[1:] {
		if signals[name] == 0 {
			ts.Fatalf("signal: %q is none", name)
		}
		err := find(ts, args[0]).cmd.Process.Signal(signals[name])
		if i > 0 && errors.Is(err, os.ErrProcessDone) {
			return // the one before it was enough
		}
		ts.Check(err)
	}
}

// cmdEnded waits for the end and checks the exit code (-1: by a signal).
func cmdEnded(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: ended NAME CODE")
	}
	p := find(ts, args[0])
	select {
	case <-p.done:
	case <-time.After(patience):
		ts.Fatalf("%s has not ended within %v", args[0], patience)
	}
	text, _ := p.text()
	if got := strconv.Itoa(p.cmd.ProcessState.ExitCode()); got != args[1] {
		ts.Fatalf("%s: exit code %s, want %s; output:\n%s", args[0], got, args[1], text)
	}
}

// cmdUntil runs a program again and again until its output matches.
func cmdUntil(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: until REGEXP PROGRAM ARG...")
	}
	re, err := regexp.Compile("(?m)" + args[0])
	ts.Check(err)
	limit := time.Now().Add(patience)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		out, _ := command(ts, args[1:]).CombinedOutput()
		if re.Match(out) {
			return
		}
		if time.Now().After(limit) {
			ts.Fatalf("%q did not come within %v; last:\n%s", args[0], patience, out)
		}
		<-tick.C
	}
}

// cmdTally counts matches in the whole output of what has ended.
func cmdTally(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: tally NAME REGEXP N")
	}
	re, err := regexp.Compile(args[1])
	ts.Check(err)
	text, _ := find(ts, args[0]).text()
	if got := strconv.Itoa(len(re.FindAllString(text, -1))); got != args[2] {
		ts.Fatalf("%s matches of %q, want %s; output:\n%s", got, args[1], args[2], text)
	}
}
