package locksmith

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Process names one process for good: a pid is used again, a pid with its
// start is not, within a boot.
type Process struct {
	PID   int
	Start uint64 // clock ticks after boot, field 22 of /proc/PID/stat
}

// Owner is a process that has the lock open.
type Owner struct {
	Process
	Name string // of its program, /proc/PID/comm
}

// Host is what the package must know about the machine. Has, Owners and Names
// may be nil: then nothing is known about other processes' descriptors and
// names, and no holder can be ended.
type Host struct {
	BootID string                               // of this boot, not empty
	Now    func() int64                         // CLOCK_BOOTTIME, ns
	Wall   func() time.Time                     // for display only
	Self   Process                              // this process
	Alive  func(Process) bool                   // runs, and is not a zombie
	Has    func(p Process, dev, ino uint64) Has // p has an OFD lock on that inode open
	Owners func(dev, ino uint64) []Owner        // every process that has one, at most 16
	Names  func(pid int) []string               // what the process is called; nil: could not be read
}

// KernelHost takes the host from the running kernel.
func KernelHost() (Host, error) {
	id, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return Host{}, fmt.Errorf("locksmith: boot id: %w; mount /proc", err)
	}
	self := Process{PID: os.Getpid()}
	st, err := readStat(self.PID)
	if err != nil {
		return Host{}, fmt.Errorf("locksmith: own start time: %w; mount /proc", err)
	}
	self.Start = st.start
	return Host{
		BootID: strings.TrimSpace(string(id)),
		Now:    bootNow,
		Wall:   time.Now,
		Self:   self,
		Alive:  alive,
		Has:    procHas,
		Owners: procOwners,
		Names:  procNames,
	}, nil
}

func bootNow() int64 {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts); err != nil {
		panic("locksmith: CLOCK_BOOTTIME: " + err.Error()) // every Linux since 2.6.39 has it
	}
	return ts.Nano()
}

// alive says whether p still runs. A zombie does not: its files are closed.
func alive(p Process) bool {
	if p.PID <= 0 {
		return false
	}
	st, err := readStat(p.PID)
	if err == nil {
		return (st.start == p.Start || mutant == noStartCheck) && st.runs()
	}
	if errors.Is(err, unix.ESRCH) || errors.Is(err, fs.ErrNotExist) && procShowsAll() {
		return false
	}
	// Not readable, or hidden by a /proc mounted with hidepid. Signal 0 finds
	// the process but not its start; to call a live holder dead would be worse
	// than the reverse.
	err = unix.Kill(p.PID, 0)
	return err == nil || errors.Is(err, unix.EPERM)
}

// procShowsAll says whether /proc shows other users' processes: pid 1 is one.
func procShowsAll() bool {
	_, err := os.Stat("/proc/1/stat")
	return err == nil
}

type procStat struct {
	state   byte
	threads int
	start   uint64
}

// runs is false for a zombie, unless only its first thread has ended.
func (st procStat) runs() bool {
	return st.state != 'X' && (st.state != 'Z' || st.threads > 1)
}

// readStat reads /proc/PID/stat. The program's name stands in parentheses and
// may itself hold spaces and parentheses, so fields count from the last one.
func readStat(pid int) (procStat, error) {
	data, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return procStat{}, err
	}
	return parseStat(string(data))
}

func parseStat(line string) (procStat, error) {
	end := strings.LastIndexByte(line, ')')
	if end < 0 {
		return procStat{}, errors.New("stat: no program name")
	}
	f := strings.Fields(line[end+1:])
	const state, threads, start = 0, 17, 19 // fields 3, 20 and 22
	if len(f) <= start || len(f[state]) != 1 {
		return procStat{}, errors.New("stat: too few fields")
	}
	n, err := strconv.Atoi(f[threads])
	if err != nil {
		return procStat{}, fmt.Errorf("stat: threads: %w", err)
	}
	ticks, err := strconv.ParseUint(f[start], 10, 64)
	if err != nil {
		return procStat{}, fmt.Errorf("stat: start time: %w", err)
	}
	return procStat{state: f[state][0], threads: n, start: ticks}, nil
}
