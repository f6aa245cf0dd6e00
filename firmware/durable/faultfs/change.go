package faultfs

import "golang.org/x/sys/unix"

const sector = 512 // bytes that reach the disk together

// maxPending bounds what an inode holds back: beyond it the kernel has written
// the oldest changes, as its flusher does.
const maxPending = 4096

type kind uint8

const (
	changeData kind = iota // bytes within one sector
	changeSize
	changeMode // and owner, and extended attributes
	changeName // directory entries
	changeChain
)

// change is one thing that reaches the disk whole or not at all. Until it is
// settled a crash may find it done or not.
type change struct {
	kind    kind
	settled bool // certainly on disk
	stuck   bool // the fsync for it failed: no later one will write it

	off  int64
	data []byte
	size int64
	meta content // mode, uid, gid, attrs, chain

	edits []edit // all of one rename, in the logs of both directories
	by    *inode // only a sync of this one settles it; nil: of any that has it
}

type edit struct {
	dir   *inode
	name  string
	child *inode // nil: the name goes
}

// apply does the change on c, which is a view of n.
func (ch *change) apply(n *inode, c *content) {
	switch ch.kind {
	case changeData:
		c.own()
		// Beyond the end there is nothing to hold it: the size that belongs to
		// it did not survive. The bytes show if a later size brings them in.
		if end := ch.off + int64(len(ch.data)); end > int64(cap(c.data)) {
			grown := make([]byte, len(c.data), 2*end)
			copy(grown, c.data)
			c.data = grown
		}
		copy(c.data[ch.off:cap(c.data)], ch.data)
	case changeSize:
		c.resize(ch.size)
	case changeMode:
		c.mode, c.uid, c.gid, c.attrs = ch.meta.mode, ch.meta.uid, ch.meta.gid, ch.meta.attrs
	case changeChain:
		c.chain = ch.meta.chain
	case changeName:
		for _, e := range ch.edits {
			if e.dir != n {
				continue
			}
			if delete(c.names, e.name); e.child != nil {
				c.names[e.name] = e.child
			}
		}
	}
}

func (c *content) resize(size int64) {
	c.own()
	old := int64(len(c.data))
	if size > int64(cap(c.data)) {
		grown := make([]byte, old, size)
		copy(grown, c.data)
		c.data = grown
	}
	c.data = c.data[:size]
	if size < old {
		clear(c.data[size:old]) // cut off is gone, even if it grows again
	}
}

// do makes the change visible and remembers it as unsynced.
func (f *FS) do(n *inode, ch *change) {
	f.clock++
	n.view.mtime = f.clock
	if ch.kind == changeSize {
		f.resized(n, ch.size)
	}
	ch.apply(n, &n.view)
	n.pending = append(n.pending, ch)
	if len(n.pending) > maxPending {
		for _, old := range n.pending[:maxPending/2] {
			old.settled = true
		}
		n.compact()
	}
}

// write splits the data at the sectors.
func (f *FS) write(n *inode, p []byte, off int64) {
	end := off + int64(len(p))
	if end > int64(len(n.view.data)) {
		f.do(n, &change{kind: changeSize, size: end})
	}
	for len(p) > 0 {
		k := min(int64(len(p)), sector-off%sector)
		f.do(n, &change{kind: changeData, off: off, data: append([]byte(nil), p[:k]...)})
		p, off = p[k:], off+k
	}
}

func (f *FS) names(edits ...edit) {
	ch := &change{kind: changeName, edits: edits}
	f.do(edits[0].dir, ch)
	for _, e := range edits[1:] {
		if e.dir != edits[0].dir {
			f.do(e.dir, ch)
			return
		}
	}
}

// sync settles the inode's changes; with dataOnly not its mode and owner.
func (n *inode) sync(dataOnly bool) {
	for _, ch := range n.pending {
		if !ch.stuck && !(dataOnly && ch.kind == changeMode) && (ch.by == nil || ch.by == n) {
			ch.settled = true
		}
	}
	n.compact()
}

// syncFailed leaves the data that were to be written in the cache only.
func (n *inode) syncFailed() {
	for _, ch := range n.pending {
		if ch.kind == changeData && !ch.settled {
			ch.stuck = true
		}
	}
}

// compact moves the settled beginning of the log to the disk.
func (n *inode) compact() {
	for len(n.pending) > 0 && n.pending[0].settled {
		n.pending[0].apply(n, &n.disk)
		n.pending = n.pending[1:]
	}
}

func (n *inode) chmod(f *FS, perm uint32) {
	meta := n.view
	meta.mode = n.view.mode&unix.S_IFMT | perm
	f.do(n, &change{kind: changeMode, meta: meta})
}

func (n *inode) chown(f *FS, uid, gid int) {
	meta := n.view
	if uid >= 0 {
		meta.uid = uint32(uid)
	}
	if gid >= 0 {
		meta.gid = uint32(gid)
	}
	f.do(n, &change{kind: changeMode, meta: meta})
}
