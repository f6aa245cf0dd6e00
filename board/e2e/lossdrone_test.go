//go:build e2e

package e2e

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
)

// drone is a disk that loses its power again and again, and what is known of it.
type drone struct {
	t          *testing.T
	l          *losing
	sum        *summary
	kind, mode string
	sector     int
	span       int // writes and flushes of a life that is worth cutting
	dir        string
	image      []byte
	coin       *rand.Rand

	committed int64 // what was told to be committed
	maybe     int64 // what may be: its commit was under way; else 0
	begun     int64 // the newest that was begun
	back      int64 // the newest that was told to be reverted
	seed      uint64
	where     string // of its lives
}

// cutAgain cuts perSeed times, and looks once more at what is left then.
func (d *drone) cutAgain() {
	how := "prepared"
	for life := 1; life <= perSeed+1; life++ {
		last := life > perSeed
		at, inCommit := d.moment()
		if last {
			at, inCommit = 0, 0
		}
		d.where = fmt.Sprintf("seed %d, life %d (the last cut: %s)", d.seed, life, how)
		disk := serveLossy(d.t, d.dir, d.image, d.sector, at)
		known := "raw "
		if d.mode == "store" {
			known = "recovered "
		}
		told := d.l.life(d.t, d.dir, disk, fmt.Sprintf("%s %s %d %d", d.kind, d.mode, d.begun+1, d.coin.Uint64()), func(told string) bool {
			if inCommit > 0 && strings.HasPrefix(told, "commits ") {
				disk.cutAfter(inCommit)
				inCommit = 0
			}
			return last && strings.HasPrefix(told, known)
		})
		requests := disk.count()
		d.image, how = disk.afterCut(d.coin)
		how = fmt.Sprintf("at %d, %s", requests, how)
		good := d.judge(told, known)
		d.t.Logf("%s: %d requests; %s", d.where, requests, strings.Join(told, ", "))
		if !last {
			d.sum.add(func(s *summary) {
				s.cuts++
				if !strings.Contains(strings.Join(told, "\n"), known) {
					s.inRecovery++
				}
			})
		}
		if !good {
			return
		}
	}
}

// moment is when the power goes: at a number of writes and flushes from
// power-on, in every third life so early that it is in the recovery if there is
// one, or else at one of the first of the next commit, which has few.
func (d *drone) moment() (at, inCommit int) {
	switch what := d.coin.IntN(3); {
	case d.mode != "store" || what == 0:
		return 1 + d.coin.IntN(d.span), 0
	case what == 1:
		return 1 + d.coin.IntN(d.span/6), 0
	default:
		return 0, 1 + d.coin.IntN(4)
	}
}

func (s *summary) add(f func(*summary)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f(s)
}

// judge holds what a life told against what is known, and learns from it.
// false: nothing can be known of this disk any more.
func (d *drone) judge(told []string, known string) (good bool) {
	for _, line := range told {
		f := strings.Fields(line)
		n := int64(0)
		if len(f) > 1 {
			n, _ = strconv.ParseInt(f[1], 10, 64)
		}
		switch f[0] {
		case "raw":
			if !d.raw(line, n) {
				return false
			}
		case "recovered":
			if !d.recovered(line, n) {
				return false
			}
		case "begins":
			d.begun = n
		case "commits":
			d.maybe = n
		case "committed":
			d.committed, d.maybe = n, 0
		case "reverted":
			d.back = n
		case "failed":
			d.bad(func(s *summary) { s.no++ }, line)
			return false
		}
	}
	return true
}

func (d *drone) bad(count func(*summary), line string) {
	d.sum.add(count)
	if d.mode == "store" {
		d.t.Errorf("%s: %s; committed was %d, perhaps %d, begun %d; for this seed alone: AIM_E2E_CUT_SEED=%d", d.where, line, d.committed, d.maybe, d.begun, d.seed)
	}
}

// raw is the live file as the power cut left it. Before the store has recovered
// it may be a trial. On FAT it is nothing yet: the store makes it anew.
func (d *drone) raw(line string, n int64) bool {
	if d.mode == "store" && d.kind != "ext4" {
		if n == 0 {
			d.sum.add(func(s *summary) { s.rebuilt++ })
		}
		return true
	}
	if d.mode == "store" && n != 0 && (n == d.committed || n == d.begun && n != d.back) {
		return true
	}
	switch {
	case n == 0 && strings.Contains(line, "missing"):
		d.bad(func(s *summary) { s.missing++ }, line)
	case n == 0:
		d.bad(func(s *summary) { s.torn++ }, line)
	case d.mode == "store":
		d.bad(func(s *summary) { s.disagree++ }, line)
		return true
	case n != d.committed && n != d.maybe:
		d.bad(func(s *summary) { s.lost++ }, line)
	}
	if d.mode == "store" {
		return true
	}
	d.known(n)
	return n != 0
}

// recovered is the live file, what the store calls committed, and where its
// newest operation stands, after the store has recovered.
func (d *drone) recovered(line string, n int64) bool {
	f := strings.Fields(line)
	committed, _ := strconv.ParseInt(f[len(f)-2], 10, 64)
	switch phase := f[len(f)-1]; {
	case n == 0 && strings.Contains(line, "missing"):
		d.bad(func(s *summary) { s.missing++ }, line)
	case n == 0:
		d.bad(func(s *summary) { s.torn++ }, line)
	case committed != n || phase == "TRIAL" || phase == "REVERTING" || phase == "STAGED":
		d.bad(func(s *summary) { s.disagree++ }, line)
	case n == d.committed || n == d.maybe:
		d.known(n)
		return true
	case n < d.committed:
		d.bad(func(s *summary) { s.lost++ }, line)
	default:
		d.bad(func(s *summary) { s.trial++ }, line)
	}
	return false
}

// known notes what is in force after a power cut. A version counts once.
func (d *drone) known(n int64) {
	d.sum.add(func(s *summary) {
		if n == d.committed {
			s.old++
		} else {
			s.fresh++
		}
	})
	d.committed, d.maybe = n, 0
}
