//go:build e2e

package e2e

import (
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aim-control/aimlock/agent/telemetry"
)

// seeds is how many power cuts there are: $AIM_E2E_SEEDS, else 3.
func seeds(t *testing.T) int {
	t.Helper()
	text := os.Getenv("AIM_E2E_SEEDS")
	if text == "" {
		return 3
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > 1000 {
		t.Fatalf("AIM_E2E_SEEDS is %q, want 1 to 1000", text)
	}
	return n
}

// TestPowerCut cuts the power at a random write of a patch, again and again on
// the same disk: each time the live file is the old or the new one, byte for
// byte, before any agent has run; the agent makes one of them the drone's
// configuration; what it called committed stays.
func TestPowerCut(t *testing.T) {
	t.Parallel()
	powerCuts(t, newRig(t, boardA))
}

// TestPowerCutUnflushed is the same on arm64, on a disk that loses blocks that
// were written and not flushed when the power goes, each with a coin.
func TestPowerCutUnflushed(t *testing.T) {
	t.Parallel()
	powerCuts(t, newRig(t, boardB))
}

func powerCuts(t *testing.T, r *rig) {
	disk := r.on(t, flashed(t))
	ready(t, r, 7)
	writes := r.patchOnce(t, disk, 8)
	t.Logf("a patch makes %d writes", writes)
	old, total := int64(8), seeds(t)
	var news, late int
	for seed := range total {
		offered := int64(9 + seed) // a version is offered once
		at := 1 + rand.New(rand.NewPCG(uint64(seed), 1)).IntN(writes)
		from := r.now()
		disk.cutAfter(at)
		r.offer(patchID(offered), offered, live(offered), 1)
		told := r.untilCut(t, disk, from, patchID(offered))
		r.off()
		image, lost := disk.afterCut(uint64(seed))
		r.publish(telemetry.LeafOffer, nil)
		disk = r.on(t, image)
		line, _ := r.m.says(0, "@e2e live ", bootIn)
		found := strings.TrimPrefix(line, "@e2e live ")
		if found != hashed(old) && found != hashed(offered) {
			t.Fatalf("seed %d, cut at write %d: the live file is neither version %d nor %d: %s", seed, at, old, offered, found)
		}
		now := ready(t, r, old, offered)
		if told && now == old {
			t.Errorf("seed %d, cut at write %d: COMMITTED was reported, but version %d is back", seed, at, old)
		}
		if got := r.m.tell("live"); got != hashed(now) {
			t.Errorf("seed %d, cut at write %d: version %d is in force, the live file is %s", seed, at, now, got)
		}
		t.Logf("seed %d: cut at write %d, %d blocks lost: %s version on the disk, %s in force; committed before the cut: %v", seed, at, lost, age(found == hashed(offered)), age(now == offered), told)
		if now == offered {
			news++
		}
		if told {
			late++
		}
		old = now
	}
	t.Logf("%d power cuts: %d times the new version, %d times the old; %d after the commit", total, news, total-news, late)
}

func patchID(version int64) string { return "p-" + strconv.FormatInt(version, 10) }

func age(isNew bool) string {
	if isNew {
		return "new"
	}
	return "old"
}

// patchOnce applies a patch in peace and counts its writes.
func (r *rig) patchOnce(t *testing.T, disk *nbdDisk, version int64) int {
	t.Helper()
	before := disk.count()
	from := r.now()
	r.offer(patchID(version), version, live(version), 1)
	var rep telemetry.Report
	r.hears(from, "COMMITTED", telemetry.LeafReport, &rep, 60*time.Second, func() bool { return rep.Patch == patchID(version) && rep.State == "COMMITTED" })
	return disk.count() - before
}

// untilCut waits until the power goes, and says whether COMMITTED was reported
// before. If all is written and nothing more comes, the power goes then.
func (r *rig) untilCut(t *testing.T, disk *nbdDisk, from int, id string) (told bool) {
	t.Helper()
	late := time.After(60 * time.Second)
	for {
		r.mu.Lock()
		more, news := r.more, r.past[from:]
		r.mu.Unlock()
		for _, h := range news {
			from++
			var rep telemetry.Report
			if h.leaf == telemetry.LeafReport && telemetry.Decode(h.payload, &rep) == nil && rep.Patch == id && rep.State == "COMMITTED" {
				return true
			}
		}
		select {
		case <-more:
		case <-disk.cut:
			return false
		case <-late:
			t.Fatal("neither cut nor committed")
		}
	}
}

// ready waits until the drone is well, with one of these versions in force.
func ready(t *testing.T, r *rig, versions ...int64) int64 {
	t.Helper()
	line, _ := r.m.says(0, " starts drone=", bootIn)
	_, boot, _ := strings.Cut(line, "boot=")
	boot, _, _ = strings.Cut(boot, " ")
	st, _, _ := r.status(0, "a healthy drone", bootIn, func(st telemetry.Status) bool {
		return st.Boot == boot && st.State == "NOMINAL" && st.FC == "ok" && len(st.Faults) == 0 && st.Online && st.Config.Valid && !st.Config.Drift &&
			st.Patch.State != "TRIAL" && st.Patch.State != "APPLYING"
	})
	for _, v := range versions {
		if st.Config.Version == v {
			return v
		}
	}
	t.Fatalf("version %d is in force, want one of %v", st.Config.Version, versions)
	return 0
}
