package fleet

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"time"
)

// Leak tells who takes a lock and keeps it.
type Leak struct {
	Role, Holder, Reason string
	TTL                  time.Duration
}

// ready is the line that a holder prints when it has the lock; what follows is
// for a person.
const ready = "holding "

// holdWait bounds the wait for that line.
const holdWait = 10 * time.Second

var errNoHolder = errors.New("no process of this fleet keeps the lock")

// Lock starts a process that takes the live file's lock and keeps it, without
// renewing its lease, until it is killed. It returns when the lock is taken.
func (d *Drone) Lock(l Leak) error {
	d.holding.Lock() // not d.mu: whoever draws a picture needs that meanwhile
	defer d.holding.Unlock()
	if d.holder != nil {
		select {
		case <-d.holder.ended:
		default:
			return d.failf("pid %d keeps the lock already; drop-lock first", d.holder.pid)
		}
	}
	args := append(append([]string{}, d.fleet.exe[1:]...), "hold", "--identity", d.Folder.Identity(),
		"--role", l.Role, "--holder", l.Holder, "--reason", l.Reason, "--ttl", l.TTL.String())
	cmd := exec.Command(d.fleet.exe[0], args...)
	cmd.Dir = d.Folder.Dir
	stdout, output := io.Pipe()
	var stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = output, &stderr
	p, err := d.fleet.spawn.start(cmd)
	if err != nil {
		return d.failf("lock: %w", err)
	}
	go func() { <-p.ended; output.Close() }()
	line := make(chan string, 1)
	go func() {
		text, _ := bufio.NewReaderSize(stdout, 4<<10).ReadString('\n')
		line <- text
		_, _ = io.Copy(io.Discard, stdout)
	}()
	timer := time.NewTimer(holdWait)
	defer timer.Stop()
	select {
	case text := <-line:
		if !strings.HasPrefix(text, ready) {
			p.kill()
			return d.failf("lock: %s", strings.TrimSpace(stderr.String()))
		}
	case <-timer.C:
		p.kill()
		return d.failf("lock: not taken within %v", holdWait)
	}
	d.holder = p
	d.say(NoteProcess, fmt.Sprintf("%s (pid %d) took the lock", l.Holder, p.pid))
	return nil
}

// DropLock ends the process that keeps the lock with SIGKILL.
func (d *Drone) DropLock() error {
	d.holding.Lock()
	defer d.holding.Unlock()
	p := d.holder
	d.holder = nil
	if p == nil {
		return d.failf("%w", errNoHolder)
	}
	d.say(NoteProcess, fmt.Sprintf("SIGKILL to the process that keeps the lock (pid %d)", p.pid))
	p.kill()
	return nil
}
