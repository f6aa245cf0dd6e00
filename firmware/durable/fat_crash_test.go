package durable_test

import (
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
		proof{onFAT(enumerateReplace(oldData, durable.Replace, true)), covered{faultfs.Count{Moments: 8, States: 34}, faultfs.Count{Moments: 297, States: 928}}, 4}.run(t)
	})
	t.Run("a new file", func(t *testing.T) {
		t.Parallel()
		proof{onFAT(enumerateReplace(nil, durable.Replace, true)), covered{faultfs.Count{Moments: 8, States: 32}, faultfs.Count{Moments: 280, States: 820}}, 4}.run(t)
	})
	t.Run("slots", func(t *testing.T) {
		t.Parallel()
		proof{onFAT(enumerateSlots), covered{faultfs.Count{Moments: 11, States: 32}, faultfs.Count{Moments: 181, States: 337}}, 5}.run(t)
	})
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
