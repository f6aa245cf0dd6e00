//go:build e2e

package e2e

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"
)

// perSeed is how many cuts follow one another on the disk of one seed.
const perSeed = 5

// cuts is how many power cuts there are on each file system: $AIM_E2E_CUTS,
// else 10. $AIM_E2E_CUT_SEED has one seed's alone, those of a failure.
func cuts(t *testing.T) (seeds []uint64) {
	t.Helper()
	for _, v := range []struct {
		name string
		do   func(n int)
	}{
		{"AIM_E2E_CUTS", func(n int) {
			for s := range (n + perSeed - 1) / perSeed {
				seeds = append(seeds, uint64(s))
			}
		}},
		{"AIM_E2E_CUT_SEED", func(n int) { seeds = []uint64{uint64(n)} }},
	} {
		text := os.Getenv(v.name)
		if text == "" && v.name == "AIM_E2E_CUTS" {
			text = "10"
		}
		if text == "" {
			continue
		}
		n, err := strconv.Atoi(text)
		if err != nil || n < 0 || n > 10000 {
			t.Fatalf("%s is %q, want a number up to 10000", v.name, text)
		}
		v.do(n)
	}
	return seeds
}

// TestPowerLoss cuts the power under the store at any write or flush: while the
// file system replays its journal, while the store recovers, while it stages,
// tries, commits or reverts. Whatever the disk's cache lost, the live file is a
// version byte for byte, what was committed stays, no trial stays.
func TestPowerLoss(t *testing.T) {
	t.Parallel()
	l := newLosing(t)
	t.Run("controls", l.controls)
	for _, kind := range []string{"ext4", "vfat"} {
		t.Run(kind, func(t *testing.T) {
			sum := &summary{}
			l.lose(t, kind, "store", cuts(t), sum)
			t.Logf("%s: %v", kind, sum)
			if sum.bad() > 0 {
				t.Errorf("%s: %d bad", kind, sum.bad())
			}
		})
	}
}

// controls are the same without what makes it safe, and must be bad: a test that
// sees nothing there proves nothing elsewhere.
func (l *losing) controls(t *testing.T) {
	for _, c := range []struct{ kind, mode, why string }{
		{"ext4", "unsynced", "a rename without any fsync"},
		{"ext4", "unhelped", "the same, and ext4 (noauto_da_alloc) does not guess that it was meant"},
		{"vfat", "rename", "a rename with each fsync, where a rename is not one step"},
	} {
		t.Run(c.mode, func(t *testing.T) {
			sum := &summary{}
			for seed := uint64(0); seed < 20 && sum.bad() == 0; seed += 2 {
				l.lose(t, c.kind, c.mode, []uint64{seed, seed + 1}, sum)
			}
			t.Logf("%s, %s: %v", c.kind, c.why, sum)
			if sum.bad() == 0 {
				t.Errorf("%s, %s, is not seen to be bad", c.kind, c.why)
			}
		})
	}
}

// summary counts cuts and what was wrong after them.
type summary struct {
	mu                                       sync.Mutex
	cuts, old, fresh, inRecovery, rebuilt    int
	torn, missing, lost, trial, disagree, no int
}

func (s *summary) bad() int { return s.torn + s.missing + s.lost + s.trial + s.disagree + s.no }

func (s *summary) String() string {
	return fmt.Sprintf("%d cuts, %d of them before the store had recovered; %d times the live file had to be made anew; then %d times the old version, %d times the new; %d bad: %d torn, %d missing, %d committed and lost, %d trials kept, %d in disagreement, %d not to be mounted or recovered",
		s.cuts, s.inRecovery, s.rebuilt, s.old, s.fresh, s.bad(), s.torn, s.missing, s.lost, s.trial, s.disagree, s.no)
}

// lose cuts the power perSeed times on a disk of each seed's own.
func (l *losing) lose(t *testing.T, kind, mode string, seeds []uint64, sum *summary) {
	t.Helper()
	sector := 512
	if kind == "ext4" {
		sector = unit // with less, ext4's own checksums may fail
	}
	base, span := l.prepared(t, kind, mode, sector)
	t.Run("seeds", func(t *testing.T) {
		for _, seed := range seeds {
			t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
				t.Parallel()
				d := &drone{t: t, seed: seed, l: l, sum: sum, kind: kind, mode: mode, sector: sector, image: base, span: span,
					dir: shortDir(t), coin: rand.New(rand.NewPCG(seed, 7)), committed: 1, begun: 1}
				began := time.Now()
				d.cutAgain()
				t.Logf("%.1f s", time.Since(began).Seconds())
			})
		}
	})
}

// prepared is the disk of a drone with version 1, and how many writes and
// flushes there are from power-on to the third version after it.
func (l *losing) prepared(t *testing.T, kind, mode string, sector int) (image []byte, span int) {
	t.Helper()
	dir := shortDir(t)
	disk := serveLossy(t, dir, blank(t, kind), sector, 0)
	l.life(t, dir, disk, kind+" prepare 2 1", func(told string) bool { return told == "prepared" })
	image = disk.all()
	disk = serveLossy(t, dir, image, sector, 0)
	began := time.Now()
	told := l.life(t, dir, disk, kind+" "+mode+" 2 1", func(told string) bool { return told == "committed 5" })
	if !slices.Contains(told, "committed 5") {
		t.Fatalf("%s: a life in peace tells %q", kind, told)
	}
	span = disk.count()
	t.Logf("%s: %d writes and flushes from power-on to version 5, in %.2f s", kind, span, time.Since(began).Seconds())
	disk.all()
	if mode != "store" {
		span = 12
	}
	return image, span
}
