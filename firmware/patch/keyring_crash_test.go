package patch

import (
	"errors"
	"maps"
	"testing"

	"github.com/aim-control/aimlock/firmware/durable"
	"github.com/aim-control/aimlock/firmware/durable/faultfs"
)

// findings counts what is wrong with the disks that power cuts left, by kind.
type findings map[string]int

// power cuts the power at every call of the first n rotations, and again during
// the next rotation on every disk left: the ring is the old or the new one,
// never an older one than was acknowledged, never none, and the next rotation
// goes through.
func (c *chain) power(n int, sys func(*faultfs.FS) durable.Sys, fat bool, bad findings) faultfs.Count {
	disk := faultfs.New()
	disk.SplitRename = fat
	s := sys(disk)
	acked := 0
	return faultfs.Enumerate(disk, func() {
		k := c.open(s)
		for i := 1; i <= n; i++ {
			if err := k.Rotate(c.p[i], c.m[i], 0); err != nil {
				bad["rotate: "+err.Error()]++
				return
			}
			acked = i
		}
	}, func(after *faultfs.FS) {
		at := c.judge(after, acked, acked+1, bad)
		if at < 0 || at > 2 {
			return
		}
		done := at
		faultfs.Enumerate(after, func() {
			if err := c.open(after).Rotate(c.p[at+1], c.m[at+1], 0); err != nil {
				bad["recovery: "+err.Error()]++
				return
			}
			done = at + 1
		}, func(again *faultfs.FS) { c.judge(again, done, at+1, bad) })
	})
}

// judge says which ring a restart finds.
func (c *chain) judge(disk *faultfs.FS, acked, attempted int, bad findings) int {
	at := c.in(c.open(disk))
	switch {
	case at < 0:
		bad["no ring"]++
	case at < acked:
		bad["acknowledged but old"]++
	case at > attempted:
		bad["from nowhere"]++
	}
	return at
}

func plainSys(fs *faultfs.FS) durable.Sys { return fs }

func TestKeyringSurvivesEveryPowerCut(t *testing.T) {
	t.Parallel()
	c := newChain(t, 3)
	for n, want := range map[int]faultfs.Count{1: {Moments: 5, States: 9}, 2: {Moments: 7, States: 14}} {
		for _, fat := range []bool{false, true} {
			bad := findings{}
			if got := c.power(n, plainSys, fat, bad); got != want {
				t.Errorf("%d rotations, fat %v: covered %+v, want %+v", n, fat, got, want)
			}
			for what, disks := range bad {
				t.Errorf("%d rotations, fat %v: %d disks: %s", n, fat, disks, what)
			}
		}
	}
	needed := map[int]bool{}
	for n, syncs := range map[int]int{1: 3, 2: 5} {
		for k := 1; k <= syncs; k++ {
			var deaf *faultfs.Deaf
			bad := findings{}
			c.power(n, func(fs *faultfs.FS) durable.Sys { deaf = faultfs.SkipSync(fs, k); return deaf }, false, bad)
			needed[k] = needed[k] || len(bad) > 0
			if deaf.Syncs() != syncs {
				t.Errorf("%d rotations ask for %d syncs, want %d", n, deaf.Syncs(), syncs)
			}
		}
	}
	// The second is of the new file's size, which a reader need not find. The
	// fourth is for what another process may have left unsynced: the test below
	// needs it.
	if want := map[int]bool{1: true, 2: false, 3: true, 4: false, 5: true}; !maps.Equal(needed, want) {
		t.Errorf("syncs without which something is wrong: %v, want %v", needed, want)
	}
}

// A process that is killed at any call of a rotation leaves the old or the new
// ring to the next one, and the power may go while that rotates in turn.
func TestKeyringAfterAKill(t *testing.T) {
	t.Parallel()
	c := newChain(t, 3)
	caught := 0
	for skip := range 2 { // 1: the second process leaves out its first sync
		for k := 1; ; k++ {
			disk := faultfs.New()
			if err := c.open(disk).Rotate(c.p[1], c.m[1], 0); err != nil {
				t.Fatal(err)
			}
			first := disk.Process()
			ring := c.open(first)
			first.KillAt(k)
			err := ring.Rotate(c.p[2], c.m[2], 0)
			first.Kill()
			at := c.in(c.open(disk))
			if at < 1 || at > 2 || err == nil && at != 2 {
				t.Errorf("killed at call %d: ring %d, %v", k, at, err)
				break
			}
			if at == 2 {
				bad, done := findings{}, 1
				faultfs.Enumerate(disk, func() {
					if err := c.open(faultfs.SkipSync(disk, skip)).Rotate(c.p[3], c.m[3], 0); err == nil {
						done = 3
					}
				}, func(after *faultfs.FS) { c.judge(after, done, 3, bad) })
				caught += skip * len(bad)
				if skip == 0 && len(bad) > 0 {
					t.Errorf("killed at call %d: %v", k, bad)
				}
			}
			if err == nil {
				break
			}
		}
	}
	if caught == 0 {
		t.Error("a second process that does not sync what it found passes")
	}
}

// Whatever call fails, with whatever storage says: the old or the new ring, an
// error that says so, no descriptor lost, and the next try goes through.
func TestKeyringFails(t *testing.T) {
	t.Parallel()
	c := newChain(t, 2)
	for _, errno := range faultfs.Errnos {
		failed := 0
		for k := 1; ; k++ {
			disk := faultfs.New()
			ring := c.open(disk)
			if err := ring.Rotate(c.p[1], c.m[1], 0); err != nil {
				t.Fatal(err)
			}
			before := disk.Calls()
			disk.FailAt(k, errno)
			err := ring.Rotate(c.p[2], c.m[2], 0)
			used := disk.Calls() - before
			disk.Heal()
			if err == nil && k > used {
				break
			}
			want := 2
			if err != nil {
				want = 1
				failed++
			}
			if got, again := c.in(ring), c.in(c.open(disk)); got != want || again != want || err != nil && !errors.Is(err, errno) || disk.Descriptors() != 0 {
				t.Errorf("call %d, %v: %v: ring %d, after a restart %d, %d descriptors", k, errno, err, got, again, disk.Descriptors())
			}
			if err != nil {
				if err := ring.Rotate(c.p[2], c.m[2], 0); err != nil || c.in(c.open(disk)) != 2 {
					t.Errorf("call %d, %v: the next try: %v", k, errno, err)
				}
			}
		}
		if failed < 5 {
			t.Errorf("%v: only %d calls failed", errno, failed)
		}
	}
}
