//go:build e2e

package e2e

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"testing"
)

// diskSize is that of the emulated card, which must be a power of two.
const diskSize = 32 << 20

// nbdDisk serves a disk from memory over NBD. Each write counts; at the one
// that cutAt names the power goes, and all later ones never happen.
type nbdDisk struct {
	path string // of the socket
	l    net.Listener

	mu     sync.Mutex
	data   []byte
	lossy  bool           // knows flushes: what was not flushed may be lost
	before map[int][]byte // by unit, what was there: at the last flush, or before the unit that is written now
	writes int
	cutAt  int           // number of the write at which the power goes; 0: never
	cut    chan struct{} // closed when it came
}

// makeDisk is a disk with an ext4 file system that holds a folder's content.
func makeDisk(t *testing.T, content string) []byte {
	t.Helper()
	image := filepath.Join(t.TempDir(), "disk.img")
	c := exec.Command("mkfs.ext4", "-q", "-F", "-b", "1024", "-O", "^metadata_csum_seed", "-E", "lazy_itable_init=0,lazy_journal_init=0,root_owner=0:0", "-d", content, image, fmt.Sprint(diskSize>>10)+"k")
	c.Env = append(os.Environ(), "PATH="+os.Getenv("PATH")+":/sbin:/usr/sbin")
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("mkfs.ext4: %v: %s", err, out)
	}
	data, err := os.ReadFile(image)
	if err != nil || len(data) != diskSize {
		t.Fatalf("the image has %d bytes: %v", len(data), err)
	}
	return data
}

// serveDisk serves data, which it owns from now on.
func serveDisk(t *testing.T, dir string, data []byte, lossy bool) *nbdDisk {
	t.Helper()
	d := &nbdDisk{path: filepath.Join(dir, "disk.sock"), data: data, lossy: lossy, before: map[int][]byte{}, cut: make(chan struct{})}
	d.l = listenNBD(t, d.path, d)
	return d
}

// cutAfter has the power go at the n-th write from now on.
func (d *nbdDisk) cutAfter(n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.cutAt = d.writes + n
}

// count is how many writes there were.
func (d *nbdDisk) count() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.writes
}

// afterCut is what is on the disk once the power has gone. On a lossy one a
// coin says of each unit that was not flushed whether it was written.
func (d *nbdDisk) afterCut(seed uint64) (image []byte, lost int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.cutAt = 1 // whatever else is on its way is late
	if d.lossy {
		coin := rand.New(rand.NewPCG(seed, 2))
		for _, u := range slices.Sorted(maps.Keys(d.before)) {
			if coin.IntN(2) == 0 {
				copy(d.data[u*unit:], d.before[u])
				lost++
			}
		}
	}
	return bytes.Clone(d.data), lost
}

// unit is what the disk writes as a whole, bytes: a block of its file system.
// With less, a power cut in the middle of a block of the journal or of the
// superblock leaves a wrong checksum, and ext4 refuses to mount: nothing that
// a program above it could prevent.
const unit = 1024

func (d *nbdDisk) do(kind uint16, where uint64, length int, in []byte) (out []byte, code uint32) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if where > diskSize || uint64(length) > diskSize-where {
		return nil, nbdEIO
	}
	switch kind {
	case 0:
		return append([]byte(nil), d.data[where:where+uint64(length)]...), 0
	case 1:
		return nil, d.write(int(where), in)
	case 3: // flush
		if d.lossy && !d.gone() {
			clear(d.before)
		}
	}
	return nil, 0
}

func (d *nbdDisk) gone() bool { return d.cutAt != 0 && d.writes >= d.cutAt }

// write writes, unless the power has gone. What is under way at that moment
// counts as not flushed on a lossy disk; on the other, which gets its blocks
// in pieces, the block under way is as it was.
func (d *nbdDisk) write(where int, in []byte) (code uint32) {
	late := d.gone()
	d.writes++
	if late {
		return nbdEIO
	}
	if d.gone() {
		close(d.cut)
	}
	first, last := where/unit, (where+len(in)-1)/unit
	if !d.lossy && (where%unit == 0 || d.before[first] == nil) { // another block
		clear(d.before)
	}
	for u := first; u <= last; u++ {
		if d.before[u] == nil {
			d.before[u] = bytes.Clone(d.data[u*unit : (u+1)*unit])
		}
	}
	if d.gone() && !d.lossy {
		for u, old := range d.before {
			copy(d.data[u*unit:], old)
		}
		return nbdEIO
	}
	copy(d.data[where:], in)
	return 0
}
