// Package planfile reads how a rollout is to go from a TOML file. It is strict:
// what it does not know is an error with its line.
package planfile

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/pelletier/go-toml/v2"

	"github.com/aim-control/aimlock/agent/rollout"
)

// MaxSize bounds a plan file, bytes.
const MaxSize = 256 << 10

// File is a plan file. What is not in it is zero.
type File struct {
	Drones    []string            `toml:"drones"` // in the order in which waves are filled
	Tags      map[string][]string `toml:"tags"`   // a name for some drones
	Canary    Canary              `toml:"canary"`
	Waves     []string            `toml:"waves"` // "3", "25%"
	AtOnce    int                 `toml:"at_once"`
	HotAtOnce int                 `toml:"hot_at_once"`
	Approve   string              `toml:"approve"` // none, canary, waves
	Timeout   Duration            `toml:"timeout"`
	Bake      Bake                `toml:"bake"`
	Rules     []Rule              `toml:"rule"`
	Metrics   []Metric            `toml:"metric"`
}

// Canary says who goes first: names, or a count, of the drones with a tag or of
// all, the first ones or chosen at random with a seed.
type Canary struct {
	Names  []string `toml:"names"`
	Count  int      `toml:"count"`
	Tag    string   `toml:"tag"`
	Random bool     `toml:"random"`
	Seed   uint64   `toml:"seed"`
}

// Bake is how each wave is watched.
type Bake struct {
	Time       Duration `toml:"time"`
	Heartbeats int      `toml:"heartbeats"`
	Silence    Duration `toml:"silence"`
	Reboot     bool     `toml:"reboot"`
}

// Rule is a rollout.Rule, its failure in lower case.
type Rule struct {
	Failure string `toml:"failure"` // rejected, timed_out, offline
	Percent int    `toml:"percent"`
	Minimum int    `toml:"minimum"`
	Action  string `toml:"action"` // pause, stop, rollback
}

// Metric is a rollout.Metric.
type Metric struct {
	Name     string  `toml:"name"`
	Worse    string  `toml:"worse"` // higher, lower, either
	Allowed  float64 `toml:"allowed"`
	Critical bool    `toml:"critical"`
	MustHave bool    `toml:"must_have"`
}

// Duration is one as Go writes it: "90s", "5m".
type Duration time.Duration

// UnmarshalText reads a duration.
func (d *Duration) UnmarshalText(b []byte) error {
	v, err := time.ParseDuration(string(b))
	if err != nil {
		return fmt.Errorf("%q is no duration; write 90s or 5m", b)
	}
	*d = Duration(v)
	return nil
}

// Parse reads a plan file; name is for its errors.
func Parse(name string, data []byte) (File, error) {
	var f File
	if len(data) > MaxSize {
		return f, fmt.Errorf("%s: %d bytes, at most %d", name, len(data), MaxSize)
	}
	err := toml.NewDecoder(bytes.NewReader(data)).DisallowUnknownFields().Decode(&f)
	var unknown *toml.StrictMissingError
	var bad *toml.DecodeError
	switch {
	case errors.As(err, &unknown):
		row, col := unknown.Errors[0].Position()
		return f, fmt.Errorf("%s:%d:%d: unknown key %s; \"aimctl rollout plan --help\" lists them", name, row, col, strings.Join(unknown.Errors[0].Key(), "."))
	case errors.As(err, &bad):
		row, col := bad.Position()
		return f, fmt.Errorf("%s:%d:%d: %s", name, row, col, strings.TrimPrefix(bad.Error(), "toml: "))
	case err != nil:
		return f, fmt.Errorf("%s: %w", name, err)
	}
	return f, f.check(name)
}

func (f *File) check(name string) error {
	c := f.Canary
	switch {
	case len(c.Names) > 0 && (c.Count != 0 || c.Tag != "" || c.Random):
		return fmt.Errorf("%s: canary has names and a choice as well; give one of them", name)
	case c.Seed != 0 && !c.Random:
		return fmt.Errorf("%s: canary.seed belongs to canary.random = true", name)
	case c.Tag != "" && len(f.Tags[c.Tag]) == 0:
		return fmt.Errorf("%s: canary.tag %q: no drones have it under [tags]", name, c.Tag)
	}
	return nil
}

// Chosen are the canary's names out of drones, of which the first there are
// connected; nil: the file names none, and a count is to be taken from the
// front.
func (f *File) Chosen(drones []string, there int) ([]string, error) {
	c := f.Canary
	if len(c.Names) > 0 || c.Tag == "" && !c.Random {
		return c.Names, nil
	}
	from := slices.Clone(drones[:min(there, len(drones))])
	if c.Tag != "" {
		from = nil
		for _, d := range drones {
			if slices.Contains(f.Tags[c.Tag], d) {
				from = append(from, d)
			}
		}
	}
	n := c.Count
	if n == 0 && c.Tag != "" {
		n = len(from)
	}
	if n < 1 || n > len(from) {
		return nil, fmt.Errorf("canary of %d: there are %d drones to choose from", n, len(from))
	}
	if c.Random {
		slices.Sort(from) // the choice is the seed's alone
		rand.New(rand.NewPCG(c.Seed, 0)).Shuffle(len(from), func(i, j int) { from[i], from[j] = from[j], from[i] })
	}
	return from[:n], nil
}

// Judged puts the rules and metrics into a plan.
func (f *File) Judged(p *rollout.Plan) {
	p.Reboot, p.HotAtOnce = f.Bake.Reboot, f.HotAtOnce
	for _, r := range f.Rules {
		p.Rules = append(p.Rules, rollout.Rule{Failure: rollout.Outcome(strings.ToUpper(r.Failure)), Percent: r.Percent, Minimum: r.Minimum, Action: rollout.Action(r.Action)})
	}
	for _, m := range f.Metrics {
		p.Metrics = append(p.Metrics, rollout.Metric{Name: m.Name, Worse: rollout.Worse(m.Worse), Allowed: m.Allowed, Critical: m.Critical, MustHave: m.MustHave})
	}
}
