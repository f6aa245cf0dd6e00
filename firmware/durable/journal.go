package durable

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// Limits bounds a journal.
type Limits struct {
	Segment int64 // bytes of one segment file: room for an entry of the largest size, at most 16 MiB
	Total   int64 // bytes of all segment files: at least four segments
	Entry   int   // bytes of one entry: 1 … 1 MiB
}

func (l Limits) check() error {
	if l.Entry < 1 || l.Entry > maxEntry {
		return fmt.Errorf("durable: journal limit: Entry %d: must be 1 … %d bytes", l.Entry, maxEntry)
	}
	if least := int64(len(segmentMagic)+recordHeader) + int64(l.Entry); l.Segment < least || l.Segment > maxSegment {
		return fmt.Errorf("durable: journal limit: Segment %d: must be %d … %d bytes", l.Segment, least, maxSegment)
	}
	if l.Total < 4*l.Segment {
		return fmt.Errorf("durable: journal limit: Total %d: must be at least four segments, %d bytes", l.Total, 4*l.Segment)
	}
	return nil
}

// Entry is one entry of a journal.
type Entry struct {
	N    uint64 // its number: from 1, one more for each, across restarts
	Data []byte
}

// Journal is a bounded queue on disk. An entry that Append has numbered
// survives a power cut until it is acknowledged or, the bound being reached,
// dropped with the oldest segment, which is counted. An acknowledgement that a
// power cut undoes makes its entries pending again: at least once, in order.
//
// One process has a journal open at a time. Methods are safe for concurrent
// use; Last and Lost never wait for the disk, the others may.
type Journal struct {
	sys   Sys
	dir   string
	limit Limits
	lost  atomic.Uint64
	last  atomic.Pointer[Entry]

	mu      sync.Mutex
	dfd     int // the directory
	lfd     int // the lock file
	fd      int // the newest segment, -1: none
	segs    []segment
	settled uint64 // all up to it is acknowledged or dropped
	written uint64 // the highest settled number that stands in a record
	synced  int64  // bytes of the newest segment that are durable
	dead    bool
	closed  bool
	buf     []byte
}

// segment is a file of consecutive entries.
type segment struct {
	first, last uint64 // entries
	size        int64  // bytes that are good
}

func (s segment) name() string { return fmt.Sprintf("%016x%s", s.first, segmentSuffix) }

const segmentSuffix = ".jnl"

// Append adds an entry (1 … Entry bytes), durably, and returns its number. The
// data stay the caller's. If the bound is reached, the oldest segment goes,
// sent or not. After an error the entry is not in the journal, unless a power
// cut follows: then it may be. After a failed sync all further appends are
// ErrDead.
func (j *Journal) Append(data []byte) (n uint64, err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	switch {
	case j.closed:
		return 0, fail("journal", j.dir, "append", errClosed)
	case j.dead:
		return 0, fail("journal", j.dir, "append", ErrDead)
	case len(data) == 0:
		return 0, fail("journal", j.dir, "append", errors.New("an entry has at least one byte"))
	case len(data) > j.limit.Entry:
		return 0, fail("journal", j.dir, "append", fmt.Errorf("%w: %d bytes, at most %d", ErrTooLarge, len(data), j.limit.Entry))
	}
	if j.next() > maxNumber {
		return 0, fail("journal", j.dir, "append", fmt.Errorf("%w: entry number %d", ErrDamaged, j.next()))
	}
	r := record{n: j.next(), settled: j.settled, lost: j.lost.Load(), data: data}
	if j.fd >= 0 && j.newest().size+r.size() <= j.limit.Segment {
		err = j.extend(r)
	} else {
		err = j.rotate(r)
	}
	if err != nil {
		return 0, err
	}
	j.last.Store(&Entry{N: r.n, Data: append([]byte(nil), data...)})
	return r.n, nil
}

var errClosed = errors.New("is closed")

// next is one above the newest entry. No record says "settled" of a number
// above its own, so that a new entry is never taken for a settled one.
func (j *Journal) next() uint64 {
	if len(j.segs) == 0 {
		return 1
	}
	return j.newest().last + 1
}

func (j *Journal) newest() *segment { return &j.segs[len(j.segs)-1] }

// extend appends r to the newest segment.
func (j *Journal) extend(r record) error {
	j.buf = appendRecord(j.buf[:0], r)
	s := j.newest()
	if err := writeAll(j.sys, j.fd, j.buf, s.size); err != nil {
		_ = j.sys.Ftruncate(j.fd, s.size) // else the CRC tells the rest from a record
		return fail("journal", j.dir, "write "+s.name(), err)
	}
	if err := j.sys.Fdatasync(j.fd); err != nil {
		// The page cache may show what the disk never got, marks since the
		// last sync included. The next process would append behind it.
		j.dead = true
		_ = j.sys.Ftruncate(j.fd, j.synced)
		return fail("journal", j.dir, "sync "+s.name(), err)
	}
	s.size += r.size()
	s.last = r.n
	j.synced, j.written = s.size, r.settled
	return nil
}

// Pending returns copies of the oldest entries that are not acknowledged, at
// most max, oldest first.
func (j *Journal) Pending(max int) ([]Entry, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.closed {
		return nil, fail("journal", j.dir, "read", errClosed)
	}
	var out []Entry
	for _, s := range j.segs {
		if s.last <= j.settled {
			continue
		}
		if len(out) >= max {
			break
		}
		b, err := j.load(s.name(), s.size)
		if err != nil {
			return nil, err
		}
		decodeSegment(b, s.first, func(r record) {
			if len(r.data) > 0 && r.n > j.settled && len(out) < max {
				out = append(out, Entry{N: r.n, Data: append([]byte(nil), r.data...)})
			}
		})
	}
	return out, nil
}

// Ack settles all entries up to n. It is remembered at once, but durable only
// with the next Append or Close. An error is for the log: the acknowledgement
// holds for this process all the same.
func (j *Journal) Ack(n uint64) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if n >= j.next() {
		return fail("journal", j.dir, "acknowledge", fmt.Errorf("%d was never appended", n))
	}
	if n <= j.settled {
		return nil
	}
	j.settled = n
	if j.closed || j.dead || len(j.segs) == 0 {
		return nil
	}
	return j.mark()
}

// mark writes the settled number behind the newest entry, unsynced, if there
// is room; else the next segment will say it.
func (j *Journal) mark() error {
	s := j.newest()
	r := record{n: s.last, settled: j.settled, lost: j.lost.Load()}
	if j.fd < 0 || s.size+r.size() > j.limit.Segment {
		return nil
	}
	j.buf = appendRecord(j.buf[:0], r)
	if err := writeAll(j.sys, j.fd, j.buf, s.size); err != nil {
		return fail("journal", j.dir, "mark "+s.name(), err)
	}
	s.size += r.size()
	j.written = r.settled
	return nil
}

// Last returns the newest entry, acknowledged or not; false if there is none.
// Its data are shared: do not change them.
func (j *Journal) Last() (Entry, bool) {
	if e := j.last.Load(); e != nil {
		return *e, true
	}
	return Entry{}, false
}

// Lost counts the entries that were dropped unacknowledged to keep the bound,
// since the journal began.
func (j *Journal) Lost() uint64 { return j.lost.Load() }

// Close makes acknowledgements durable and gives the journal free. The error
// is that of this last sync: entries are durable since their Append.
func (j *Journal) Close() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.closed {
		return fail("journal", j.dir, "close", errClosed)
	}
	j.closed = true
	var err error
	if j.fd >= 0 && !j.dead {
		if j.written < j.settled {
			err = j.mark()
		}
		if err == nil && j.synced < j.newest().size {
			err = fail("journal", j.dir, "sync", j.sys.Fdatasync(j.fd))
		}
	}
	j.release()
	return err
}

// release frees all descriptors, and thereby the lock.
func (j *Journal) release() {
	for _, fd := range []*int{&j.fd, &j.dfd, &j.lfd} {
		if *fd >= 0 {
			j.sys.Close(*fd)
			*fd = -1
		}
	}
}

// create opens a new, empty segment file.
func (j *Journal) create(name string) (int, error) {
	const flags = unix.O_RDWR | unix.O_CREAT | unix.O_EXCL | unix.O_NOFOLLOW
	fd, err := j.sys.Openat(j.dfd, name, flags, 0o600)
	if err == unix.EEXIST { // left by a creation that failed: its entry was refused
		if err = j.sys.Unlinkat(j.dfd, name, 0); err == nil {
			fd, err = j.sys.Openat(j.dfd, name, flags, 0o600)
		}
	}
	return fd, err
}
