package sim

import (
	"math/rand/v2"
	"slices"
	"time"
)

// chaos breaks and mends things at random, by seed.
type chaos struct {
	rng  *rand.Rand
	rate float64 // faults a second
	at   int64   // the next one
	live []shortFault
}

// shortFault is a fault that ends by itself.
type shortFault struct {
	target, kind string
	until        int64
}

// maxChaos bounds the faults by chaos at a time.
const maxChaos = 8

func (c *chaos) init(w *World) {
	c.rng, c.at = w.random("chaos"), never
}

// Chaos begins faults at random: rate is how many a second on average, up to
// 100; 0 or less ends it, and the faults it made. Each lasts 50 ms to 5 s; at
// most eight at a time. Faults by Break have precedence.
func (w *World) Chaos(rate float64) {
	w.change(func() error {
		c := &w.chaos
		c.rate, c.at, c.live = min(rate, 100), never, nil
		if rate > 0 {
			c.at = w.now + c.pause()
		}
		return nil
	})
}

// pause is the time to the next fault.
func (c *chaos) pause() int64 {
	return 1 + int64(min(c.rng.ExpFloat64()/c.rate, 1e8)*second)
}

func (c *chaos) next() int64 {
	at := c.at
	for _, f := range c.live {
		at = min(at, f.until)
	}
	return at
}

func (c *chaos) happen(w *World) {
	c.live = slices.DeleteFunc(c.live, func(f shortFault) bool { return f.until <= w.now })
	if c.at > w.now {
		return
	}
	c.at = w.now + c.pause()
	targets := w.Targets()
	target := targets[c.rng.IntN(len(targets))]
	kinds := w.Kinds(target)
	f := shortFault{target, kinds[c.rng.IntN(len(kinds))], w.now + int64(50*time.Millisecond) + c.rng.Int64N(int64(4950*time.Millisecond))}
	switch {
	case f.kind == reset:
		w.resetChip(target)
	case len(c.live) < maxChaos && c.kind(target) == "":
		c.live = append(c.live, f)
	}
}

// kind returns the fault by chaos on a target.
func (c *chaos) kind(target string) string {
	for _, f := range c.live {
		if f.target == target {
			return f.kind
		}
	}
	return ""
}

func (c *chaos) fix(target string) {
	c.live = slices.DeleteFunc(c.live, func(f shortFault) bool { return f.target == target })
}
