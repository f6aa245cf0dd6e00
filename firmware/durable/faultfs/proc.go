package faultfs

import (
	"errors"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/aim-control/aimlock/firmware/durable"
)

// ErrKilled is what a killed process's code gets for every call that it would
// not have lived to make.
var ErrKilled = errors.New("faultfs: the process was killed")

// Proc is one process: its descriptors and its faults. It implements
// durable.Sys. Calls are counted from 1.
type Proc struct {
	fs  *FS
	fds map[int]*file

	calls  int
	killed bool
	short  bool // the call under way writes half

	failAt, failFrom, shortAt, killAt int // 0: never
	errno                             error

	trace func(call, path string)
}

// FailAt makes the k-th call from now (1: the next) fail with err, without
// effect; a failed close frees its descriptor all the same.
func (p *Proc) FailAt(k int, err error) { p.arm(func() { p.failAt, p.errno = p.calls+k, err }) }

// FailFrom makes every call from the k-th from now on fail with err.
func (p *Proc) FailFrom(k int, err error) { p.arm(func() { p.failFrom, p.errno = p.calls+k, err }) }

// ShortAt makes the k-th call from now, if it is a pwrite, write half of what
// it was given and say so without an error; the call after it fails with err,
// unless that is nil.
func (p *Proc) ShortAt(k int, err error) {
	p.arm(func() {
		p.shortAt = p.calls + k
		if err != nil {
			p.failAt, p.errno = p.calls+k+1, err
		}
	})
}

// KillAt kills the process instead of the k-th call from now.
func (p *Proc) KillAt(k int) { p.arm(func() { p.killAt = p.calls + k }) }

// Heal disarms all faults; a killed process stays dead.
func (p *Proc) Heal() {
	p.arm(func() { p.failAt, p.failFrom, p.shortAt, p.killAt = 0, 0, 0, 0 })
}

func (p *Proc) arm(set func()) {
	p.fs.mu.Lock()
	defer p.fs.mu.Unlock()
	set()
}

// Kill ends the process: descriptors and locks go, later calls are ErrKilled.
func (p *Proc) Kill() { p.arm(p.kill) }

func (p *Proc) kill() {
	p.killed = true
	for fd := range p.fds {
		p.drop(fd)
	}
}

// Calls says how many calls the process has made.
func (p *Proc) Calls() int {
	p.fs.mu.Lock()
	defer p.fs.mu.Unlock()
	return p.calls
}

// Descriptors says how many descriptors are open.
func (p *Proc) Descriptors() int {
	p.fs.mu.Lock()
	defer p.fs.mu.Unlock()
	return len(p.fds)
}

// Trace has f told of every call, by the kernel's name and the path it was
// given, before it is made. f must not use the file system.
func (p *Proc) Trace(f func(call, path string)) { p.arm(func() { p.trace = f }) }

// call counts, fails or does one system call, and tells Enumerate of changes.
func (p *Proc) call(name, path string, do func() error) error {
	f := p.fs
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := p.count(name, path); err != nil {
		return err
	}
	before := f.clock
	err := do()
	if f.changed != nil && f.clock != before {
		f.changed()
	}
	return err
}

// callAnyway is call for close, which has its effect even when it fails.
func (p *Proc) callAnyway(name, path string, do func() error) error {
	p.fs.mu.Lock()
	defer p.fs.mu.Unlock()
	err := p.count(name, path)
	if err == ErrKilled {
		return err
	}
	if derr := do(); err == nil {
		err = derr
	}
	return err
}

// count decides whether the call happens.
func (p *Proc) count(name, path string) error {
	if p.killed {
		return ErrKilled
	}
	p.calls++
	if p.trace != nil {
		p.trace(name, path)
	}
	if p.calls == p.killAt {
		p.kill()
		return ErrKilled
	}
	p.short = p.calls == p.shortAt
	if p.fs.readOnly && slices.Contains(writing, name) {
		return unix.EROFS
	}
	if p.calls == p.failAt || p.failFrom > 0 && p.calls >= p.failFrom {
		return p.errno
	}
	return nil
}

// SkipSync is sys, but its k-th sync (fsync and fdatasync counted together,
// from 1) reports success and does nothing. With each k in turn it makes the
// mutants that a crash test must catch: one that passes without the sync proves
// nothing.
func SkipSync(sys durable.Sys, k int) *Deaf { return &Deaf{Sys: sys, k: k} }

// Deaf is a Sys without one of its syncs.
type Deaf struct {
	durable.Sys
	k, n int
}

// Syncs says how many syncs were asked for.
func (d *Deaf) Syncs() int { return d.n }

// Fsync is swallowed when its turn comes.
func (d *Deaf) Fsync(fd int) error {
	if d.n++; d.n == d.k {
		return nil
	}
	return d.Sys.Fsync(fd)
}

// Fdatasync is swallowed when its turn comes.
func (d *Deaf) Fdatasync(fd int) error {
	if d.n++; d.n == d.k {
		return nil
	}
	return d.Sys.Fdatasync(fd)
}
