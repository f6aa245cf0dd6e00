package fleet

import (
	"context"
	"fmt"
	"os/exec"
	"time"
)

// restart is the pause before an agent that ended is started again, as the
// unit's RestartSec.
const restart = 500 * time.Millisecond

// boot is how long a simulated computer takes from power to the agent's start.
const boot = 1500 * time.Millisecond

// grace is how long an agent may take to end when asked.
const grace = 2 * time.Second

// order is what the supervisor is told to do with the agent.
type order struct {
	between func() error // runs while no agent runs
	pause   time.Duration
	done    chan error
}

// supervise keeps one agent running until ctx ends, and then stops it. All
// starts and ends of the agent happen here, one after the other.
func (d *Drone) supervise(ctx context.Context) {
	for ctx.Err() == nil {
		p, err := d.startAgent()
		if err != nil {
			d.say(NoteProcess, fmt.Sprintf("the agent does not start: %v", err))
			p = nil
		}
		if !d.serveAgent(ctx, p) {
			return
		}
	}
}

// serveAgent waits for what ends the agent and for the pause after it; false
// if the fleet ends.
func (d *Drone) serveAgent(ctx context.Context, p *process) bool {
	ended := make(<-chan struct{})
	if p != nil {
		ended = p.ended
	}
	pause := restart
	running := p != nil
	for {
		var over <-chan time.Time
		var timer *time.Timer
		if !running {
			timer = time.NewTimer(pause)
			over = timer.C
		}
		select {
		case <-ctx.Done():
			if running {
				p.stop(grace)
			}
			return false
		case <-over:
			return true
		case <-ended:
			running, ended = false, nil
			d.gone()
			d.say(NoteProcess, fmt.Sprintf("the agent's process (pid %d) ended: %s", p.pid, p.how()))
		case o := <-d.orders:
			if running {
				p.kill()
				running, ended = false, nil
				d.gone()
			}
			o.done <- o.between()
			pause = o.pause
		}
		if timer != nil {
			timer.Stop()
		}
	}
}

func (d *Drone) startAgent() (*process, error) {
	cmd := exec.Command(d.fleet.exe[0], append(append([]string{}, d.fleet.exe[1:]...), "child", "--identity", d.Folder.Identity())...)
	cmd.Dir = d.Folder.Dir
	cmd.Stderr = d.log
	p, err := d.fleet.spawn.start(cmd)
	if err != nil {
		return nil, err
	}
	d.mu.Lock()
	d.pid = p.pid
	d.starts++
	d.mu.Unlock()
	return p, nil
}

// order has the supervisor end the agent with SIGKILL, run between, and start
// the agent again after pause. It returns when the agent is dead and between
// has run.
func (d *Drone) order(ctx context.Context, pause time.Duration, between func() error) error {
	o := order{between: between, pause: pause, done: make(chan error, 1)}
	select {
	case d.orders <- o:
		return <-o.done
	case <-ctx.Done():
		return ctx.Err()
	}
}

// gone forgets the agent and its last status.
func (d *Drone) gone() {
	d.mu.Lock()
	d.pid = 0
	d.mu.Unlock()
	d.setStatus(nil)
}
