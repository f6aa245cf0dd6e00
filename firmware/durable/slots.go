package durable

import (
	"errors"
	"fmt"
	"path/filepath"
	"sync"

	"golang.org/x/sys/unix"
)

// MaxSlot is the largest size that OpenSlots takes, in bytes.
const MaxSlot = 64 << 10

// Slots is a small value in a file of two fixed slots, each with a sequence
// number and a CRC. A write goes to the older slot, so that a power cut in its
// middle leaves the newer one: this needs no rename, and therefore holds on FAT
// too, and costs one fdatasync (two when another wrote last).
//
// Every call looks at the file again, so that several processes may share one,
// if a lock of theirs keeps writes apart; a read needs no lock. Methods are safe
// for concurrent use.
type Slots struct {
	sys      Sys
	path     string
	size     int
	readOnly error // why it cannot be written

	mu    sync.Mutex
	fd    int
	dead  bool
	named bool   // the file's name is durable
	mine  uint64 // the last number that this handle made durable
	buf   []byte // one slot
}

// OpenSlots opens the slots at path for values of at most size bytes (1 …
// MaxSlot), or creates them, durably, with mode 0644. The size belongs to the
// format: opening with another is an error. Where the file may be read but not
// written, only Write fails.
func OpenSlots(sys Sys, path string, size int) (*Slots, error) {
	if size < 1 || size > MaxSlot {
		return nil, fmt.Errorf("durable: slots %s: size %d: must be 1 … %d bytes", path, size, MaxSlot)
	}
	s := &Slots{sys: sys, path: path, size: size, buf: make([]byte, slotHeader+size)}
	var err error
	s.fd, err = sys.Openat(unix.AT_FDCWD, path, unix.O_RDWR|unix.O_CREAT|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0o644)
	if err == unix.EACCES || err == unix.EROFS {
		s.readOnly = err
		var rerr error
		if s.fd, rerr = sys.Openat(unix.AT_FDCWD, path, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0); rerr == nil {
			err = nil
		}
	}
	if err != nil {
		return nil, fail("slots", path, "open", err)
	}
	if step, err := s.ready(); err != nil {
		sys.Close(s.fd)
		return nil, fail("slots", path, step, err)
	}
	return s, nil
}

// ready brings a new file to its full size. Zeros are two empty slots, and
// growing keeps what is there, so that processes may do this at the same time.
func (s *Slots) ready() (step string, err error) {
	st, err := s.sys.Fstat(s.fd)
	if err != nil {
		return "stat", err
	}
	full := 2 * s.stride()
	switch {
	case !st.Regular():
		return "stat", errNotRegular
	case st.Size > full:
		return "stat", fmt.Errorf("%w: %d bytes long instead of %d", ErrDamaged, st.Size, full)
	case st.Size == full || s.readOnly != nil:
		return "", nil
	}
	if err := s.sys.Ftruncate(s.fd, full); err != nil {
		return "set its size", err
	}
	// The name first: see shaky.
	if err := syncDir(s.sys, filepath.Dir(s.path)); err != nil {
		return "sync its directory", err
	}
	if err := s.sys.Fsync(s.fd); err != nil {
		return "sync", err
	}
	s.named = true
	return "", nil
}

// stride is the distance of the slots: whole pages, so that no page of a flash
// chip holds parts of both.
func (s *Slots) stride() int64 { return (slotHeader + int64(s.size) + 4095) &^ 4095 }

// Read returns the newest value and its sequence number: nil and 0 if nothing
// was ever written. The data are the caller's. ErrDamaged: no slot holds, which
// no power cut can do.
//
// A value that a writer in another process has not yet synced may show.
func (s *Slots) Read() (data []byte, seq uint64, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	data, seq, err = s.read()
	return data, seq, fail("slots", s.path, "read", err)
}

func (s *Slots) read() (data []byte, seq uint64, err error) {
	var states [2]slotState
	for i := range states {
		n, err := readFull(s.sys, s.fd, s.buf, int64(i)*s.stride())
		if err != nil {
			return nil, 0, err
		}
		clear(s.buf[n:])
		d, q, state := decodeSlot(s.buf, i)
		states[i] = state
		if state == slotValid && q > seq {
			data, seq = append([]byte{}, d...), q
		}
	}
	// The first write goes to slot 1: torn, it leaves slot 0 empty.
	if seq == 0 && states[0] != slotEmpty {
		return nil, 0, ErrDamaged
	}
	return data, seq, nil
}

// Write makes data the newest value, durably, with the next sequence number.
// After an error a Read in this boot gives the old value; after a power cut it
// may be the old or the new one. After a failed sync all further writes are
// ErrDead.
func (s *Slots) Write(data []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	step, err := s.write(data)
	return fail("slots", s.path, step, err)
}

func (s *Slots) write(data []byte) (step string, err error) {
	switch {
	case s.dead:
		return "write", ErrDead
	case s.readOnly != nil:
		return "write", fmt.Errorf("opened for reading only: %w", s.readOnly)
	case len(data) > s.size:
		return "write", fmt.Errorf("%w: %d bytes, at most %d", ErrTooLarge, len(data), s.size)
	}
	was, seq, err := s.read()
	if err != nil {
		return "read", err
	}
	if !s.named && seq == 0 { // another process made the file and may not have come so far
		if err := syncDir(s.sys, filepath.Dir(s.path)); err != nil {
			return "sync its directory", err
		}
	}
	s.named = true // whoever wrote a slot had done that before
	if seq == maxNumber {
		return "write", fmt.Errorf("%w: sequence number %d", ErrDamaged, seq)
	}
	if seq > 0 && seq != s.mine {
		// Its writer may have died before its sync. The other slot, which is
		// overwritten now, would then be the only durable one. If that sync
		// failed, and scrap too, the kernel has the slot in its cache as clean: a
		// sync alone would write nothing. Where it is durable, writing the same
		// bytes once more cannot tear it.
		if err := writeAll(s.sys, s.fd, encodeSlot(s.buf, seq, was), int64(seq%2)*s.stride()); err != nil {
			return "write what was there", err
		}
		if err := s.sys.Fdatasync(s.fd); err != nil {
			s.dead = true
			return "sync what was there", err
		}
	}
	seq++
	off := int64(seq%2) * s.stride()
	if err := writeAll(s.sys, s.fd, encodeSlot(s.buf, seq, data), off); err != nil {
		s.scrap(off)
		return "write", err
	}
	if err := s.sys.Fdatasync(s.fd); err != nil {
		s.dead = true
		s.scrap(off)
		return "sync", err
	}
	s.mine = seq
	return "", nil
}

// scrap empties a slot whose write failed. The page cache may show the new
// value although the disk never got it; whoever opens the file next would take
// it for durable and overwrite the other slot, the only one that really is.
// Nothing is promised of this slot any more, so that no sync is needed.
func (s *Slots) scrap(off int64) {
	var zero [slotHeader]byte
	_ = writeAll(s.sys, s.fd, zero[:], off)
}

// Close frees the descriptor. All that Write has reported as done is durable.
func (s *Slots) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fd < 0 {
		return fail("slots", s.path, "close", errors.New("is closed"))
	}
	err := s.sys.Close(s.fd)
	s.fd, s.dead = -1, true
	return fail("slots", s.path, "close", err)
}
