package locksmith

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/aim-control/aimlock/firmware/durable"
	"github.com/aim-control/aimlock/firmware/durable/faultfs"
)

// boot is a process of boot n on the disk.
func boot(t *testing.T, sys durable.Sys, n int) *Smith {
	t.Helper()
	self := Process{n, 1}
	s, err := Open(sys, Paths{"/run", "/state", "aim_lock_config"}, Host{
		BootID: fmt.Sprintf("boot-%d", n), Self: self,
		Now: func() int64 { return 100 * sec }, Wall: func() time.Time { return time.UnixMilli(0) },
		Alive: func(p Process) bool { return p == self },
	}, ttl(30*time.Second))
	if err != nil {
		t.Fatal(err)
	}
	s.check = 0 // no guard: it lives in real time
	return s
}

// settled is a disk on which grants were made before, all of it synced.
func settled(t *testing.T, grants int) *faultfs.FS {
	disk := faultfs.New()
	for _, dir := range []string{"/run", "/state"} {
		if err := disk.Mkdirat(unix.AT_FDCWD, dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for range grants {
		if err := acquire(t, boot(t, disk, 1), claim("earlier")).Release(); err != nil {
			t.Fatal(err)
		}
	}
	return disk.Crash(func(int) bool { return true })
}

// afterCut grants after a power cut and says what is wrong: an epoch that was
// told before must not be told again, and there must be a grant.
func afterCut(t *testing.T, disk *faultfs.FS, told uint64) error {
	s := boot(t, disk, 2)
	look, err := s.Look()
	if err != nil {
		return err
	}
	if look.Verdict.Refused() {
		return fmt.Errorf("after a power cut: %s", look.Evidence)
	}
	l, err := s.Acquire(context.Background(), claim("after the cut"))
	if err != nil {
		return err
	}
	defer l.Release()
	if l.Epoch() <= told {
		return fmt.Errorf("epoch %d granted again: %d was", l.Epoch(), told)
	}
	if stale := look.Verdict.Stale(); stale != (l.Reclaimed() != nil) {
		return fmt.Errorf("%v, evidence %v", look.Verdict, l.Reclaimed())
	}
	return nil
}

// cutOnce cuts the power at every moment of a grant, with every subset of what
// was not synced. It returns the first thing that was wrong afterwards.
func cutOnce(t *testing.T, disk *faultfs.FS, s *Smith, told uint64) (faultfs.Count, error) {
	var wrong error
	count := faultfs.Enumerate(disk, func() {
		l, err := s.Acquire(context.Background(), claim("second"))
		if err != nil {
			t.Errorf("second: %v", err)
			return
		}
		if l.Epoch() <= told {
			t.Errorf("epoch %d granted again", l.Epoch())
		}
		told = l.Epoch()
	}, func(after *faultfs.FS) {
		if err := afterCut(t, after, told); err != nil && wrong == nil {
			wrong = err
		}
	})
	return count, wrong
}

func TestPowerCutNeverRepeatsAnEpoch(t *testing.T) {
	t.Parallel()
	for _, before := range []int{0, 1, 2} {
		disk := settled(t, before)
		count, err := cutOnce(t, disk, boot(t, disk, 1), uint64(before))
		if err != nil {
			t.Errorf("after %d grants: %v", before, err)
		}
		t.Logf("after %d grants: %d moments, %d disks", before, count.Moments, count.States)
	}
}

// The mutant that tells of a grant before it is synced must fail the test above.
func TestPowerCutFindsAMissingSync(t *testing.T) {
	t.Parallel()
	found := 0
	for k := 1; k <= 3; k++ {
		disk := settled(t, 2)
		if _, err := cutOnce(t, disk, boot(t, faultfs.SkipSync(disk, k), 1), 2); err != nil {
			t.Logf("without sync %d: %v", k, err)
			found++
		}
	}
	if found == 0 {
		t.Error("no missing sync was noticed")
	}
}

// Killed at each call of a grant; the next process is granted the lease and
// then the power is cut.
func TestKilledInAGrantThenPowerCut(t *testing.T) {
	t.Parallel()
	for k := 1; ; k++ {
		disk := settled(t, 2)
		first := disk.Process()
		doomed := boot(t, first, 1)
		first.KillAt(k)
		_, err := doomed.Acquire(context.Background(), claim("killed"))
		if err == nil { // it took fewer calls
			if k < 15 {
				t.Errorf("only %d calls", k)
			}
			return
		}
		second := disk.Process()
		if _, err := cutOnce(t, disk, boot(t, second, 1), 2); err != nil {
			t.Errorf("killed at call %d: %v", k, err)
		}
	}
}

// What a grant costs is counted, not timed: the machine is noisy. In the steady
// state the only sync is the epoch's.
func TestSyncsOfAGrant(t *testing.T) {
	t.Parallel()
	disk := settled(t, 2)
	p := disk.Process()
	s := boot(t, p, 1)
	acquire(t, s, claim("first")).Release() // opens the epoch
	syncs, calls := 0, 0
	p.Trace(func(call, _ string) {
		if calls++; call == "fsync" || call == "fdatasync" {
			syncs++
		}
	})
	l := acquire(t, s, claim("steady"))
	grant := calls
	if syncs != 1 {
		t.Errorf("%d syncs in a grant", syncs)
	}
	look(t, s, Held)
	if err := errors.Join(l.Renew(), l.Commit(func() error { return nil }), l.Release()); err != nil {
		t.Error(err)
	}
	if syncs != 1 {
		t.Errorf("%d syncs after the grant's", syncs-1)
	}
	t.Logf("a grant makes %d calls", grant)
}
