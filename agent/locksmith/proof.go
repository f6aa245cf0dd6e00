package locksmith

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// bridges are the programs between the companion computer and its flight
// controller, and flight controllers that run on it. A drone in the air must
// not lose them over a configuration.
var bridges = []string{
	"mavlink-routerd", "mavlink-router", "mavproxy", "mavp2p", "mavlink-server", "mavsdk_server", "mavros", "mavros_node",
	"arducopter", "arduplane", "ardurover", "ardusub", "px4",
}

// candidate is everything that the decision to end a holder depends on. All of
// it was read while a pidfd of look.Record.Process.PID was open; pid was asked
// of that pidfd last, so what was read under /proc/PID was of no other process.
type candidate struct {
	look      Look
	inode     uint64   // of the lock's file
	expect    Expect   // who may be ended
	self      int      // our own pid
	has       Has      // the process, pid and start as recorded, has an OFD lock on inode open
	names     []string // what it is called; none: could not be read
	protected []string // never ended, besides bridges
	pid       int      // of the process behind the pidfd; 0: it has ended
}

// mayEnd is the decision to end a holder. It is pure; nil means yes.
func mayEnd(c candidate) error {
	if err := mayName(c.look, c.expect, c.self); err != nil {
		return err
	}
	pid := c.look.Record.Process.PID
	switch {
	case c.pid == 0:
		return fmt.Errorf("process %d: %w", pid, ErrGone)
	case c.pid != pid:
		return fmt.Errorf("process %d: the pidfd is of process %d: %w", pid, c.pid, ErrNotProven)
	case c.has == HasItNot:
		return fmt.Errorf("process %d has no lock on inode %d: %w", pid, c.inode, ErrNotProven)
	case c.has != HasIt:
		return fmt.Errorf("process %d: its descriptors cannot be read, or it is another: %w", pid, ErrNotProven)
	case len(c.names) == 0:
		return fmt.Errorf("process %d: its program cannot be read: %w", pid, ErrNotProven)
	}
	for _, name := range c.names {
		if protects(bridges, name) || protects(c.protected, name) {
			return fmt.Errorf("process %d is %s: %w", pid, name, ErrProtected)
		}
	}
	return nil
}

// mayName is the part of mayEnd that needs no more than a look.
func mayName(l Look, x Expect, self int) error {
	pid := l.Record.Process.PID
	switch {
	case !l.Verdict.Refused():
		return fmt.Errorf("%s: %w", l.Verdict, ErrGone)
	case l.Verdict == Held:
		return fmt.Errorf("%s: %w", l.Who(), ErrNotOverdue)
	}
	if err := x.names(l); err != nil {
		return err
	}
	switch {
	case l.Verdict != Overdue:
		return fmt.Errorf("%s, %s: %w", l.Verdict, l.Evidence, ErrNotProven)
	case pid <= 1 || pid == self:
		return fmt.Errorf("process %d: %w", pid, ErrProtected)
	}
	return nil
}

// names says whether x is who the look found.
func (x Expect) names(l Look) error {
	holder, r := "unknown", Record{}
	if l.HasRecord && l.Record.Held {
		holder, r = l.Record.Holder, l.Record
	}
	switch {
	case x == Expect{}:
		return fmt.Errorf("%w: nobody is named", ErrOther)
	case x.Holder != "" && clean(x.Holder, maxName) != holder,
		x.PID != 0 && x.PID != r.Process.PID,
		x.Epoch != 0 && x.Epoch != r.Epoch:
		return fmt.Errorf("%s, epoch %d: %w", l.Who(), r.Epoch, ErrOther)
	}
	return nil
}

func protects(list []string, name string) bool {
	return slices.ContainsFunc(list, func(p string) bool {
		p, name := program(p), program(name)
		return name == p || len(name) == maxComm && strings.HasPrefix(p, name)
	})
}

// maxComm is how much of a name the kernel keeps in /proc/PID/comm.
const maxComm = 15

// program is the bare lower-case name of a program or a script.
func program(file string) string {
	file = strings.TrimSuffix(strings.TrimSpace(file), " (deleted)")
	return strings.TrimSuffix(strings.ToLower(path.Base(file)), ".py")
}

// words is the proof for a log, once mayEnd has said yes.
func (c candidate) words() string {
	r := c.look.Record
	return fmt.Sprintf("process %d (%s), start %d, seen through a pidfd, has the kernel's lock on inode %d open (fdinfo); %s",
		c.pid, c.names[0], r.Process.Start, c.inode, c.look.Evidence)
}
