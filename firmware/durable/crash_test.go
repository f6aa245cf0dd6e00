package durable_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/aim-control/aimlock/firmware/durable"
	"github.com/aim-control/aimlock/firmware/durable/faultfs"
)

// findings collects what is wrong with the disks that power cuts left, by kind,
// so that a mutant's can be counted instead of failing the test.
type findings map[string]int

func (f findings) add(format string, args ...any) { f[fmt.Sprintf(format, args...)]++ }

// leaks adds what a failed operation has left open.
func (f findings) leaks(disk *faultfs.FS) {
	if n := disk.Descriptors(); n != 0 {
		f.add("%d descriptors leaked", n)
	}
}

// unclear adds an error that does not say what failed, on what, and what to do.
func (f findings) unclear(fault faultfs.Fault, err error, path string) {
	if err == nil {
		return
	}
	if text := err.Error(); !errors.Is(err, fault.Errno) || !strings.Contains(text, path) || !strings.HasSuffix(text, ")") {
		f.add("unclear error: %v", err)
	}
}

func (f findings) total() (n int) {
	for _, k := range f {
		n += k
	}
	return n
}

// proof is one protocol under every power cut.
type proof struct {
	// enumerate runs the protocol over sys(disk) with the power cut at every
	// moment and reports what is wrong.
	enumerate func(sys func(*faultfs.FS) durable.Sys, bad findings) covered
	want      covered // asserted, so that nobody shrinks the proof unawares
	syncs     int     // asserted too; each is removed in turn
}

// covered counts the disks after a power cut in the protocol, and after one in
// the recovery from each of those.
type covered struct{ first, again faultfs.Count }

func (c *covered) recovery(n faultfs.Count) {
	c.again.Moments += n.Moments
	c.again.States += n.States
}

func (p proof) run(t *testing.T) {
	t.Helper()
	bad := findings{}
	got := p.enumerate(func(fs *faultfs.FS) durable.Sys { return fs }, bad)
	for what, n := range bad {
		t.Errorf("%d disks: %s", n, what)
	}
	if got != p.want {
		t.Errorf("covered %+v, want %+v", got, p.want)
	}
	syncs := 0
	for k := 1; k == 1 || k <= syncs; k++ {
		var deaf *faultfs.Deaf
		bad := findings{}
		p.enumerate(func(fs *faultfs.FS) durable.Sys {
			deaf = faultfs.SkipSync(fs, k)
			return deaf
		}, bad)
		syncs = deaf.Syncs()
		if bad.total() == 0 {
			t.Errorf("mutant without sync %d of %d passes: either the sync or the test is of no use", k, syncs)
		}
		t.Logf("mutant without sync %d: %d bad disks: %v", k, bad.total(), bad)
	}
	if syncs != p.syncs {
		t.Errorf("%d syncs, want %d", syncs, p.syncs)
	}
}

// all keeps everything in a power cut.
func all(int) bool { return true }

// pattern is n bytes that differ from those of another seed in every sector.
func pattern(seed byte, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = seed + byte(i/512)
	}
	return b
}
