package faultfs

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// Errnos are the errors that storage, and a process that has leaked, give in
// practice.
var Errnos = []error{unix.EIO, unix.ENOSPC, unix.EROFS, unix.EMFILE}

// Fault is one way for storage to fail.
type Fault struct {
	Name  string
	Errno error                // what an error must wrap; nil: no error comes of it
	Lasts bool                 // until Heal
	Arm   func(p *Proc, k int) // at the k-th call from now
}

// Faults are those that every operation is put through, at every call.
func Faults() []Fault {
	var out []Fault
	for _, errno := range Errnos {
		out = append(out,
			Fault{fmt.Sprintf("%v, once", errno), errno, false, func(p *Proc, k int) { p.FailAt(k, errno) }},
			Fault{fmt.Sprintf("%v, from then on", errno), errno, true, func(p *Proc, k int) { p.FailFrom(k, errno) }})
	}
	return append(out,
		Fault{"a short write", nil, false, func(p *Proc, k int) { p.ShortAt(k, nil) }},
		Fault{"a short write, then ENOSPC", unix.ENOSPC, false, func(p *Proc, k int) { p.ShortAt(k, unix.ENOSPC) }})
}
