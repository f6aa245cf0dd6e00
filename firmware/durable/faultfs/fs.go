package faultfs

import (
	"crypto/sha256"
	"fmt"
	"maps"
	"path"
	"slices"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/aim-control/aimlock/firmware/durable"
)

// FS is a disk, its page cache and the kernel's locks. Its own methods of
// durable.Sys are those of a first process; [FS.Process] starts others.
type FS struct {
	*Proc

	// SplitRename makes a rename two changes, as FAT does: the name it
	// replaces may be gone while the new one is not yet there. Set it first.
	SplitRename bool
	// Kind is what Fstatfs says; 0: ext4's number. Set it first.
	Kind durable.FileSystem
	// NoAttributes: extended attributes are ENOTSUP. Set it first.
	NoAttributes bool
	fat          // see FAT

	mu      sync.Mutex
	root    *inode
	lastIno uint64
	clock   int64 // ticks by 1 with every change: the mtimes
	changed func()
}

// New returns an empty file system: only "/", which is the working directory.
func New() *FS {
	f := &FS{}
	f.root = f.newInode(unix.S_IFDIR | 0o755)
	f.Proc = f.Process()
	return f
}

// Process returns a new process: it shares files and locks with the others
// and has descriptors and faults of its own.
func (f *FS) Process() *Proc {
	return &Proc{fs: f, fds: map[int]*file{}}
}

// content is one view of an inode: what programs see, or what the disk has.
type content struct {
	data     []byte
	shared   bool               // data are another content's too: copied before they change
	sum      *[sha256.Size]byte // of data, while they are shared
	names    map[string]*inode  // of a directory
	mode     uint32             // st_mode
	uid, gid uint32
	mtime    int64
	attrs    map[string]string // extended attributes; never changed, but replaced
	chain    bool              // on FAT: the clusters of the data are taken
}

// clone shares the data: of the thousands of disks that a power cut can leave
// most have most files in common.
func (c *content) clone() content {
	c.data, c.shared = slices.Clip(c.data), true
	other := *c
	other.names = maps.Clone(c.names)
	return other
}

// own makes the data this content's alone, before they change.
func (c *content) own() {
	if c.sum = nil; c.shared {
		c.data, c.shared = slices.Clone(c.data), false
	}
}

// hash is of the data.
func (c *content) hash() []byte {
	if c.sum != nil {
		return c.sum[:]
	}
	sum := sha256.Sum256(c.data)
	if c.shared {
		c.sum = &sum
	}
	return sum[:]
}

type inode struct {
	ino     uint64
	view    content   // what programs see
	disk    content   // what certainly survives
	pending []*change // what may survive, in the order it was made
	owner   *file     // the open file that has the lock

	opens    int    // open files
	flushing bool   // its fsync is under way
	twin     *inode // another name's, of the same clusters
}

func (n *inode) dir() bool { return n.view.mode&unix.S_IFMT == unix.S_IFDIR }

func (f *FS) newInode(mode uint32) *inode {
	f.lastIno++
	f.clock++
	n := &inode{ino: f.lastIno}
	n.view = content{mode: mode, mtime: f.clock}
	if mode&unix.S_IFMT == unix.S_IFDIR {
		n.view.names = map[string]*inode{}
	}
	n.disk = n.view.clone()
	return n
}

// walk finds the directory and the last name of p, relative to base.
func (f *FS) walk(base *inode, p string) (dir *inode, name string, err error) {
	if p == "" {
		return nil, "", unix.ENOENT
	}
	if path.IsAbs(p) {
		base = f.root
	}
	p = path.Clean(p)
	head, name := path.Split(p)
	for _, part := range splitPath(head) {
		if !base.dir() {
			return nil, "", unix.ENOTDIR
		}
		next := base.view.names[part]
		if next == nil {
			return nil, "", unix.ENOENT
		}
		base = next
	}
	if !base.dir() {
		return nil, "", unix.ENOTDIR
	}
	if len(name) > 255 {
		return nil, "", unix.ENAMETOOLONG
	}
	return base, name, nil
}

func splitPath(p string) []string {
	var parts []string
	for p = path.Clean(p); p != "/" && p != "."; {
		dir, base := path.Split(p)
		parts = append(parts, base)
		p = path.Clean(dir)
	}
	slices.Reverse(parts)
	return parts
}

// lookup finds the inode at p.
func (f *FS) lookup(base *inode, p string) (*inode, error) {
	dir, name, err := f.walk(base, p)
	if err != nil {
		return nil, err
	}
	if name == "" || name == "." {
		return dir, nil
	}
	if n := dir.view.names[name]; n != nil {
		return n, nil
	}
	return nil, unix.ENOENT
}

// Files returns the content of every file by its path, as programs see it.
func (f *FS) Files() map[string][]byte {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := map[string][]byte{}
	f.list("/", f.root, out)
	return out
}

func (f *FS) list(at string, n *inode, out map[string][]byte) {
	for name, child := range n.view.names {
		p := path.Join(at, name)
		if child.dir() {
			f.list(p, child, out)
			continue
		}
		out[p] = slices.Clone(child.view.data)
	}
}

// Put makes a durable file with this content, and its directories: what was
// on the disk before the test.
func (f *FS) Put(p string, data []byte, mode uint32) {
	f.mu.Lock()
	defer f.mu.Unlock()
	dir := f.root
	head, name := path.Split(path.Join("/", p))
	for _, part := range splitPath(head) {
		next := dir.view.names[part]
		if next == nil {
			next = f.newInode(unix.S_IFDIR | 0o755)
			dir.view.names[part] = next
			dir.disk.names[part] = next
		}
		if !next.dir() {
			panic(fmt.Sprintf("faultfs: Put %s: %s is a file", p, part))
		}
		dir = next
	}
	n := f.newInode(unix.S_IFREG | mode)
	n.view.data = slices.Clone(data)
	n.view.chain = true
	n.disk = n.view.clone()
	dir.view.names[name] = n
	dir.disk.names[name] = n
}
