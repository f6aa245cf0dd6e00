package durable_test

import (
	"path/filepath"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/aim-control/aimlock/firmware/durable"
)

// bareReplace is the least that replaces a file durably, without Replace.
func bareReplace(dir, path, tmp string, data []byte) error {
	fd, err := unix.Open(tmp, unix.O_RDWR|unix.O_CREAT|unix.O_EXCL|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if _, err := unix.Pwrite(fd, data, 0); err != nil {
		return err
	}
	if err := unix.Fchmod(fd, 0o644); err != nil {
		return err
	}
	if err := unix.Fsync(fd); err != nil {
		return err
	}
	if err := unix.Rename(tmp, path); err != nil {
		return err
	}
	dfd, err := unix.Open(dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(dfd)
	return unix.Fsync(dfd)
}

func median(d []time.Duration) float64 {
	slices.Sort(d)
	return float64(d[len(d)/2])
}

// BenchmarkReplace puts Replace beside the bare sequence of the same system
// calls, in turn, so that a noisy disk disturbs both: "x-bare" is the ratio of
// the medians (budget 1.3).
func BenchmarkReplace(b *testing.B) {
	dir := b.TempDir()
	data := pattern('x', 2048)
	path, tmp := filepath.Join(dir, "ours"), filepath.Join(dir, ".tmp")
	barePath := filepath.Join(dir, "bare")
	var ours, bare []time.Duration
	for b.Loop() {
		start := time.Now()
		if err := bareReplace(dir, barePath, tmp, data); err != nil {
			b.Fatal(err)
		}
		mid := time.Now()
		if err := durable.Replace(durable.Linux, path, data, 0o644); err != nil {
			b.Fatal(err)
		}
		bare = append(bare, mid.Sub(start))
		ours = append(ours, time.Since(mid))
	}
	b.ReportMetric(0, "ns/op") // both together: says nothing
	b.ReportMetric(median(ours)/1e3, "µs-ours")
	b.ReportMetric(median(bare)/1e3, "µs-bare")
	b.ReportMetric(median(ours)/median(bare), "x-bare")
}

func BenchmarkReplaceUnsynced(b *testing.B) {
	path := filepath.Join(b.TempDir(), "record")
	data := pattern('x', 300)
	for b.Loop() {
		if err := durable.ReplaceUnsynced(durable.Linux, path, data, 0o644); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSlotsWrite(b *testing.B) {
	s, err := durable.OpenSlots(durable.Linux, filepath.Join(b.TempDir(), "epoch"), 64)
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	data := pattern('x', 16)
	for b.Loop() {
		if err := s.Write(data); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkJournalAppend(b *testing.B) {
	j, err := durable.OpenJournal(durable.Linux, filepath.Join(b.TempDir(), "journal"),
		durable.Limits{Segment: 64 << 10, Total: 1 << 20, Entry: 4 << 10})
	if err != nil {
		b.Fatal(err)
	}
	defer j.Close()
	data := pattern('x', 200)
	for b.Loop() {
		if _, err := j.Append(data); err != nil {
			b.Fatal(err)
		}
	}
}
