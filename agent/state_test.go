package agent

import (
	"encoding/json"
	"testing"

	"github.com/aim-control/aimlock/agent/pause"
	"github.com/aim-control/aimlock/firmware/plainjson"
)

// TestStateFormat: the state on disk is what encoding/json writes and reads, as
// in every version before.
func TestStateFormat(t *testing.T) {
	t.Parallel()
	s := savedState{Baseline: "ab", Conn: 1<<64 - 1, Counter: 3, Floor: -1,
		Pause: pause.Saved{Overridden: true, Waived: 3, Used: [pause.Causes]int64{1, 0, 1 << 40}, MotorHot: 65535, CompHot: true}}
	for _, s := range []savedState{{}, s} {
		want, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := plainjson.Marshal(s); err != nil || string(got) != string(want) {
			t.Errorf("%v\n%s\nwant\n%s", err, got, want)
		}
		var back savedState
		if err := plainjson.Unmarshal(want, &back); err != nil || back != s {
			t.Errorf("%v\n%+v\nwant\n%+v", err, back, s)
		}
	}
}
