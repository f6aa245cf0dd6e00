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
	"github.com/aim-control/aimlock/firmware/patch"
)

func (a *app) patchSignCmd() *cobra.Command {
	var keys []string
	var live string
	cmd := &cobra.Command{
		Use:   "sign DIR",
		Short: "Sign a patch and the revert that takes it back",
		Long: `sign says in words what the patch in the folder DIR is, and signs it and its
revert. Where drones ask for several signatures each person signs in turn, or --key
is repeated.

What no drone would take is not signed: a content that is not sound or not the one
that patch.json names, an override without an end, a patch that has expired.`,
		Example: "  aimctl patch sign north-42-261124-7f3a91 --key operator.key",
		Args:    args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, list []string) error {
			if len(keys) == 0 {
				return usagef("say who signs: --key FILE, a minisign secret key that the drones trust")
			}
			return a.signPatch(cmd, list[0], live, keys)
		},
	}
	cmd.Flags().StringArrayVar(&keys, "key", nil, "minisign secret key `FILE`; repeatable")
	cmd.Flags().StringVar(&live, "live", "", "say first how it differs from this live `FILE` (default: the identity's)")
	return cmd
}

func (a *app) signPatch(cmd *cobra.Command, dir, live string, files []string) error {
	id, err := a.someIdentity(cmd)
	if err != nil {
		return err
	}
	now := time.Now()
	p, v, err := readPatch(dir, now)
	if err != nil {
		return err
	}
	ring, err := a.ringOf(id)
	if err != nil {
		return err
	}
	if v.Keys != nil {
		return a.signKeys(p, v, id, ring, files)
	}
	data, name, err := a.liveFile(live, id)
	if err != nil {
		return err
	}
	if data != nil {
		v.Difference = patching.Compare(name, data, p.Content, v.BaseSHA256)
	}
	if !a.json { // before the key is asked for
		if err := a.page(v.Report()); err != nil {
			return err
		}
	}
	if err := a.signable(p, v, id); err != nil {
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
	if err := p.WriteFolder(dir); err != nil {
		return err
	}
	diff := v.Difference
	if v, err = patching.Look(dir, p, now); err != nil {
		return err
	}
	v.Difference = diff
	if a.json {
		return a.printJSON(v)
	}
	return a.saySigned(v, p, id, ring, keys)
}

// signable refuses what drones would refuse whoever signed it.
func (a *app) signable(p *patch.Package, v *patching.View, id *config.Identity) error {
	m := v.Manifest()
	refuse := func(name, format string, args ...any) error {
		return &exit{exitRefused, fmt.Errorf("not signed: "+name+": "+format, args...)}
	}
	switch life := m.Expires.Sub(m.Created); {
	case m.Kind != patch.KindConfig:
		return refuse(patch.RefusedKind, "it is a %q, not a configuration", m.Kind)
	case m.DespiteLock != nil && (m.Expires.IsZero() || life > patch.MaxOverride):
		return refuse(patch.RefusedOverride, "an override lives an hour at most; make the patch anew")
	case v.Expired:
		return refuse(patch.RefusedExpired, "it was over at %s; make the patch anew", v.Expires)
	case !v.ContentOK:
		return refuse(patch.RefusedHash, "config.toml is not the one that patch.json names; make the patch anew")
	case v.Revert.Fault != "":
		return refuse(patch.RefusedRevert, "revert.json: %s; make the patch anew", v.Revert.Fault)
	}
	var floor config.Safety
	if id != nil {
		floor = id.Safety
	}
	version, code, err := judgeLive(patch.FileContent, p.Content, floor)
	switch {
	case err != nil && code == exitRefused:
		return refuse(patch.RefusedFloor, "%w", cleaned(err))
	case err != nil:
		return refuse(patch.RefusedContent, "%w", cleaned(err))
	case version != m.ConfigVersion:
		return refuse(patch.RefusedContent, "config.toml says version %d, patch.json %d; make the patch anew", version, m.ConfigVersion)
	}
	return nil
}

// saySigned tells who has signed by now, and for whom that is enough.
func (a *app) saySigned(v *patching.View, p *patch.Package, id *config.Identity, ring *ringFound, keys signers) error {
	var ids []string
	for _, k := range keys {
		ids = append(ids, k.ID())
	}
	slices.Sort(ids)
	ids = slices.Compact(ids)
	r := words.Report{Head: v.ID + ": SIGNED by " + strings.Join(ids, ", ") + "."}
	if v.Revert.Present {
		r.Head = v.ID + ": SIGNED, with its revert, by " + strings.Join(ids, ", ") + "."
	}
	enough := fmt.Sprintf("%d there now: enough where trust.threshold is %[1]d.", len(v.SignedBy))
	if len(v.SignedBy) > 1 {
		enough = fmt.Sprintf("%d there now: enough where trust.threshold is %[1]d or less.", len(v.SignedBy))
	}
	if len(v.SignedBy) > len(ids) {
		enough += " Those of others are not checked here."
	}
	r.Add("Signatures", enough)
	if id != nil {
		r.Add("Drone", needs(id.Drone, ring.Config, ring.Threshold, p))
	}
	r.Add("Next", "See what a drone makes of it:", "\taimctl patch verify "+quoted(v.Dir)+" --identity drone.toml")
	fmt.Fprintln(a.out)
	return a.page(r)
}

// needs tells what a drone that trusts these keys makes of the signatures.
func needs(drone string, keys []string, threshold int, p *patch.Package) string {
	err := patch.Verify(keys, threshold, p.Manifest, p.Signatures)
	if err == nil {
		return fmt.Sprintf("%s asks for %d by keys that it trusts, and finds them.", drone, threshold)
	}
	if few := (*patch.SignatureError)(nil); errors.As(err, &few) {
		return fmt.Sprintf("%s does NOT take it: %d of the %d signatures that it asks for are by keys that it trusts.", drone, few.Valid, few.Threshold)
	}
	return fmt.Sprintf("%s does NOT take it: %s.", drone, cleaned(err))
}
