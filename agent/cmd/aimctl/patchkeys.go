package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/aim-control/aimlock/agent/cmd/aimctl/patching"
	"github.com/aim-control/aimlock/agent/cmd/aimctl/words"
	"github.com/aim-control/aimlock/agent/config"
	"github.com/aim-control/aimlock/agent/telemetry"
	"github.com/aim-control/aimlock/firmware/durable"
	"github.com/aim-control/aimlock/firmware/patch"
)

// onlyConfig are the flags of "patch new" that make no sense for keys.
var onlyConfig = []string{"live", "set", "only", "despite-lock", "kill", "any-base"}

// newKeysPatch makes a patch of a ring that "keys new" made.
func (a *app) newKeysPatch(cmd *cobra.Command, f newFlags) error {
	for _, name := range onlyConfig {
		if cmd.Flags().Changed(name) {
			return usagef("--%s is for a configuration; --kind keys goes with --from FILE", name)
		}
	}
	switch {
	case f.kind != patch.KindKeys:
		return usagef("--kind %q: config or keys", f.kind)
	case f.from == "":
		return usagef("say which keys: --from FILE, as \"aimctl keys new\" made it")
	}
	if err := f.check(time.Now()); err != nil {
		return err
	}
	id, err := a.someIdentity(cmd)
	if err != nil {
		return err
	}
	if id != nil {
		f.fleet = or(f.fleet, id.Fleet)
	}
	if !telemetry.ValidName(f.fleet) {
		return usagef("say for which fleet: --fleet NAME, [a-z0-9][a-z0-9-]{0,31}; %q is none", f.fleet)
	}
	old, err := a.ringOf(id)
	switch {
	case err != nil:
		return err
	case old == nil:
		return usagef("say which keys drones trust now: --ring FILE, or --identity FILE")
	}
	content, err := durable.Read(durable.Linux, f.from, patch.MaxRing)
	if err != nil {
		return err
	}
	next, err := patch.ParseRing(content)
	switch {
	case err != nil:
		return &exit{exitRefused, fmt.Errorf("%s: %w", f.from, plain(err))}
	case next.Version != old.Version+1:
		return &exit{exitRefused, fmt.Errorf("%s is version %d, and version %d is in force by %s: make version %d with aimctl keys new", f.from, next.Version, old.Version, old.from, old.Version+1)}
	}
	p, err := patch.New(patch.Manifest{
		Kind: patch.KindKeys, ID: or(f.id, patching.DefaultID(f.fleet+"-keys", next.Version, f.created, patch.NewNonce())), Fleet: f.fleet, Targets: f.targets,
		ConfigVersion: next.Version, BaseSHA256: old.SHA256(), Created: f.created, Expires: f.expiring, Notes: f.notes,
	}, content)
	if err != nil {
		return err
	}
	v, err := patching.Look("", p, f.created)
	if err != nil {
		return err
	}
	v.Dir = or(f.out, v.ID)
	v.HoldAgainst(old.Ring, content)
	if err := writeFolder(v.Dir, p); err != nil {
		return err
	}
	if a.json {
		return a.printJSON(v)
	}
	if err := a.page(v.Report()); err != nil {
		return err
	}
	return a.sayNext("Made in "+v.Dir+". Whoever holds the keys of today signs it, and whoever holds the new ones:", "aimctl patch sign "+quoted(v.Dir)+" --key KEY")
}

// signKeys signs a change of the keys.
func (a *app) signKeys(p *patch.Package, v *patching.View, id *config.Identity, ring *ringFound, files []string) error {
	if ring != nil {
		v.HoldAgainst(ring.Ring, p.Content)
	}
	if !a.json { // before the key is asked for
		if err := a.page(v.Report()); err != nil {
			return err
		}
	}
	if err := keysSignable(p, v); err != nil {
		return err
	}
	keys, err := a.readKeys(files)
	if err != nil {
		return err
	}
	for _, k := range keys {
		if err := p.Sign(k); err != nil {
			return cleaned(err)
		}
	}
	if err := p.WriteFolder(v.Dir); err != nil {
		return err
	}
	held := v.Keys
	if v, err = patching.Look(v.Dir, p, time.Now()); err != nil {
		return err
	}
	v.Keys = held
	if a.json {
		return a.printJSON(v)
	}
	return a.sayKeysSigned(p, v, id, ring, keys)
}

// keysSignable refuses what drones would refuse whoever signed it.
func keysSignable(p *patch.Package, v *patching.View) error {
	name, why := "", ""
	next, err := patch.ParseRing(p.Content)
	switch m := v.Manifest(); {
	case v.Expired:
		name, why = patch.RefusedExpired, "it was over at "+v.Expires
	case !v.ContentOK:
		name, why = patch.RefusedHash, patch.FileRing+" is not the one that patch.json names"
	case err != nil:
		name, why = patch.RefusedContent, cleaned(err).Error()
	case next.Version != m.ConfigVersion:
		name, why = patch.RefusedContent, fmt.Sprintf("%s says version %d, patch.json %d", patch.FileRing, next.Version, m.ConfigVersion)
	case v.Revert.Present:
		name, why = patch.RefusedRevert, "a change of the keys has no way back; remove revert.json"
	default:
		return nil
	}
	return &exit{exitRefused, fmt.Errorf("not signed: %s: %s; make the patch anew", name, why)}
}

// sayKeysSigned tells whose signatures are still missing.
func (a *app) sayKeysSigned(p *patch.Package, v *patching.View, id *config.Identity, ring *ringFound, keys signers) error {
	var ids []string
	for _, k := range keys {
		ids = append(ids, k.ID())
	}
	slices.Sort(ids)
	r := words.Report{Head: v.ID + ": SIGNED by " + strings.Join(slices.Compact(ids), ", ") + "."}
	next, err := patch.ParseRing(p.Content)
	if err != nil {
		return cleaned(err)
	}
	if ring != nil {
		r.Add("Keys now", signedSoFar(ring.Ring, p)+" (version "+fmt.Sprint(ring.Version)+", "+ring.from+")")
	}
	r.Add("New keys", signedSoFar(next, p))
	r.Add("Next", "When nobody is missing:", "\taimctl patch verify "+quoted(v.Dir)+" --identity drone.toml", "\taimctl rollout start "+quoted(v.Dir)+" --key OPERATOR.KEY")
	fmt.Fprintln(a.out)
	return a.page(r)
}

// signedSoFar counts for one ring.
func signedSoFar(r *patch.Ring, p *patch.Package) string {
	err := patch.Verify(r.Keys, r.Threshold, p.Manifest, p.Signatures)
	few := (*patch.SignatureError)(nil)
	switch {
	case err == nil:
		return fmt.Sprintf("Enough of their holders have signed: %d of %d must.", r.Threshold, len(r.Keys))
	case errors.As(err, &few):
		return fmt.Sprintf("NOT ENOUGH of their holders have signed: %d of the %d that must.", few.Valid, few.Threshold)
	}
	return "Nobody can sign for them: " + cleaned(err).Error()
}
