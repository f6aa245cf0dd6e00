package store

import (
	"cmp"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/aim-control/aimlock/firmware/durable"
	"github.com/aim-control/aimlock/firmware/plainjson"
)

// Past is what a store remembers, for a reader beside the process that has the
// store open.
type Past struct {
	Op    Status // the newest operation
	High  int64  // the highest version ever committed from a patch
	Items []Item // newest first
}

// Item is something that was in force, or was to be.
type Item struct {
	N    uint64 // rises; 0: an operation that has not ended
	Meta Meta   // Local without a patch: edited on the drone
	// Phase is COMMITTED for a generation that is kept, REVERTED or REJECTED with
	// the Reason, that of an operation that has not ended, and IDLE for a local
	// edit, which is none of the store's operations.
	Phase     Phase
	Reason    string
	At        int64 // Unix ms, for display only
	Committed bool  // what a revert brings back now
	Kept      bool  // its content is there
}

// Peek reads the past of the store in dir by reading alone: it makes no file,
// takes no lock, and works whether a process has the store open or not.
// fs.ErrNotExist: there is no store yet.
func Peek(sys durable.Sys, dir string) (*Past, error) {
	b, seq, err := durable.PeekSlots(sys, filepath.Join(dir, "state"))
	if err != nil {
		return nil, fmt.Errorf("store: peek: %w", err)
	}
	st := &state{Schema: schema}
	if seq > 0 {
		if err := plainjson.Unmarshal(b, st); err != nil {
			return nil, fmt.Errorf("store: peek %s: %w: %w", dir, durable.ErrDamaged, err)
		}
	}
	if st.Schema != schema {
		return nil, fmt.Errorf("store: peek %s: the state has schema %d, known is %d: use the aimctl of the agent that wrote it", dir, st.Schema, schema)
	}
	return st.past(), nil
}

// past lists every generation and edit once, and of the operations those that
// have left neither.
func (st *state) past() *Past {
	p := &Past{Op: st.Op, High: st.High}
	for i, g := range st.Generations {
		p.Items = append(p.Items, Item{N: g.N, Meta: g.Meta, Phase: Committed, At: g.At, Kept: true, Committed: i == len(st.Generations)-1})
	}
	for _, e := range st.Edits {
		p.Items = append(p.Items, Item{N: e.N, Meta: e.Meta, At: e.At, Kept: true})
	}
	for _, h := range st.History {
		if h.Phase != Committed { // that one is a generation, or was taken back since
			p.Items = append(p.Items, Item{N: h.N, Meta: h.Meta, Phase: h.Phase, Reason: h.Reason, At: h.At, Kept: st.names(h.Meta.SHA256)})
		}
	}
	slices.SortStableFunc(p.Items, func(a, b Item) int { return cmp.Compare(b.N, a.N) })
	if st.open() || st.Op.Phase == Staged {
		p.Items = slices.Insert(p.Items, 0, Item{Meta: st.Op.Meta, Phase: st.Op.Phase, Reason: st.Op.Reason, At: st.Op.Since, Kept: st.names(st.Op.Meta.SHA256)})
	}
	return p
}

// PeekContent reads the content with this hash from the store in dir, and
// proves it. fs.ErrNotExist: it is not kept, or not any more.
func PeekContent(sys durable.Sys, dir, sha string) ([]byte, error) {
	data, err := durable.Read(sys, filepath.Join(dir, sha+copySuffix), MaxContent)
	if err != nil {
		return nil, fmt.Errorf("store: peek: %w", err)
	}
	if hash(data) != sha {
		return nil, fmt.Errorf("store: peek %s: %w", dir, ErrDamaged)
	}
	return data, nil
}
