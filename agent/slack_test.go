package agent

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
)

// TestTuneTimers sets every thread's slack, the runtime's own included, or says
// that it may not.
func TestTuneTimers(t *testing.T) {
	if err := TuneTimers(); errors.Is(err, os.ErrPermission) {
		t.Logf("as documented, without CAP_SYS_NICE: %v", err)
		return
	} else if err != nil {
		t.Fatal(err)
	}
	threads, err := os.ReadDir("/proc/self/task")
	if err != nil || len(threads) < 2 {
		t.Fatalf("%d threads, %v", len(threads), err)
	}
	for _, thread := range threads {
		got, err := os.ReadFile("/proc/" + thread.Name() + "/timerslack_ns")
		if err == nil && strings.TrimSpace(string(got)) != fmt.Sprint(int64(slack)) {
			t.Errorf("thread %s: %s ns, want %d", thread.Name(), got, int64(slack))
		}
	}
}
