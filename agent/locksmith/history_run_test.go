package locksmith

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// desk is a place for one scribe process after another.
type desk struct {
	cmd  *exec.Cmd
	in   io.WriteCloser
	out  *bufio.Scanner
	life *os.File // closing it ends a leak
}

// fill starts a process if none is there.
func (d *desk) fill() error {
	if d.cmd != nil {
		return nil
	}
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	defer r.Close()
	d.cmd, d.life = again("scribe"), w
	d.cmd.ExtraFiles = []*os.File{r}
	in, err1 := d.cmd.StdinPipe()
	out, err2 := d.cmd.StdoutPipe()
	d.in, d.out = in, bufio.NewScanner(out)
	return errors.Join(err1, err2, d.cmd.Start())
}

// clear ends the process and returns when it is dead.
func (d *desk) clear() {
	if d.cmd != nil && d.cmd.Process != nil {
		d.in.Close()
		_ = d.cmd.Process.Kill()
		_ = d.cmd.Wait()
	}
	if d.life != nil {
		d.life.Close()
	}
	*d = desk{}
}

// history is one history while it is made.
type history struct {
	dir       string
	seed      uint64
	processes atomic.Int64 // so far: a number for each, and its operations' numbers begin with it

	mu     sync.Mutex
	events []event
	deaths int
	leaks  int
}

func (h *history) add(e ...event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.events = append(h.events, e...)
}

// at makes one desk's part of the history: so many operations, by as many
// processes as it takes.
func (h *history) at(d *desk, operations int, operator bool) error {
	for operations > 0 {
		if err := d.fill(); err != nil {
			return err
		}
		p := int(h.processes.Add(1)) - 1
		if p > 63 {
			return errors.New("more than 64 processes: world.dead is too small")
		}
		if _, err := fmt.Fprintln(d.in, h.dir, (p+1)*1000, operations, h.seed, operator); err != nil {
			return err
		}
		told, err := h.listen(d, p)
		if err != nil {
			d.clear()
			return err
		}
		operations -= max(told, 1)
	}
	return nil
}

// listen takes down what the process at the desk says, to its end or its death.
func (h *history) listen(d *desk, process int) (operations int, err error) {
	var grant uint64
	var open event
	for d.out.Scan() {
		var word string
		var e event
		line := d.out.Text()
		switch _, _ = fmt.Sscan(line, &word); word {
		case "end":
			return operations + 1_000_000, nil
		case "call":
			if _, err := fmt.Sscan(line, &word, &e.id, &e.call, &e.kind, &e.grant); err != nil {
				return 0, fmt.Errorf("%q: %w", line, err)
			}
			operations++
			e.process = process
			open = e
		case "back":
			e = open
			if _, err := fmt.Sscan(line, &word, &e.id, &e.back, &e.result, &e.number); err != nil || e.id != open.id {
				return 0, fmt.Errorf("%q after %+v: %w", line, open, err)
			}
			h.add(e)
			switch {
			case e.kind == "acquire" && e.result == "ok":
				grant = e.id
			case e.kind == "release":
				grant = 0
			}
			open = event{call: e.back}
		case "leak":
			var pid int
			if _, err := fmt.Sscan(line, &word, &pid, &grant); err != nil {
				return 0, fmt.Errorf("%q: %w", line, err)
			}
			return operations, h.leak(d, process, pid, grant)
		}
	}
	err = d.cmd.Wait()
	now := bootNow()
	if d.cmd.ProcessState.Sys().(syscall.WaitStatus).Signal() != unix.SIGKILL {
		return 0, fmt.Errorf("process %d ended by itself after %+v: %w", process, open, err)
	}
	d.clear()
	if open.id != 0 {
		e := open
		e.back = now
		h.add(e)
		if e.kind == "acquire" {
			grant = e.id
		}
	}
	h.add(event{process: process, kind: "die", grant: grant, call: open.call, back: now, result: "ok"})
	h.mu.Lock()
	h.deaths++
	h.mu.Unlock()
	return operations, nil
}

// leak waits for the death of a process that has handed its lock on. Others
// meet the orphan for a while; then it ends as well.
func (h *history) leak(d *desk, process, pid int, grant uint64) error {
	_ = d.cmd.Wait()
	h.mu.Lock()
	h.leaks++
	h.mu.Unlock()
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return fmt.Errorf("the leak: %w", err)
	}
	defer unix.Close(fd)
	<-time.After(20 * time.Millisecond) // of refusals
	e := event{process: process, kind: "leak ends", grant: grant, call: bootNow(), result: "ok"}
	d.life.Close()
	if over, err := exited(fd, 20*time.Second); !over {
		return fmt.Errorf("the leak does not end: %w", err)
	}
	e.back = bootNow()
	h.add(e)
	*d = desk{}
	return nil
}

// make has all desks write one history and reads the live file at its end.
func (h *history) make(desks []*desk, operations int) error {
	errs := make([]error, len(desks))
	var all sync.WaitGroup
	for i, d := range desks {
		all.Go(func() { errs[i] = h.at(d, operations, i == 0) })
	}
	all.Wait()
	last := event{id: 1, kind: "read", call: bootNow(), result: "ok", process: 63}
	b, err := os.ReadFile(live(h.dir))
	if err == nil {
		_, err = fmt.Sscan(string(b), &last.number)
	}
	last.back = bootNow()
	h.add(last)
	return errors.Join(append(errs, err)...)
}

// newHistory begins with an empty lock and a live file that says 0.
func newHistory(dir string, seed uint64) (*history, error) {
	h := &history{dir: dir, seed: seed}
	for _, sub := range []string{"run", "state"} {
		if err := os.Mkdir(filepath.Join(dir, sub), 0o700); err != nil {
			return nil, err
		}
	}
	return h, os.WriteFile(live(dir), []byte("0"), 0o600)
}
