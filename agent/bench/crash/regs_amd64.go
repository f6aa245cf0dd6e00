package main

import "golang.org/x/sys/unix"

// entry is the number and the arguments of a system call, ret its result.
func entry(r *unix.PtraceRegs) (nr uint64, args [6]uint64) {
	return r.Orig_rax, [6]uint64{r.Rdi, r.Rsi, r.Rdx, r.R10, r.R8, r.R9}
}

func ret(r *unix.PtraceRegs) int64 { return int64(r.Rax) }

// old are the calls that only this architecture has, as the calls that replaced
// them: which argument stands where.
var old = map[uint64]func(a [6]uint64) (nr uint64, args [6]uint64){
	unix.SYS_OPEN:   func(a [6]uint64) (uint64, [6]uint64) { return unix.SYS_OPENAT, [6]uint64{cwd, a[0], a[1], a[2]} },
	unix.SYS_RENAME: func(a [6]uint64) (uint64, [6]uint64) { return unix.SYS_RENAMEAT, [6]uint64{cwd, a[0], cwd, a[1]} },
	unix.SYS_UNLINK: func(a [6]uint64) (uint64, [6]uint64) { return unix.SYS_UNLINKAT, [6]uint64{cwd, a[0], 0} },
	unix.SYS_RMDIR: func(a [6]uint64) (uint64, [6]uint64) {
		return unix.SYS_UNLINKAT, [6]uint64{cwd, a[0], unix.AT_REMOVEDIR}
	},
	unix.SYS_MKDIR: func(a [6]uint64) (uint64, [6]uint64) { return unix.SYS_MKDIRAT, [6]uint64{cwd, a[0], a[1]} },
	unix.SYS_CHMOD: func(a [6]uint64) (uint64, [6]uint64) { return unix.SYS_FCHMODAT, [6]uint64{cwd, a[0], a[1]} },
}

const sysFstatat = unix.SYS_NEWFSTATAT
