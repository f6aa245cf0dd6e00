package faultfs

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
)

// MaxUnsynced is how many unsynced changes Enumerate takes at one moment: it
// tries all their subsets, 4,096 at most.
const MaxUnsynced = 12

// Crash returns the disk after a power cut now: what was synced, and of the
// other changes those for which keep says so; i counts them in the order in
// which they are listed by the directories' names, then by their age. The new
// file system has no processes, locks or faults; the old one lives on.
func (f *FS) Crash(keep func(i int) bool) *FS {
	f.mu.Lock()
	defer f.mu.Unlock()
	kept := map[*change]bool{}
	for i, ch := range f.unsettled() {
		kept[ch] = keep(i)
	}
	return f.crash(kept)
}

// Unsynced says how many changes a power cut now may lose.
func (f *FS) Unsynced() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.unsettled())
}

// unsettled lists the changes to everything that may be reachable after a crash.
func (f *FS) unsettled() []*change {
	var out []*change
	seen, listed := map[*inode]bool{}, map[*change]bool{}
	var visit func(n *inode)
	visit = func(n *inode) {
		if n == nil || seen[n] {
			return
		}
		seen[n] = true
		for _, name := range slices.Sorted(maps.Keys(n.disk.names)) {
			visit(n.disk.names[name])
		}
		for _, ch := range n.pending {
			if !ch.settled && !listed[ch] && !f.late(n, ch) {
				listed[ch] = true
				out = append(out, ch)
			}
			for _, e := range ch.edits {
				visit(e.child)
			}
		}
	}
	visit(f.root)
	return out
}

func (f *FS) crash(kept map[*change]bool) *FS {
	after := &FS{SplitRename: f.SplitRename, Kind: f.Kind, NoAttributes: f.NoAttributes, fat: fat{vfat: f.vfat}, lastIno: f.lastIno, clock: f.clock}
	after.Proc = after.Process()
	made := map[*inode]*inode{}
	var revive func(n *inode) *inode
	revive = func(n *inode) *inode {
		if m := made[n]; m != nil {
			return f.again(m)
		}
		n.disk.hash() // once, not for each of its clones
		m := &inode{ino: n.ino, view: n.disk.clone()}
		made[n] = m
		for _, ch := range n.pending {
			if ch.settled || kept[ch] {
				ch.apply(n, &m.view)
			}
		}
		for name, child := range m.view.names {
			m.view.names[name] = revive(child)
		}
		m.disk = m.view.clone()
		return m
	}
	after.root = revive(f.root)
	return after
}

// Key identifies what programs can see, inode numbers and times apart: equal
// keys, equal disks after a power cut. With it a test judges each disk once,
// which is as exhaustive as judging it each time. as, if not nil, says under
// which name a file counts: for random names, on which nothing depends.
func (f *FS) Key(as func(name string) string) [sha256.Size]byte {
	f.mu.Lock()
	defer f.mu.Unlock()
	if as == nil {
		as = func(name string) string { return name }
	}
	return f.key(as)
}

func (f *FS) key(as func(string) string) [sha256.Size]byte {
	var list func(n *inode) []byte
	list = func(n *inode) []byte {
		b := binary.AppendUvarint(nil, uint64(n.view.mode))
		b = binary.AppendUvarint(b, uint64(n.view.uid)<<32|uint64(n.view.gid))
		b = append(b, n.view.hash()...)
		if b = append(b, 0); n.view.attrs != nil {
			b = fmt.Append(b, n.view.attrs)
		}
		if f.bad(n) {
			b = append(b, 1)
		}
		var in [][]byte
		for name, child := range n.view.names {
			known := as(name)
			in = append(in, append(append(binary.AppendUvarint(nil, uint64(len(known))), known...), list(child)...))
		}
		slices.SortFunc(in, bytes.Compare)
		return slices.Concat(append([][]byte{binary.AppendUvarint(b, uint64(len(in)))}, in...)...)
	}
	return sha256.Sum256(list(f.root))
}

// Count says how much an enumeration has covered.
type Count struct {
	Moments int // at which the power was cut: after each call that changed something, and at the end
	States  int // different disks found, counted once for each moment
}

// Enumerate runs run on f and cuts the power before its first call, after each
// call that changes anything, and when it has returned; each time it calls
// visit with every disk that can then be found. visit owns the disk: it runs
// the recovery on it, and may enumerate that in turn. It must not use f. What
// run has been promised by then it can tell visit in a variable of the test.
//
// More than MaxUnsynced unsynced changes at one moment panic: make the test
// smaller.
func Enumerate(f *FS, run func(), visit func(disk *FS)) Count {
	var c Count
	cut := func() { f.cut(&c, visit) }
	f.mu.Lock()
	f.changed = cut
	cut()
	f.mu.Unlock()
	run()
	f.mu.Lock()
	defer f.mu.Unlock()
	f.changed = nil
	cut()
	return c
}

func (f *FS) cut(c *Count, visit func(disk *FS)) {
	c.Moments++
	changes := f.unsettled()
	if len(changes) > MaxUnsynced {
		panic(fmt.Sprintf("faultfs: %d unsynced changes at once: at most %d can be enumerated", len(changes), MaxUnsynced))
	}
	seen := map[[sha256.Size]byte]bool{}
	kept := make(map[*change]bool, len(changes))
	for mask := range uint32(1) << len(changes) {
		for i, ch := range changes {
			kept[ch] = mask>>i&1 == 1
		}
		disk := f.crash(kept)
		if k := disk.Key(nil); !seen[k] {
			seen[k] = true
			c.States++
			visit(disk)
		}
	}
}
