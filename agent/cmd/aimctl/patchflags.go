package main

import (
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/aim-control/aimlock/agent/cmd/aimctl/patching"
	"github.com/aim-control/aimlock/firmware/patch"
)

// overrideLife is how long an override lives unless somebody says otherwise.
const overrideLife = 30 * time.Minute

// newFlags are the flags of "patch new".
type newFlags struct {
	live, from, out  string
	kind             string
	sets, only       []string
	limited          bool // --only is there, maybe with nothing in it
	fleet, id, notes string
	targets          []string
	expires          string
	holder           string
	override, kill   bool
	anyBase          bool
	// what follows is made of the above by check
	settings          []patching.Setting
	created, expiring time.Time
}

func (f *newFlags) flags(cmd *cobra.Command) {
	fl := cmd.Flags()
	fl.StringVar(&f.kind, "kind", patch.KindConfig, "`KIND` of the patch: config, or keys")
	fl.StringVar(&f.live, "live", "", "the present live `FILE` (default: the identity's)")
	fl.StringVar(&f.from, "from", "", "take the next live file from `FILE`")
	fl.StringArrayVar(&f.sets, "set", nil, "set `KEY=VALUE`; repeatable")
	fl.StringSliceVar(&f.only, "only", nil, "refuse any difference but in these `KEYS` or tables, \"comments\", and version and timestamp")
	fl.StringVar(&f.fleet, "fleet", "", "the fleet's `NAME` (default: the identity's)")
	fl.StringSliceVar(&f.targets, "target", []string{patch.Everyone}, "`DRONES` that may take it, by comma; '*': every drone of the fleet")
	fl.StringVar(&f.id, "id", "", "the patch's `ID` (default: made of fleet, version and date)")
	fl.StringVar(&f.expires, "expires", "", "`WHEN` it is over: 45m, 24h, or 2026-11-24T10:00:00Z (default: never; with --despite-lock 30m)")
	fl.StringVar(&f.notes, "notes", "", "`TEXT` for people")
	fl.StringVar(&f.holder, "despite-lock", "", "go past the overdue lock of `HOLDER`")
	fl.BoolVar(&f.kill, "kill", false, "with --despite-lock: that process may be ended")
	fl.BoolVar(&f.anyBase, "any-base", false, "take the place of whatever live file a drone has, not only of this one")
	fl.StringVar(&f.out, "out", "", "the new `FOLDER` (default: the id)")
}

// check looks at what needs no file.
func (f *newFlags) check(now time.Time) error {
	switch {
	case f.from == "" && len(f.sets) == 0:
		return usagef("say what is to change: --set KEY=VALUE, or --from FILE")
	case f.live == "-" && f.from == "-":
		return usagef("--live and --from cannot both be standard input")
	case f.kill && !f.override:
		return usagef("--kill is for --despite-lock HOLDER: say whose process may be ended")
	case f.override && f.holder == "":
		return usagef(`--despite-lock: name the holder as "aimctl lock status" does, or unknown`)
	}
	if f.kill && f.holder == patching.UnknownHolder {
		return usagef("--kill: only a holder that is known by name can be ended")
	}
	for _, s := range f.sets {
		key, value, ok := strings.Cut(s, "=")
		if !ok {
			return usagef("--set %q: write KEY=VALUE", s)
		}
		key = strings.TrimSpace(key)
		if slices.ContainsFunc(f.settings, func(s patching.Setting) bool { return s.Key == key }) {
			return usagef("--set %s is there twice", key)
		}
		f.settings = append(f.settings, patching.Setting{Key: key, Value: value})
	}
	for _, list := range [][]string{f.only, f.targets} {
		for i, s := range list {
			list[i] = strings.TrimSpace(s)
		}
	}
	return f.times(now)
}

// times fills in when the patch is made and when it is over.
func (f *newFlags) times(now time.Time) error {
	f.created = now.UTC().Truncate(time.Second)
	life, err := time.ParseDuration(f.expires)
	at, notTime := time.Parse(time.RFC3339, f.expires)
	switch {
	case f.expires == "" && f.override:
		f.expiring = f.created.Add(overrideLife)
	case f.expires == "":
	case err == nil:
		f.expiring = f.created.Add(life)
	case notTime == nil:
		f.expiring = at.UTC()
	default:
		return usagef("--expires %q: write a time from now like 45m or 24h, or one like 2026-11-24T10:00:00Z", f.expires)
	}
	switch end := f.expiring; {
	case end.IsZero():
	case end.Sub(f.created) < time.Second:
		return usagef("--expires %s: that is over already", f.expires)
	case f.override && end.Sub(f.created) > patch.MaxOverride:
		return usagef("--expires %s: an override lives an hour at most", f.expires)
	}
	return nil
}
