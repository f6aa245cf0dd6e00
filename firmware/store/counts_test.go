//go:build !heavy

package store_test

import "github.com/aim-control/aimlock/firmware/durable/faultfs"

// contentSize is that of a generation: one sector. With the tag heavy it is
// three.
const contentSize = 300

// inRecovery says how many different disks a power cut in the recovery leaves,
// from all those that one in the play itself has left. Asserted, so that nobody
// shrinks the proof unawares.
var inRecovery = map[string]int{
	"adopt": 20, "nonce and offer": 10, "recover a trial": 254, "recover a restore": 462, "restore": 258, "drop": 84,
	"recover a revert": 386, "revert": 254, "commit": 249, "commit a third generation of two that are kept": 337,
}

// inPlay is for a play's own disks, where they are not the play's count.
var inPlay map[string]faultfs.Count
