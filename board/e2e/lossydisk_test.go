//go:build e2e

package e2e

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net"
	"path/filepath"
	"sync"
	"testing"
)

// lossyDisk is a disk with a volatile cache, as a real one has it: a flush makes
// durable what was written before it; of the rest a power cut leaves what it
// likes. From the cut on it answers nothing, for there is no power.
type lossyDisk struct {
	path   string // of the socket
	l      net.Listener
	sector int // what is written as a whole, bytes

	mu       sync.Mutex
	durable  []byte
	cached   []byte // what reads see
	pending  []put  // not flushed, in order
	requests int    // writes and flushes
	cutAt    int    // number of the request that does not return; 0: none
	cut      chan struct{}
	closed   chan struct{}
}

type put struct {
	where int
	data  []byte
}

// serveLossy serves an image, of which it keeps a copy. The power goes at the
// cutAt-th write or flush.
func serveLossy(t *testing.T, dir string, image []byte, sector, cutAt int) *lossyDisk {
	t.Helper()
	d := &lossyDisk{path: filepath.Join(dir, "disk.sock"), sector: sector, durable: bytes.Clone(image), cached: bytes.Clone(image), cutAt: cutAt,
		cut: make(chan struct{}), closed: make(chan struct{})}
	d.l = listenNBD(t, d.path, d)
	return d
}

func (d *lossyDisk) do(kind uint16, where uint64, length int, in []byte) (out []byte, code uint32) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if where > diskSize || uint64(length) > diskSize-where {
		return nil, nbdEIO
	}
	if kind == 1 || kind == 3 {
		d.requests++
	}
	gone := d.cutAt != 0 && d.requests >= d.cutAt
	if gone && d.requests > d.cutAt { // late
		d.hang()
		return nil, nbdEIO
	}
	switch kind {
	case 0:
		out = bytes.Clone(d.cached[where : int(where)+length])
	case 1:
		d.pending = append(d.pending, put{int(where), bytes.Clone(in)})
		copy(d.cached[where:], in)
	case 3:
		if gone {
			break // a flush that is under way promises nothing
		}
		for _, w := range d.pending {
			copy(d.durable[w.where:], w.data)
		}
		d.pending = nil
	}
	if gone {
		close(d.cut)
		d.hang()
	}
	return out, 0
}

// hang waits for the machine's end; the caller has the lock.
func (d *lossyDisk) hang() {
	d.mu.Unlock()
	<-d.closed
	d.mu.Lock()
}

// cutAfter has the power go at the n-th request from now on.
func (d *lossyDisk) cutAfter(n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.cutAt = d.requests + n
}

// count is how many writes and flushes there were.
func (d *lossyDisk) count() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.requests
}

// all ends the disk in peace, with all that was written.
func (d *lossyDisk) all() []byte {
	d.l.Close()
	close(d.closed)
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.cached
}

// afterCut ends the disk and returns what the power cut left of it, and how.
// What a disk may do with what it was not told to flush: write any sectors of
// it, write in order up to the middle of something, write some requests and not
// others, write nothing. A sector that was written twice has its old, its
// first or its second content.
func (d *lossyDisk) afterCut(coin *rand.Rand) (image []byte, how string) {
	d.l.Close()
	close(d.closed)
	d.mu.Lock()
	defer d.mu.Unlock()
	kept, of := 0, 0
	keep := func(w put, from, to int) {
		to = min(to, len(w.data))
		copy(d.durable[w.where+from:], w.data[from:to])
		kept += (to - from + d.sector - 1) / d.sector
	}
	model := coin.IntN(4)
	whole := coin.IntN(len(d.pending) + 1) // so many requests, and part of the next
	for i, w := range d.pending {
		sectors := (len(w.data) + d.sector - 1) / d.sector
		of += sectors
		part := coin.IntN(sectors + 1)
		switch {
		case model == 0:
			for s := range sectors {
				if coin.IntN(2) == 0 {
					keep(w, s*d.sector, (s+1)*d.sector)
				}
			}
		case model == 1 && i < whole, model == 2 && coin.IntN(2) == 0:
			keep(w, 0, len(w.data))
		case model == 1 && i == whole:
			keep(w, 0, part*d.sector)
		}
	}
	return d.durable, fmt.Sprintf("%s: %d of %d sectors kept", [4]string{"any sectors", "in order", "any requests", "nothing"}[model], kept, of)
}
