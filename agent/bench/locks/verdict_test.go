package main

import (
	"testing"
	"time"
)

// The verdict must be able to fail.
func TestVerdict(t *testing.T) {
	one := func(d time.Duration) []time.Duration { return []time.Duration{d} }
	table := func(change func(us, other *result)) bool {
		us := &result{kind: kind{name: "us"}, turn: one(1), kill: one(1), boot: one(1)}
		other := &result{kind: kind{name: "other", durable: "all"}, turn: one(2), kill: one(2), boot: one(2)}
		change(us, other)
		return verdict([]*result{us, other})
	}
	for what, c := range map[string]struct {
		change func(us, other *result)
		want   bool
	}{
		"ahead":                      {func(us, other *result) {}, true},
		"slower":                     {func(us, other *result) { us.turn = one(2) }, false},
		"slower than without a disk": {func(us, other *result) { us.turn, other.durable = one(2), nothing }, true},
		"late to reclaim":            {func(us, other *result) { us.kill = one(2) }, false},
		"late at boot":               {func(us, other *result) { us.boot = one(3) }, false},
		"the other is stuck at boot": {func(us, other *result) { us.boot, other.stuck = one(3), 1 }, true},
		"a false reclaim":            {func(us, other *result) { us.falseReclaims = 1 }, false},
		"a late write":               {func(us, other *result) { us.late[1] = 1 }, false},
	} {
		if got := table(c.change); got != c.want {
			t.Errorf("%s: %v", what, got)
		}
	}
}
