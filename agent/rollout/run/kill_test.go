package run

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/aim-control/aimlock/agent/telemetry"
	"github.com/aim-control/aimlock/firmware/durable"
	mqtt "github.com/mochi-mqtt/server/v2"
)

var errKilled = errors.New("killed")

// killer ends a runner as kill -9 does, at its n-th act: from then on nothing
// it does has an effect, it says no goodbye, and its connection is cut.
type killer struct {
	left   atomic.Int64
	broker *mqtt.Server
	cancel context.CancelFunc
}

// act is false once the runner is dead.
func (k *killer) act() bool {
	switch n := k.left.Add(-1); {
	case n > 0:
		return true
	case n == 0:
		k.cancel()
	}
	return false
}

type killedSys struct {
	durable.Sys
	*killer
}

func (s killedSys) Renameat(a int, from string, b int, to string) error {
	if strings.HasSuffix(from, ".ask") {
		return s.Sys.Renameat(a, from, b, to)
	}
	if !s.act() {
		return errKilled
	}
	return s.Sys.Renameat(a, from, b, to)
}

type killedLink struct {
	telemetry.Link
	*killer
	id string
}

func (l killedLink) Publish(topic string, qos byte, retained bool, b []byte) (uint16, error) {
	if !l.act() {
		return 0, errKilled
	}
	return l.Link.Publish(topic, qos, retained, b)
}

func (l killedLink) Close() error {
	if l.left.Load() > 0 {
		return l.Link.Close()
	}
	if cl, ok := l.broker.Clients.Get(l.id); ok {
		cl.Net.Conn.Close()
	}
	return nil
}

// runKilled runs the rollout with kills at random acts until one run ends it.
func (f *fleet) runKilled(o Options, r *rand.Rand, most int64) (got string, kills int) {
	f.t.Helper()
	sys, dial := durable.Linux, o.Dial
	for ; ; kills++ {
		ctx, cancel := context.WithTimeout(f.t.Context(), patience)
		k := &killer{broker: f.broker, cancel: cancel}
		k.left.Store(1 + r.Int64N(most))
		o.Sys = killedSys{sys, k}
		o.Dial = func(ctx context.Context, h telemetry.Hello) (telemetry.Link, error) {
			l, err := dial(ctx, h)
			return killedLink{l, k, h.ClientID}, err
		}
		run, err := New(o)
		f.must(err)
		s, err := run.Run(ctx)
		dead := k.left.Load() <= 0
		cancel()
		if !dead {
			f.must(err)
			return f.outcomes(s), kills
		}
		if kills > 500 {
			f.t.Fatal("no end after 500 kills")
		}
	}
}

// A runner that is killed at any of its acts and run again brings the rollout
// to the same end, and no drone notices.
func TestKilled(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		tempers []temper
		want    string
		offered int
		trials  [4]int
	}{
		{[]temper{good, good, good, good}, "FINISHED: SUCCEEDED SUCCEEDED SUCCEEDED SUCCEEDED", 4, [4]int{1, 1, 1, 1}},
		{[]temper{good, good, rejects, good}, "STOPPED: REVERTED REVERTED REJECTED REVERTED", 4, [4]int{1, 1, 0, 1}},
		{[]temper{pauses, good, good, good}, "STOPPED: FAILED PENDING PENDING PENDING", 1, [4]int{1, 0, 0, 0}},
	} {
		for seed := range uint64(8) {
			t.Run(fmt.Sprintf("%s/%d", c.want, seed), func(t *testing.T) {
				t.Parallel()
				f := newFleet(t, c.tempers...)
				o := f.options()
				got, kills := f.runKilled(o, rand.New(rand.NewPCG(seed, 1)), 14)
				if got != c.want {
					t.Errorf("%s after %d kills, want %s", got, kills, c.want)
				}
				for i, n := range f.names {
					d := f.drones[n]
					d.mu.Lock()
					if tried := slices.Contains(f.offers, n); tried && d.trials != c.trials[i] || !tried && d.trials > 0 || len(d.refused) > 0 || d.epoch > 1 {
						t.Errorf("%s: %d trials, want %d; epoch %d, refused %v", n, d.trials, c.trials[i], d.epoch, d.refused)
					}
					d.mu.Unlock()
				}
				if len(f.offers) > c.offered || f.offers[0] != "d1" {
					t.Errorf("offered to %v", f.offers)
				}
				if kills == 0 {
					t.Error("never killed")
				}
			})
		}
	}
}
