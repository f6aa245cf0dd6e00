package agent

import (
	"fmt"
	"strings"
	"time"

	"github.com/aim-control/aimlock/agent/config"
	"github.com/aim-control/aimlock/agent/locksmith"
	"github.com/aim-control/aimlock/agent/pause"
)

// hotLine is what people search for.
const hotLine = config.LiveName + ": HOT"

// tell turns the machine's notes into reports.
func (l *loop) tell(acts pause.Actions, now int64) {
	for _, n := range acts.Notes[:acts.Count] {
		switch n.Kind {
		case pause.Entered:
			l.since[n.Cause] = now
			l.say(l.entered(n.Cause, now), now)
		case pause.Cleared:
			l.say(report{kind: n.Cause.String() + ".cleared", level: levelInfo, text: n.Cause.String() + ": no longer a reason to pause",
				pairs: pairs("cause", n.Cause.String(), "for", ago(now-l.since[n.Cause]), "held", ago(n.Held))}, now)
		case pause.Waived:
			l.say(report{kind: n.Cause.String() + ".waived", level: levelWarn,
				text: fmt.Sprintf("%v has used up its hold of %s for this flight: flying on with configuration version %d, the last good one",
					n.Cause, ago(l.m.Policy().MaxHold), l.conf.live.Version),
				pairs: pairs("cause", n.Cause.String(), "held", ago(n.Held))}, now)
		case pause.Lifted:
			l.say(report{kind: n.Cause.String() + ".lifted", level: levelInfo, text: n.Cause.String() + " has cleared on the ground: it may pause again",
				pairs: pairs("cause", n.Cause.String())}, now)
		case pause.ResumeLate:
			l.say(report{kind: "state.resume-late", level: levelWarn, text: "the request has ended, but the flight controller still holds; the pilot may have to fly on by hand"}, now)
		case pause.CommandOver:
			l.say(report{kind: "command.over", level: levelInfo, text: "the commanded hold has ended"}, now)
		case pause.Moved:
			l.say(l.moved(n), now)
		}
	}
}

// moved tells of a change of state.
func (l *loop) moved(n pause.Note) report {
	r := report{kind: "state." + strings.ToLower(n.To.String()), level: levelInfo,
		pairs: pairs("from", n.From.String(), "causes", words(l.m.InForce()))}
	switch n.To {
	case pause.Pausing:
		r.text = "pause requested"
	case pause.Unconfirmed:
		r.level, r.text = levelWarn, "pause requested, but the flight controller has not confirmed"
	case pause.Paused:
		r.text = "paused: the flight controller holds"
		if l.m.Disarmed() == pause.Yes {
			r.text = "paused on the ground: arming is refused"
		}
	case pause.Overridden:
		r.level, r.text = levelWarn, "overridden: the pilot or a failsafe has taken over; nothing more is requested until disarmed"
	case pause.Resuming:
		r.text = "request released, resuming"
	case pause.Nominal:
		r.text = "nominal"
	}
	r.text = n.From.String() + " → " + n.To.String() + ": " + r.text
	return r
}

// entered tells of a new cause, as an error: it is one for whoever flies.
func (l *loop) entered(c pause.Cause, now int64) report {
	r := report{kind: c.String() + ".hot", level: levelError}
	switch c {
	case pause.Lock:
		look := l.lock.last.Look
		r.text = hotLine
		r.pairs = pairs("cause", "lock", "verdict", look.Verdict.String(), "holder", look.Who(), "reason", look.Record.Reason,
			"since", when(look.Record.Acquired, now), "until", when(look.Deadline, now), "do", look.Words(), "proof", look.Evidence)
	case pause.Config:
		r.text = hotLine
		r.pairs = pairs("cause", "config", "holder", "nobody", "since", when(now, now), "problem", l.conf.problem,
			"do", fmt.Sprintf("mend the file (aimctl config check); until then version %d stays in force", l.conf.live.Version))
	case pause.Motor, pause.Companion:
		r.text = c.String() + ": HOT"
		r.pairs = pairs("cause", c.String(), "which", l.causeText(c, now), "do", "land and look; the hold ends when it has cooled")
	case pause.Command:
		r.level, r.text, r.pairs = levelWarn, "pause commanded", pairs("cause", "command", "do", "the operator's resume, or its time, ends it")
	case pause.Applying:
		r.kind, r.level, r.text = "patch.interlock", levelInfo, "applying a patch: arming is refused"
	}
	return r
}

// causeText says why a cause holds.
func (l *loop) causeText(c pause.Cause, now int64) string {
	switch c {
	case pause.Lock:
		return l.lock.last.Look.Words()
	case pause.Config:
		return l.conf.problem
	case pause.Motor:
		return l.hotMotors(now)
	case pause.Companion:
		t := l.conf.live.SafePause.Companion
		return fmt.Sprintf("companion computer at %.1f °C (hot from %g, clears at %g for %v)", float64(l.facts.companion.milliC)/1000, t.Hot, t.Clear, t.ClearFor)
	case pause.Command:
		return "commanded by the operator"
	}
	return "a patch is being applied"
}

func (l *loop) hotMotors(now int64) string {
	var out []string
	for i := range l.ids.motors {
		if !l.m.MotorHot(i) {
			continue
		}
		r := l.facts.motors[i]
		what := fmt.Sprintf("motor %d at %.1f °C", i+1, float64(r.milliC)/1000)
		if now-r.at > int64(staleAfter) {
			what = fmt.Sprintf("motor %d, last seen at %.1f °C %s ago", i+1, float64(r.milliC)/1000, ago(now-r.at))
		}
		out = append(out, what)
	}
	t := l.conf.live.SafePause.Motor
	return fmt.Sprintf("%s (hot from %g, clears at %g for %v)", strings.Join(out, ", "), t.Hot, t.Clear, t.ClearFor)
}

func words(s pause.Set) string {
	var out []string
	for c := range pause.Causes {
		if s.Has(c) {
			out = append(out, c.String())
		}
	}
	return strings.Join(out, ",")
}

// when says a point of CLOCK_BOOTTIME relative to now: the wall clock of a
// drone may be wrong by decades.
func when(at, now int64) string {
	switch {
	case at == 0:
		return ""
	case at > now:
		return "in " + ago(at-now)
	}
	return ago(now-at) + " ago"
}

// ago rounds a span for reading.
func ago(ns int64) string {
	d := time.Duration(ns)
	if d < 10*time.Second {
		return d.Round(100 * time.Millisecond).String()
	}
	return d.Round(time.Second).String()
}

// looked takes a report of the lock's watch.
func (l *loop) looked(r *locksmith.Report, now int64) {
	l.dirty = true
	if e := r.Reclaimed; e != nil {
		l.say(reclaimed(e, now), now)
	}
	if r.Err != nil {
		l.trouble("lock", r.Err.Error())
	} else {
		l.mended("lock")
	}
	before, had := l.lock.last, l.lock.seen
	l.lock.last, l.lock.seen = *r, true
	// ORPHAN and UNKNOWN are told once they are HOT: until then they may be
	// somebody's acquire in progress.
	news := r.Look.Verdict != before.Look.Verdict && (had || r.Look.Verdict.Refused())
	if unclear := r.Look.Verdict == locksmith.Orphan || r.Look.Verdict == locksmith.Unknown; news && !r.Hot && !unclear {
		l.say(report{kind: verdictKind(r.Look.Verdict), level: levelInfo,
			text: "lock is " + r.Look.Verdict.String(), pairs: pairs("holder", r.Look.Who(), "reason", r.Look.Record.Reason, "until", when(r.Look.Deadline, now), "proof", r.Look.Evidence)}, now)
	}
	l.step(pause.Event{Kind: pause.LockLook, At: now, Hot: hot(r)})
}

// hot is what a report says about the cause lock. A refused lock that nobody
// explains may be an acquire in progress: until it is hot it changes nothing.
func hot(r *locksmith.Report) pause.Tri {
	switch {
	case r.Hot:
		return pause.Yes
	case r.Err != nil && !r.Look.HasRecord, r.Look.Verdict == locksmith.Orphan, r.Look.Verdict == locksmith.Unknown:
		return pause.Unknown
	}
	return pause.No
}
