package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"

	"github.com/aim-control/aimlock/firmware/durable"
)

// putLive puts data in the place of the live file, whole or not at all, durably,
// with its owner and mode. The switch alone runs inside the fence, a lease's
// commit; what the fence finds wrong before it calls write leaves everything as
// it was. aimctl writes the live file nowhere else.
func putLive(live string, data []byte, fence func(write func() error) error) error {
	staged, err := stageLive(live, data)
	if err != nil {
		return err
	}
	err = fence(func() error {
		if err := durable.Switch(durable.Linux, live, filepath.Base(staged)); err != nil {
			return err
		}
		// What killed commits have left. Whoever has staged a file just now has no
		// lease, and would be refused.
		_ = durable.Sweep(durable.Linux, live)
		return nil
	})
	if err != nil {
		_ = os.Remove(staged)
	}
	return err
}

// stageLive writes data, synced, beside the live file, under a name of its own:
// a writer whose lease is over must not touch what another has staged. A kill
// leaves what the next commit sweeps.
func stageLive(live string, data []byte) (string, error) {
	dir, base := filepath.Split(live)
	as := fmt.Sprintf(".%s.%016x.tmp", base, rand.Uint64())
	return filepath.Join(dir, as), durable.Stage(durable.Linux, live, as, data, 0o644)
}
