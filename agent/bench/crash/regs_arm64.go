package main

import "golang.org/x/sys/unix"

// entry is the number and the arguments of a system call, ret its result.
func entry(r *unix.PtraceRegs) (nr uint64, args [6]uint64) {
	return r.Regs[8], [6]uint64{r.Regs[0], r.Regs[1], r.Regs[2], r.Regs[3], r.Regs[4], r.Regs[5]}
}

func ret(r *unix.PtraceRegs) int64 { return int64(r.Regs[0]) }

// old are calls that this architecture does not have.
var old map[uint64]func(a [6]uint64) (nr uint64, args [6]uint64)

const sysFstatat = unix.SYS_FSTATAT
