package models

import (
	"errors"
	"io/fs"

	"github.com/aim-control/aimlock/firmware/durable"
)

// Witness is what the code's user has been told so far. What is written is a
// version, from 1.
type Witness struct {
	Tried   uint64 // the highest version that was begun
	Told    uint64 // the highest version that was reported as done
	Acked   uint64 // journal: acknowledged; a power cut may undo that
	Settled uint64 // journal: acknowledged before a close
	Confirm bool   // store: the trial was being committed
	Phase   string // store: those that a restart may find; "": any
}

// Tally counts what was covered and the disks on which a promise is broken.
type Tally struct {
	States, Again int // disks after a cut in the protocol; different ones after one in a recovery

	Torn, Missing, Old, Trial, Twice int
	Other                            map[string]int // errors; none is expected
}

// Broken is the number of disks with something wrong.
func (t *Tally) Broken() int {
	n := t.Torn + t.Missing + t.Old + t.Trial + t.Twice
	for _, k := range t.Other {
		n += k
	}
	return n
}

var (
	errTorn  = errors.New("torn")
	errOld   = errors.New("acknowledged but old")
	errTrial = errors.New("a trial left as committed")
	errTwice = errors.New("an epoch granted twice")
)

// add counts what a restart has found.
func (t *Tally) add(err error) {
	switch {
	case err == nil:
	case errors.Is(err, errOld):
		t.Old++
	case errors.Is(err, errTrial):
		t.Trial++
	case errors.Is(err, errTwice):
		t.Twice++
	case errors.Is(err, errTorn), errors.Is(err, durable.ErrDamaged):
		t.Torn++
	case errors.Is(err, fs.ErrNotExist):
		t.Missing++
	default:
		t.Other[err.Error()]++
	}
}

// Protocol is one use of the real code.
type Protocol struct {
	Name string
	// Prepare makes what lies on the disk before, says what was told of it, and
	// returns what the power is cut in, which goes over sys, the same disk.
	Prepare func(d Disk, sys durable.Sys) (run func(w *Witness) error, w Witness, err error)
	// Restart is what follows: recovery, the judgement of what is found, and the
	// next use.
	Restart func(sys durable.Sys, piece int, w *Witness) error
	// Recover is the part of it that the power is cut in again; nil: all of it.
	Recover func(sys durable.Sys, piece int, w *Witness) error
}

// deaf swallows one sync of those that follow once it is armed.
type deaf struct {
	durable.Sys
	armed   bool
	skip, n int
}

func (d *deaf) swallow() bool {
	if d.armed {
		d.n++
	}
	return d.armed && d.n == d.skip
}

func (d *deaf) Fsync(fd int) error {
	if d.swallow() {
		return nil
	}
	return d.Sys.Fsync(fd)
}

func (d *deaf) Fdatasync(fd int) error {
	if d.swallow() {
		return nil
	}
	return d.Sys.Fdatasync(fd)
}

// past is a disk and what was told of it: judged once.
type past struct {
	key [32]byte
	w   Witness
}

// Cover cuts the power in the protocol, with its sync number skip swallowed (0:
// none), and, if again, in the recovery from each disk that is found.
func (p Protocol) Cover(m Model, skip int, again bool) (t Tally, syncs int, err error) {
	t.Other = map[string]int{}
	d := m.New()
	if h, ok := d.(interface{ hurry() }); ok && skip > 0 {
		h.hurry()
	}
	sys := &deaf{Sys: d, skip: skip}
	run, w, err := p.Prepare(d, sys)
	if err != nil {
		return t, 0, err
	}
	sys.armed = true
	seen := map[past]bool{}
	t.States = d.Cut(func() { err = run(&w) }, func(after Disk) {
		if k := (past{after.Key(), w}); !seen[k] {
			seen[k] = true
			p.restart(after, w, again, seen, &t)
		}
	})
	return t, sys.n, err
}

func (p Protocol) restart(after Disk, w Witness, again bool, seen map[past]bool, t *Tally) {
	if !again {
		t.add(p.Restart(after, after.Piece(), &w))
		return
	}
	second, recover := w, p.Recover
	if recover == nil {
		recover = p.Restart
	}
	judged := map[past]bool{}
	after.Cut(func() { _ = recover(after, after.Piece(), &second) }, func(twice Disk) {
		k := past{twice.Key(), second}
		if judged[k] || k.w != w && seen[k] {
			return
		}
		judged[k], seen[k] = true, true
		t.Again++
		last := second
		t.add(p.Restart(twice, twice.Piece(), &last))
	})
}
