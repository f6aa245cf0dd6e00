package models

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aim-control/aimlock/agent/locksmith"
	"github.com/aim-control/aimlock/firmware/durable"
)

// smith is a process of boot n.
func smith(sys durable.Sys, boot int) (*locksmith.Smith, error) {
	self := locksmith.Process{PID: boot, Start: 1}
	return locksmith.Open(sys, locksmith.Paths{Run: "/run", State: "/state", Name: "live"}, locksmith.Host{
		BootID: fmt.Sprint("boot-", boot), Self: self,
		Now:   func() int64 { return 100e9 },
		Wall:  func() time.Time { return time.UnixMilli(0) },
		Alive: func(p locksmith.Process) bool { return p == self },
	}, func() time.Duration { return 30 * time.Second })
}

// grant is one lease; its epoch is the version.
func grant(sys durable.Sys, _ int, w *Witness) error {
	s, err := smith(sys, int(w.Tried)+2)
	if err != nil {
		return err
	}
	w.Tried++
	l, err := s.Acquire(context.Background(), locksmith.Claim{Role: locksmith.RoleAgent, Holder: "aimd"})
	if err != nil {
		return err
	}
	if l.Epoch() <= w.Told {
		return fmt.Errorf("%w: %d, told was %d", errTwice, l.Epoch(), w.Told)
	}
	w.Told = l.Epoch()
	return nil
}

func epochAfter(name string, grants int) Protocol {
	return Protocol{
		Name: name,
		Prepare: func(d Disk, sys durable.Sys) (run func(*Witness) error, w Witness, err error) {
			for err = folders(d, "/run", "/state"); grants > 0 && err == nil && w.Told < uint64(grants); {
				var s *locksmith.Smith
				var l *locksmith.Lease
				if s, err = smith(d, 1); err == nil {
					l, err = s.Acquire(context.Background(), locksmith.Claim{Role: locksmith.RoleAgent, Holder: "earlier"})
				}
				if err == nil {
					w.Tried, w.Told = w.Tried+1, l.Epoch()
					err = errors.Join(l.Release(), durable.SyncDir(d, "/state"), durable.SyncDir(d, "/run"))
				}
			}
			return func(w *Witness) error { return grant(sys, d.Piece(), w) }, w, err
		},
		Restart: grant,
	}
}
