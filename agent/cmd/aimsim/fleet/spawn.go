package fleet

import (
	"errors"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// spawner starts processes that the kernel kills when this program dies. The
// kernel ties that to the thread that started them, so all are started by one
// goroutine that keeps its thread for good.
type spawner struct {
	jobs chan job
	done chan struct{}
	once sync.Once
}

type job struct {
	cmd    *exec.Cmd
	result chan error
}

var errSpawnerClosed = errors.New("fleet: no process is started any more; the fleet is closed")

func newSpawner() *spawner {
	s := &spawner{jobs: make(chan job), done: make(chan struct{})}
	go func() {
		runtime.LockOSThread() // never unlocked: if this ends, so do the processes
		for {
			select {
			case j := <-s.jobs:
				j.result <- j.cmd.Start()
			case <-s.done:
				return
			}
		}
	}()
	return s
}

// start starts cmd in a process group of its own, so that the terminal's
// Ctrl-C reaches only the parent.
func (s *spawner) start(cmd *exec.Cmd) (*process, error) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	cmd.WaitDelay = time.Second // a grandchild that keeps the pipe must not keep us
	j := job{cmd, make(chan error, 1)}
	select {
	case s.jobs <- j:
	case <-s.done:
		return nil, errSpawnerClosed
	}
	if err := <-j.result; err != nil {
		return nil, err
	}
	p := &process{cmd: cmd, pid: cmd.Process.Pid, ended: make(chan struct{})}
	go p.reap()
	return p, nil
}

// close ends the thread; every process must have ended before.
func (s *spawner) close() { s.once.Do(func() { close(s.done) }) }

// process is a running process and everything it started in its group.
type process struct {
	cmd   *exec.Cmd
	pid   int
	ended chan struct{}
	err   error // after ended
}

// reap waits for the process's end and ends what it left behind in its group,
// as systemd does. That comes before the process is reaped: until then nobody
// else can get its number.
func (p *process) reap() {
	for errors.Is(unix.Waitid(unix.P_PID, p.pid, nil, unix.WEXITED|unix.WNOWAIT, nil), unix.EINTR) {
	}
	_ = unix.Kill(-p.pid, unix.SIGKILL)
	p.err = p.cmd.Wait()
	close(p.ended)
}

// kill ends the process and its group at once, and returns when it has ended.
func (p *process) kill() {
	select {
	case <-p.ended: // its number may be another's by now
		return
	default:
	}
	_ = syscall.Kill(-p.pid, syscall.SIGKILL)
	<-p.ended
}

// stop asks it to end and kills it if it does not within grace.
func (p *process) stop(grace time.Duration) {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-p.ended:
	case <-timer.C:
		p.kill()
	}
}

// how it ended, for a person.
func (p *process) how() string {
	if p.err == nil {
		return "ended"
	}
	var exit *exec.ExitError
	if errors.As(p.err, &exit) {
		return exit.Error()
	}
	return p.err.Error()
}
