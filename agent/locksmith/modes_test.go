package locksmith

import (
	"fmt"
	"os"
	"os/exec"
	"syscall"

	"github.com/aim-control/aimlock/firmware/durable"
)

// modes are further ways in which the test binary runs as another process.
var modes = map[string]func(){
	"doomed":  doomed,  // failpoint_test.go
	"scribe":  scribes, // history_child_test.go
	"stormer": stormer, // storm_child_test.go
}

// process opens the lock in dir in a process that is not the tester's. Its
// leases have no guard: what they notice is what a call returns.
func process(sys durable.Sys, dir string, change func(*Host)) *Smith {
	host, err := KernelHost()
	if err != nil {
		panic(err)
	}
	if change != nil {
		change(&host)
	}
	s, err := Open(sys, paths(dir), host, ttl(maxLease))
	if err != nil {
		panic(err)
	}
	s.check = 0
	return s
}

// again is the test binary as another process in that mode.
func again(mode string, env ...string) *exec.Cmd {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(append(os.Environ(), "LOCKSMITH_TEST_CHILD="+mode), env...)
	cmd.Stderr = os.Stderr
	return cmd
}

// say answers the tester in one write, which a SIGKILL after it cannot undo.
func say(format string, args ...any) {
	if _, err := os.Stdout.WriteString(fmt.Sprintf(format, args...) + "\n"); err != nil {
		os.Exit(3) // the tester is gone
	}
}

// reaper sends this process SIGKILL after the n-th system call from now.
type reaper struct {
	durable.Sys
	left  int // calls to go; not armed below 0
	calls int
}

// die is kill -9: nothing is flushed, nothing deferred runs.
func die() {
	for {
		_ = syscall.Kill(syscall.Getpid(), syscall.SIGKILL)
	}
}

func (r *reaper) count() {
	r.calls++
	if r.left--; r.left == 0 {
		die()
	}
}

func (r *reaper) arm(n int) {
	if r.left = n; n == 0 {
		die()
	}
}
