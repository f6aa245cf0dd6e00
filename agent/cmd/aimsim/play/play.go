// Package play makes a scenario happen on a fleet: it waits for each line's
// time, does what the line says and judges what it expects.
package play

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/aim-control/aimlock/agent/cmd/aimsim/fleet"
	"github.com/aim-control/aimlock/agent/cmd/aimsim/scenario"
)

// Failure is an expectation that did not hold, or a step that could not be
// done.
type Failure struct {
	Step  scenario.Step
	Drone string // empty: the whole fleet
	Seen  string // instead
}

func (f Failure) String() string {
	at := f.Step.Pos.String() + ": " + f.Step.Text
	if f.Drone == "" {
		return at + ": " + f.Seen
	}
	return at + ": " + f.Drone + ": " + f.Seen
}

// Mark is a step on its way, for whoever shows the run.
type Mark struct {
	At       time.Time
	Step     scenario.Step
	Drones   []string
	Done     bool // false: it begins
	Took     time.Duration
	Output   string // of run, patch and rollout
	Failures []Failure
}

// ErrStopped ends a run after a wait that failed.
var ErrStopped = errors.New("a wait failed: the rest of the scenario makes no sense")

// ErrQuit ends a run at the scenario's own wish.
var ErrQuit = errors.New("quit")

// Player plays steps. Two goroutines may play at the same time: the lines of a
// file and those that are typed.
type Player struct {
	fleet *fleet.Fleet
	start time.Time
	mark  func(Mark)

	ctx    context.Context // of what goes on behind the scenario
	cancel context.CancelFunc
	behind sync.WaitGroup

	mu       sync.Mutex
	failures []Failure
	judged   int
}

// New returns a player whose clock starts now. mark is called when a step
// begins and when it is done.
func New(f *fleet.Fleet, mark func(Mark)) *Player {
	ctx, cancel := context.WithCancel(context.Background())
	return &Player{fleet: f, start: time.Now(), mark: mark, ctx: ctx, cancel: cancel}
}

// goodbye is how long what goes on behind a scenario that has ended may take
// to come to its own end.
const goodbye = time.Second

// Close ends what goes on behind the scenario. It comes after Play.
func (p *Player) Close() {
	defer p.cancel()
	over := make(chan struct{})
	go func() { p.behind.Wait(); close(over) }()
	timer := time.NewTimer(goodbye)
	defer timer.Stop()
	select {
	case <-over:
	case <-timer.C:
		p.cancel()
		<-over
	}
}

// Failures are what went wrong so far, and judged how many expectations were
// looked at, failed ones included.
func (p *Player) Failures() (failures []Failure, judged int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]Failure(nil), p.failures...), p.judged
}

// Start is the zero of the scenario's times.
func (p *Player) Start() time.Time { return p.start }

// Play plays steps until the end, a failed wait (ErrStopped), quit (ErrQuit)
// or the end of ctx. Steps of the preparation are skipped: they are done.
func (p *Player) Play(ctx context.Context, steps []scenario.Step) error {
	for _, s := range steps {
		if scenario.Setup(s.Do) {
			continue
		}
		if err := p.Do(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

// Do plays one step, at its time if it has one and that is not over yet.
func (p *Player) Do(ctx context.Context, s scenario.Step) error {
	if s.Timed {
		if err := pause(ctx, time.Until(p.start.Add(s.At))); err != nil {
			return err
		}
	}
	var names []string
	if !s.Drones.Empty() {
		var err error
		if names, err = s.Drones.Match(p.fleet.Names()); err != nil {
			p.fail(Failure{Step: s, Seen: err.Error()})
			return nil
		}
	}
	began := time.Now()
	p.mark(Mark{At: began, Step: s, Drones: names})
	failures, output := p.perform(ctx, s, names)
	if ctx.Err() != nil {
		return ctx.Err() // whatever failed, failed for that
	}
	p.fail(failures...)
	p.mark(Mark{At: time.Now(), Step: s, Drones: names, Done: true, Took: time.Since(began), Output: output, Failures: failures})
	switch do := s.Do.(type) {
	case scenario.Expect:
		p.judge()
		if do.Wait && len(failures) > 0 {
			return ErrStopped
		}
	case scenario.Run:
		p.judge()
	case scenario.Rollout:
		if !do.Behind {
			p.judge()
		}
	}
	if s.Do == scenario.Quit {
		return ErrQuit
	}
	return nil
}

func (p *Player) judge() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.judged++
}

func (p *Player) fail(failures ...Failure) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.failures = append(p.failures, failures...)
}

// pause waits for d or the end of ctx.
func pause(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// perform does what a step says.
func (p *Player) perform(ctx context.Context, s scenario.Step, names []string) (failures []Failure, output string) {
	switch do := s.Do.(type) {
	case scenario.Say:
		return nil, ""
	case scenario.Sleep:
		_ = pause(ctx, do.For)
		return nil, ""
	case scenario.Run:
		return p.run(ctx, s, do.Command, names)
	case scenario.Patch:
		return p.patch(s, do)
	case scenario.Rollout:
		return p.rollout(ctx, s, do)
	case scenario.Expect:
		return p.each(s, names, func(d *fleet.Drone) error { return judge(ctx, d, do) }), ""
	case scenario.Fleet, scenario.Config:
		return []Failure{{Step: s, Seen: "the fleet has started already; give it at the top of a file"}}, ""
	}
	return p.each(s, names, func(d *fleet.Drone) error { return act(ctx, d, s.Do) }), ""
}

// each does f on all drones at the same time and gathers what failed, in the
// fleet's order.
func (p *Player) each(s scenario.Step, names []string, f func(*fleet.Drone) error) []Failure {
	errs := make([]error, len(names))
	var all sync.WaitGroup
	for i, name := range names {
		all.Go(func() { errs[i] = f(p.fleet.Drone(name)) })
	}
	all.Wait()
	var failures []Failure
	for i, err := range errs {
		if err != nil {
			failures = append(failures, Failure{s, names[i], err.Error()})
		}
	}
	return failures
}

// run runs a shell command for each drone, or once for the first one.
func (p *Player) run(ctx context.Context, s scenario.Step, command string, names []string) ([]Failure, string) {
	if len(names) == 0 {
		names = p.fleet.Names()[:1]
	}
	var failures []Failure
	var all string
	for _, name := range names {
		output, err := p.fleet.Shell(ctx, p.fleet.Drone(name), command)
		if output != "" {
			all += output + "\n"
		}
		if err != nil {
			seen := err.Error()
			if first, _, _ := strings.Cut(output, "\n"); first != "" {
				seen += ": " + first
			}
			failures = append(failures, Failure{s, name, seen})
		}
	}
	return failures, all
}

// unknown is an action that act does not know: the language grew without it.
func unknown(a scenario.Action) error { return fmt.Errorf("nobody knows how to %s", scenario.Verb(a)) }
