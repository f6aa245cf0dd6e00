package locksmith

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/aim-control/aimlock/firmware/durable"
)

// stormWait is how long a process may wait for the lock before it is stuck.
const stormWait = 45 * time.Second

// stormer is a process in a storm: it adds one to the live file, a few times
// under each lease, until its input ends. It says, as it happens:
//
//	got EPOCH
//	took PID EPOCH-BEFORE TIME     the grant reclaimed from that process
//	try N EPOCH                    in the commit, before the file says N
//	done N EPOCH                   the commit has returned
//	refused N EPOCH                the lease was lost, or a commit is under way: begins anew
//	leak PID                       dies after it
//	wrong WHAT
func stormer() {
	dir := os.Getenv("LOCKSMITH_TEST_DIR")
	s := process(durable.Linux, dir, nil)
	s.maxTTL = ttl(defaultLease)
	var leaks, end atomic.Bool
	go func() {
		for in := bufio.NewScanner(os.Stdin); in.Scan(); {
			leaks.Store(true)
		}
		end.Store(true)
	}()
	for !end.Load() {
		ctx, cancel := context.WithTimeout(context.Background(), stormWait)
		l, err := s.Wait(ctx, Claim{Role: RoleTechnician, Holder: "stormer"}, nil)
		cancel()
		if errors.Is(err, ErrCommitBusy) {
			// Somebody was stopped in a commit, and its lock file removed.
			say("refused 0 0")
			continue
		}
		if err != nil {
			say("wrong stuck: %v", err)
			return
		}
		say("got %d", l.Epoch())
		if e := l.Reclaimed(); e != nil {
			say("took %d %d %d", e.PID, e.OldEpoch, e.At)
		}
		if leaks.Load() {
			pid, err := leak(l)
			if err != nil {
				say("wrong leak: %v", err)
			}
			say("leak %s", pid)
			die()
		}
		for range 3 {
			if !addOne(l, dir) {
				break
			}
		}
		if err := errors.Join(l.Renew(), l.Release()); err != nil {
			say("refused 0 %d", l.Epoch())
		}
	}
	_, _ = io.WriteString(os.Stdout, "end\n")
}

// addOne says whether the lease is still good. Like an update it reads first
// and commits later: only the fence is between it and another's commit.
func addOne(l *Lease, dir string) bool {
	b, err := os.ReadFile(live(dir))
	n, err2 := strconv.Atoi(string(b))
	if err != nil || err2 != nil {
		say("wrong file: %v, %v", err, err2)
		return false
	}
	n++
	err = l.Commit(func() error {
		say("try %d %d", n, l.Epoch())
		return durable.ReplaceUnsynced(durable.Linux, live(dir), []byte(strconv.Itoa(n)), 0o644)
	})
	switch {
	case err == nil:
		say("done %d %d", n, l.Epoch())
		return true
	case errors.Is(err, ErrStale), errors.Is(err, ErrCommitBusy):
		say("refused %d %d", n, l.Epoch())
	default:
		say("wrong commit: %v", err)
	}
	return false
}
