package patching

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aim-control/aimlock/agent/cmd/aimctl/words"
	"github.com/aim-control/aimlock/firmware/patch"
)

// Report says in words what a patch is: what it does to whom, until when, and
// above all what is dangerous or wrong about it.
func (v *View) Report() words.Report {
	r := words.Report{Head: v.head()}
	r.Add("For", v.whom())
	r.Add("Version", fmt.Sprintf("%d", v.Version))
	if d := v.Difference; d != nil {
		r.Add("Changes", d.lines()...)
	}
	if v.Keys != nil {
		r.Add("Keys", v.keys()...)
	}
	r.Add("Override", v.override()...)
	r.Add("Content", v.content()...)
	r.Add("Base", v.base()...)
	r.Add("Created", ago(v.manifest.Created, v.now))
	r.Add("Expires", v.expires())
	r.Add("Notes", v.notes()...)
	r.Add("Signed", v.signed()...)
	r.Add("Revert", v.revert()...)
	return r
}

func (v *View) head() string {
	whom := v.whom()
	if len(v.Targets) > 3 {
		whom = fmt.Sprintf("%d drones of fleet %s", len(v.Targets), v.Fleet)
	}
	what := fmt.Sprintf("%s: version %d for %s", v.ID, v.Version, whom)
	if v.Kind == patch.KindKeys {
		what = fmt.Sprintf("%s: version %d of the KEYS for %s", v.ID, v.Version, whom)
	} else if v.Kind != patch.KindConfig {
		what = fmt.Sprintf("%s: NOT A CONFIGURATION but of kind %q", v.ID, v.Kind)
	}
	var state []string
	if v.DespiteLock != nil {
		state = append(state, "PAST A LOCK")
	}
	if v.Expired {
		state = append(state, "EXPIRED")
	}
	if !v.ContentOK {
		state = append(state, "WRONG CONTENT")
	}
	switch n := len(v.SignedBy); n {
	case 0:
		state = append(state, "not signed")
	default:
		state = append(state, plural(n, "signature"))
	}
	return what + ": " + strings.Join(state, ", ") + "."
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func (v *View) whom() string {
	if slices.Equal(v.Targets, []string{patch.Everyone}) {
		return "every drone of fleet " + v.Fleet
	}
	if n := len(v.Targets); n > 8 {
		return fmt.Sprintf("%d drones of fleet %s: %s", n, v.Fleet, strings.Join(v.Targets, ", "))
	}
	return strings.Join(v.Targets, ", ") + " of fleet " + v.Fleet
}

// UnknownHolder is the holder of a lock without a record.
const UnknownHolder = "unknown"

// override warns: nothing about a patch is as dangerous.
func (v *View) override() []string {
	d := v.DespiteLock
	if d == nil {
		return nil
	}
	whose := "THE LOCK OF “" + Visible(d.Holder, 64) + "”, once that is overdue,"
	if d.Holder == UnknownHolder {
		whose = "A LOCK WHOSE HOLDER IS NOT KNOWN,"
	}
	lines := []string{"IT GOES PAST " + whose + " and past no other."}
	if d.Kill {
		lines = append(lines, "THAT PROCESS MAY BE ENDED, if it is proven to have the lock: what it has not saved is lost.")
	} else {
		lines = append(lines, "That process is not ended; what it writes late, through the lock, is refused.")
	}
	until := "No drone takes it: an override needs an end at most an hour after it was made."
	if life := v.manifest.Expires.Sub(v.manifest.Created); life > 0 && life <= patch.MaxOverride {
		until = "It works once on each drone, until " + stamp(v.manifest.Expires) + "."
	}
	return append(lines, until, "The update window still holds.")
}

func (v *View) content() []string {
	if !v.ContentOK {
		return []string{v.manifest.File() + " IS NOT THE ONE that patch.json names: drones refuse it (hash). Make the patch anew."}
	}
	return []string{fmt.Sprintf("%d bytes, SHA-256", v.Size), "\t" + v.SHA256}
}

func (v *View) base() []string {
	if v.Keys != nil {
		return []string{"Only where the ring in force is exactly this one, SHA-256", "\t" + v.BaseSHA256}
	}
	if v.BaseSHA256 == "" {
		return []string{"Any: it takes the place of whatever live file a drone has."}
	}
	lines := []string{"Only where the live file is exactly this one, SHA-256", "\t" + v.BaseSHA256}
	switch d := v.Difference; {
	case d == nil:
	case d.IsBase:
		lines = append(lines, "which is "+Visible(d.Live, maxKey)+".")
	default:
		lines = append(lines, "which "+Visible(d.Live, maxKey)+" IS NOT: a drone with that file refuses the patch (base).")
	}
	return lines
}

func (v *View) expires() string {
	if v.Expires == "" {
		return "Never."
	}
	left := v.manifest.Expires.Sub(v.now)
	if v.Expired {
		return stamp(v.manifest.Expires) + ": EXPIRED " + words.Span(-left) + " ago. Make it anew."
	}
	return stamp(v.manifest.Expires) + ", in " + words.Span(left) + "."
}

func ago(t, now time.Time) string {
	since := now.Sub(t)
	if since < -time.Minute {
		return stamp(t) + ", " + words.Span(-since) + " AHEAD of this machine's clock: one of the two clocks is wrong."
	}
	return stamp(t) + ", " + words.Span(since) + " ago."
}

// stamp is a time as the manifest has it, for the eye.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }

func (v *View) notes() []string {
	if v.Notes == "" {
		return nil
	}
	var lines []string
	for line := range strings.Lines(v.Notes) {
		if line = words.Clean(line, patch.MaxNotes); line != "" {
			lines = append(lines, "“"+line+"”")
		}
	}
	return lines
}

func (v *View) signed() []string {
	if len(v.SignedBy) == 0 {
		return []string{"By nobody: drones refuse it."}
	}
	lines := []string{"Not checked here (aimctl patch verify does). It says by " + plural(len(v.SignedBy), "key") + ":"}
	for _, id := range v.SignedBy {
		lines = append(lines, "\t"+id)
	}
	return lines
}

func (v *View) revert() []string {
	r := v.Revert
	switch {
	case !r.Present && v.Keys != nil:
		return []string{"None: the way back from keys is the next version of them."}
	case !r.Present:
		return []string{"None: it cannot be rolled out, as nothing could take it back."}
	case r.Fault != "":
		return []string{"OF NO USE: " + r.Fault + ". Make the patch anew."}
	case len(r.SignedBy) == 0 && len(v.SignedBy) == 0:
		return []string{"Ready to be signed with the patch."}
	case len(r.SignedBy) == 0:
		return []string{"NOT SIGNED: it cannot be rolled out, as nothing could take it back."}
	case !slices.Equal(r.SignedBy, v.SignedBy):
		return []string{"SIGNED BY OTHERS than the patch: " + strings.Join(r.SignedBy, ", ") + ". Sign the patch anew."}
	case v.BaseSHA256 == "":
		return []string{"Signed by the same: a rollback to whatever was before needs no key at hand."}
	}
	return []string{"Signed by the same: a rollback to the base needs no key at hand."}
}
