package store

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/aim-control/aimlock/firmware/durable"
	"github.com/aim-control/aimlock/firmware/plainjson"
)

// Bounds of the state, so that it always fits into its slot: a revert must
// never fail for want of room. What is beyond drops its oldest.
const (
	maxState      = 32 << 10 // bytes
	maxID         = 64       // bytes of a patch's, rollout's, controller's name or of a nonce
	maxReason     = 200      // bytes
	maxHistory    = 8
	maxQuarantine = 16
	maxNonces     = 128
)

const schema = 1

// state is all that the store remembers, as it lies in the slots. A state in
// use is never changed: the next one is a clone.
type state struct {
	Schema      int
	Generations []generation // oldest first; the last one is the committed one
	High        int64
	Op          Status
	Quarantine  []quarantined
	Nonces      []string
	Epoch       uint64
	Controller  string
	History     []Entry
	Edits       []generation `json:",omitempty"` // local ones that were in force, oldest first: no generations, nothing goes back to them by itself
	Last        uint64       // the highest number that a generation, an entry or an edit was given

	data []byte // of the committed generation; nil: damaged, or none
}

// generation is a Meta that was committed, or a local edit that was in force.
type generation struct {
	Meta
	N  uint64 `json:",omitempty"` // its number in the history
	At int64  `json:",omitempty"` // Unix ms, for display only
}

type quarantined struct {
	Version int64
	SHA256  string
	Reason  string
}

func (st *state) clone() *state {
	next := *st
	next.Generations = slices.Clone(st.Generations)
	next.Quarantine = slices.Clone(st.Quarantine)
	next.Nonces = slices.Clone(st.Nonces)
	next.History = slices.Clone(st.History)
	next.Edits = slices.Clone(st.Edits)
	return &next
}

// current is the committed generation; the zero Meta if there is none.
func (st *state) current() Meta {
	if n := len(st.Generations); n > 0 {
		return st.Generations[n-1].Meta
	}
	return Meta{}
}

// open reports whether the live file may hold what is not committed.
func (st *state) open() bool { return st.Op.Phase == Trial || st.Op.Phase == Reverting }

// names reports whether the state needs the copy with this hash.
func (st *state) names(sha string) bool {
	if p := st.Op.Phase; (p == Staged || p == Trial) && st.Op.Meta.SHA256 == sha {
		return true
	}
	is := func(g generation) bool { return g.SHA256 == sha }
	return slices.ContainsFunc(st.Generations, is) || slices.ContainsFunc(st.Edits, is)
}

// end gives the operation its last phase and remembers it.
func (st *state) end(p Phase, reason string, at int64) {
	st.Op.Phase, st.Op.Reason, st.Op.Since = p, reason, at
	st.Last++
	st.History = newest(append(st.History, Entry{st.Op.Meta, p, reason, at, st.Last}), maxHistory)
}

// newest drops the oldest beyond n.
func newest[T any](list []T, n int) []T { return list[max(0, len(list)-n):] }

// read reads the state from the slots.
func (s *Store) read() (*state, error) {
	b, seq, err := s.slots.Read()
	if err != nil {
		return nil, err
	}
	st := &state{Schema: schema}
	if seq == 0 {
		return st, nil
	}
	if err := plainjson.Unmarshal(b, st); err != nil {
		return nil, fmt.Errorf("%w: state: %w", durable.ErrDamaged, err)
	}
	if st.Schema != schema {
		return nil, fmt.Errorf("the state has schema %d, known is %d: install the agent that wrote it", st.Schema, schema)
	}
	return st, nil
}

// save makes next the state, durably; then copies that it does not need go.
// After an error the old state holds.
func (s *Store) save(next *state) error {
	if err := s.reopen(); err != nil {
		return err
	}
	b, err := plainjson.Marshal(next) // a reason's bytes at most double
	if err != nil {
		return err
	}
	if err := s.slots.Write(append(b, '\n')); err != nil {
		s.failed = true
		return err
	}
	s.cur.Store(next)
	s.sweep(next)
	return nil
}

// reopen gives the slots another chance after a failed write: they promise
// nothing over a descriptor whose sync failed.
func (s *Store) reopen() error {
	if !s.failed {
		return nil
	}
	slots, err := durable.OpenSlots(s.sys, s.path("state"), maxState)
	if err != nil {
		return err
	}
	_ = s.slots.Close()
	s.slots, s.failed = slots, false
	return nil
}

// plain makes a reason fit: one line of valid text, bounded.
func plain(reason string) string {
	reason = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == '\u2028' || r == '\u2029' {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(reason, "?"))
	if len(reason) > maxReason {
		reason = strings.ToValidUTF8(reason[:maxReason-3], "") + "…"
	}
	return reason
}

// validID: printable ASCII, bounded, so that it is as long as JSON as it is here.
func validID(id string) bool {
	return len(id) <= maxID && strings.IndexFunc(id, func(r rune) bool { return r <= ' ' || r > '~' || r == '"' || r == '\\' }) < 0
}

func hash(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}
