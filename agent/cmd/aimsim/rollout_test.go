package main

import (
	"strings"
	"testing"
)

// TestOtherEnd: a rollout that ends in another way than it must is a failed
// expectation, also when it went on behind the scenario.
func TestOtherEnd(t *testing.T) {
	t.Parallel()
	lines := `wait p1 state=NOMINAL online=true lock.verdict=FREE
patch good mission.altitude_m=60
rollout p1 good stopped bake=100ms heartbeats=0
patch high mission.altitude_m=130
rollout p1 high
patch higher mission.altitude_m=131
rollout p1 higher behind
wait p1 seen.rollout.state=STOPPED seen.rollout.id=higher
rollout p1 none
`
	code, out, errs := aimsim(lines, "run", "--plain", "--drones", "1", "--dir", folder(t), "-")
	if code != exitFailed || errs != "" {
		t.Errorf("exit code %d, %q", code, errs)
	}
	for _, want := range []string{
		"✗ input:3: rollout p1 good stopped bake=100ms heartbeats=0: FINISHED, 1 of 1 drones have the patch",
		"✗ input:5: rollout p1 high: STOPPED, 0 of 1 drones have the patch: patrol-01: reverted the patch: check: 10-mission",
		"✗ input:7: rollout p1 higher behind: STOPPED, 0 of 1 drones have the patch",
		"✗ input:9: rollout p1 none: fleet: ",
		"✗ 4 failed; 6 expectations were judged",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
}
