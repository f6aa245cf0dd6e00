package rollout

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// Result is a verdict's.
type Result string

// The results: PASS lets the rollout go on, INCONCLUSIVE asks a person, FAIL
// takes the patch back.
const (
	Pass   Result = "PASS"
	Unsure Result = "INCONCLUSIVE"
	Fail   Result = "FAIL"
)

// Verdict is what the bake of a wave has shown, and what it has not.
type Verdict struct {
	Wave     int        `json:"wave"` // 0: the canary
	Result   Result     `json:"result"`
	Tried    int        `json:"tried"`    // drones that have run the patch so far, all waves
	Failures int        `json:"failures"` // of them
	Excluded float64    `json:"excluded"` // failure rates above it are excluded, at Confidence
	Metrics  []Compared `json:"metrics,omitempty"`
	Words    []string   `json:"words"`
	Doubts   []string   `json:"doubts,omitempty"` // of the words, those that make it inconclusive beside metrics
}

// verdict judges the wave that has baked.
func (s *State) verdict() Verdict {
	v := Verdict{Wave: s.Wave, Result: Pass}
	there, away := 0, 0
	for i := range s.Drones {
		d := &s.Drones[i]
		switch {
		case d.Outcome == Succeeded:
			v.Tried++
		case d.Outcome == Failed, d.Outcome == Reverted, d.Outcome == TimedOut && d.Patch != "" && d.Patch != "STAGED" && d.Patch != "WAITING":
			v.Tried++
			v.Failures++
		}
		switch {
		case d.Wave != s.Wave:
		case d.Outcome == Succeeded:
			there++
		default:
			away++
		}
	}
	v.Excluded = Excluded(v.Failures, v.Tried, Confidence)
	v.say("%d of %d drones that ran it failed: a failure rate above %s is excluded (95 %%)", v.Failures, v.Tried, percent(v.Excluded))
	for i := range s.Plan.Metrics {
		c := s.compare(i)
		v.Metrics = append(v.Metrics, c)
		v.say("%s", c.Words)
		if c.Result == Fail || v.Result == Pass {
			v.Result = c.Result
		}
	}
	if n := s.unrestarted(); n > 0 {
		v.say("%d drones did not restart, which the plan wants", n)
		v.unsure()
	}
	if there == 0 || s.Wave == 0 && away > 0 && s.Wave+1 < s.Waves {
		v.say("%s is not whole (%d of %d have the patch) and proves too little", s.waveName(), there, there+away)
		v.unsure()
	}
	return v
}

func (v *Verdict) unsure() {
	if v.Result == Pass {
		v.Result = Unsure
	}
	v.Doubts = append(v.Doubts, v.Words[len(v.Words)-1])
}

func (v *Verdict) say(format string, args ...any) {
	v.Words = append(v.Words, fmt.Sprintf(format, args...))
}

// why is what the result stands on.
func (v *Verdict) why() string {
	var out []string
	for _, c := range v.Metrics {
		if c.Result == v.Result {
			out = append(out, c.Words)
		}
	}
	if v.Result == Unsure {
		out = append(out, v.Doubts...)
	}
	return strings.Join(out, "; ")
}

// percent rounds up: what is excluded must be true.
func percent(rate float64) string {
	return fmt.Sprintf("%.1f %%", math.Ceil(rate*1000)/10)
}

// judged passes the sentence on the wave that has baked: once, and again when
// the wave was watched anew.
func (t *turn) judged() Verdict {
	s := t.s
	i := slices.IndexFunc(s.Verdicts, func(v Verdict) bool { return v.Wave == s.Wave })
	if i >= 0 && s.Phase == Judging {
		return s.Verdicts[i]
	}
	v := s.verdict()
	s.Verdicts = slices.Clone(s.Verdicts)
	if i >= 0 {
		s.Verdicts[i] = v
	} else {
		s.Verdicts = append(s.Verdicts, v)
	}
	s.Phase = Judging
	t.touch()
	t.say(nil, "%s: %s: %s", s.waveName(), v.Result, strings.Join(v.Words, "; "))
	return v
}
