package locksmith

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/aim-control/aimlock/firmware/durable"
)

const (
	writers     = 8  // processes at a time, one of them the operator
	writes      = 40 // operations of each
	checkWithin = 20 * time.Second
)

// TestHistories: a few in every run; "make histories" makes 500.
func TestHistories(t *testing.T) {
	t.Parallel()
	histories(t, 10, 2)
}

// histories has real processes use one lock, killed at any call and leaking
// descriptors, and asks porcupine whether what each saw fits one sequence of
// events. No answer within the limit is a failure.
func histories(t *testing.T, count, atOnce int) {
	t.Helper()
	var mu sync.Mutex
	var total struct{ events, deaths, leaks int }
	took := time.Duration(0)
	next := make(chan uint64)
	var all sync.WaitGroup
	for range atOnce {
		all.Go(func() {
			desks := make([]*desk, writers)
			for i := range desks {
				desks[i] = new(desk)
				defer desks[i].clear()
			}
			for seed := range next {
				h, spent, err := oneHistory(t.TempDir(), seed, desks)
				mu.Lock()
				if err != nil {
					t.Errorf("history %d: %v", seed, err)
				} else {
					total.events += len(h.events)
					total.deaths += h.deaths
					total.leaks += h.leaks
				}
				took = max(took, spent)
				mu.Unlock()
			}
		})
	}
	for seed := uint64(1); seed <= uint64(count) && !t.Failed(); seed++ {
		next <- seed // one that does not fit is enough
	}
	close(next)
	all.Wait()
	if t.Failed() {
		return
	}
	t.Logf("%d histories: %d operations and deaths, %d killed, %d leaks; the longest check took %v", count, total.events, total.deaths, total.leaks, took.Round(time.Millisecond))
	if total.deaths == 0 || total.leaks == 0 || total.events < count*writers*writes {
		t.Error("too little happened")
	}
}

func oneHistory(dir string, seed uint64, desks []*desk) (*history, time.Duration, error) {
	defer os.RemoveAll(dir)
	h, err := newHistory(dir, seed)
	if err == nil {
		err = h.make(desks, writes)
	}
	if err == nil {
		err = unstuck(dir)
	}
	if err != nil {
		return nil, 0, err
	}
	began := time.Now()
	err = fits(h.events)
	return h, time.Since(began), err
}

// unstuck: all have ended, so anybody gets the lock.
func unstuck(dir string) error {
	s := process(durable.Linux, dir, nil)
	defer s.slots.close()
	l, err := s.Acquire(context.Background(), claim("last"))
	if err != nil {
		return err
	}
	return l.Release()
}

// fits says why a history fits no sequence.
func fits(events []event) error {
	grants := map[uint64]lent{}
	for _, e := range events {
		if e.result == "ok" && (e.kind == "acquire" || e.kind == "supersede") {
			grants[e.id] = lent{e.number, e.kind == "acquire"}
		}
	}
	var ops []porcupine.Operation
	for _, e := range events {
		steps, err := e.steps(grants)
		if err != nil {
			return err
		}
		for _, s := range steps {
			ops = append(ops, porcupine.Operation{ClientId: e.process, Input: s, Call: e.call, Return: e.back})
		}
	}
	answer := porcupine.CheckOperationsTimeout(leaseModel(), ops, checkWithin)
	if answer == porcupine.Ok {
		return nil
	}
	slices.SortFunc(events, func(a, b event) int { return int(a.call - b.call) })
	var b strings.Builder
	for _, e := range events {
		fmt.Fprintf(&b, "\n%+v", e)
	}
	return fmt.Errorf("porcupine says %v:%s", answer, b.String())
}
