package main

import (
	"context"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"
)

// gofrsKind is github.com/gofrs/flock, whose users try again every 100 ms.
var gofrsKind = kind{
	name: "gofrs/flock", turns: 300, runs: 9, boots: 9, durable: nothing,
	open:   func(dir string) (lock, error) { return &gofrs{flock.New(filepath.Join(dir, "lock"))}, nil },
	reboot: func(string) error { return nil }, // the kernel's lock is gone, the file means nothing
}

const retryEvery = 100 * time.Millisecond

type gofrs struct{ f *flock.Flock }

func (g *gofrs) close() { _ = g.f.Close() }

func (g *gofrs) acquire(ctx context.Context) (held, error) {
	if _, err := g.f.TryLockContext(ctx, retryEvery); err != nil {
		return nil, err
	}
	return g, nil
}

func (g *gofrs) await(ctx context.Context) error {
	h, err := g.acquire(ctx)
	if err != nil {
		return err
	}
	return h.release()
}

func (g *gofrs) steal(ctx context.Context, _ int) (held, bool, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	if h, err := g.acquire(ctx); err == nil {
		return h, false, nil
	}
	return nil, false, nil // never: the kernel's lock lives as long as the holder
}

func (g *gofrs) release() error { return g.f.Unlock() }

// write: there is nothing to check but what the object itself remembers.
func (g *gofrs) write(path, text string, checked func()) error {
	checked()
	return replace(path, text)
}
