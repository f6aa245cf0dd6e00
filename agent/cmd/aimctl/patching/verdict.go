package patching

import (
	"fmt"
	"slices"
	"strings"

	"github.com/aim-control/aimlock/agent/cmd/aimctl/words"
	"github.com/aim-control/aimlock/firmware/patch"
)

// told says what a check that did not refuse is worth here.
func (j Judge) told(check string, p *patch.Package, m *patch.Manifest) (result, detail string) {
	result = ResultOK
	if m.Kind == patch.KindKeys && j.ring() != nil {
		if detail = j.toldKeys(check, m); detail != "" {
			return result, detail
		}
	}
	switch check {
	case "signature":
		need := len(j.Keys)
		if j.Identity != nil {
			need = j.ring().Threshold
		}
		detail = "by " + plural(need, "trusted key") + ", as many as are needed"
	case "version":
		if j.high() == 0 {
			return ResultUnknown, "which versions were committed there; give the drone's live file with --live"
		}
		detail = fmt.Sprintf("%d, above the %d of %s", m.ConfigVersion, j.high(), Visible(j.LiveName, maxKey))
	case "base":
		switch {
		case m.BaseSHA256 == "":
			detail = "any"
		case j.Live == nil:
			return ResultUnknown, "which live file is in force there; give it with --live"
		default:
			detail = "is " + Visible(j.LiveName, maxKey)
		}
	case "expiry":
		if detail = "never"; !m.Expires.IsZero() {
			detail = "in " + words.Span(m.Expires.Sub(j.Now)) + ", by this machine's clock"
		}
	case "quarantine":
		return ResultUnknown, "whether it failed there before"
	case "nonce":
		if m.DespiteLock != nil {
			return ResultUnknown, "whether this override was used there"
		}
		detail = "no override"
	case "revert":
		switch r := lookRevert(p.Revert, m); {
		case !r.Present:
			detail = "there is none: it cannot be rolled out, as nothing could take it back"
		case len(r.SignedBy) == 0:
			detail = "not signed: it cannot be rolled out, as nothing could take it back"
		}
	}
	return result, detail
}

// toldKeys is told for what is different in a change of the keys.
func (j Judge) toldKeys(check string, m *patch.Manifest) string {
	switch check {
	case "signature":
		return "by " + plural(j.ring().Threshold, "holder") + " of the keys in force, as many as are needed"
	case "new keys":
		return "their holders signed too"
	case "version":
		return fmt.Sprintf("%d, the next one after the %d in force", m.ConfigVersion, j.ring().Version)
	case "base":
		return "is the ring in force"
	case "revert":
		return "there is none, as there must be"
	}
	return ""
}

// Report says a verdict in words, a check a line.
func (v Verdict) Report() words.Report {
	r := words.Report{Head: v.head()}
	rest := map[string][]string{}
	for _, c := range v.Checks {
		text := c.Result
		switch c.Result {
		case ResultNotReached, ResultNotAsked:
			rest[c.Result] = append(rest[c.Result], c.Check)
			continue
		case ResultRefused:
			text = "REFUSED (" + v.Refused + ")"
		case ResultUnknown:
			text = "not known here"
		}
		if c.Detail != "" {
			text += ": " + c.Detail
		}
		var pars []string
		for line := range strings.Lines(text) { // of a content with several faults
			pars = append(pars, words.Clean(line, 1000))
		}
		r.Add(c.Check, pars...)
	}
	for _, result := range []string{ResultNotReached, ResultNotAsked} {
		if list := rest[result]; len(list) > 0 {
			r.Add("the rest", result+": "+strings.Join(list, ", "))
		}
	}
	return r
}

func (v Verdict) head() string {
	what := v.ID
	if what == "" {
		what = Visible(v.Dir, maxKey)
	}
	unknown := slices.ContainsFunc(v.Checks, func(c Check) bool { return c.Result == ResultUnknown })
	switch who := v.Drone + " of fleet " + v.Fleet; {
	case v.OK && v.Drone == "":
		return what + ": the signatures are good. Nothing else was asked."
	case v.OK && unknown:
		return what + ": " + who + " takes it, as far as can be told here."
	case v.OK:
		return what + ": " + who + " takes it."
	case v.Drone == "":
		return what + ": REFUSED (" + v.Refused + ")."
	default:
		return what + ": " + who + " REFUSES it (" + v.Refused + ")."
	}
}
