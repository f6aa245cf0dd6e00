//go:build mutant

package locksmith

import (
	"errors"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

// caughtBy names the tests that must fail when a protection is missing.
var caughtBy = map[string][]string{
	stealWithoutFence:       {"TestEpochAloneRefuses", "TestSupersededHolderComesLate", "TestHistories"},
	renameWithoutCommitLock: {"TestNoGrantDuringACommit", "TestNobodyPassesACommit"},
	grantBeforeSync:         {"TestPowerCutNeverRepeatsAnEpoch"},
	noInodeCheck:            {"TestLockOnUnlinkedFileDoesNotCount"},
	noStartCheck:            {"TestReusedPidIsNotTheHolder", "TestPidUsedAgainInANamespace"},
	noCloseOnExec:           {"TestChildrenDoNotInheritTheLocks"},
	lookTakes:               {"TestLookTakesNothing"},
	unreachableFile:         {"TestCollectorKeepsTheLock"},
}

// TestMutants runs every named test with its mutant, where it must fail, and
// without, where it must pass. A crash or a timeout is no failure of a test.
func TestMutants(t *testing.T) {
	for name, tests := range caughtBy {
		for _, test := range tests {
			t.Run(name+" is caught by "+test, func(t *testing.T) {
				if out := verdictOf(t, test, name); !strings.Contains(out, "\n--- FAIL: "+test+" ") || strings.Contains(out, "panic:") {
					t.Errorf("%s does not notice %s:\n%s", test, name, out)
				}
				if out := verdictOf(t, test, ""); !strings.Contains(out, "\n--- PASS: "+test+" ") {
					t.Errorf("%s fails without a mutant:\n%s", test, out)
				}
			})
		}
	}
}

// verdictOf runs one test in a process of its own.
func verdictOf(t *testing.T, test, mutant string) string {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^"+regexp.QuoteMeta(test)+"$", "-test.v", "-test.timeout=60s")
	cmd.Env = append(os.Environ(), "LOCKSMITH_MUTANT="+mutant)
	out, err := cmd.CombinedOutput()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return "\n" + string(out)
}
