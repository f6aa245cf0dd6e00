package locksmith

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

const (
	maxOwners    = 16    // processes named
	maxProcesses = 32768 // looked at
	maxFiles     = 4096  // descriptors looked at in each
)

// procOwners finds every process with an OFD lock on the inode open, by its
// descriptors: F_OFD_GETLK and /proc/locks show pid -1 for such a lock.
func procOwners(dev, ino uint64) []Owner {
	var owners []Owner
	for _, name := range dirNames("/proc", maxProcesses) {
		pid, err := strconv.Atoi(name)
		if err != nil || pid <= 0 {
			continue
		}
		if hasLock(pid, dev, ino) != HasIt {
			continue
		}
		st, err := readStat(pid)
		if err != nil {
			continue // gone since
		}
		owners = append(owners, Owner{Process{pid, st.start}, comm(pid)})
		if len(owners) == maxOwners {
			break
		}
	}
	return owners
}

// procHas is hasLock for a process that must still be the same afterwards.
func procHas(p Process, dev, ino uint64) Has {
	has := hasLock(p.PID, dev, ino)
	if st, err := readStat(p.PID); err != nil || st.start != p.Start {
		return HasNotSeen
	}
	return has
}

func hasLock(pid int, dev, ino uint64) Has {
	dir := "/proc/" + strconv.Itoa(pid)
	names := dirNames(dir+"/fd", maxFiles+1)
	if names == nil || len(names) > maxFiles {
		return HasNotSeen
	}
	for _, name := range names {
		// The magic link is followed with stat rather than compared with the
		// device in fdinfo: on an overlay those two differ.
		var st unix.Stat_t
		if err := unix.Stat(dir+"/fd/"+name, &st); err != nil {
			if errors.Is(err, fs.ErrPermission) {
				return HasNotSeen
			}
			continue // closed since
		}
		if uint64(st.Dev) != dev || st.Ino != ino {
			continue
		}
		info, err := os.ReadFile(dir + "/fdinfo/" + name)
		if err != nil {
			return HasNotSeen
		}
		if infoHasLock(info) {
			return HasIt
		}
	}
	return HasItNot
}

// infoHasLock reads lines like
//
//	lock:	1: OFDLCK  ADVISORY  WRITE -1 08:01:1234 0 EOF
func infoHasLock(info []byte) bool {
	for line := range bytes.Lines(info) {
		f := strings.Fields(string(line))
		if len(f) >= 5 && f[0] == "lock:" && f[2] == "OFDLCK" && f[4] == "WRITE" {
			return true
		}
	}
	return false
}

// dirNames lists at most limit names; nil when the folder cannot be read.
func dirNames(dir string, limit int) []string {
	d, err := os.Open(dir)
	if err != nil {
		return nil
	}
	defer d.Close()
	names, _ := d.Readdirnames(limit)
	return names
}

// comm is the program's name, made fit for a terminal: a process chooses it.
func comm(pid int) string {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/comm")
	if err != nil {
		return "?"
	}
	return clean(strings.TrimSpace(string(b)), maxName)
}
