package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/aim-control/aimlock/firmware/durable"
)

// record runs the way in a process of its own, on the kernel, and records what
// it does below its folder.
func record(w way) (*tape, error) {
	root, err := os.MkdirTemp("", "aimcrash-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(root)
	if root, err = filepath.EvalSymlinks(root); err != nil {
		return nil, err
	}
	path := filepath.Join(root, file)
	if err := os.Mkdir(filepath.Dir(path), 0o755); err != nil {
		return nil, err
	}
	if err := w.prepare(durable.Linux, path); err != nil {
		return nil, err
	}
	r := &recorder{root: root, inside: map[int]*cursor{}, at: map[int]*pending{}}
	if err := r.run(exec.Command("/proc/self/exe", "-child", w.name, path)); err != nil {
		return nil, err
	}
	if len(r.tape.calls) == 0 {
		return nil, errors.New("nothing was recorded")
	}
	return &r.tape, nil
}

// recorder is the tracer of one process and its threads.
type recorder struct {
	root   string
	tape   tape
	inside map[int]*cursor  // descriptors of files below root
	at     map[int]*pending // by thread: the call that it has entered
}

// cursor is an open file: what a write without an offset needs.
type cursor struct {
	path string
	pos  int64
}

type pending struct {
	nr   uint64
	args [6]uint64
	call *call // nil: does not matter
}

// run traces cmd to its end. ptrace belongs to a thread, so this stays on one.
func (r *recorder) run(cmd *exec.Cmd) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Ptrace: true}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start under ptrace: %w (may this user trace its own children?)", err)
	}
	pid := cmd.Process.Pid
	var status unix.WaitStatus
	if _, err := unix.Wait4(pid, &status, unix.WALL, nil); err != nil {
		return err
	}
	const options = unix.PTRACE_O_TRACESYSGOOD | unix.PTRACE_O_TRACECLONE | unix.PTRACE_O_EXITKILL
	if err := unix.PtraceSetOptions(pid, options); err != nil {
		return err
	}
	if err := unix.PtraceSyscall(pid, 0); err != nil {
		return err
	}
	for {
		tid, err := unix.Wait4(-1, &status, unix.WALL, nil) // it has no other children
		switch {
		case err == unix.EINTR:
			continue
		case err != nil:
			return err
		case tid == pid && status.Exited():
			if code := status.ExitStatus(); code != 0 {
				return fmt.Errorf("it ended with exit status %d", code)
			}
			return nil
		case tid == pid && status.Signaled():
			return fmt.Errorf("it was killed by %v", status.Signal())
		case !status.Stopped():
			continue
		}
		if err := r.stopped(tid, status); err != nil {
			_ = unix.Kill(pid, unix.SIGKILL)
			return err
		}
	}
}

// stopped handles one stop of a thread and lets it go on.
func (r *recorder) stopped(tid int, status unix.WaitStatus) error {
	signal := 0
	switch sig := status.StopSignal(); {
	case sig == unix.SIGTRAP|0x80:
		// A thread that another one's exit ends while it is stopped is gone: it
		// was in no call of ours, which end before the program exits.
		if err := r.syscall(tid); errors.Is(err, unix.ESRCH) {
			delete(r.at, tid)
		} else if err != nil {
			return err
		}
	case sig == unix.SIGTRAP, sig == unix.SIGSTOP: // a new thread, or its first stop
	default:
		signal = int(sig)
	}
	if err := unix.PtraceSyscall(tid, signal); err != nil && err != unix.ESRCH {
		return err
	}
	return nil
}

// syscall is told of each entry and each return in turn.
func (r *recorder) syscall(tid int) error {
	var regs unix.PtraceRegs
	if err := unix.PtraceGetRegs(tid, &regs); err != nil {
		return fmt.Errorf("registers: %w", err)
	}
	p := r.at[tid]
	if p == nil {
		p = &pending{}
		p.nr, p.args = entry(&regs)
		if modern := old[p.nr]; modern != nil {
			p.nr, p.args = modern(p.args)
		}
		var err error
		p.call, err = r.entered(tid, p)
		r.at[tid] = p
		return err
	}
	delete(r.at, tid)
	if got := ret(&regs); p.call != nil && got >= 0 {
		r.returned(p, got)
	}
	return nil
}
