package durable

import (
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// OpenJournal opens the journal in the directory dir, or creates it (dir's
// parent must exist). A torn tail, which was never acknowledged to anybody, is
// cut off; what is already settled is removed. ErrBusy: another process has it.
func OpenJournal(sys Sys, dir string, limit Limits) (*Journal, error) {
	if err := limit.check(); err != nil {
		return nil, err
	}
	j := &Journal{sys: sys, dir: dir, limit: limit, dfd: -1, lfd: -1, fd: -1}
	if err := j.open(); err != nil {
		j.release()
		return nil, err
	}
	return j, nil
}

func (j *Journal) open() (err error) {
	if j.dfd, err = j.openDir(); err != nil {
		return fail("journal", j.dir, "open", err)
	}
	j.lfd, err = j.sys.Openat(j.dfd, "lock", unix.O_RDWR|unix.O_CREAT|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return fail("journal", j.dir, "open its lock", err)
	}
	if err := j.sys.SetLock(j.lfd); err == unix.EAGAIN {
		return fail("journal", j.dir, "lock", ErrBusy)
	} else if err != nil {
		return fail("journal", j.dir, "lock", err)
	}
	if err := j.scan(); err != nil {
		return err
	}
	if err := j.resume(); err != nil {
		return err
	}
	return j.sweep()
}

// openDir opens dir, or makes it. Its name is synced in either case: whoever
// made it may have died before that.
func (j *Journal) openDir() (int, error) {
	err := j.sys.Mkdirat(unix.AT_FDCWD, j.dir, 0o700)
	if err != nil && err != unix.EEXIST {
		return -1, err
	}
	if err := syncDir(j.sys, filepath.Dir(filepath.Clean(j.dir))); err != nil {
		return -1, err
	}
	return j.sys.Openat(unix.AT_FDCWD, j.dir, unix.O_RDONLY|unix.O_DIRECTORY, 0)
}

// scan reads all segments. One without an entry is what a power cut leaves of
// a creation: it goes.
func (j *Journal) scan() error {
	names, err := j.sys.ReadDir(j.dfd)
	if err != nil {
		return fail("journal", j.dir, "list", err)
	}
	slices.Sort(names)
	for _, name := range names {
		first, ok := segmentNumber(name)
		if !ok {
			continue
		}
		b, err := j.load(name, maxSegment)
		if err != nil {
			return err
		}
		if !j.take(b, first) {
			if err := j.sys.Unlinkat(j.dfd, name, 0); err != nil {
				return fail("journal", j.dir, "remove "+name, err)
			}
		}
	}
	j.written = j.settled
	return nil
}

// take adds the segment b, unless it has no entry or does not come after the
// others.
func (j *Journal) take(b []byte, first uint64) bool {
	if len(j.segs) > 0 && first <= j.newest().last {
		return false
	}
	s := segment{first: first}
	var newest record
	s.size = decodeSegment(b, first, func(r record) {
		s.last = r.n
		j.settled = max(j.settled, r.settled)
		j.lost.Store(max(j.lost.Load(), r.lost))
		if len(r.data) > 0 {
			newest = r
		}
	})
	if s.size == 0 {
		return false
	}
	j.last.Store(&Entry{N: newest.n, Data: append([]byte(nil), newest.data...)})
	j.segs = append(j.segs, s)
	return true
}

func segmentNumber(name string) (uint64, bool) {
	hex, ok := strings.CutSuffix(name, segmentSuffix)
	if !ok || len(hex) != 16 {
		return 0, false
	}
	n, err := strconv.ParseUint(hex, 16, 64)
	return n, err == nil && n > 0 && segment{first: n}.name() == name
}

// load reads at most size bytes of a segment.
func (j *Journal) load(name string, size int64) ([]byte, error) {
	fd, err := j.sys.Openat(j.dfd, name, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, fail("journal", j.dir, "open "+name, err)
	}
	defer j.sys.Close(fd)
	st, err := j.sys.Fstat(fd)
	if err == nil && !st.Regular() {
		err = errNotRegular
	}
	if err != nil {
		return nil, fail("journal", j.dir, "stat "+name, err)
	}
	b := make([]byte, min(size, st.Size))
	n, err := readFull(j.sys, fd, b, 0)
	return b[:n], fail("journal", j.dir, "read "+name, err)
}

// resume makes the newest segment ready for appending: without its torn tail,
// and durable, because its writer may have died between a write and the sync.
// If that sync failed, the kernel has the data in its cache as clean, and
// another sync would write nothing: so they are written once more. Where they
// are durable, the same bytes cannot tear them.
func (j *Journal) resume() error {
	if len(j.segs) == 0 {
		return nil
	}
	s := j.newest()
	fd, err := j.sys.Openat(j.dfd, s.name(), unix.O_RDWR|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return fail("journal", j.dir, "open "+s.name(), err)
	}
	j.fd = fd
	if err := j.sys.Ftruncate(fd, s.size); err != nil {
		return fail("journal", j.dir, "cut off the torn tail of "+s.name(), err)
	}
	b, err := j.load(s.name(), s.size)
	if err != nil {
		return err
	}
	if err := writeAll(j.sys, fd, b, 0); err != nil {
		return fail("journal", j.dir, "write once more "+s.name(), err)
	}
	if err := j.sys.Fsync(fd); err != nil {
		return fail("journal", j.dir, "sync "+s.name(), err)
	}
	j.synced = s.size
	return fail("journal", j.dir, "sync", j.sys.Fsync(j.dfd))
}

// rotate begins a segment with r. The oldest ones are given up, if need be, in
// the same record: they are removed only once it is durable, so that nothing
// settled comes back and nothing lost goes uncounted.
func (j *Journal) rotate(r record) error {
	if err := j.sweep(); err != nil { // nothing is added while nothing can be removed
		return err
	}
	r.settled, r.lost = j.giveUp()
	s := segment{first: r.n, last: r.n, size: int64(len(segmentMagic)) + r.size()}
	j.buf = appendRecord(append(j.buf[:0], segmentMagic...), r)
	fd, err := j.create(s.name())
	if err != nil {
		return fail("journal", j.dir, "create "+s.name(), err)
	}
	step := "write"
	if err = writeAll(j.sys, fd, j.buf, 0); err == nil {
		step = "sync"
		if err = j.sys.Fsync(fd); err == nil {
			step = "sync the directory of"
			err = j.sys.Fsync(j.dfd)
		}
	}
	if err != nil {
		j.sys.Close(fd)
		j.sys.Unlinkat(j.dfd, s.name(), 0)
		return fail("journal", j.dir, fmt.Sprintf("%s %s", step, s.name()), err)
	}
	if j.fd >= 0 {
		j.sys.Close(j.fd)
	}
	j.fd, j.synced = fd, s.size
	j.segs = append(j.segs, s)
	j.settled, j.written = r.settled, r.settled
	j.lost.Store(r.lost)
	_ = j.sweep() // the next rotation tries again and says so
	return nil
}

// giveUp says what is settled and lost once enough of the oldest segments are
// dropped that two more, this one and the next, fit in the bound.
func (j *Journal) giveUp() (settled, lost uint64) {
	settled, lost = j.settled, j.lost.Load()
	var total int64
	for _, s := range j.segs {
		total += s.size
	}
	for _, s := range j.segs {
		if total+2*j.limit.Segment <= j.limit.Total {
			break
		}
		total -= s.size
		if s.last > settled {
			lost += s.last - settled
			settled = s.last
		}
	}
	return settled, lost
}

// sweep removes settled segments, but never the newest: it carries the numbers
// on, and Last.
func (j *Journal) sweep() error {
	for len(j.segs) > 1 && j.segs[0].last <= j.settled {
		err := j.sys.Unlinkat(j.dfd, j.segs[0].name(), 0)
		if err != nil && err != unix.ENOENT {
			return fail("journal", j.dir, "remove "+j.segs[0].name(), err)
		}
		j.segs = j.segs[1:]
	}
	return nil
}
