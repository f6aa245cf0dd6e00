package models

import (
	"bytes"
	"fmt"

	"github.com/aim-control/aimlock/firmware/durable"
)

const journal = "/etc/journal"

// short is less: a journal has more in flight, and its records lie across the
// pieces all the same.
func short(piece int, v uint64) []byte { return value(piece, v)[piece/2 : piece+200] }

// useJournal opens the journal, judges it, appends n entries, settles all but
// the last two and closes it.
func useJournal(sys durable.Sys, piece int, w *Witness, n int) error {
	entry := len(short(piece, 1))
	segment := int64(8 + 2*(entry+32) + 64) // two entries and marks
	j, err := durable.OpenJournal(sys, journal, durable.Limits{Segment: segment, Total: 8 * segment, Entry: entry})
	if err != nil {
		return err
	}
	defer j.Close()
	pending, err := j.Pending(1000)
	if err != nil {
		return err
	}
	for i, e := range pending {
		if !bytes.Equal(e.Data, short(piece, e.N)) || i > 0 && e.N != pending[i-1].N+1 {
			return errTorn
		}
	}
	if len(pending) > 0 && pending[0].N <= w.Settled {
		return fmt.Errorf("%w: %d was acknowledged", errOld, w.Settled)
	}
	last, _ := j.Last()
	if err := w.found(last.N); err != nil {
		return err
	}
	if w.Told > w.Acked && (len(pending) == 0 || pending[0].N > w.Acked+1) {
		return fmt.Errorf("%w: entry %d is lost", errOld, w.Acked+1)
	}
	w.Told = last.N // its user has seen them
	for v := last.N + 1; v <= last.N+uint64(n); v++ {
		err := w.write(v, func() error {
			got, err := j.Append(short(piece, v))
			if err == nil && got != v {
				err = fmt.Errorf("entry %d instead of %d", got, v)
			}
			return err
		})
		if err == nil && v > 2 {
			w.Acked = max(w.Acked, v-2)
			err = j.Ack(v - 2)
		}
		if err != nil {
			return err
		}
	}
	if err := j.Close(); err != nil {
		return err
	}
	w.Settled = w.Acked
	return nil
}

// journalAfter is n entries more; unsynced: the one before them, and what was
// made for it, is of a process that did not live to sync anything.
func journalAfter(name string, prepared int, unsynced bool, n int) Protocol {
	return Protocol{
		Name: name,
		Prepare: func(d Disk, sys durable.Sys) (run func(*Witness) error, w Witness, err error) {
			err = folders(d, "/etc")
			if err == nil && prepared > 0 {
				err = useJournal(d, d.Piece(), &w, prepared)
			}
			if err == nil && unsynced {
				was := w
				err = useJournal(mute{d}, d.Piece(), &w, 1)
				w = Witness{Tried: w.Tried, Told: was.Told, Acked: w.Acked, Settled: was.Settled}
			}
			return func(w *Witness) error { return useJournal(sys, d.Piece(), w, n) }, w, err
		},
		Restart: func(sys durable.Sys, piece int, w *Witness) error { return useJournal(sys, piece, w, 1) },
	}
}

// mute swallows every sync: what its user writes is in the cache only.
type mute struct{ durable.Sys }

func (mute) Fsync(int) error     { return nil }
func (mute) Fdatasync(int) error { return nil }
