package run

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"time"

	"github.com/aim-control/aimlock/agent/rollout"
	"github.com/aim-control/aimlock/agent/telemetry"
	"github.com/aim-control/aimlock/firmware/durable"
	"github.com/aim-control/aimlock/firmware/patch"
)

// Options are what a Runner needs. Plan, Package, Key, Dial, Controller and
// State are required.
type Options struct {
	Plan       rollout.Plan    // of a new rollout; fleet, patch, version and sha256 may be left to the package. Of one that goes on, its id is enough
	Package    *patch.Package  // with its signed revert
	Key        patch.SecretKey // signs offers: one of trust.command
	Dial       telemetry.Dial  // telemetry.Broker
	User       string          // for a broker that takes it from here
	Controller string          // who leads: a name for this operator on this machine; 1 to 64 of A-Z a-z 0-9 . _ -
	TakeOver   bool            // although another one leads, or left a rollout unfinished
	State      string          // path of the state file
	Sys        durable.Sys     // nil: durable.Linux
	Tick       time.Duration   // 0: 250 ms
	Retry      time.Duration   // before connecting again, once to twice that; 0: 1 s
	// Progress, if not nil, is called from Run's goroutine whenever something
	// changed or is to be said, and once a second while the broker is reached.
	// It must be quick.
	Progress func(Progress)
	Log      *slog.Logger // nil: none
}

// Progress is what a runner shows.
type Progress struct {
	Saved Saved  // its lists are not to be changed
	Say   []Line // what has just happened
	Link  error  // why the broker is not reached; nil: it is
}

// Line is something said about a drone, or (Drone empty) about the rollout.
type Line struct {
	Drone string `json:"drone,omitempty"`
	Text  string `json:"text"`
}

// Errors of this package. Another controller is an *OtherError.
var (
	ErrOptions = errors.New("options")
	ErrState   = errors.New("state file")
	ErrRuns    = errors.New("another process runs this rollout")
)

// OtherError says who else leads the fleet.
type OtherError struct {
	Leads telemetry.Controller
	Lost  bool // it took over from this runner
}

func (e *OtherError) Error() string {
	c := e.Leads
	if e.Lost {
		return fmt.Sprintf("run: %s took over the fleet %s (epoch %d, rollout %q); this rollout is its business now", c.Controller, c.Fleet, c.Epoch, c.Rollout)
	}
	there := "away"
	if c.Online {
		there = "connected"
	}
	return fmt.Sprintf("run: %s leads the fleet %s (epoch %d, rollout %q) and is %s; let it end there, or ask to take over", c.Controller, c.Fleet, c.Epoch, c.Rollout, there)
}

// fill sets what was left out.
func (o *Options) fill(m *patch.Manifest) {
	p := &o.Plan
	if p.Fleet == "" {
		p.Fleet = m.Fleet
	}
	if p.Patch == "" {
		p.Patch = m.ID
	}
	p.Keep = m.Kind == patch.KindKeys
	if p.SHA256 == "" {
		p.SHA256 = m.SHA256
	}
	if p.Version == 0 {
		p.Version = m.ConfigVersion
	}
	p.Despite = m.DespiteLock != nil || m.Kind == patch.KindKeys // which no lock guards
	if o.Sys == nil {
		o.Sys = durable.Linux
	}
	if o.Tick <= 0 {
		o.Tick = 250 * time.Millisecond
	}
	if o.Retry <= 0 {
		o.Retry = time.Second
	}
	if o.Log == nil {
		o.Log = slog.New(slog.NewTextHandler(io.Discard, nil))
	}
	if o.Progress == nil {
		o.Progress = func(Progress) {}
	}
}

// judge says what keeps the plan and the package apart.
func judge(p rollout.Plan, m *patch.Manifest, pkg *patch.Package) error {
	if m.Kind == patch.KindKeys {
		return judgeKeys(p, m)
	}
	signed, err := patch.ParseSignedRevert(pkg.Revert)
	if err != nil {
		return fmt.Errorf("run: %w: the patch has no signed revert, and without one nothing can be taken back; sign it with its revert: %w", ErrOptions, err)
	}
	back, err := patch.ParseRevert(signed.Revert)
	if err != nil {
		return fmt.Errorf("run: %w: the patch's revert: %w", ErrOptions, err)
	}
	what := ""
	switch {
	case m.Kind != patch.KindConfig:
		what = "a patch of kind " + m.Kind + " is not rolled out"
	case m.ID != p.Patch || m.Fleet != p.Fleet || m.SHA256 != p.SHA256 || m.ConfigVersion != p.Version:
		what = otherPatch
	case back.Patch != m.ID || back.Fleet != m.Fleet:
		what = "the revert is another patch's"
	}
	for _, d := range p.Drones {
		if what == "" && (!targets(m.Targets, d) || !targets(back.Targets, d)) {
			what = d + " is not a target of the patch and its revert; sign it for all drones of the plan"
		}
	}
	if what != "" {
		return fmt.Errorf("run: %w: %s", ErrOptions, what)
	}
	return nil
}

const otherPatch = "the plan is for another patch (id, fleet, sha256 or version differ)"

// judgeKeys is judge for a change of the keys, which has no revert.
func judgeKeys(p rollout.Plan, m *patch.Manifest) error {
	if m.ID != p.Patch || m.Fleet != p.Fleet || m.SHA256 != p.SHA256 || m.ConfigVersion != p.Version || !p.Keep {
		return fmt.Errorf("run: %w: %s", ErrOptions, otherPatch)
	}
	for _, d := range p.Drones {
		if !targets(m.Targets, d) {
			return fmt.Errorf("run: %w: %s is not a target of the patch; sign it for all drones of the plan", ErrOptions, d)
		}
	}
	return nil
}

func targets(list []string, drone string) bool {
	return slices.Contains(list, patch.Everyone) || slices.Contains(list, drone)
}
