package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/aim-control/aimlock/agent/cmd/aimctl/patching"
	"github.com/aim-control/aimlock/agent/cmd/aimctl/words"
	"github.com/aim-control/aimlock/firmware/patch"
)

// ringFlags are the flags of "keys new".
type ringFlags struct {
	add, remove []string
	threshold   int
	out         string
}

func (a *app) ringNewCmd() *cobra.Command {
	var f ringFlags
	cmd := &cobra.Command{
		Use:   "new",
		Short: "Make the next ring of keys from the present one",
		Long: `new makes keyring.json, the version after the ring in force, and says how it
differs. The ring in force is this drone's (--identity) or that of --ring. Nothing
is written when the next one would lock somebody out: a role with fewer keys than
have to sign, a key twice, one that is none.

ROLE is config, command, keys or agent. KEY is a public key file or its line; to
remove one its id, as "aimctl keys show" prints it, will do.`,
		Example: "  aimctl keys new --identity drone.toml --add config=anna.pub --remove config=9F3A01BC04D1E2A7\n" +
			"  aimctl keys new --ring keyring.json --add keys=spare.pub --threshold 2 --out keyring-3.json",
		Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error { return a.newRing(cmd, f) },
	}
	fl := cmd.Flags()
	fl.StringArrayVar(&f.add, "add", nil, "`ROLE=KEY` to add; repeatable")
	fl.StringArrayVar(&f.remove, "remove", nil, "`ROLE=KEY` to remove; repeatable")
	fl.IntVar(&f.threshold, "threshold", 0, "`NUMBER` of signatures that everything but an offer needs (default: as now)")
	fl.StringVar(&f.out, "out", patch.FileRing, "the new `FILE`")
	return cmd
}

// ringMade is what "keys new --json" prints.
type ringMade struct {
	File     string   `json:"file"`
	Version  int64    `json:"version"`
	SHA256   string   `json:"sha256"`
	Base     string   `json:"base"`
	Changes  []string `json:"changes"`
	Warnings []string `json:"warnings"`
}

func (a *app) newRing(cmd *cobra.Command, f ringFlags) error {
	id, err := a.someIdentity(cmd)
	if err != nil {
		return err
	}
	old, err := a.ringOf(id)
	switch {
	case err != nil:
		return err
	case old == nil:
		return usagef("say which keys are in force: --identity FILE, or --ring FILE")
	}
	next, err := f.next(old.Ring)
	if err != nil {
		return err
	}
	if err := next.Validate(); err != nil {
		return &exit{exitRefused, fmt.Errorf("no ring was made: %w", plain(err))}
	}
	m := ringMade{File: f.out, Version: next.Version, SHA256: next.SHA256(), Base: old.SHA256(), Changes: patching.RingChanges(old.Ring, next),
		Warnings: append([]string{}, patching.RingWarnings(next)...)}
	if len(m.Changes) == 0 {
		return usagef("nothing changes: say so with --add, --remove or --threshold")
	}
	if _, err := os.Lstat(f.out); !errors.Is(err, fs.ErrNotExist) {
		return keyThere(f.out, err)
	}
	if err := writeNew(f.out, next.Encode(), 0o644); err != nil {
		return err
	}
	if a.json {
		return a.printJSON(m)
	}
	r := words.Report{Head: fmt.Sprintf("%s: version %d of the keys; %d must sign.", patching.Visible(f.out, 200), next.Version, next.Threshold)}
	var lines []string
	for _, c := range m.Changes {
		lines = append(lines, "\t"+c)
	}
	r.Add("Changes", append([]string{fmt.Sprintf("Against version %d, %s:", old.Version, old.from)}, lines...)...)
	r.Add("Care", m.Warnings...)
	if err := a.page(r); err != nil {
		return err
	}
	next1 := "aimctl patch new --kind keys --from " + quoted(f.out)
	if a.ring != "" {
		next1 += " --ring " + quoted(a.ring)
	}
	return a.sayNext("Keep it. Make the patch that brings it:", next1)
}

// next is the ring after old.
func (f ringFlags) next(old *patch.Ring) (*patch.Ring, error) {
	r := &patch.Ring{Version: old.Version + 1, Threshold: old.Threshold, Config: slices.Clone(old.Config), Command: slices.Clone(old.Command),
		Keys: slices.Clone(old.Keys), Agent: slices.Clone(old.Agent)}
	if f.threshold != 0 {
		r.Threshold = f.threshold
	}
	lists := map[string]*[]string{patch.KindConfig: &r.Config, patch.KindCommand: &r.Command, patch.KindKeys: &r.Keys, patch.KindAgent: &r.Agent}
	for _, edit := range []struct {
		flag  string
		pairs []string
		do    func(list *[]string, key string) error
	}{{"--remove", f.remove, removeKey}, {"--add", f.add, addKey}} {
		for _, pair := range edit.pairs {
			role, key, ok := strings.Cut(pair, "=")
			list := lists[role]
			if !ok || list == nil {
				return nil, usagef("%s %q: write ROLE=KEY; ROLE is config, command, keys or agent", edit.flag, pair)
			}
			if err := edit.do(list, key); err != nil {
				return nil, usagef("%s %s: %w", edit.flag, pair, err)
			}
		}
	}
	return r, nil
}

// keyLine is a public key in one line, of its file or as it stands.
func keyLine(key string) (string, error) {
	if _, err := patch.KeyID(key); err != nil {
		data, ferr := readSmall(key, maxKey)
		if ferr != nil {
			return "", fmt.Errorf("neither a public key nor its file: %w", ferr)
		}
		lines := bytes.Split(bytes.TrimSpace(data), []byte("\n"))
		key = string(bytes.TrimSpace(lines[len(lines)-1]))
	}
	if _, err := patch.KeyID(key); err != nil {
		return "", plain(err)
	}
	return key, nil
}

func addKey(list *[]string, key string) error {
	line, err := keyLine(key)
	if err == nil && slices.Contains(*list, line) {
		err = errors.New("it is there already")
	}
	if err == nil {
		*list = append(*list, line)
	}
	return err
}

func removeKey(list *[]string, key string) error {
	i := slices.Index(patching.KeyIDs(*list), strings.ToUpper(key))
	if i < 0 {
		line, err := keyLine(key)
		if err != nil {
			return err
		}
		i = slices.Index(*list, line)
	}
	if i < 0 {
		return errors.New("it is not there; aimctl keys show lists them")
	}
	*list = slices.Delete(*list, i, i+1)
	return nil
}
