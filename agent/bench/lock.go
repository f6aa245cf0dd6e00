package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/aim-control/aimlock/agent"
	"github.com/aim-control/aimlock/agent/locksmith"
	"github.com/aim-control/aimlock/firmware/durable"
)

// syncs counts the calls that wait for the disk.
type syncs struct {
	durable.Sys
	n int
}

func (s *syncs) Fsync(fd int) error     { s.n++; return s.Sys.Fsync(fd) }
func (s *syncs) Fdatasync(fd int) error { s.n++; return s.Sys.Fdatasync(fd) }

// lock takes and gives back the lease, in turn with one fdatasync of as many
// bytes, so that a noisy disk disturbs both.
func lock(ctx context.Context, dir string) ([]row, error) {
	dir = filepath.Join(dir, "lock")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	host, err := locksmith.KernelHost()
	if err != nil {
		return nil, err
	}
	sys := &syncs{Sys: durable.Linux}
	smith, err := locksmith.Open(sys, locksmith.Paths{Run: dir, State: dir, Name: agent.LockName}, host, func() time.Duration { return time.Minute })
	if err != nil {
		return nil, err
	}
	fd, err := unix.Open(filepath.Join(dir, "unit"), unix.O_RDWR|unix.O_CREAT|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	const turns = 300
	var unit, ours []time.Duration
	for i := range turns + 1 {
		start := time.Now()
		if _, err := unix.Pwrite(fd, []byte{byte(i), 63: 0}, 0); err != nil {
			return nil, err
		}
		if err := unix.Fdatasync(fd); err != nil {
			return nil, err
		}
		mid := time.Now()
		lease, err := smith.Acquire(ctx, locksmith.Claim{Role: locksmith.RoleAgent, Holder: "bench"})
		if err != nil {
			return nil, err
		}
		if err := lease.Release(); err != nil {
			return nil, err
		}
		if i == 0 { // it made the files
			sys.n = 0
			continue
		}
		unit, ours = append(unit, mid.Sub(start)), append(ours, time.Since(mid))
	}
	slices.Sort(unit)
	slices.Sort(ours)
	u, o := unit[turns/2], ours[turns/2]
	return []row{{What: "lock: acquire + release", OK: true,
		Measured: fmt.Sprintf("%.1f × one fdatasync (%.0f µs / %.0f µs), %.2f syncs each", float64(o)/float64(u), float64(o)/1e3, float64(u)/1e3, float64(sys.n)/turns),
		Note:     "no budget"}}, nil
}
