package locksmith

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/aim-control/aimlock/firmware/durable"
)

var (
	// ErrStale refuses whoever carries an epoch that is no longer current:
	// another was granted the lease since. Acquire again and begin anew.
	ErrStale = errors.New("lease lost: its epoch is no longer current; acquire again and begin anew")
	// ErrExpired refuses a holder past its own deadline, which may only release.
	ErrExpired = errors.New("lease expired: release it, acquire again and begin anew")
	// ErrReleased refuses every use of a lease after its release.
	ErrReleased = errors.New("lease already released")
	// ErrCommitBusy: somebody else kept the commit lock for two seconds, or
	// until the context ended. Nothing was changed and nothing was lost: an
	// update that gets it is WAITING(lock) and tries again later. There is no
	// way around it: whoever commits without the commit lock loses updates.
	ErrCommitBusy = errors.New("commit lock refused: another process is in a commit; wait and try again")
	// ErrEpochLost: the epoch's file is damaged and there is no record to go on
	// from. A grant could repeat an epoch.
	ErrEpochLost = errors.New("epoch damaged and no record to go on from; stop everything that commits, then remove the file")
)

// Bounds of patience and of leases.
const (
	acquirePatience = 50 * time.Millisecond  // a refused acquire tries again for so long
	commitPatience  = 2 * time.Second        // for the commit lock
	waitStep        = 20 * time.Millisecond  // between two tries of a waiting acquire
	lookEvery       = 500 * time.Millisecond // between two looks of a watch
	checkEvery      = time.Second            // between two checks of a lease whether it was lost
	maxLease        = time.Hour
	defaultLease    = 30 * time.Second
)

// Paths says where the lock's files are.
type Paths struct {
	Run   string // folder on tmpfs: NAME.lock, NAME.commit
	State string // folder that survives: NAME.rec, NAME.epoch
	Name  string // of the lock: letters, digits, "_" and "-"
}

// Smith looks at one lock and acquires it. It is safe for concurrent use, and
// two acquires of one Smith exclude each other like those of two processes.
type Smith struct {
	sys    durable.Sys
	host   Host
	name   string
	lock   string
	commit string
	record string
	epoch  string
	maxTTL func() time.Duration
	slots  epochFile

	protected []string // programs that End never ends, besides bridges

	every    time.Duration // lookEvery
	check    time.Duration // checkEvery; 0: leases have no guard
	brief    time.Duration // acquirePatience
	patience time.Duration // commitPatience
}

// Open prepares the use of a lock. It creates nothing: whoever only looks needs
// no right to write. maxTTL is asked at each look and each grant for today's
// longest lease; outside 1 ns … 1 h it counts as 30 s or 1 h.
func Open(sys durable.Sys, p Paths, h Host, maxTTL func() time.Duration) (*Smith, error) {
	if !validName(p.Name) {
		return nil, fmt.Errorf("locksmith: name %q: use 1 to 64 letters, digits, \"_\" and \"-\"", p.Name)
	}
	if h.BootID == "" || len(h.BootID) > maxName || !printable(h.BootID) {
		return nil, fmt.Errorf("locksmith: boot id %q: want 1 to 64 printable bytes", clean(h.BootID, maxName))
	}
	if h.Now == nil || h.Wall == nil || h.Alive == nil || h.Self.PID <= 0 || maxTTL == nil {
		return nil, errors.New("locksmith: incomplete host: start from KernelHost")
	}
	for _, dir := range []string{p.Run, p.State} {
		st, err := sys.Fstatat(unix.AT_FDCWD, dir, 0)
		if err == nil && !st.Dir() {
			err = unix.ENOTDIR
		}
		if err != nil {
			return nil, fmt.Errorf("locksmith: folder %s: %w; create it for the user that takes the lock", dir, err)
		}
	}
	return &Smith{
		sys: sys, host: h, name: p.Name, maxTTL: maxTTL,
		every: lookEvery, check: checkEvery, brief: acquirePatience, patience: commitPatience,
		lock:   filepath.Join(p.Run, p.Name+".lock"),
		commit: filepath.Join(p.Run, p.Name+".commit"),
		record: filepath.Join(p.State, p.Name+".rec"),
		epoch:  filepath.Join(p.State, p.Name+".epoch"),
	}, nil
}

func validName(name string) bool {
	const set = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"
	return name != "" && len(name) <= maxName && strings.Trim(name, set) == ""
}

// longest is today's longest lease, within bounds.
func (s *Smith) longest() time.Duration {
	d := s.maxTTL()
	if d <= 0 {
		return defaultLease
	}
	return min(d, maxLease)
}

// errBusy: the kernel refused a lock. It never leaves the package.
var errBusy = errors.New("busy")

// take tries a kernel lock on path once and returns its raw descriptor, or
// errBusy. The lock counts only if path still leads to the locked file: after
// an unlink two processes could each have "the" lock otherwise.
func (s *Smith) take(path string) (int, error) {
	for range 8 {
		fd, err := s.sys.Openat(unix.AT_FDCWD, path, unix.O_RDWR|unix.O_CREAT|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0o660)
		if err != nil {
			return -1, fmt.Errorf("open %s: %w", path, err)
		}
		if mutant == noCloseOnExec {
			_, _ = unix.FcntlInt(uintptr(fd), unix.F_SETFD, 0)
		}
		err = s.sys.SetLock(fd)
		if err == nil {
			var same bool
			if same, err = s.leadsTo(path, fd); same || mutant == noInodeCheck {
				if mutant == unreachableFile {
					_ = os.NewFile(uintptr(fd), path)
				}
				return fd, nil
			}
			s.drop(fd)
		} else {
			_ = s.sys.Close(fd)
		}
		switch {
		case errors.Is(err, unix.EAGAIN):
			return -1, errBusy
		case err != nil:
			return -1, fmt.Errorf("lock %s: %w", path, err)
		}
	}
	return -1, fmt.Errorf("lock %s: somebody keeps replacing it; a lock file must never be removed", path)
}

// leadsTo says whether path is the file open as fd.
func (s *Smith) leadsTo(path string, fd int) (bool, error) {
	mine, err := s.sys.Fstat(fd)
	if err != nil {
		return false, err
	}
	if !mine.Regular() {
		return false, errors.New("not a regular file: remove it")
	}
	now, err := s.sys.Fstatat(unix.AT_FDCWD, path, unix.AT_SYMLINK_NOFOLLOW)
	if errors.Is(err, unix.ENOENT) {
		return false, nil
	}
	return err == nil && now.Dev == mine.Dev && now.Ino == mine.Ino, err
}

// drop gives a lock back. Unlocking first matters: a child between fork and
// exec still has the descriptor, and closing ours would leave the lock to it.
func (s *Smith) drop(fd int) {
	_ = s.sys.Unlock(fd)
	_ = s.sys.Close(fd)
}
