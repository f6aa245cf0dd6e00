//go:build !race

// Not under the race detector: it sees nothing between processes, and makes each
// of fifty so slow that the storm measures the machine.

package locksmith

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"
)

// TestStorm: a short one in every run; "make histories" has a minute of 50.
func TestStorm(t *testing.T) {
	t.Parallel()
	t.Run("killed, stopped, leaking", func(t *testing.T) { t.Parallel(); weather(t, 12, 1500*time.Millisecond, false) })
	t.Run("lock files removed too", func(t *testing.T) { t.Parallel(); weather(t, 6, time.Second, true) })
}

// weather lets so many processes contend for a lock and add to a counter in the
// live file, under a nemesis. Nothing but the lease protects the counter. No
// update is lost, nobody is reclaimed from alive, nobody gets stuck, and an
// agent's watch, which reclaims too, is never HOT.
func weather(t *testing.T, processes int, d time.Duration, unlink bool) {
	dir := folder(t)
	if err := os.WriteFile(live(dir), []byte("0"), 0o600); err != nil {
		t.Fatal(err)
	}
	st := newStorm(dir)
	stopWatch := st.watch(t, unlink)
	n := &nemesis{st: st, chance: rand.New(rand.NewPCG(1, uint64(processes))), unlink: unlink}
	for range processes {
		v, err := st.start()
		if err != nil {
			t.Fatal(err)
		}
		n.victims = append(n.victims, v)
	}
	defer n.away()
	began := time.Now()
	for tick := time.NewTicker(20 * time.Millisecond); ; <-tick.C {
		n.strike()
		if took := time.Since(began); took > d && (n.enough() || took > d+stormWait) {
			tick.Stop()
			break
		}
	}
	if !n.enough() {
		t.Error("too little happened")
	}
	n.calm(t)
	stopWatch()

	s := open(t, dir, nil)
	l, err := s.Wait(t.Context(), claim("after the storm"), nil) // the last leak may be ending
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Release(); err != nil {
		t.Error(err)
	}
	b, err := os.ReadFile(live(dir))
	counter, err2 := strconv.Atoi(string(b))
	if err != nil || err2 != nil {
		t.Fatal(err, err2)
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	for i, what := range st.judge(counter) {
		if i < 20 {
			t.Error(what)
		}
	}
	t.Logf("%d processes, %v: counter %d, %d of it acknowledged, %d grants, %d reclaims; %d killed, %d stopped, %d leaks, %d lock files removed, %d leases refused; longest time without a commit %v",
		processes, d, counter, st.acked, len(st.got), len(st.took), st.kills, st.stops, len(st.leaks), st.unlinks, st.refused, time.Duration(st.gap).Round(time.Millisecond))
	if !unlink && st.refused > 0 {
		t.Errorf("%d leases were lost with nobody to lose them to", st.refused)
	}
}

// watch is the agent's, in this process.
func (st *storm) watch(t *testing.T, unlink bool) (stop func()) {
	s := open(t, st.dir, nil)
	ctx, cancel := context.WithCancel(context.Background())
	out := make(chan Report)
	var both sync.WaitGroup
	both.Go(func() { _ = s.Watch(ctx, ttl(time.Second), out) })
	both.Go(func() {
		for {
			select {
			case r := <-out:
				if r.Hot {
					st.say("HOT: %v, %s", r.Look.Verdict, r.Look.Words())
				}
				if r.Err != nil && (!unlink || !errors.Is(r.Err, ErrCommitBusy)) {
					st.say("watch: %v", r.Err)
				}
				if e := r.Reclaimed; e != nil {
					st.mu.Lock()
					st.took = append(st.took, tookOver{e.PID, e.OldEpoch, e.At})
					st.got[e.Epoch]++
					st.mu.Unlock()
				}
			case <-ctx.Done():
				return
			}
		}
	})
	return func() { cancel(); both.Wait() }
}
