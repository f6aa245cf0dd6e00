package durable_test

import (
	"errors"
	"path"
	"slices"
	"testing"

	"github.com/aim-control/aimlock/firmware/durable"
	"github.com/aim-control/aimlock/firmware/durable/faultfs"
)

const journalDir = "/state/journal"

// Two entries of this test fit in a segment.
var tight = durable.Limits{Segment: 1300, Total: 5200, Entry: 600}

// ledger is what a journal's user has been promised.
type ledger struct {
	tried   map[uint64][]string // the data that were to become entry n
	held    map[uint64]string   // the data that Append or Pending have given as entry n
	acked   uint64              // by the user
	settled uint64              // acknowledged before a close
	bounded bool                // entries may be dropped, if they are counted
	serial  byte
}

func newLedger() *ledger {
	return &ledger{tried: map[uint64][]string{}, held: map[uint64]string{}}
}

func (l *ledger) clone() *ledger {
	c := newLedger()
	c.acked, c.settled, c.bounded, c.serial = l.acked, l.settled, l.bounded, l.serial
	for n, d := range l.tried {
		c.tried[n] = slices.Clone(d)
	}
	for n, d := range l.held {
		c.held[n] = d
	}
	return c
}

// append adds an entry whose data nobody has used before.
func (l *ledger) append(j *durable.Journal, next uint64) error {
	l.serial++
	data := pattern(l.serial*4, 500)
	l.tried[next] = append(l.tried[next], string(data))
	n, err := j.Append(data)
	if err != nil {
		return err
	}
	if n != next {
		return errors.New("not the next number")
	}
	l.held[n] = string(data)
	return nil
}

// judge opens the journal as it came up and holds it against the promises.
func (l *ledger) judge(disk *faultfs.FS, bad findings) {
	j, err := durable.OpenJournal(disk, journalDir, tight)
	if err != nil {
		bad.add("open: %v", err)
		return
	}
	defer j.Close()
	pending, err := j.Pending(1000)
	if err != nil {
		bad.add("pending: %v", err)
	}
	got := map[uint64]string{}
	prev := uint64(0)
	for _, e := range pending {
		if e.N <= prev {
			bad.add("out of order")
		}
		prev = e.N
		got[e.N] = string(e.Data)
		if !slices.Contains(l.tried[e.N], string(e.Data)) {
			bad.add("torn")
		}
		if e.N <= l.settled {
			bad.add("pending again although acknowledged before the close")
		}
	}
	var missing uint64
	newest := uint64(0)
	for n, data := range l.held {
		newest = max(newest, n)
		switch {
		case n <= l.acked || got[n] == data:
		case got[n] != "":
			bad.add("another entry under a promised number")
		case !l.bounded || len(pending) > 0 && n > pending[0].N:
			bad.add("lost")
		default:
			missing++
		}
	}
	if missing > j.Lost() {
		bad.add("dropped and not counted")
	}
	if last, _ := j.Last(); last.N < newest {
		bad.add("last is an older one")
	}
	total := 0
	for _, data := range disk.Files() {
		total += len(data)
	}
	if int64(total) > tight.Total {
		bad.add("over the bound")
	}
}

// use opens the journal, appends n entries, acknowledges as told after each
// (ack[i] 0: nothing), closes.
func (l *ledger) use(sys durable.Sys, n int, ack map[int]uint64) error {
	j, err := durable.OpenJournal(sys, journalDir, tight)
	if err != nil {
		return err
	}
	defer j.Close()
	pending, err := j.Pending(1000)
	if err != nil {
		return err
	}
	for _, e := range pending {
		l.held[e.N] = string(e.Data)
	}
	last, _ := j.Last()
	acked := uint64(0)
	for i := range n {
		if err := l.append(j, last.N+uint64(i)+1); err != nil {
			return err
		}
		if a := ack[i+1]; a > 0 {
			l.acked, acked = max(l.acked, a), a
			if err := j.Ack(a); err != nil {
				return err
			}
		}
	}
	if err := j.Close(); err != nil {
		return err
	}
	l.settled = max(l.settled, acked)
	return nil
}

func enumerateJournal(n int, ack map[int]uint64, bounded bool) func(func(*faultfs.FS) durable.Sys, findings) covered {
	return func(sys func(*faultfs.FS) durable.Sys, bad findings) (c covered) {
		disk := faultfs.New()
		disk.Put("/state/other", nil, 0o644)
		s := sys(disk)
		l := newLedger()
		l.bounded = bounded
		c.first = faultfs.Enumerate(disk, func() {
			if err := l.use(s, n, ack); err != nil {
				bad.add("%v", err)
			}
		}, func(after *faultfs.FS) {
			again := l.clone()
			c.recovery(faultfs.Enumerate(after, func() {
				if err := again.use(after, 1, nil); err != nil {
					bad.add("recovery: %v", err)
				}
			}, func(last *faultfs.FS) { again.judge(last, bad) }))
		})
		return c
	}
}

func TestJournalSurvivesEveryPowerCut(t *testing.T) {
	t.Parallel()
	t.Run("with acknowledgements", func(t *testing.T) {
		t.Parallel()
		ack := map[int]uint64{1: 1, 4: 3, 5: 4}
		proof{enumerateJournal(5, ack, false), covered{faultfs.Count{Moments: 16, States: 117}, faultfs.Count{Moments: 637, States: 1709}}, 10}.run(t)
	})
	t.Run("beyond the bound", func(t *testing.T) {
		t.Parallel()
		bad := findings{}
		got := enumerateJournal(12, nil, true)(func(fs *faultfs.FS) durable.Sys { return fs }, bad)
		if bad.total() > 0 {
			t.Error(bad)
		}
		if want := (covered{faultfs.Count{Moments: 25, States: 130}, faultfs.Count{Moments: 750, States: 2110}}); got != want {
			t.Errorf("covered %+v, want %+v", got, want)
		}
	})
}

// killedJournal kills a first process at its call k; a second one goes on
// without its sync number skip (0: with all), and the power is cut.
func killedJournal(k, skip int, bad findings) (hadSegment bool, err error) {
	disk := faultfs.New()
	disk.Put("/state/other", nil, 0o644)
	first := disk.Process()
	first.KillAt(k)
	l := newLedger()
	err = l.use(first, 3, map[int]uint64{1: 1})
	first.Kill()
	for name, data := range disk.Files() {
		hadSegment = hadSegment || path.Ext(name) == ".jnl" && len(data) > 0
	}
	second := faultfs.SkipSync(disk, skip)
	faultfs.Enumerate(disk, func() {
		if err := l.use(second, 2, nil); err != nil {
			bad.add("%v", err)
		}
	}, func(after *faultfs.FS) { l.judge(after, bad) })
	return hadSegment, err
}

// Between one process's kill and the next one's work nothing is synced by
// itself: the next one must not build on what is only in the cache.
func TestJournalAfterAKilledWriter(t *testing.T) {
	t.Parallel()
	caught := map[string]int{}
	err := errors.New("killed")
	k := 0
	for err != nil {
		k++
		var bad findings = map[string]int{}
		var hadSegment bool
		if hadSegment, err = killedJournal(k, 0, bad); bad.total() > 0 {
			t.Errorf("killed at call %d: %v", k, bad)
		}
		for skip, name := range []string{1: "the journal's name", 2: "what the killed one wrote", 3: "its segment's name"} {
			if skip > 0 && (skip == 1 || hadSegment) {
				bad := findings{}
				killedJournal(k, skip, bad)
				caught[name] += bad.total()
			}
		}
	}
	if k < 20 {
		t.Errorf("only %d calls", k)
	}
	for name, n := range caught {
		if n == 0 {
			t.Errorf("a second process that does not sync %s passes", name)
		}
	}
	if t.Log(caught); len(caught) != 3 {
		t.Errorf("tried %v, want 3 mutants", caught)
	}
}
