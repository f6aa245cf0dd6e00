package durable_test

import (
	"bytes"
	"errors"
	"io/fs"
	"testing"

	"github.com/aim-control/aimlock/firmware/durable"
	"github.com/aim-control/aimlock/firmware/durable/faultfs"
)

const file = "/etc/live.conf"

var (
	oldData = pattern('a', 700)
	newData = pattern('n', 1300)
	redo    = pattern('r', 600)
)

// judgeFile says which of the allowed contents the file has; nil stands for
// no file.
func judgeFile(disk *faultfs.FS, bad findings, acked bool, old, new []byte) {
	got, err := durable.Read(disk, file, 1<<16)
	switch {
	case errors.Is(err, fs.ErrNotExist) && old != nil && !acked:
		bad.add("missing")
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		bad.add("unreadable: %v", err)
	case err == nil && bytes.Equal(got, new) && new != nil:
	case acked:
		bad.add("acknowledged but old")
	case err == nil && !bytes.Equal(got, old):
		bad.add("torn")
	}
}

// enumerateReplace replaces old (nil: no file), then recovers from every disk
// left, with the power cut during that too.
func enumerateReplace(old []byte, replace func(durable.Sys, string, []byte, uint32) error, recover bool) func(func(*faultfs.FS) durable.Sys, findings) covered {
	return func(sys func(*faultfs.FS) durable.Sys, bad findings) (c covered) {
		disk := faultfs.New()
		disk.Put("/etc/other", []byte("x"), 0o644)
		if old != nil {
			disk.Put(file, old, 0o640)
		}
		acked := false
		s := sys(disk)
		c.first = faultfs.Enumerate(disk, func() {
			if err := replace(s, file, newData, 0o644); err != nil {
				bad.add("%v", err)
			}
			acked = true
		}, func(after *faultfs.FS) {
			judgeFile(after, bad, acked, old, newData)
			if recover {
				c.recovery(recoverFile(after, bad))
			}
		})
		return c
	}
}

func recoverFile(disk *faultfs.FS, bad findings) faultfs.Count {
	before, _ := durable.Read(disk, file, 1<<16)
	done := false
	c := faultfs.Enumerate(disk, func() {
		if err := errors.Join(durable.Sweep(disk, file), durable.Replace(disk, file, redo, 0o644)); err != nil {
			bad.add("recovery: %v", err)
		}
		done = true
	}, func(again *faultfs.FS) {
		judgeFile(again, bad, done, before, redo)
		if err := errors.Join(durable.Sweep(again, file), durable.Replace(again, file, redo, 0o644)); err != nil || len(again.Files()) != 2 {
			bad.add("second recovery: %v, %d files", err, len(again.Files()))
		}
	})
	if n := len(disk.Files()); n != 2 {
		bad.add("recovery left %d files", n)
	}
	return c
}

func TestReplaceSurvivesEveryPowerCut(t *testing.T) {
	t.Parallel()
	t.Run("over an old file", func(t *testing.T) {
		t.Parallel()
		proof{enumerateReplace(oldData, durable.Replace, true), covered{faultfs.Count{Moments: 6, States: 29}, faultfs.Count{Moments: 196, States: 1071}}, 2}.run(t)
	})
	t.Run("a new file", func(t *testing.T) {
		t.Parallel()
		proof{enumerateReplace(nil, durable.Replace, true), covered{faultfs.Count{Moments: 6, States: 29}, faultfs.Count{Moments: 196, States: 1071}}, 2}.run(t)
	})
}

// The enumeration must find the faults of the protocols that are known to have them.
func TestWeakerProtocolsAreCaught(t *testing.T) {
	t.Parallel()
	direct := func(fs *faultfs.FS) durable.Sys { return fs }
	t.Run("no sync at all", func(t *testing.T) {
		bad := findings{}
		enumerateReplace(oldData, durable.ReplaceUnsynced, false)(direct, bad)
		if bad["torn"] == 0 || bad["acknowledged but old"] == 0 {
			t.Errorf("found %v, want torn and acknowledged but old", bad)
		}
	})
	t.Run("FAT splits the rename", func(t *testing.T) {
		bad := findings{}
		enumerateReplace(oldData, durable.Replace, false)(func(fs *faultfs.FS) durable.Sys {
			fs.SplitRename = true
			return fs
		}, bad)
		if bad["missing"] == 0 || bad["torn"] > 0 {
			t.Errorf("found %v, want missing and nothing torn", bad)
		}
	})
}
