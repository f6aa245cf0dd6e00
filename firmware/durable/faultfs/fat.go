package faultfs

import (
	"golang.org/x/sys/unix"
)

// FAT makes the file system, before its first use but for Put, one that does to
// its disk what Linux's vfat does (fs/fat), beside a rename that splits
// ([FS.SplitRename]):
//   - A file's directory entry, which says where its data lie and how long it
//     is, is kept in the inode and written by the file's own fsync. So a name
//     that a rename gave is on disk only after that, and an fsync of the
//     directory makes durable only that the old name is gone. (The kernel's
//     flusher would write it too, half a minute later: not modelled.)
//   - The table of clusters is written by any fsync, in no order with the entry.
//     Clusters are taken by a file's first byte, and given back when neither a
//     name nor a descriptor is left of it.
//   - Whoever meets an entry whose clusters are free gets EIO, and the file
//     system is read-only from then on. Two entries for the same clusters are
//     two files; when one of them goes, the other is such an entry.
//
// There are no extended attributes.
func (f *FS) FAT() *FS {
	f.Kind, f.SplitRename, f.NoAttributes, f.vfat = unix.MSDOS_SUPER_MAGIC, true, true, true
	return f
}

// ReadOnly reports whether an entry of free clusters was met.
func (f *FS) ReadOnly() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.readOnly
}

type fat struct {
	vfat     bool
	readOnly bool
	table    []*change // of clusters, unsynced
}

// writing are the calls that a read-only file system refuses; openat looks at
// its flags.
var writing = []string{"pwrite", "ftruncate", "renameat", "exchangeat", "unlinkat", "mkdirat", "fchmod", "fchown"}

// resized takes clusters for the first byte and gives them back with the last.
func (f *FS) resized(n *inode, size int64) {
	if f.vfat && (size > 0) != (len(n.view.data) > 0) {
		f.cluster(n, size > 0)
	}
}

func (f *FS) cluster(n *inode, taken bool) {
	meta := n.view
	meta.chain = taken
	ch := &change{kind: changeChain, meta: meta}
	f.table = append(f.table, ch)
	f.do(n, ch)
}

// evict gives the clusters of a file back that has no name and no descriptor.
func (f *FS) evict(n *inode) {
	if !f.vfat || n == nil || n.dir() || n.opens > 0 || len(n.view.data) == 0 || f.root.has(n) || f.met(n) {
		return
	}
	f.cluster(n, false)
	if n.twin != nil {
		f.cluster(n.twin, false)
	}
}

func (n *inode) has(child *inode) bool {
	for _, c := range n.view.names {
		if c == child || c.dir() && c.has(child) {
			return true
		}
	}
	return false
}

// bad reports whether the entry of n points to free clusters.
func (f *FS) bad(n *inode) bool { return f.vfat && !n.dir() && len(n.view.data) > 0 && !n.view.chain }

// met is bad, and what the kernel does when it meets one.
func (f *FS) met(n *inode) bool {
	f.readOnly = f.readOnly || f.bad(n)
	return f.bad(n)
}

// late reports that the change waits in the inode for its file's fsync.
func (f *FS) late(n *inode, ch *change) bool {
	switch {
	case !f.vfat:
		return false
	case ch.kind == changeSize:
		return !n.flushing
	}
	return ch.by != nil && !ch.by.flushing
}

// flush is the beginning of an fsync: the power may go in it, and only there
// the entry, too, is on its way to the disk. The table is written by each.
func (f *FS) flush(n *inode) {
	if !f.vfat {
		return
	}
	n.flushing = true
	if f.changed != nil && !n.dir() {
		f.changed()
	}
	n.flushing = false
	for _, ch := range f.table {
		ch.settled = true
	}
	f.table = nil
}

// again gives the same file under a second name.
func (f *FS) again(m *inode) *inode {
	if !f.vfat || m.dir() {
		return m
	}
	twin := &inode{ino: m.ino + 1<<32, view: m.view.clone(), disk: m.disk.clone(), twin: m}
	m.twin = twin
	return twin
}
