package run

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/aim-control/aimlock/agent/rollout"
	"github.com/aim-control/aimlock/agent/telemetry"
	"github.com/aim-control/aimlock/firmware/patch"
)

// Runner carries one rollout out. It is Run once.
type Runner struct {
	o        Options
	manifest string // digest of patch.json
	keys     bool   // it changes the keys, not the configuration
	orders   string // how the ids of this runner's commands begin
	do       chan asked

	saved    Saved
	savedRev uint64 // last made durable
	savedAt  int64  // the rollout's time then, ns
	fresh    bool   // there was no state file
	claimed  bool   // the epoch is settled
	took     bool   // from another controller
	clock    time.Time
	began    int64 // the rollout's time at clock, ns
	drones   map[string]*source
	samples  sampler
	sent     uint64
	lines    []Line
	shown    time.Time // when Progress was last called
}

// New checks the options. It neither connects nor writes.
func New(o Options) (*Runner, error) {
	if o.Package == nil || o.Dial == nil || o.State == "" || !telemetry.ValidID(o.Controller) {
		return nil, fmt.Errorf("run: %w: package, dial, state and a controller's name (1 to 64 of A-Z a-z 0-9 . _ -) are required", ErrOptions)
	}
	m, err := patch.ParseManifest(o.Package.Manifest)
	if err != nil {
		return nil, fmt.Errorf("run: %w: %w", ErrOptions, err)
	}
	o.fill(m)
	r := &Runner{o: o, manifest: patch.Hash(o.Package.Manifest), keys: m.Kind == patch.KindKeys, orders: "revert-" + nonce() + "-", do: make(chan asked, 16), drones: map[string]*source{}}
	if err := r.begin(); err != nil {
		return nil, err
	}
	r.o.Plan = r.saved.Rollout.Plan
	if err := judge(r.o.Plan, m, o.Package); err != nil {
		return nil, err
	}
	if now := time.Now(); r.fresh && !m.Expires.IsZero() && now.After(m.Expires) {
		return nil, fmt.Errorf("run: %w: the patch expired at %s; sign it anew", ErrOptions, m.Expires.Format(time.RFC3339))
	}
	if _, err := r.offer(rollout.Order{Drone: r.o.Plan.Drones[0]}); err != nil {
		return nil, fmt.Errorf("run: %w: an offer cannot be made: %w", ErrOptions, err)
	}
	for _, d := range r.o.Plan.Drones {
		r.drones[d] = &source{}
	}
	return r, nil
}

// Do asks something of the running rollout; by says who, and perhaps why.
func (r *Runner) Do(v Verb, by string) error {
	a := asked{v, by}
	if err := a.check(); err != nil {
		return err
	}
	select {
	case r.do <- a:
		return nil
	default:
		return fmt.Errorf("run: %w: too many requests at once", ErrOptions)
	}
}

// Run leads the rollout to its end and returns its last state. With ctx it
// ends early (context.Cause), with an *OtherError when another controller
// leads; the rollout then goes on where it is when it is run again, here or,
// with the state file, elsewhere.
func (r *Runner) Run(ctx context.Context) (rollout.State, error) {
	fd, err := lock(r.o.Sys, r.o.State)
	if err != nil {
		return r.saved.Rollout, err
	}
	defer r.o.Sys.Close(fd)
	if err := r.begin(); err != nil { // it may have gone on since New
		return r.saved.Rollout, err
	}
	for first := true; ; first = false {
		err := r.once(ctx)
		var other *OtherError
		var refused *telemetry.RefusedError
		switch {
		case err == nil, errors.As(err, &other), errors.Is(err, ErrState), first && errors.As(err, &refused):
			return r.saved.Rollout, err
		case ctx.Err() != nil:
			return r.saved.Rollout, context.Cause(ctx)
		}
		r.o.Log.Warn("the broker is not reached; trying again", "err", err)
		r.o.Progress(Progress{Saved: r.saved, Link: err})
		select {
		case <-time.After(r.o.Retry + rand.N(r.o.Retry)):
		case <-ctx.Done():
		}
	}
}

// once is one connection, from the look at who leads to its end.
func (r *Runner) once(ctx context.Context) error {
	found, err := r.leader(ctx)
	if err != nil {
		return err
	}
	if !r.claimed {
		epoch, err := r.claim(found)
		if err != nil {
			return err
		}
		r.saved.Epoch, r.saved.Controller = epoch, r.o.Controller
		if err := r.save(); err != nil {
			return err
		}
		r.claimed = true
	} else if found != nil && r.lost(*found) {
		return &OtherError{Leads: *found, Lost: true}
	}
	c, err := r.connect(ctx)
	if err != nil {
		return err
	}
	defer c.link.Close()
	kept, err := c.kept(ctx)
	if err == nil {
		err = c.announce()
	}
	if err != nil {
		return err
	}
	r.began, r.clock = r.saved.Rollout.Now, time.Now()
	if err = c.catchUp(kept); err == nil {
		err = c.lead(ctx)
	}
	if errors.Is(err, ErrState) { // nobody leads any more, whoever closed the connection
		_ = c.goodbye(err)
	}
	return err
}

// now is the rollout's time.
func (r *Runner) now() int64 { return r.began + int64(time.Since(r.clock)) }

func (r *Runner) say(drone, format string, args ...any) {
	r.lines = append(r.lines, Line{drone, fmt.Sprintf(format, args...)})
}

// step takes an event and returns the orders to drones.
func (r *Runner) step(ev rollout.Event) (out []rollout.Order) {
	ev.At = r.now()
	var orders []rollout.Order
	r.saved.Rollout, orders = r.saved.Rollout.Step(ev)
	for _, o := range orders {
		if o.Kind == rollout.Say {
			r.say(o.Drone, "%s", o.Text)
		} else {
			out = append(out, o)
		}
	}
	return out
}
