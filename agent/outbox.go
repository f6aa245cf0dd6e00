package agent

import (
	"errors"
	"sync/atomic"

	"github.com/aim-control/aimlock/agent/telemetry"
	"github.com/aim-control/aimlock/firmware/durable"
)

// outbox is the journal, opened anew when the disk has failed it: a journal
// whose sync failed takes nothing more, and one that could not be opened at
// the start may open once there is room. It is a telemetry.Outbox.
type outbox struct {
	sys durable.Sys
	dir string

	gate gate
	j    *durable.Journal // nil: not open

	taken atomic.Uint64 // the broker has all entries up to this one
}

func newOutbox(sys durable.Sys, dir string) *outbox {
	return &outbox{sys: sys, dir: dir, gate: newGate()}
}

// with runs f on the open journal.
func (o *outbox) with(f func(*durable.Journal) error) error {
	o.gate.enter()
	defer o.gate.leave()
	if o.j == nil {
		j, err := durable.OpenJournal(o.sys, o.dir, journalLimits)
		if err != nil {
			return err
		}
		o.j = j
	}
	err := f(o.j)
	if errors.Is(err, durable.ErrDead) {
		_ = o.j.Close()
		o.j = nil
	}
	return err
}

// append returns the entry's number.
func (o *outbox) append(data []byte) (n uint64, err error) {
	err = o.with(func(j *durable.Journal) error { n, err = j.Append(data); return err })
	return n, err
}

// Pending implements telemetry.Outbox.
func (o *outbox) Pending(limit int) (out []durable.Entry, err error) {
	err = o.with(func(j *durable.Journal) error { out, err = j.Pending(limit); return err })
	return out, err
}

// Ack implements telemetry.Outbox.
func (o *outbox) Ack(n uint64) error {
	err := o.with(func(j *durable.Journal) error { return j.Ack(n) })
	if err == nil {
		o.taken.Store(n)
	}
	return err
}

// sent tells whether the broker has taken the entry with this number, in this
// run of the agent.
func (o *outbox) sent(n uint64) bool { return n > 0 && o.taken.Load() >= n }

// lastNumber is the number of the newest event of this boot, 0 if none.
func (o *outbox) lastNumber(boot string) (n uint64, err error) {
	err = o.with(func(j *durable.Journal) error {
		if entry, ok := j.Last(); ok {
			if events, ok := telemetry.EntryEvents(entry.Data, boot); ok {
				n = events
			}
		}
		return nil
	})
	return n, err
}

func (o *outbox) close() error {
	o.gate.enter()
	defer o.gate.leave()
	if o.j == nil {
		return nil
	}
	err := o.j.Close()
	o.j = nil
	return err
}
