package store

import (
	"fmt"

	"github.com/aim-control/aimlock/firmware/durable"
)

// Bounds of the local edits that are remembered. They have room of their own:
// however many there are, no patch is pushed out. Once it is full, those that
// follow each other quickly push out one another, and not what is older.
const (
	maxEdits = 8
	soonMS   = 60_000
)

// Noted keeps data, that somebody has edited on the drone and that are in force
// now, for the history, with their content. Nothing else changes: neither the
// live file nor what a revert brings back nor HighVersion. The committed content
// and the newest edit once more are not noted again.
func (s *Store) Noted(data []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := Meta{SHA256: hash(data), Local: true}
	st, now := s.cur.Load(), s.o.Wall()
	last := st.lastEdit()
	switch {
	case len(data) > MaxContent:
		return fmt.Errorf("store: edit: %w: %d bytes, at most %d", durable.ErrTooLarge, len(data), MaxContent)
	case m.SHA256 == st.current().SHA256, m == last.Meta:
		return nil
	}
	if err := s.keep(data, m.SHA256); err != nil {
		return wrap("edit", err)
	}
	next := st.clone()
	if n := len(next.Edits); n == maxEdits && soon(last.At, now) {
		// Numbers are left out where others have given way before.
		if first := next.Edits[n-2]; soon(first.At, last.At) || last.N-first.N > 1 {
			next.forget(last.SHA256)
		}
	}
	next.forget(m.SHA256)
	next.Edits = newest(append(next.Edits, next.numbered(m, now)), maxEdits)
	return wrap("edit", s.save(next))
}

func soon(at, then int64) bool { return then >= at && then-at < soonMS }

// lastEdit is the newest edit since the committed generation; the zero
// generation: there is none.
func (st *state) lastEdit() (last generation) {
	for _, e := range st.Edits {
		if n := len(st.Generations); n == 0 || e.N > st.Generations[n-1].N {
			last = e
		}
	}
	return last
}

// forget drops the edit with this content, and returns it.
func (st *state) forget(sha string) (was generation) {
	kept := st.Edits[:0]
	for _, e := range st.Edits {
		if e.SHA256 == sha {
			was = e
		} else {
			kept = append(kept, e)
		}
	}
	st.Edits = kept
	return was
}

func (st *state) numbered(m Meta, at int64) generation {
	st.Last++
	return generation{m, st.Last, at}
}
