//go:build !heavy

package store_test

import (
	"slices"

	"golang.org/x/sys/unix"

	"github.com/aim-control/aimlock/firmware/durable/faultfs"
)

// contentSize is that of a generation: one sector. With the tag heavy it is
// three.
const contentSize = 300

// inRecovery says how many different disks a power cut in the recovery leaves,
// from all those that one in the play itself has left. Asserted, so that nobody
// shrinks the proof unawares.
var inRecovery = map[string]int{
	"adopt": 20, "nonce and offer": 10, "recover a trial": 254, "recover a restore": 462, "restore": 258, "drop": 84,
	"recover a revert": 462, "revert": 326,
	"edits": 138, "an edit, on trial": 662, "commit": 249, "commit a third generation of two that are kept": 337,
}

// inPlay is for a play's own disks, where they are not the play's count.
var inPlay map[string]faultfs.Count

// namesOnFAT are the plays that go to FAT.
var namesOnFAT = []string{"adopt", "commit", "drop", "revert"}

var onFAT = map[string]fat{
	"adopt":  {faultfs.Count{Moments: 16, States: 35}, 29, 8, []int{6}},
	"commit": {faultfs.Count{Moments: 27, States: 80}, 198, 13, []int{9}},
	"drop":   {faultfs.Count{Moments: 6, States: 25}, 44, 3, nil},
	"revert": {faultfs.Count{Moments: 19, States: 49}, 179, 9, []int{3}},
}

// faults are every second one of those that the tag heavy tries: EIO, once and
// from then on, too many open files and the short writes. The other errnos take
// the same ways.
func faults() []faultfs.Fault {
	return slices.DeleteFunc(faultfs.Faults(), func(f faultfs.Fault) bool {
		return f.Errno == unix.EROFS || f.Errno == unix.ENOSPC && f.Name != "a short write, then ENOSPC" || f.Errno == unix.EMFILE && f.Lasts
	})
}
