package agent

import (
	"strings"
	"unicode/utf8"

	"github.com/aim-control/aimlock/agent/pause"
	"github.com/aim-control/aimlock/agent/telemetry"
)

// messages are the loop's messages and buffers, used again each time.
type messages struct {
	status    telemetry.Status
	telemetry telemetry.Telemetry
	buf       []byte
	samples   [pause.MaxMotors]telemetry.Sample
	supplies  []telemetry.Supply
}

const ms = int64(1e6)

// publish hands over telemetry when it is due and the status when it changed.
func (l *loop) publish(now int64) {
	if now >= l.sendNext {
		every := int64(l.conf.live.Telemetry.Interval)
		l.sendNext = now + every - now%every // on the interval's grid: no drift
		l.msg.telemetry.Seq++
		if b, err := telemetry.Append(l.msg.buf[:0], l.telemetry(now)); err == nil {
			l.msg.buf = b
			l.up.SetTelemetry(b)
		}
	}
	if l.dirty || now >= l.statusDue {
		l.dirty, l.statusDue = false, now+int64(statusEvery)
		if b := l.statusBytes(now); b != nil {
			l.up.SetStatus(b)
		}
	}
}

// telemetry fills the message in place.
func (l *loop) telemetry(now int64) *telemetry.Telemetry {
	t := &l.msg.telemetry
	t.Schema, t.Boot, t.TimeMS = telemetry.Schema, l.ids.boot, l.wall().UnixMilli()
	t.Lines = telemetry.Lines{
		Disarmed: uint8(l.facts.line[lineDisarmed].level),
		Holding:  uint8(l.facts.line[lineHolding].level),
		FC:       uint8(l.facts.flightController(now)),
		Request:  1,
	}
	if l.m.State().Requests() {
		t.Lines.Request = 2
	}
	for i := range l.ids.motors {
		l.msg.samples[i] = l.sample(l.facts.motors[i], now)
	}
	t.Motors = l.msg.samples[:l.ids.motors]
	t.Companion = l.sample(l.facts.companion, now)
	t.Supply = l.supply(now)
	return t
}

func (l *loop) sample(r reading, now int64) telemetry.Sample {
	return telemetry.Sample{MilliC: r.milliC, AgeMS: age(r.at, now), OK: r.ok && now-r.at <= int64(staleAfter)}
}

// supply is what the supplies give; valid until it is asked for again.
func (l *loop) supply(now int64) []telemetry.Supply {
	out := l.msg.supplies[:0]
	for i := range l.facts.supplies {
		s := &l.facts.supplies[i]
		out = append(out, telemetry.Supply{MilliV: s.milliV, MilliA: s.milliA, MilliW: s.milliW, AgeMS: age(s.at, now),
			OK: s.ok && now-s.at <= int64(staleAfter), Name: s.name})
	}
	l.msg.supplies = out
	return out
}

func age(at, now int64) int32 { return int32(min((now-at)/ms, 1<<30)) }

// statusBytes is the status as it is now; valid until the next message.
func (l *loop) statusBytes(now int64) []byte {
	b, err := telemetry.Append(l.msg.buf[:0], l.status(now))
	if err != nil { // only a text too long for a message
		l.log.Error("status not sent", "err", err)
		return nil
	}
	l.msg.buf = b
	return b
}

// status fills the message in place.
func (l *loop) status(now int64) *telemetry.Status {
	s := &l.msg.status
	s.Schema, s.Boot, s.TimeMS, s.UpMS = telemetry.Schema, l.ids.boot, l.wall().UnixMilli(), now/ms
	s.Drone, s.Fleet, s.Agent = l.ids.drone, l.ids.fleet, l.ids.version
	s.State, s.SinceMS, s.Requested = l.m.State().String(), l.m.Since()/ms, l.m.State().Requests()
	s.Flight, s.FC = l.flight(), "ok"
	if l.fc == pause.No {
		s.FC = "lost"
	}
	s.Causes, s.Waived = s.Causes[:0], s.Waived[:0]
	for c := range pause.Causes {
		if l.m.Present().Has(c) {
			s.Causes = append(s.Causes, telemetry.Cause{Name: c.String(), SinceMS: l.since[c] / ms, HeldMS: l.m.Held(c) / ms,
				Waived: l.m.Waived().Has(c), Text: clip(l.causeText(c, now), 500)})
		}
		if l.m.Waived().Has(c) {
			s.Waived = append(s.Waived, c.String())
		}
	}
	s.Lock = l.lockStatus()
	s.Config = telemetry.Config{Version: l.conf.live.Version, SHA256: l.conf.hash, Valid: l.conf.problem == "", Drift: l.conf.drift,
		Pending: l.conf.pending, Problem: clip(l.conf.problem, 1000)}
	s.Patch, s.LED, s.Online = l.patch, l.pattern.String(), l.online
	s.KeysVersion, s.KeysSHA256, s.Keys = 0, "", nil
	if r := l.ring.Load(); r != nil {
		s.KeysVersion, s.KeysSHA256, s.Keys = r.version, r.sha256, r.keys
	}
	s.Faults = l.faults(s.Faults[:0])
	s.Supply, s.Reset = l.supply(now), l.ids.reset
	return s
}

// flight is what the flight controller's lines say of the flight.
func (l *loop) flight() string {
	switch {
	case l.m.Disarmed() == pause.Unknown:
		return "unknown"
	case l.m.Disarmed() == pause.Yes:
		return "disarmed"
	case l.m.Holding() == pause.Yes:
		return "holding"
	}
	return "armed"
}

func (l *loop) lockStatus() telemetry.Lock {
	if !l.lock.seen {
		return telemetry.Lock{}
	}
	r, look := &l.lock.last, &l.lock.last.Look
	return telemetry.Lock{Verdict: look.Verdict.String(), Hot: r.Hot, Holder: look.Record.Holder, Role: look.Record.Role,
		PID: int64(look.Record.Process.PID), Reason: look.Record.Reason, Epoch: look.Record.Epoch,
		SinceMS: look.Record.Acquired / ms, UntilMS: look.Deadline / ms}
}

// faults lists what is UNKNOWN or broken.
func (l *loop) faults(out []string) []string {
	for i := range l.ids.motors {
		if l.lostMotor[i] {
			out = append(out, motorName(i))
		}
	}
	if l.lostComp {
		out = append(out, "companion")
	}
	for i := range l.facts.supplies {
		if s := &l.facts.supplies[i]; s.lost {
			out = append(out, "supply:"+s.name)
		}
	}
	if l.fc == pause.No {
		out = append(out, "fc")
	}
	return append(out, l.troubles...)
}

// clip makes a text fit for a message: valid UTF-8, which every MessagePack
// reader demands, and about n bytes at most, cut at a whole character.
func clip(s string, n int) string {
	s = strings.ToValidUTF8(s, "\ufffd")
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + "…"
}
