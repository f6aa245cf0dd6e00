package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// measure runs all columns. The turns of acquire + release alternate, so that a
// noisy disk disturbs all alike; what waits for somebody's lease runs side by
// side.
func measure(ctx context.Context, dir, only string) ([]*result, error) {
	var results []*result
	for _, k := range kinds {
		if !strings.Contains(k.name, only) {
			continue
		}
		if k.begin != nil {
			if err := k.begin(filepath.Join(dir, k.name)); err != nil {
				return nil, fmt.Errorf("%s: %w", k.name, err)
			}
		}
		results = append(results, &result{kind: k})
	}
	if err := turns(ctx, dir, results); err != nil {
		return nil, err
	}
	// A server's leases take their time: its slow holders go beside all others.
	var servers, all sync.WaitGroup
	var rest []func()
	errs := make(chan error, len(results))
	for _, r := range results {
		late := func() {
			if err := slow(ctx, dir, r); err != nil {
				errs <- fmt.Errorf("%s: %w", r.name, err)
			}
		}
		if r.begin != nil {
			servers.Go(late)
		} else {
			rest = append(rest, late)
		}
	}
	if err := eachRun(ctx, dir, results, killed, func(r *result) int { return r.runs }); err != nil {
		return nil, err
	}
	servers.Wait()
	if err := eachRun(ctx, dir, results, rebooted, func(r *result) int { return r.boots }); err != nil {
		return nil, err
	}
	for _, late := range rest {
		all.Go(late)
	}
	all.Wait()
	select {
	case err := <-errs:
		return nil, err
	default:
		return results, nil
	}
}

// place is a fresh folder for one run.
func place(dir string, r *result, what string, n int) (string, error) {
	p := filepath.Join(dir, fmt.Sprintf("%s-%s-%d", strings.ReplaceAll(r.name, " ", "_"), what, n))
	return p, os.MkdirAll(p, 0o755)
}

func turns(ctx context.Context, dir string, results []*result) error {
	locks := map[*result]lock{}
	for _, r := range results {
		p, err := place(dir, r, "turn", 0)
		if err != nil {
			return err
		}
		if locks[r], err = r.open(p); err != nil {
			return fmt.Errorf("%s: %w", r.name, err)
		}
		defer locks[r].close()
	}
	for i := range 300 {
		for _, r := range results {
			if i >= r.turns {
				continue
			}
			start := time.Now()
			h, err := locks[r].acquire(ctx)
			if err == nil {
				err = h.release()
			}
			if err != nil {
				return fmt.Errorf("%s: %w", r.name, err)
			}
			if i > 0 { // the first makes the files
				r.turn = append(r.turn, time.Since(start))
			}
		}
	}
	return nil
}

// eachRun lets the kinds take turns, run by run. A kind with a server, whose
// lease takes its time, goes beside the others.
func eachRun(ctx context.Context, dir string, results []*result, column func(context.Context, string, *result, int) error, runs func(*result) int) error {
	var all sync.WaitGroup
	most := 0
	for _, r := range results {
		most = max(most, runs(r))
	}
	errs := make(chan error, most*len(results))
	run := func(r *result, n int) {
		if err := column(ctx, dir, r, n); err != nil {
			errs <- fmt.Errorf("%s: %w", r.name, err)
		}
	}
	for n := range most {
		for _, r := range results {
			switch {
			case n >= runs(r):
			case r.begin != nil:
				all.Go(func() { run(r, n) })
			default:
				run(r, n)
			}
		}
	}
	all.Wait()
	select {
	case err := <-errs:
		return err
	default:
		return nil
	}
}

// killed: a waiter is there when the holder gets kill -9.
func killed(ctx context.Context, dir string, r *result, n int) error {
	p, err := place(dir, r, "kill", n)
	if err != nil {
		return err
	}
	h, err := startHolder(ctx, r.kind, p)
	if err != nil {
		return err
	}
	defer h.end()
	l, err := r.open(p)
	if err != nil {
		return err
	}
	defer l.close()
	done := make(chan error, 1)
	go func() { done <- l.await(ctx) }()
	settle(n, r.runs) // the waiter waits by then
	start := time.Now()
	go h.end()
	err = <-done
	took := time.Since(start)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.kill = append(r.kill, took)
	return err
}

// settle lets a waiter come so far as to wait, and the deaths fall evenly between
// two of its tries; nothing is measured meanwhile.
func settle(n, runs int) {
	<-time.After(retryEvery + time.Duration(n)*retryEvery/time.Duration(runs))
}

// rebooted: the holder died with the machine. A program starts and takes the
// lock.
func rebooted(ctx context.Context, dir string, r *result, n int) error {
	p, err := place(dir, r, "boot", n)
	if err != nil {
		return err
	}
	h, err := startHolder(ctx, r.kind, p)
	if err != nil {
		return err
	}
	h.end()
	start := time.Now()
	if err := r.reboot(p); err != nil {
		return err
	}
	if r.begin == nil { // else its server starts, too
		start = time.Now()
	}
	out, err := self(ctx, "boot", r.name, p).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	r.boot = append(r.boot, time.Since(start))
	if r.begin != nil {
		return nil
	}
	start = time.Now()
	if err := self(ctx, "start", r.name, p).Run(); err != nil {
		return err
	}
	bare = append(bare, time.Since(start))
	if r.reuse == nil {
		return nil
	}
	stuck, err := r.reuse(ctx, p)
	if stuck {
		r.stuck++
	}
	return err
}
