package agent

import (
	"slices"
	"strings"

	"github.com/aim-control/aimlock/agent/telemetry"
)

const (
	levelInfo  = "info"
	levelWarn  = "warn"
	levelError = "error"
)

// report is something that happened: one line of the log and one event of the
// journal, which numbers it.
type report struct {
	at     int64 // CLOCK_BOOTTIME, ns
	wallMS int64
	kind   string // dotted
	level  string
	text   string
	pairs  []telemetry.Evidence

	patch   []byte        // an encoded telemetry.Report that goes with it; nil: none
	entered chan<- uint64 // capacity 1: gets the journal's number of patch, 0 if it could not be written
}

// pairs makes evidence of keys and values in turn; empty values are left out.
func pairs(kv ...string) []telemetry.Evidence {
	var out []telemetry.Evidence
	for i := 0; i+1 < len(kv); i += 2 {
		if kv[i+1] != "" {
			out = append(out, telemetry.Evidence{Key: kv[i], Value: kv[i+1]})
		}
	}
	return out
}

// say hands a report over.
func (l *loop) say(r report, now int64) {
	r.at, r.wallMS = now, l.wall().UnixMilli()
	l.keep.report(r)
}

// trouble reports a broken part of the agent, once until it is mended.
func (l *loop) trouble(part, why string) {
	if slices.Contains(l.troubles, part) {
		return
	}
	l.troubles = append(l.troubles, part)
	l.dirty = true
	l.say(report{kind: "trouble", level: levelError, text: part + ": " + why, pairs: pairs("part", part, "why", why)}, l.clock())
}

// mended ends a trouble.
func (l *loop) mended(part string) {
	if i := slices.Index(l.troubles, part); i >= 0 {
		l.troubles = slices.Delete(l.troubles, i, i+1)
		l.dirty = true
		l.say(report{kind: "mended", level: levelInfo, text: part + " works again", pairs: pairs("part", part)}, l.clock())
	}
}

// splitTrouble takes "part: why" apart, as other goroutines send it.
func (l *loop) splitTrouble(text string) (part, why string) {
	part, why, _ = strings.Cut(text, ": ")
	return part, why
}

// write is the report's line in the log.
func (r report) write(log Logger) {
	args := make([]any, 0, 2*len(r.pairs))
	for _, p := range r.pairs {
		args = append(args, p.Key, p.Value)
	}
	switch r.level {
	case levelError:
		log.Error(r.text, args...)
	case levelWarn:
		log.Warn(r.text, args...)
	default:
		log.Info(r.text, args...)
	}
}
