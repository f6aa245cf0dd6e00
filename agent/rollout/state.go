package rollout

import (
	"fmt"
	"slices"
)

// Schema is the version of a State's JSON.
const Schema = 2

// Status is a rollout's. FINISHED and STOPPED are its ends.
type Status string

// The statuses of a rollout.
const (
	Ready       Status = "READY" // nothing has happened yet
	Running     Status = "RUNNING"
	Waiting     Status = "WAITING_FOR_APPROVAL" // of the next wave
	Unclear     Status = "INCONCLUSIVE"         // the wave proves too little: a person decides
	Paused      Status = "PAUSED"               // by a person, or by a rule
	RollingBack Status = "ROLLING_BACK"
	Finished    Status = "FINISHED"
	Stopped     Status = "STOPPED"
)

// Phase is what happens to the present wave while RUNNING or PAUSED.
type Phase string

// A wave is offered the patch, then watched, then judged.
const (
	Offering Phase = "OFFERING"
	Baking   Phase = "BAKING"
	Judging  Phase = "JUDGING" // the verdict is there; a person may have to decide
)

// Outcome is how far one drone is.
type Outcome string

// The outcomes of a drone; the first two are not final.
const (
	Pending    Outcome = "PENDING"
	InProgress Outcome = "IN_PROGRESS"
	Succeeded  Outcome = "SUCCEEDED"  // it said COMMITTED, or had the configuration before
	Failed     Outcome = "FAILED"     // in its bake
	TimedOut   Outcome = "TIMED_OUT"  // not committed, or not reverted, in time
	Rejected   Outcome = "REJECTED"   // it refused the patch
	Reverted   Outcome = "REVERTED"   // the old configuration is in force
	Offline    Outcome = "OFFLINE"    // it was not there
	Superseded Outcome = "SUPERSEDED" // a newer patch is in force
)

// What a person is asked.
const (
	AskApproval     = "approval"     // the plan wants it
	AskInconclusive = "inconclusive" // the wave proves too little
)

// State is everything there is to know of a rollout. It is a value: Step
// returns a new one. Its JSON is complete: a rollout goes on from it.
type State struct {
	Schema  int    `json:"schema"`
	Plan    Plan   `json:"plan"`
	Status  Status `json:"status"`
	Phase   Phase  `json:"phase"`
	Wave    int    `json:"wave"`              // the present one; 0: the canary
	Waves   int    `json:"waves"`             // with the canary
	Now     int64  `json:"now"`               // the rollout's time, ns
	WaveAt  int64  `json:"wave_at"`           // when the wave began
	BakeAt  int64  `json:"bake_at"`           // when its bake began
	BackAt  int64  `json:"back_at"`           // when rolling back began
	Held    bool   `json:"held"`              // the operator's pause
	Ask     string `json:"ask"`               // what a person is asked; empty: nothing
	Cleared bool   `json:"cleared"`           // this wave's question is answered
	Reason  string `json:"reason"`            // why it is not RUNNING, in words
	Broken  string `json:"broken,omitempty"`  // the rule that pauses or stops it, in words
	Stop    bool   `json:"stop,omitempty"`    // by a rule: nothing is offered any more, and what is at work may end
	Excused []int  `json:"excused,omitempty"` // by rule: failures that a person has seen and gone on with
	// Verdicts are the waves' that have baked. Samples are what was measured
	// while the present wave is watched: by drone, a Sum for each metric.
	Verdicts []Verdict        `json:"verdicts,omitempty"`
	Samples  map[string][]Sum `json:"samples,omitempty"`
	Drones   []Drone          `json:"drones"` // in the order of the waves
	Rev      uint64           `json:"rev"`    // rises with every change worth keeping
}

// Drone is one drone of a rollout. Times are the rollout's, ns.
type Drone struct {
	Name      string   `json:"name"`
	Wave      int      `json:"wave"`
	Outcome   Outcome  `json:"outcome"`
	Reason    string   `json:"reason,omitempty"`
	Offered   bool     `json:"offered"` // ever
	OfferedAt int64    `json:"offered_at"`
	DoneAt    int64    `json:"done_at"`         // its commit
	Patch     string   `json:"patch,omitempty"` // the state last reported since the offer
	Said      string   `json:"said,omitempty"`  // why it waits, was refused or reverted: the reason last reported
	Has       bool     `json:"has"`             // it has the patch, or may come to have it
	Online    bool     `json:"online"`
	Known     bool     `json:"known"`            // its status was seen: nothing is offered blindly
	Heard     int64    `json:"heard"`            // last sign of life since its commit
	Beats     int      `json:"beats"`            // signs of life since its commit
	Causes    []string `json:"causes,omitempty"` // pauses it may have: it had them before
	Faults    []string `json:"faults,omitempty"` // as well
	Sent      bool     `json:"sent"`             // the revert was ordered
	RevertAt  int64    `json:"revert_at"`        // last
	Before    int64    `json:"before"`           // version of its configuration when its turn came
	Version   int64    `json:"version"`          // of its configuration, last seen
	SHA256    string   `json:"sha256,omitempty"`
	Boot      string   `json:"boot,omitempty"`      // last seen
	Restarted bool     `json:"restarted,omitempty"` // since its commit
	Back      bool     `json:"back,omitempty"`      // it failed by a rule, and its patch is taken back
	Proof     string   `json:"proof,omitempty"`     // which lock was overridden, whose it was, and what proved it
}

// New is the state in which a plan's rollout begins. The first Step makes its
// first offers.
func New(p Plan) (State, error) {
	if err := p.Validate(); err != nil {
		return State{}, err
	}
	s := State{Schema: Schema, Plan: p, Status: Ready, Phase: Offering}
	for wave, names := range p.Groups() {
		for _, n := range names {
			s.Drones = append(s.Drones, Drone{Name: n, Wave: wave, Outcome: Pending})
		}
		s.Waves = wave + 1
	}
	return s, nil
}

// Validate says why a state that was kept cannot go on, as an ErrPlan; nil: it
// can.
func (s State) Validate() error {
	if err := s.Plan.Validate(); err != nil {
		return err
	}
	fresh, err := New(s.Plan)
	if err != nil {
		return err
	}
	same := len(s.Drones) == len(fresh.Drones) && s.Waves == fresh.Waves && s.Wave >= 0 && s.Wave < s.Waves
	for i := range fresh.Drones {
		same = same && s.Drones[i].Name == fresh.Drones[i].Name && s.Drones[i].Wave == fresh.Drones[i].Wave
	}
	known := slices.Contains([]Status{Ready, Running, Waiting, Unclear, Paused, RollingBack, Finished, Stopped}, s.Status) &&
		slices.Contains([]Phase{Offering, Baking, Judging}, s.Phase)
	if !same || !known {
		return fmt.Errorf("rollout: %w: the state is not this plan's; it was edited or damaged", ErrPlan)
	}
	return nil
}

// Done reports whether nothing will happen any more.
func (s State) Done() bool { return s.Status == Finished || s.Status == Stopped }

// Drone finds a drone by its name.
func (s State) Drone(name string) (Drone, bool) {
	if i := s.index(name); i >= 0 {
		return s.Drones[i], true
	}
	return Drone{}, false
}

func (s State) index(name string) int {
	return slices.IndexFunc(s.Drones, func(d Drone) bool { return d.Name == name })
}

// Count is the number of drones with one of the outcomes.
func (s State) Count(of ...Outcome) (n int) {
	for i := range s.Drones {
		if slices.Contains(of, s.Drones[i].Outcome) {
			n++
		}
	}
	return n
}

// Watches reports whether a drone's signs of life count now.
func (s State) Watches(name string) bool {
	i := s.index(name)
	return i >= 0 && !s.Done() && s.watched(&s.Drones[i])
}

// watched: it has the configuration, and is in its bake. One that committed
// late, when its wave was over, has its bake all the same; so has one that had
// the configuration before: who goes on with another's rollout and without its
// state cannot know how long it was watched.
func (s *State) watched(d *Drone) bool {
	return d.Outcome == Succeeded && (d.Wave == s.Wave || !s.through(d))
}

// through: its own bake is over.
func (s *State) through(d *Drone) bool {
	age := s.Now - d.DoneAt
	return d.Beats >= s.Plan.Heartbeats && age >= s.Plan.BakeNS &&
		(!s.Plan.Reboot || d.Restarted || age >= s.Plan.BakeNS+s.Plan.TimeoutNS)
}

// Outstanding are the orders that hold now: what a runner sends again after
// it, or its link, was away.
func (s State) Outstanding() []Order {
	var out []Order
	for i := range s.Drones {
		d := &s.Drones[i]
		switch {
		case !d.Offered:
		case d.Outcome == InProgress && s.Status != RollingBack:
			out = append(out, Order{Kind: Offer, Drone: d.Name, Canary: d.Wave == 0})
		default:
			out = append(out, Order{Kind: Withdraw, Drone: d.Name})
			if (s.Status == RollingBack || d.Back) && d.Has && d.Online {
				out = append(out, Order{Kind: Revert, Drone: d.Name})
			}
		}
	}
	return out
}
