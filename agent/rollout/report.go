package rollout

// report takes what a drone says of the patch.
func (t *turn) report(d *Drone, r Report) {
	if !d.Offered {
		return
	}
	if d.Patch == "COMMITTED" && r.State != "REVERTED" && r.State != "COMMITTED" {
		if t.goesBack(d) && d.Said != r.Reason { // it may wait for its window to go back
			t.said(d, r)
		}
		return // only a revert ends what is committed
	}
	if busy(d.Patch) && (r.State == "STAGED" || r.State == "WAITING") {
		return // said before, and heard late
	}
	t.said(d, r)
	if r.Proof != "" && d.Proof != r.Proof {
		d.Proof = r.Proof
		t.touch()
		t.say(d, "its lock was overridden: %s", r.Proof)
	}
	if d.Patch != r.State {
		d.Patch = r.State
		t.touch()
	}
	switch r.State {
	case "APPLYING", "TRIAL":
		t.has(d)
	case "COMMITTED":
		t.has(d)
		t.committed(d)
	case "REVERTED":
		t.gone(d, Reverted, r)
	case "REJECTED":
		t.gone(d, Rejected, r)
	case "IDLE": // of an offer that stands, it means nothing yet
		t.idle(d, r)
	}
}

// said tells people what a drone reports: once, and again for another reason.
func (t *turn) said(d *Drone, r Report) {
	if d.Patch != r.State || d.Said != r.Reason {
		d.Said = r.Reason
		t.touch()
		t.say(d, "%s%s", r.State, because(r.Reason))
	}
}

// notCurrent: the drone never took the offer, which was cleared before the
// revert was sent. One that said it has the patch must say that it is rid of it.
func (t *turn) notCurrent(d *Drone) {
	if t.goesBack(d) && d.Sent && d.Has && !busy(d.Patch) && d.Patch != "COMMITTED" {
		t.gone(d, Reverted, Report{Reason: "never took the offer"})
	}
}

// idle: the drone has dropped an offer that was withdrawn.
func (t *turn) idle(d *Drone, r Report) {
	switch {
	case t.goesBack(d):
		t.gone(d, Reverted, r)
	case d.Outcome == Offline && d.Has:
		d.Has = false
		t.touch()
	}
}

func because(reason string) string {
	if reason == "" {
		return ""
	}
	return ": " + reason
}

// has: the drone has the patch, or will in a moment. Nobody wants that any
// more when the rollout rolls back.
func (t *turn) has(d *Drone) {
	if !d.Has {
		d.Has = true
		t.touch()
	}
	d.Sent = false
	if t.goesBack(d) && d.Online {
		t.revert(d)
	}
}

// goesBack: the drone's patch is being taken back, with all others or alone.
func (t *turn) goesBack(d *Drone) bool { return t.s.Status == RollingBack || d.Back }

func (t *turn) committed(d *Drone) {
	switch {
	case d.Outcome == Succeeded, d.Outcome == Failed:
		return
	case t.goesBack(d) && d.Outcome != InProgress:
		return
	}
	t.end(d, Succeeded, "")
	d.DoneAt, d.Heard, d.Beats = t.s.Now, t.s.Now, 0
	if t.s.Phase != Offering && d.Wave == t.s.Wave {
		t.s.BakeAt = t.s.Now // it came late and is watched as long as the others
	}
}

// gone: the drone has the patch no more, or never took it.
func (t *turn) gone(d *Drone, o Outcome, r Report) {
	if !d.Has && (d.Outcome == o || d.Outcome == Failed || d.Outcome == TimedOut) {
		return // known
	}
	t.touch()
	d.Has = false
	if o == Reverted && d.Before != 0 {
		d.Version = d.Before // its status, which says so, may come when all is over
	}
	switch {
	case d.Outcome == Failed, d.Outcome == TimedOut: // what it is remembered for
		d.Reason += "; the old configuration is back"
	default:
		t.end(d, o, r.Reason)
	}
	switch {
	case d.Back:
		t.say(d, "is rid of the patch")
	case o == Rejected && t.s.Status != RollingBack:
		if t.s.Plan.ruled(Rejected) {
			t.soft(d)
			return
		}
		fallthrough
	case t.s.Status != RollingBack:
		verb := map[Outcome]string{Reverted: "reverted", Rejected: "rejected"}[o]
		t.fail(d, verb+" the patch"+because(r.Reason))
	}
}
