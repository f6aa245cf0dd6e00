package locksmith

import (
	"context"
	"errors"
	"fmt"
	"strings"
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

// grant acquires and notes the epoch that was told; it says what is wrong: an
// epoch that was told before, or no grant.
func grant(s *Smith, told *uint64) error {
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
	if stale := look.Verdict.Stale(); stale != (l.Reclaimed() != nil) {
		return fmt.Errorf("%v, evidence %v", look.Verdict, l.Reclaimed())
	}
	if l.Epoch() <= *told {
		return fmt.Errorf("epoch %d granted again: %d was", l.Epoch(), *told)
	}
	*told = l.Epoch()
	return nil
}

// cuts counts the disks of a power cut in a grant, and of one in the first
// grant after that: each different disk once.
type cuts struct{ first, again faultfs.Count }

// cutTwice cuts the power at every moment of a grant, with every subset of what
// was not synced, and on every disk found again in the first grant of the next
// boot. It returns the first thing that was wrong afterwards.
func cutTwice(t *testing.T, disk *faultfs.FS, s *Smith, told uint64) (c cuts, wrong error) {
	note := func(err error) {
		if wrong == nil {
			wrong = err
		}
	}
	type past struct {
		key  [32]byte
		told uint64
	}
	seen := map[past]bool{}
	known := func(disk *faultfs.FS, told uint64) bool {
		k := past{disk.Key(untemp), told}
		was := seen[k]
		seen[k] = true
		return was
	}
	c.first = faultfs.Enumerate(disk, func() { note(grant(s, &told)) }, func(after *faultfs.FS) {
		if known(after, told) {
			return
		}
		second := told
		n := faultfs.Enumerate(after, func() { note(grant(boot(t, after, 2), &second)) }, func(twice *faultfs.FS) {
			if known(twice, second) {
				return
			}
			c.again.States++
			last := second
			note(grant(boot(t, twice, 3), &last))
		})
		c.again.Moments += n.Moments
	})
	return c, wrong
}

// untemp: what a temporary file is called is random and decides nothing.
func untemp(name string) string {
	if hex := len(name) - len("0123456789abcdef.tmp"); hex > 0 && strings.HasSuffix(name, ".tmp") {
		return name[:hex]
	}
	return name
}

// The counts are asserted, so that nobody shrinks the proof unawares.
func TestPowerCutNeverRepeatsAnEpoch(t *testing.T) {
	t.Parallel()
	for before, want := range []cuts{
		{faultfs.Count{Moments: 11, States: 187}, faultfs.Count{Moments: 93, States: 847}},
		{faultfs.Count{Moments: 6, States: 24}, faultfs.Count{Moments: 54, States: 82}},
		{faultfs.Count{Moments: 6, States: 24}, faultfs.Count{Moments: 54, States: 82}},
	} {
		disk := settled(t, before)
		got, err := cutTwice(t, disk, boot(t, disk, 1), uint64(before))
		if err != nil {
			t.Errorf("after %d grants: %v", before, err)
		}
		if got != want {
			t.Errorf("after %d grants: covered %+v, want %+v", before, got, want)
		}
	}
}

// Each sync of a grant is swallowed in turn, and the proof must fail. Where it
// does not, what the sync is for is proven elsewhere.
func TestPowerCutFindsEachMissingSync(t *testing.T) {
	t.Parallel()
	type row struct {
		sync   string
		needed bool // by a grant alone
	}
	for before, rows := range map[int][]row{
		0: {
			{"the new file's name", true},
			// The value's own sync covers the size too. It is OpenSlots that promises
			// a file of full size: TestSlotsSurviveEveryPowerCut fails without it.
			{"the new file's size", false},
			{"the epoch", true},
		},
		2: {
			// Only a writer that was killed leaves anything to it, and only a value
			// of more than one sector can be torn: TestSlotsAfterAKilledWriter fails
			// without it.
			{"what another wrote last", false},
			{"the epoch", true},
		},
	} {
		for i, r := range rows {
			disk := settled(t, before)
			deaf := faultfs.SkipSync(disk, i+1)
			_, err := cutTwice(t, disk, boot(t, deaf, 1), uint64(before))
			t.Logf("after %d grants, without the sync of %s: %v", before, r.sync, err)
			if (err != nil) != r.needed {
				t.Errorf("after %d grants, without the sync of %s: %v", before, r.sync, err)
			}
			if got := deaf.Syncs(); got != len(rows) && err == nil {
				t.Errorf("after %d grants: %d syncs, %d are in the table", before, got, len(rows))
			}
		}
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
		if _, err := cutTwice(t, disk, boot(t, disk.Process(), 1), 2); err != nil {
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
