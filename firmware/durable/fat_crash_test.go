package durable_test

import (
	"errors"
	"testing"

	"github.com/aim-control/aimlock/firmware/durable"
	"github.com/aim-control/aimlock/firmware/durable/faultfs"
)

// onFAT runs a proof on FAT. There the name may be gone after a power cut, which
// is why the store has two slots; whatever is there is whole, what was
// acknowledged is there, and the file system is never read-only afterwards.
func onFAT(enumerate func(func(*faultfs.FS) durable.Sys, findings) covered) func(func(*faultfs.FS) durable.Sys, findings) covered {
	return func(sys func(*faultfs.FS) durable.Sys, bad findings) covered {
		c := enumerate(func(fs *faultfs.FS) durable.Sys { return sys(fs.FAT()) }, bad)
		delete(bad, "missing")
		return c
	}
}

func TestEveryPowerCutOnFAT(t *testing.T) {
	t.Parallel()
	t.Run("replace", func(t *testing.T) {
		t.Parallel()
		proof{onFAT(enumerateReplace(oldData, durable.Replace, true)), covered{faultfs.Count{Moments: 9, States: 35}, faultfs.Count{Moments: 340, States: 987}}, 4}.run(t)
	})
	t.Run("a new file", func(t *testing.T) {
		t.Parallel()
		proof{onFAT(enumerateReplace(nil, durable.Replace, true)), covered{faultfs.Count{Moments: 9, States: 33}, faultfs.Count{Moments: 321, States: 877}}, 4}.run(t)
	})
	t.Run("stage once more", func(t *testing.T) {
		t.Parallel()
		bad := findings{}
		got := onFAT(enumerateStaged)(func(fs *faultfs.FS) durable.Sys { return fs }, bad)
		if want := (covered{faultfs.Count{Moments: 8, States: 33}, faultfs.Count{Moments: 93, States: 120}}); got != want || bad.total() > 0 {
			t.Errorf("covered %+v, want %+v; %v", got, want, bad)
		}
	})
	t.Run("slots", func(t *testing.T) {
		t.Parallel()
		proof{onFAT(enumerateSlots), covered{faultfs.Count{Moments: 11, States: 32}, faultfs.Count{Moments: 181, States: 337}}, 5}.run(t)
	})
}

// enumerateStaged stages over what was staged before. What a restart does with a
// shadow is to remove it; the file is old in any case.
func enumerateStaged(sys func(*faultfs.FS) durable.Sys, bad findings) (c covered) {
	disk := faultfs.New()
	disk.Put(file, oldData, 0o640)
	disk.Put("/etc/"+staged, redo, 0o640)
	s := sys(disk)
	c.first = faultfs.Enumerate(disk, func() {
		if err := durable.Stage(s, file, staged, newData, 0); err != nil {
			bad.add("%v", err)
		}
	}, func(after *faultfs.FS) {
		c.recovery(faultfs.Enumerate(after, func() { unstage(after, bad) }, func(again *faultfs.FS) { unstage(again, bad) }))
		judgeFile(after, bad, false, oldData, nil)
		if after.ReadOnly() || len(after.Files()) != 1 {
			bad.add("read-only %v, %d files", after.ReadOnly(), len(after.Files()))
		}
	})
	return c
}

func unstage(disk *faultfs.FS, bad findings) {
	if err := errors.Join(durable.Remove(disk, "/etc/"+staged), durable.Sweep(disk, "/etc/"+staged)); err != nil || disk.ReadOnly() {
		bad.add("unstage: read-only %v, %v", disk.ReadOnly(), err)
	}
}

// What vfat does to a replacement that is right elsewhere: the name that it
// gave is lost after it was acknowledged, and the file system is read-only.
func TestWhatFATDoesToAPlainRename(t *testing.T) {
	t.Parallel()
	bad := findings{}
	enumerateReplace(oldData, durable.Replace, true)(func(fs *faultfs.FS) durable.Sys {
		fs.FAT().Kind = 0 // and nobody knows
		return fs
	}, bad)
	if bad["missing"] == 0 || bad["acknowledged but old"] == 0 {
		t.Errorf("found %v", bad)
	}
}
