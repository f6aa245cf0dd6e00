package rollout

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Limits of a plan.
const (
	MaxDrones = 2048
	MaxWaves  = 64           // sizes in a plan; the last one repeats
	MaxNS     = 30 * 86400e9 // longest duration: 30 days
)

// ErrPlan is a plan that cannot be carried out.
var ErrPlan = errors.New("plan")

// Plan is what an operator wants: which drones get which patch, in which
// steps, watched for how long. It does not change during a rollout. Durations
// are nanoseconds of the rollout's time.
type Plan struct {
	ID      string   `json:"id"` // the rollout's; 1 to 64 of A-Z a-z 0-9 . _ -
	Fleet   string   `json:"fleet"`
	Patch   string   `json:"patch"`   // the patch's id
	Version int64    `json:"version"` // of the new configuration
	SHA256  string   `json:"sha256"`  // of the new configuration
	Drones  []string `json:"drones"`  // in the order in which waves are filled
	Canary  Canary   `json:"canary"`
	// Waves are the sizes after the canary; the last one repeats until no
	// drone is left. None: all the rest at once.
	Waves      []Size  `json:"waves,omitempty"`
	BakeNS     int64   `json:"bake_ns"`    // each wave is watched for so long after its last commit
	Heartbeats int     `json:"heartbeats"` // and until each of its drones was heard so often
	TimeoutNS  int64   `json:"timeout_ns"` // a drone's, from its offer to COMMITTED; also for coming online, and for a revert
	SilenceNS  int64   `json:"silence_ns"` // a changed drone not heard for so long has failed
	AtOnce     int     `json:"at_once"`    // drones in progress at a time; 0: the whole wave
	Approve    Approve `json:"approve,omitempty"`
	Reboot     bool    `json:"reboot,omitempty"`      // in its bake each drone must have restarted
	Despite    bool    `json:"despite,omitempty"`     // the patch may end the holder of a stuck lock: drones with one are offered it
	HotAtOnce  int     `json:"hot_at_once,omitempty"` // of those, so many in progress at a time; 0: as many as the canary has
	// Rules and Metrics: see Rule and Metric.
	Rules   []Rule   `json:"rules,omitempty"`
	Metrics []Metric `json:"metrics,omitempty"`
	// Keep: it cannot be taken back, like a change of the keys. A failure stops
	// the rollout all the same; who has the patch keeps it.
	Keep bool `json:"keep,omitempty"`
}

// Canary says who is patched first: the drones named, or the first Count.
type Canary struct {
	Count int      `json:"count,omitempty"`
	Names []string `json:"names,omitempty"`
}

// Size is a wave's: a number of drones, or a part of all drones of the plan,
// rounded up.
type Size struct {
	Count   int `json:"count,omitempty"`
	Percent int `json:"percent,omitempty"`
}

// Approve says after which bakes a person must approve before the next wave.
type Approve string

// After no wave, after the canary, after every wave.
const (
	ApproveNone   Approve = ""
	ApproveCanary Approve = "canary"
	ApproveWaves  Approve = "waves"
)

// ParseSize reads "5" or "25%".
func ParseSize(s string) (Size, error) {
	digits, percent := strings.CutSuffix(strings.TrimSpace(s), "%")
	n, err := strconv.Atoi(digits)
	switch {
	case err != nil || n < 1:
	case percent && n <= 100:
		return Size{Percent: n}, nil
	case !percent && n <= MaxDrones:
		return Size{Count: n}, nil
	}
	return Size{}, fmt.Errorf("rollout: %w: size %q: write a number of drones (5) or a part of the fleet (25%%)", ErrPlan, s)
}

// ParseSizes reads "3,25%,50%".
func ParseSizes(s string) ([]Size, error) {
	var out []Size
	for part := range strings.SplitSeq(s, ",") {
		z, err := ParseSize(part)
		if err != nil {
			return nil, err
		}
		out = append(out, z)
	}
	return out, nil
}

func (z Size) String() string {
	if z.Percent > 0 {
		return strconv.Itoa(z.Percent) + "%"
	}
	return strconv.Itoa(z.Count)
}

// of is the size in drones, at least 1.
func (z Size) of(all int) int {
	if z.Percent > 0 {
		return max(1, (all*z.Percent+99)/100)
	}
	return max(1, z.Count)
}

// Groups are the canary and the waves, in order. It needs a valid plan.
func (p Plan) Groups() [][]string {
	canary, rest := p.split()
	groups := [][]string{canary}
	for i := 0; len(rest) > 0; i++ {
		n := len(rest)
		if len(p.Waves) > 0 {
			n = min(n, p.Waves[min(i, len(p.Waves)-1)].of(len(p.Drones)))
		}
		groups = append(groups, rest[:n:n])
		rest = rest[n:]
	}
	return groups
}

// hotAtOnce is how many drones with a stuck lock are in progress at a time.
func (p Plan) hotAtOnce() int {
	if p.HotAtOnce > 0 {
		return p.HotAtOnce
	}
	return max(1, p.Canary.Count, len(p.Canary.Names))
}

func (p Plan) split() (canary, rest []string) {
	if len(p.Canary.Names) == 0 {
		n := min(p.Canary.Count, len(p.Drones))
		return p.Drones[:n:n], p.Drones[n:]
	}
	first := make(map[string]bool, len(p.Canary.Names))
	for _, n := range p.Canary.Names {
		first[n] = true
	}
	for _, d := range p.Drones {
		if first[d] {
			canary = append(canary, d)
		} else {
			rest = append(rest, d)
		}
	}
	return canary, rest
}

// Validate says what is wrong with a plan, as an ErrPlan; nil: nothing.
func (p Plan) Validate() error {
	for _, f := range []func() string{p.badNames, p.badCanary, p.badTimes, p.badRules, p.badMetrics} {
		if what := f(); what != "" {
			return fmt.Errorf("rollout: %w: %s", ErrPlan, what)
		}
	}
	return nil
}

func (p Plan) badNames() string {
	switch {
	case !isID(p.ID):
		return "id " + strconv.Quote(p.ID) + ": 1 to 64 of A-Z a-z 0-9 . _ -"
	case !isName(p.Fleet):
		return "fleet " + strconv.Quote(p.Fleet) + " is no name"
	case !isID(p.Patch):
		return "patch " + strconv.Quote(p.Patch) + " is no patch's id"
	case len(p.SHA256) != 64:
		return "sha256 is missing: the digest of the new configuration"
	case len(p.Drones) == 0:
		return "no drones; name them, or take those whose status the broker retains"
	case len(p.Drones) > MaxDrones:
		return fmt.Sprintf("%d drones of at most %d; split the fleet", len(p.Drones), MaxDrones)
	}
	seen := make(map[string]bool, len(p.Drones))
	for _, d := range p.Drones {
		if !isName(d) {
			return "drone " + strconv.Quote(d) + " is no name: [a-z0-9][a-z0-9-]{0,31}"
		}
		if seen[d] {
			return "drone " + d + " is listed twice"
		}
		seen[d] = true
	}
	return ""
}

func (p Plan) badCanary() string {
	known := make(map[string]bool, len(p.Drones))
	for _, d := range p.Drones {
		known[d] = true
	}
	for _, n := range p.Canary.Names {
		if !known[n] {
			return "canary " + n + " is not among the drones, or named twice"
		}
		delete(known, n)
	}
	switch named := len(p.Canary.Names); {
	case named > 0 && p.Canary.Count != 0 && p.Canary.Count != named:
		return "canary has names and another count; give one of them"
	case named == 0 && (p.Canary.Count < 1 || p.Canary.Count > len(p.Drones)):
		return fmt.Sprintf("canary of %d: 1 to %d drones go first", p.Canary.Count, len(p.Drones))
	case len(p.Waves) > MaxWaves:
		return fmt.Sprintf("%d waves of at most %d; the last size repeats", len(p.Waves), MaxWaves)
	}
	for _, z := range p.Waves {
		if z.Count < 0 || z.Percent < 0 || z.Percent > 100 || (z.Count > 0) == (z.Percent > 0) {
			return "a wave's size is a count or 1 to 100 percent"
		}
	}
	return ""
}

func (p Plan) badTimes() string {
	switch {
	case p.BakeNS < 0 || p.BakeNS > MaxNS:
		return "bake: 0 to 30 days"
	case p.Heartbeats < 0 || p.Heartbeats > 1e6:
		return "heartbeats: 0 to 1000000"
	case p.BakeNS == 0 && p.Heartbeats == 0:
		return "no bake: give it a time or a number of heartbeats, or nothing is watched"
	case p.TimeoutNS <= 0 || p.TimeoutNS > MaxNS:
		return "timeout: above 0, at most 30 days; a drone that never answers must not block the rest"
	case p.SilenceNS <= 0 || p.SilenceNS > MaxNS:
		return "silence: above 0, at most 30 days (a status comes every minute: 150s is a good value)"
	case p.AtOnce < 0 || p.AtOnce > MaxDrones:
		return "at once: 0 (the whole wave) to 2048 drones"
	case p.HotAtOnce < 0 || p.HotAtOnce > MaxDrones:
		return "hot at once: 0 (as many as the canary) to 2048 drones"
	}
	switch p.Approve {
	case ApproveNone, ApproveCanary, ApproveWaves:
		return ""
	}
	return "approve " + strconv.Quote(string(p.Approve)) + ": canary, waves, or nothing"
}

func isName(s string) bool {
	return len(s) <= 32 && s != "" && s[0] != '-' && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789-") == ""
}

func isID(s string) bool {
	return len(s) <= 64 && s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") == ""
}
