package rollout

import (
	"fmt"
	"strconv"
)

// MaxRules bounds a plan's rules, and its metrics.
const MaxRules = 16

// Rule says how many drones may fail in one way before the rollout does
// something. Without a rule for it the first failure of that kind takes the
// patch back. A pause or a fault that came with the patch, a revert and silence
// have no rules: of those the first one always does.
type Rule struct {
	Failure Outcome `json:"failure"` // REJECTED, TIMED_OUT or OFFLINE
	Percent int     `json:"percent"` // 1 to 100: so large a part of the drones whose outcome is known
	Minimum int     `json:"minimum"` // of them there must be so many, 1 … 2048
	Action  Action  `json:"action"`
}

// Action is what a rule does.
type Action string

// The actions of a rule.
const (
	ActPause    Action = "pause"    // wait for a person
	ActStop     Action = "stop"     // offer nothing more, and end when those at work are through; what has the patch keeps it
	ActRollback Action = "rollback" // take the patch back from whoever has it
)

func (r Rule) String() string {
	return fmt.Sprintf("%d%% %s of at least %d", r.Percent, r.Failure, r.Minimum)
}

func (p Plan) badRules() string {
	if len(p.Rules) > MaxRules {
		return fmt.Sprintf("%d rules of at most %d", len(p.Rules), MaxRules)
	}
	for i, r := range p.Rules {
		at := "rule " + strconv.Itoa(i+1) + ": "
		switch {
		case r.Failure != Rejected && r.Failure != TimedOut && r.Failure != Offline:
			return at + "failure " + strconv.Quote(string(r.Failure)) + ": REJECTED, TIMED_OUT or OFFLINE; the first pause, fault, revert or silence always takes the patch back"
		case r.Percent < 1 || r.Percent > 100:
			return at + "percent: 1 to 100"
		case r.Minimum < 1 || r.Minimum > MaxDrones:
			return at + "minimum: 1 to 2048 drones whose outcome is known"
		case r.Action != ActPause && r.Action != ActStop && r.Action != ActRollback:
			return at + "action " + strconv.Quote(string(r.Action)) + ": pause, stop or rollback"
		}
	}
	return ""
}

// ruled reports whether rules decide about a failure.
func (p *Plan) ruled(f Outcome) bool {
	for _, r := range p.Rules {
		if r.Failure == f {
			return true
		}
	}
	return false
}

// soft is a failure that rules may bear with; it takes the drone's patch back
// all the same.
func (t *turn) soft(d *Drone) {
	if !t.s.Plan.ruled(d.Outcome) {
		if d.Outcome != Offline {
			t.fail(d, d.Reason)
		}
		return
	}
	t.say(d, "%s: %s; the plan has a rule for it", d.Outcome, d.Reason)
	d.Back = d.Outcome == TimedOut && d.Has && !t.s.Plan.Keep
	t.takeBack()
}

// takeBack sends the revert to those that failed by a rule and may have the
// patch, until they say that they are rid of it.
func (t *turn) takeBack() {
	for i := range t.s.Drones {
		d := &t.s.Drones[i]
		if d.Back && d.Has && d.Online && (!d.Sent || t.s.Now-d.RevertAt >= t.s.again()) {
			t.revert(d)
		}
	}
}

// goingBack: a drone is being rid of the patch alone, and its time for that is
// not over.
func (s *State) goingBack() bool {
	for i := range s.Drones {
		if d := &s.Drones[i]; d.Back && d.Has && s.Now-d.OfferedAt < 2*s.Plan.TimeoutNS {
			return true
		}
	}
	return false
}

// again is after how long a revert that was not answered is sent again.
func (s *State) again() int64 { return min(10e9, max(1, s.Plan.TimeoutNS/4)) }

// rules looks whether one of them is broken; true: it stopped the rollout.
func (t *turn) rules() bool {
	s := t.s
	through := len(s.Drones) - s.Count(Pending, InProgress)
	for i, r := range s.Plan.Rules {
		n := s.Count(r.Failure)
		if through < r.Minimum || n*100 < r.Percent*through || n <= s.excused(i) {
			continue
		}
		what := fmt.Sprintf("%d of %d drones %s; the plan's limit is %s", n, through, r.Failure, r)
		switch r.Action {
		case ActRollback:
			t.fail(nil, what)
			return true
		case ActStop:
			if !s.Stop {
				s.Stop, s.Broken = true, what
				t.touch()
			}
		case ActPause:
			if s.Broken != what {
				s.Broken = what
				t.touch()
			}
		}
	}
	return false
}

// excused is how many failures of a rule a person has seen and gone on.
func (s *State) excused(rule int) int {
	if rule < len(s.Excused) {
		return s.Excused[rule]
	}
	return 0
}

// excuse lets a paused rollout go on with the failures that there are.
func (t *turn) excuse() {
	s := t.s
	s.Excused = make([]int, len(s.Plan.Rules))
	for i, r := range s.Plan.Rules {
		s.Excused[i] = s.Count(r.Failure)
	}
	s.Broken = ""
	t.touch()
}
