package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/aim-control/aimlock/agent/cmd/aimctl/patching"
	"github.com/aim-control/aimlock/agent/config"
	"github.com/aim-control/aimlock/firmware/patch"
)

func (a *app) patchSignCmd() *cobra.Command {
	var keys []string
	cmd := &cobra.Command{
		Use:   "sign DIR",
		Short: "Sign a patch and the revert that takes it back",
		Long: `sign says in words what the patch in the folder DIR is, and signs it and its
revert. Where drones ask for several signatures each person signs in turn, or --key
is repeated.

What no drone would take is not signed: a content that is not sound or not the one
that patch.json names, an override without an end, a patch that has expired.`,
		Example: "  aimctl patch sign north-42-261124-100512 --key operator.key",
		Args:    args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, list []string) error {
			if len(keys) == 0 {
				return usagef("say who signs: --key FILE, a minisign secret key that the drones trust")
			}
			return a.signPatch(cmd, list[0], keys)
		},
	}
	cmd.Flags().StringArrayVar(&keys, "key", nil, "minisign secret key `FILE`; repeatable")
	return cmd
}

func (a *app) signPatch(cmd *cobra.Command, dir string, files []string) error {
	id, err := a.someIdentity(cmd)
	if err != nil {
		return err
	}
	now := time.Now()
	p, v, err := readPatch(dir, now)
	if err != nil {
		return err
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
	if v, err = patching.Look(dir, p, now); err != nil {
		return err
	}
	if a.json {
		return a.printJSON(v)
	}
	return a.saySigned(v, p, id, keys)
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
func (a *app) saySigned(v *patching.View, p *patch.Package, id *config.Identity, keys signers) error {
	var now []string
	for _, k := range keys {
		now = append(now, k.ID())
	}
	n := len(v.SignedBy)
	text := fmt.Sprintf("SIGNED by %s", strings.Join(now, ", "))
	if v.Revert.Present {
		text += ", and its revert"
	}
	text += fmt.Sprintf(". Signatures there now: %d (%s), which is enough for drones with trust.threshold = %d", n, strings.Join(v.SignedBy, ", "), n)
	if n > 1 {
		text += " or less"
	}
	fmt.Fprintf(a.out, "\n%s.\n", text)
	if id != nil {
		fmt.Fprintln(a.out, needs(id, p))
	}
	return a.sayNext("See what a drone makes of it:", "aimctl patch verify "+quoted(v.Dir)+" --identity drone.toml")
}

// needs tells what the drone of an identity makes of the signatures.
func needs(id *config.Identity, p *patch.Package) string {
	err := patch.Verify(id.Trust.Config, id.Trust.Threshold, p.Manifest, p.Signatures)
	if err == nil {
		return fmt.Sprintf("%s needs %d by keys that it trusts, and has them.", id.Drone, id.Trust.Threshold)
	}
	return fmt.Sprintf("%s does NOT take it yet: %s.", id.Drone, cleaned(err))
}
