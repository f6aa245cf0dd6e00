package store_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/aim-control/aimlock/firmware/durable"
	"github.com/aim-control/aimlock/firmware/store"
)

// BenchmarkApply is a patch from staged to committed on a real file system,
// with a configuration of 2 KiB, beside the very same system calls without a
// store, in turn, so that a noisy disk disturbs both: "x-bare" is the ratio of
// the medians (budget 1.3).
func BenchmarkApply(b *testing.B) {
	ours, bare := b.TempDir(), b.TempDir()
	data := make([]byte, 2<<10)
	for _, dir := range []string{ours, bare} {
		must(b, os.WriteFile(filepath.Join(dir, "aim_lock_config.conf"), data, 0o644))
	}
	rec := &tape{Sys: durable.Linux}
	play := &player{from: ours, to: bare, fds: map[int]int{}, buf: make([]byte, 64<<10+1)}
	s, err := store.Open(rec, store.Options{Live: filepath.Join(ours, "aim_lock_config.conf"), Dir: filepath.Join(ours, "store")})
	must(b, err, s.Adopt(data), play.play(rec.take()))
	var apply, replay []time.Duration
	calls := 0
	for n := 1; b.Loop(); n++ {
		data := fmt.Appendf(nil, "%2048d", n)
		m := store.Meta{Patch: "p", Version: int64(n), SHA256: hash(data)}
		start := time.Now()
		must(b, s.Stage(data, m), s.Try(free), s.Commit())
		mid := time.Now()
		tape := rec.take()
		again := time.Now()
		must(b, play.play(tape))
		apply, replay = append(apply, mid.Sub(start)), append(replay, time.Since(again))
		calls = len(tape)
	}
	must(b, s.Close())
	b.ReportMetric(0, "ns/op") // both together: says nothing
	b.ReportMetric(median(apply)/1e3, "µs-ours")
	b.ReportMetric(median(replay)/1e3, "µs-bare")
	b.ReportMetric(float64(calls), "calls")
	b.ReportMetric(median(apply)/median(replay), "x-bare")
}

func median(d []time.Duration) float64 {
	slices.Sort(d)
	return float64(d[len(d)/2])
}
