package durable_test

import (
	"strings"
	"testing"

	"github.com/aim-control/aimlock/firmware/durable/faultfs"
)

// Whatever call fails: a clear error, nothing leaked, and the next process's
// acknowledged entries survive.
func TestJournalAfterAFailedCall(t *testing.T) {
	t.Parallel()
	for _, f := range faultfs.Faults() {
		t.Run(f.Name, func(t *testing.T) {
			t.Parallel()
			failed := 0
			for k := 1; ; k++ {
				calls, err := journalFailing(t, f, k)
				if calls < k {
					break
				}
				if err != nil {
					failed++
				}
			}
			if f.Errno != nil && failed < 20 {
				t.Errorf("only %d calls failed", failed)
			}
		})
	}
}

func journalFailing(t *testing.T, f faultfs.Fault, k int) (calls int, err error) {
	disk := faultfs.New()
	disk.Put("/state/other", nil, 0o644)
	l := newLedger()
	bad := findings{}
	faultfs.Enumerate(disk, func() {
		f.Arm(disk.Proc, k)
		err = l.use(disk, 4, map[int]uint64{1: 1, 3: 2})
		calls = disk.Calls()
		disk.Heal()
		bad.leaks(disk)
		bad.unclear(f, err, journalDir)
		if err := l.use(disk, 2, nil); err != nil {
			bad.add("after the failure: %v", err)
		}
		for name := range disk.Files() {
			if strings.HasSuffix(name, ".tmp") {
				bad.add("a temporary file is left")
			}
		}
	}, func(after *faultfs.FS) { l.judge(after, bad) })
	if bad.total() > 0 {
		t.Errorf("call %d: %v: %v", k, err, bad)
	}
	return calls, err
}
