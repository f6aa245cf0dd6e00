package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/aim-control/aimlock/agent/locksmith"
	"github.com/aim-control/aimlock/firmware/durable"
)

// aimlockKind is this project's lock.
var aimlockKind = kind{
	name: "aimlock", open: openAimlock, turns: 300, runs: 9, boots: 9,
	durable: "the epoch: no grant is told twice",
	reboot: func(dir string) error { // tmpfs is empty, the boot id is another
		return errors.Join(os.RemoveAll(filepath.Join(dir, "run")), os.WriteFile(filepath.Join(dir, "boot"), []byte("the-next-boot"), 0o600))
	},
}

// aimTTL is the lease of a holder here: short, so that it is soon overdue.
const aimTTL = time.Second

type aimlock struct{ s *locksmith.Smith }

func openAimlock(dir string) (lock, error) {
	for _, sub := range []string{"run", "state"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o755); err != nil {
			return nil, err
		}
	}
	host, err := locksmith.KernelHost()
	if err != nil {
		return nil, err
	}
	if boot, err := os.ReadFile(filepath.Join(dir, "boot")); err == nil {
		host.BootID = strings.TrimSpace(string(boot))
	}
	s, err := locksmith.Open(durable.Linux, locksmith.Paths{Run: filepath.Join(dir, "run"), State: filepath.Join(dir, "state"), Name: "lock"},
		host, func() time.Duration { return aimTTL })
	if err != nil {
		return nil, err
	}
	return &aimlock{s}, nil
}

var aimClaim = locksmith.Claim{Role: locksmith.RoleAgent, Holder: "bench"}

type aimHeld struct{ l *locksmith.Lease }

func (h aimHeld) release() error { return h.l.Release() }

func (h aimHeld) write(path, text string, checked func()) error {
	return h.l.Commit(func() error { checked(); return replace(path, text) })
}

func (a *aimlock) close() {}

func (a *aimlock) acquire(ctx context.Context) (held, error) {
	l, err := a.s.Acquire(ctx, aimClaim)
	if err != nil {
		return nil, err
	}
	return aimHeld{l}, nil
}

// await is the agent's: at boot it reclaims, then it watches.
func (a *aimlock) await(ctx context.Context) error {
	if gone, err := a.s.Reclaim(ctx, aimClaim); err != nil || gone != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	out := make(chan locksmith.Report)
	done := make(chan error, 1)
	go func() { done <- a.s.Watch(ctx, func() time.Duration { return 10 * time.Second }, out) }()
	for {
		select {
		case r := <-out:
			if r.Reclaimed != nil {
				return nil
			}
		case err := <-done:
			return err
		}
	}
}

// steal waits until the holder is overdue, sees that the lock is not given
// away, and then does what a signed override may: it supersedes the holder.
func (a *aimlock) steal(ctx context.Context, pid int) (held, bool, error) {
	ctx, cancel := context.WithTimeout(ctx, aimTTL+500*time.Millisecond)
	defer cancel()
	if l, err := a.s.Wait(ctx, aimClaim, nil); err == nil {
		return aimHeld{l}, false, nil
	}
	l, err := a.s.Supersede(context.WithoutCancel(ctx), aimClaim, locksmith.Expect{PID: pid})
	if errors.Is(err, locksmith.ErrCommitBusy) { // stopped inside its commit: nobody gets past that
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	return aimHeld{l}, true, nil
}
