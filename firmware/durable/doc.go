// Package durable is the set of crash-safe building blocks that locks, the
// store and the agent stand on: replacing a file ([Replace]), two fixed slots
// with a sequence number and a CRC ([Slots]), and a bounded journal
// ([Journal]).
//
// Everything works over [Sys], one small interface of system calls on raw
// descriptors, so that one fault-injecting fake (package faultfs) serves every
// user: it cuts the power after each call, with each subset of what was not
// yet synced, and the real code must come up again from what is left.
//
// Three rules hold throughout:
//   - What a call reports as done survives a power cut. What it reports as
//     failed is old or new afterwards, never a mixture.
//   - A failed fsync is final for its descriptor: the kernel may have dropped
//     the data and marked it clean, so that a second fsync would succeed and
//     prove nothing. The file is abandoned and the work begins again.
//   - A new name is durable only after an fsync of its directory.
//
// FAT has no atomic rename: there, only [Slots] are safe.
package durable

import "errors"

var (
	// ErrTooLarge: a file or an entry is larger than its caller allows.
	ErrTooLarge = errors.New("larger than allowed")
	// ErrDead: an earlier sync failed, so that nothing can be promised over
	// this handle any more. Close it and open it anew.
	ErrDead = errors.New("unusable after a failed sync: close it and open it anew")
	// ErrDamaged: what is on disk cannot come from a power cut of this package's
	// own writes: another program or failing storage changed it.
	ErrDamaged = errors.New("damaged: restore it, or remove it to begin afresh")
	// ErrDiffers: what was read back is not what was written.
	ErrDiffers = errors.New("reads back different from what was written: suspect the storage")
	// ErrUnsure: the new content is in place, but it was not possible to make
	// that durable: a power cut may bring the old content back.
	ErrUnsure = errors.New("in place, but may be undone by a power cut: do it again")
	// ErrBusy: another process uses it.
	ErrBusy = errors.New("in use by another process")
)
