package rollout

import (
	"fmt"
	"slices"
)

// bake watches the wave and goes on to the next one.
func (t *turn) bake() bool {
	s := t.s
	s.Ask = ""
	if !s.baked() {
		if s.Phase != Baking {
			s.Phase = Baking
			t.touch()
		}
		t.standing()
		return false
	}
	v := t.judged()
	if v.Result == Fail {
		t.fail(nil, v.why())
		return true
	}
	if !s.Cleared {
		s.Ask = s.question(v)
	}
	t.standing()
	if s.Status != Running {
		return false
	}
	if s.Wave+1 == s.Waves {
		if s.goingBack() {
			return false
		}
		s.Status = Finished
		t.touch()
		t.say(nil, "finished: %d of %d drones have the patch", s.Count(Succeeded), len(s.Drones))
		return false
	}
	s.Wave++
	s.Phase, s.WaveAt, s.Cleared = Offering, s.Now, false
	t.touch()
	t.say(nil, "%s begins", s.waveName())
	return true
}

// baked: the wave was watched for long enough, and each of its drones was
// heard often enough since its commit.
func (s *State) baked() bool {
	watched := false
	for i := range s.Drones {
		d := &s.Drones[i]
		if !s.watched(d) {
			continue
		}
		watched = true
		if !s.through(d) {
			return false
		}
	}
	return !watched || s.Now-s.BakeAt >= s.Plan.BakeNS
}

// question is what a person has to decide before the next wave.
func (s *State) question(v Verdict) string {
	switch more := s.Wave+1 < s.Waves; {
	case v.Result == Unsure:
		return AskInconclusive
	case more && (s.Plan.Approve == ApproveWaves || s.Plan.Approve == ApproveCanary && s.Wave == 0):
		return AskApproval
	}
	return ""
}

// unrestarted is how many drones of the wave have not restarted in their bake,
// where the plan wants it.
func (s *State) unrestarted() (n int) {
	for i := range s.Drones {
		if d := &s.Drones[i]; s.Plan.Reboot && d.Wave == s.Wave && d.Outcome == Succeeded && !d.Restarted {
			n++
		}
	}
	return n
}

// standing is RUNNING, or what it waits for, with the reason.
func (t *turn) standing() {
	s := t.s
	status, reason := Running, ""
	switch {
	case s.Stop:
		status, reason = Paused, s.Broken+"; it stops when those at work are through"
	case s.Broken != "":
		status, reason = Paused, s.Broken+"; resume to go on with it"
	case s.Held:
		status, reason = Paused, "held by the operator; resume it"
	case s.Ask == AskInconclusive:
		v := t.judged()
		status, reason = Unclear, v.why()+"; resume to go on in spite of it"
	case s.Ask == AskApproval:
		status, reason = Waiting, s.waveName()+" is through its bake; approve the next one"
	}
	if s.Status == status && s.Reason == reason {
		return
	}
	s.Status, s.Reason = status, reason
	t.touch()
	if reason != "" {
		t.say(nil, "paused: %s", reason)
	}
}

func (s *State) waveName() string {
	if s.Wave == 0 {
		return "the canary"
	}
	return fmt.Sprintf("wave %d of %d", s.Wave, s.Waves-1)
}

// judge looks for a pause or a fault that came with the patch.
func (t *turn) judge(d *Drone, v Vitals) {
	for _, c := range v.Causes {
		if c != "command" && c != "applying" && !slices.Contains(d.Causes, c) {
			t.end(d, Failed, "pauses because of "+c)
		}
	}
	for _, f := range v.Faults {
		if d.Outcome == Succeeded && !slices.Contains(d.Faults, f) {
			t.end(d, Failed, "fault: "+f)
		}
	}
	if d.Outcome == Failed {
		t.fail(d, d.Reason)
		return
	}
	// What ended must not come back.
	if len(v.Causes) < len(d.Causes) || len(v.Faults) < len(d.Faults) {
		d.Causes, d.Faults = both(d.Causes, v.Causes), both(d.Faults, v.Faults)
		t.touch()
	}
}

func both(a, b []string) (out []string) {
	for _, x := range a {
		if slices.Contains(b, x) {
			out = append(out, x)
		}
	}
	return out
}
