//go:build e2e

package e2e

import (
	"fmt"
	"testing"
)

// The budgets of a real board. What an emulated one cannot keep is said beside
// it, not hidden: an instruction takes it 20 to 50 times as long.
const (
	maxResident  = 7 << 10 // kB, TLS up
	maxAnonymous = 2 << 10
)

// measured prints the figures of a running drone.
func (r *rig) measured(t *testing.T) {
	var rss, anon int
	if _, err := fmt.Sscan(r.m.tell("memory"), &rss, &anon); err != nil {
		t.Fatal(err)
	}
	t.Logf("memory: %d kB resident (budget %d), %d kB of it anonymous (budget %d)", rss, maxResident, anon, maxAnonymous)
	if rss > maxResident || anon > maxAnonymous {
		t.Errorf("memory is over its budget")
	}
	var ran, of int64
	var e1, e2 string
	if _, err := fmt.Sscan(r.m.tell("cpu"), &ran, &of, &e1, &e2); err != nil || e1 != "<nil>" || e2 != "<nil>" {
		t.Fatalf("cpu: %v %s %s", err, e1, e2)
	}
	t.Logf("CPU: %.2f %% of an emulated core, all threads, four sensors at 10 Hz (budget of a real core: 1 %%)", 100*float64(ran)/float64(of))
}
