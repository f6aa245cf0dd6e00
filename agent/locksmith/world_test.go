package locksmith

import (
	"strings"
	"testing"
)

// The judge itself: small histories whose answer is known. Times are given as
// call-back, ids by their order.
func TestJudgeOfHistories(t *testing.T) {
	t.Parallel()
	type row struct {
		kind, result string
		grant        uint64
		number       uint64
		call, back   int64
	}
	for name, h := range map[string]struct {
		rows []row
		fits bool
	}{
		"one after the other": {[]row{
			{"acquire", "ok", 0, 1, 1, 2}, {"commit", "ok", 1, 2, 3, 4}, {"release", "ok", 1, 0, 5, 6}, {"read", "ok", 0, 2, 7, 8}}, true},
		"an epoch twice": {[]row{
			{"acquire", "ok", 0, 1, 1, 2}, {"release", "ok", 1, 0, 3, 4}, {"acquire", "ok", 0, 1, 5, 6}}, false},
		"two holders": {[]row{
			{"acquire", "ok", 0, 1, 1, 2}, {"acquire", "ok", 0, 2, 3, 4}}, false},
		"busy though free": {[]row{
			{"acquire", "ok", 0, 1, 1, 2}, {"release", "ok", 1, 0, 3, 4}, {"acquire", "refused", 0, 0, 5, 6}}, false},
		"busy by one in progress": {[]row{
			{"acquire", "ok", 0, 1, 1, 9}, {"acquire", "refused", 0, 0, 5, 6}}, true},
		"passed over, and its write refused": {[]row{
			{"acquire", "ok", 0, 1, 1, 2}, {"supersede", "ok", 0, 2, 3, 4}, {"commit", "ok", 2, 3, 5, 6}, {"commit", "stale", 1, 4, 7, 8},
			{"release", "stale", 1, 0, 9, 10}, {"read", "ok", 0, 3, 11, 12}}, true},
		"passed over, and its late write shows": {[]row{
			{"acquire", "ok", 0, 1, 1, 2}, {"supersede", "ok", 0, 2, 3, 4}, {"commit", "ok", 2, 3, 5, 6}, {"commit", "ok", 1, 4, 7, 8}}, false},
		"an update lost, seen by a read": {[]row{
			{"acquire", "ok", 0, 1, 1, 2}, {"commit", "ok", 1, 2, 3, 4}, {"commit", "ok", 1, 3, 5, 6}, {"read", "ok", 0, 2, 7, 8}}, false},
		"refused without cause": {[]row{
			{"acquire", "ok", 0, 1, 1, 2}, {"commit", "stale", 1, 2, 3, 4}}, false},
		"killed in a commit, it happened": {[]row{
			{"acquire", "ok", 0, 1, 1, 2}, {"commit", "", 1, 0, 3, 6}, {"die", "ok", 1, 0, 3, 6}, {"read", "ok", 0, 2, 7, 8}, {"acquire", "ok", 0, 2, 9, 10}}, true},
		"killed in a commit, it did not": {[]row{
			{"acquire", "ok", 0, 1, 1, 2}, {"commit", "", 1, 0, 3, 6}, {"die", "ok", 1, 0, 3, 6}, {"read", "ok", 0, 0, 7, 8}}, true},
		"killed in a commit, it happened after the death": {[]row{
			{"acquire", "ok", 0, 1, 1, 2}, {"commit", "", 1, 0, 3, 6}, {"die", "ok", 1, 0, 3, 6}, {"read", "ok", 0, 0, 7, 8}, {"read", "ok", 0, 2, 9, 10}}, false},
		"killed in an acquire, which had raised the epoch": {[]row{
			{"acquire", "", 0, 0, 1, 4}, {"die", "ok", 1, 0, 1, 4}, {"acquire", "ok", 0, 2, 5, 6}}, true},
		"the dead keep a lock": {[]row{
			{"acquire", "ok", 0, 1, 1, 2}, {"die", "ok", 1, 0, 3, 4}, {"acquire", "refused", 0, 0, 5, 6}}, false},
		"a leak keeps it": {[]row{
			{"acquire", "ok", 0, 1, 1, 2}, {"acquire", "refused", 0, 0, 5, 6}, {"leak ends", "ok", 1, 0, 7, 8}, {"acquire", "ok", 0, 2, 9, 10}}, true},
		"granted in spite of a leak": {[]row{
			{"acquire", "ok", 0, 1, 1, 2}, {"acquire", "ok", 0, 2, 5, 6}, {"leak ends", "ok", 1, 0, 7, 8}}, false},
		"a late write that answers ok": {[]row{{"late", "ok", 0, 0, 1, 2}}, false},
	} {
		var events []event
		process := 0 // another after each death
		for i, r := range h.rows {
			events = append(events, event{process: process, id: uint64(i + 1), kind: r.kind, result: r.result, grant: r.grant, number: r.number, call: r.call, back: r.back})
			if r.kind == "die" {
				process++
			}
		}
		err := fits(events)
		if (err == nil) != h.fits || err != nil && strings.Contains(err.Error(), "Unknown") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
