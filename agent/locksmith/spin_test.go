//go:build peers

package locksmith

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestPeerSpin has Debian's spin search every interleaving of the model: the
// design passes, each mutant fails by the assertion that is its invariant's.
// Spin and gcc missing is a failure.
func TestPeerSpin(t *testing.T) {
	t.Parallel()
	model, err := filepath.Abs("lock.pml")
	if err != nil {
		t.Fatal(err)
	}
	const visible, granted, record = "e>=visible", "(granted&(1<<e))==0", "rec==e"
	for mutant, violated := range map[string]string{
		"": "", "STEAL_NO_FENCE": visible, "NO_COMMIT_LOCK": visible, "GRANT_BEFORE_SYNC": granted,
		"RELEASE_UNCHECKED": record, "SUPERSEDE_UNLOCKED": granted,
	} {
		t.Run("design "+mutant, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			command := func(name string, args ...string) string {
				t.Helper()
				cmd := exec.Command(name, args...)
				cmd.Dir = dir
				out, err := cmd.CombinedOutput()
				if err != nil {
					t.Fatalf("%s %v: %v\n%s", name, args, err, out)
				}
				return string(out)
			}
			args := []string{"-a"}
			if mutant != "" {
				args = append(args, "-D"+mutant)
			}
			command("spin", append(args, model)...)
			command("gcc", "-O1", "-w", "-DSAFETY", "-DVECTORSZ=2048", "-o", "pan", "pan.c")
			out := command("./pan", "-m100000")
			passed := strings.Contains(out, "errors: 0")
			if !passed && !strings.Contains(out, "errors: 1") {
				t.Fatalf("spin did not finish:\n%s", out)
			}
			if strings.Contains(out, "max search depth too small") {
				t.Fatal("the search was cut off")
			}
			if passed != (mutant == "") || !strings.Contains(out, violated) {
				t.Errorf("passed: %v; want %q violated\n%s", passed, violated, out)
			}
			for _, line := range strings.Split(out, "\n") {
				if strings.Contains(line, "states, stored") || strings.Contains(line, "assertion violated") {
					t.Log(strings.TrimSpace(line))
				}
			}
		})
	}
}
