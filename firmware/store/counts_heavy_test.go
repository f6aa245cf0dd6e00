//go:build heavy

package store_test

import "github.com/aim-control/aimlock/firmware/durable/faultfs"

const contentSize = 1100 // bytes: three sectors

var inRecovery = map[string]int{
	"adopt": 44, "nonce and offer": 10, "recover a trial": 818, "recover a restore": 1866, "restore": 822, "drop": 84,
	"recover a revert": 1670, "revert": 818, "commit": 501, "commit a third generation of two that are kept": 613,
}

var inPlay = map[string]faultfs.Count{
	"adopt":             {Moments: 7, States: 31},
	"commit":            {Moments: 14, States: 77},
	"recover a trial":   {Moments: 10, States: 79},
	"recover a revert":  {Moments: 8, States: 196},
	"recover a restore": {Moments: 8, States: 196},
	"restore":           {Moments: 10, States: 81},
	"revert":            {Moments: 10, States: 79},
	"commit a third generation of two that are kept": {Moments: 15, States: 92},
}
