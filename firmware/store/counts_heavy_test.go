//go:build heavy

package store_test

import "github.com/aim-control/aimlock/firmware/durable/faultfs"

const contentSize = 1100 // bytes: three sectors

var inRecovery = map[string]int{
	"adopt": 44, "nonce and offer": 10, "recover a trial": 818, "recover a restore": 1866, "restore": 822, "drop": 84,
	"recover a revert": 1866, "revert": 962, "edits": 282, "an edit, on trial": 2210, "commit": 501, "commit a third generation of two that are kept": 613,
}

var inPlay = map[string]faultfs.Count{
	"adopt":             {Moments: 7, States: 31},
	"commit":            {Moments: 14, States: 77},
	"recover a trial":   {Moments: 10, States: 79},
	"recover a revert":  {Moments: 8, States: 196},
	"recover a restore": {Moments: 8, States: 196},
	"restore":           {Moments: 10, States: 81},
	"revert":            {Moments: 10, States: 81},
	"edits":             {Moments: 18, States: 98},
	"an edit, on trial": {Moments: 15, States: 112},
	"commit a third generation of two that are kept": {Moments: 15, States: 92},
}

// namesOnFAT are the plays that go to FAT.
var namesOnFAT = []string(nil) // all

var onFAT = map[string]fat{
	"adopt":  {faultfs.Count{Moments: 16, States: 59}, 71, 8, []int{6}},
	"commit": {faultfs.Count{Moments: 27, States: 128}, 702, 13, []int{9}},
	"commit a third generation of two that are kept": {faultfs.Count{Moments: 28, States: 146}, 871, 14, []int{9}},
	"drop":              {faultfs.Count{Moments: 6, States: 25}, 44, 3, nil},
	"revert":            {faultfs.Count{Moments: 19, States: 61}, 497, 9, []int{3}},
	"recover a trial":   {faultfs.Count{Moments: 19, States: 57}, 416, 9, []int{3}},
	"recover a revert":  {faultfs.Count{Moments: 13, States: 48}, 406, 6, nil},
	"restore":           {faultfs.Count{Moments: 19, States: 61}, 422, 9, []int{3}},
	"recover a restore": {faultfs.Count{Moments: 13, States: 48}, 406, 6, nil},
	"nonce and offer":   {faultfs.Count{Moments: 6, States: 10}, 10, 2, nil},
	"edits":             {faultfs.Count{Moments: 30, States: 121}, 278, 16, nil},
	"an edit, on trial": {faultfs.Count{Moments: 28, States: 100}, 636, 14, []int{8}},
}

func faults() []faultfs.Fault { return faultfs.Faults() }
