package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// lastCounter is the last number given in this process.
var lastCounter atomic.Uint64

// nextCounter is a number above every one that this user has ever sent: the
// time in Unix milliseconds, or one more than the last where the clock has gone
// back. Drones refuse a number that is not above all before it.
func (a *app) nextCounter() uint64 {
	now := uint64(time.Now().UnixMilli())
	next, err := keptCounter(max(now, lastCounter.Load()+1))
	if err != nil && lastCounter.Load() == 0 {
		fmt.Fprintf(a.err, "aimctl: warning: the last command's number is not kept (%v); if this machine's clock goes back, drones refuse commands\n", err)
	}
	for {
		last := lastCounter.Load()
		next = max(next, last+1)
		if lastCounter.CompareAndSwap(last, next) {
			return next
		}
	}
}

// stateHome is the folder for what programs keep of a user.
func stateHome() (string, error) {
	if dir := os.Getenv("XDG_STATE_HOME"); dir != "" {
		return dir, nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", err
	}
	return filepath.Join(home, ".local", "state"), nil
}

// keptCounter raises the number kept in the user's state folder to at least
// atLeast, above what it was, and returns it; on an error atLeast.
func keptCounter(atLeast uint64) (uint64, error) {
	dir, err := stateHome()
	if err != nil {
		return atLeast, err
	}
	dir = filepath.Join(dir, "aimctl")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return atLeast, err
	}
	f, err := os.OpenFile(filepath.Join(dir, "counter"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return atLeast, err
	}
	defer f.Close() // and the lock with it
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX); err != nil {
		return atLeast, fmt.Errorf("lock %s: %w", f.Name(), err)
	}
	var buf [32]byte
	n, _ := f.ReadAt(buf[:], 0)
	// A file that is no number counts as none: the clock is the better guess.
	last, _ := strconv.ParseUint(strings.TrimSpace(string(buf[:n])), 10, 64)
	next := max(atLeast, last+1)
	if _, err := f.WriteAt([]byte(strconv.FormatUint(next, 10)+"\n"), 0); err != nil {
		return next, err
	}
	return next, nil
}
