package durable

import (
	"errors"
	"io/fs"
	"slices"

	"golang.org/x/sys/unix"
)

// PeekSlots returns the newest value of a file of slots by reading alone: it
// makes no file, and needs neither its writer's lock nor the slots' size. See
// Slots.Read for the rest.
func PeekSlots(sys Sys, path string) (data []byte, seq uint64, err error) {
	return PeekSlot(sys, path, func([]byte) bool { return true })
}

// PeekSlot is PeekSlots for the newest value that is wanted; nil and 0 if none
// is. The older slot holds the value before the newest, unless a write to it was
// cut off.
func PeekSlot(sys Sys, path string, wanted func(data []byte) bool) (data []byte, seq uint64, err error) {
	const most = 2 * (MaxSlot + slotHeader + 4095)
	b, err := Read(sys, path, most)
	if err != nil {
		return nil, 0, err
	}
	valid, empty := false, true
	half := len(b) / 2
	for i, slot := range [2][]byte{b[:half], b[half:]} {
		d, q, state := decodeSlot(slot, i)
		if state == slotValid && q > seq && wanted(d) {
			data, seq = d, q
		}
		valid = valid || state == slotValid
		empty = empty && (state == slotEmpty || len(b) == 0)
	}
	if !valid && !empty {
		return nil, 0, fail("slots", path, "read", ErrDamaged)
	}
	return data, seq, nil
}

// PeekJournal returns the newest entries of the journal in dir, at most max,
// oldest first, acknowledged ones that still lie there included. It only
// reads, beside a process that has the journal open too: a segment that goes
// meanwhile is left out.
func PeekJournal(sys Sys, dir string, max int) ([]Entry, error) {
	dfd, err := sys.Openat(unix.AT_FDCWD, dir, unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return nil, fail("journal", dir, "open", err)
	}
	defer sys.Close(dfd)
	names, err := sys.ReadDir(dfd)
	if err != nil {
		return nil, fail("journal", dir, "list", err)
	}
	slices.Sort(names)
	slices.Reverse(names) // newest first
	j := &Journal{sys: sys, dir: dir, dfd: dfd}
	var out []Entry
	for _, name := range names {
		first, ok := segmentNumber(name)
		if !ok || len(out) >= max {
			continue
		}
		b, err := j.load(name, maxSegment)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		var here []Entry
		decodeSegment(b, first, func(r record) {
			if len(r.data) > 0 {
				here = append(here, Entry{N: r.n, Data: r.data})
			}
		})
		out = append(here, out...)
	}
	return out[len(out)-min(len(out), max):], nil
}
