package agent

import (
	"os"
	"runtime/debug"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// TuneMemory sets the garbage collector for a small board: the agent's live
// heap is well below a megabyte, and the default would let it grow to four.
func TuneMemory() {
	debug.SetGCPercent(50)
	debug.SetMemoryLimit(16 << 20)
}

// forgetStart gives back the heap that only the start needed, and unmaps the
// program's own code and constants, which the kernel maps again, from its page
// cache, as they are used: the start and a TLS handshake touch megabytes that a
// steady agent never looks at again. So does the collection that gives the heap
// back, so it comes first. Nothing is read from disk for it. A mapping with a
// page of its own (relocated, or written to by a debugger) is left alone: such
// a page would be lost.
func forgetStart() error {
	exe, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return err
	}
	smaps, err := os.ReadFile("/proc/self/smaps")
	if err != nil {
		return err
	}
	clean := cleanMappings(string(smaps), exe)
	debug.FreeOSMemory()
	for _, m := range clean {
		if _, _, errno := unix.Syscall(unix.SYS_MADVISE, m.start, m.end-m.start, unix.MADV_DONTNEED); errno != 0 {
			return errno
		}
	}
	return nil
}

type mapping struct{ start, end uintptr }

// cleanMappings finds a file's read-only private mappings without a private
// page, in the text of /proc/PID/smaps.
func cleanMappings(smaps, file string) (found []mapping) {
	var at mapping
	ours := false
	for line := range strings.Lines(smaps) {
		f := strings.Fields(line)
		switch {
		case len(f) >= 5 && strings.Contains(f[0], "-"): // "start-end perms offset dev inode path"
			from, to, _ := strings.Cut(f[0], "-")
			start, err1 := strconv.ParseUint(from, 16, strconv.IntSize)
			end, err2 := strconv.ParseUint(to, 16, strconv.IntSize)
			ours = err1 == nil && err2 == nil && len(f) == 6 && f[5] == file && (f[1] == "r-xp" || f[1] == "r--p")
			at = mapping{uintptr(start), uintptr(end)}
		case ours && len(f) == 3 && f[0] == "Anonymous:" && f[1] == "0":
			found = append(found, at)
		}
	}
	return found
}
