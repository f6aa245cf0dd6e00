package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/aim-control/aimlock/agent/cmd/aimctl/patching"
	"github.com/aim-control/aimlock/firmware/patch"
)

func (a *app) patchVerifyCmd() *cobra.Command {
	var live string
	var pubs []string
	cmd := &cobra.Command{
		Use:   "verify DIR",
		Short: "Judge a patch as a drone does",
		Long: `verify judges the patch in the folder DIR as the drone of the identity would,
check by check. What only the drone knows (what it committed before, which
overrides it has seen) is said; --live FILE stands for its live file, which by
default is the identity's where it can be read. The clock is this machine's.

With --pub instead of an identity it asks one thing: did each of these keys sign
this patch, its content and its revert.

Exit code 3 when it is refused.`,
		Example: "  aimctl patch verify north-42-261124-7f3a91 --identity patrol-03/drone.toml\n" +
			"  aimctl patch verify north-42-261124-7f3a91 --pub operator.pub",
		Args: args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, list []string) error {
			if len(pubs) > 0 && (cmd.Flags().Changed("identity") || live != "") {
				return usagef("--pub asks for signatures only; leave --identity and --live away, or --pub")
			}
			j := patching.Judge{Now: time.Now()}
			var err error
			if len(pubs) > 0 {
				j.Keys, err = publicKeys(pubs)
			} else if j.Identity, err = a.load(); err != nil {
				err = fmt.Errorf("%w, or a public key with --pub", err)
			} else if j.Live, j.LiveName, err = a.liveFile(live, j.Identity); err == nil {
				err = a.judgeBy(&j)
			}
			if err != nil {
				return err
			}
			return a.verify(list[0], j)
		},
	}
	fl := cmd.Flags()
	fl.StringVar(&live, "live", "", "the live `FILE` that the drone has (default: the identity's)")
	fl.StringArrayVar(&pubs, "pub", nil, "check only that `KEY`, a minisign public key file or its line, has signed; repeatable")
	return cmd
}

// judgeBy finds the ring by which the drone judges.
func (a *app) judgeBy(j *patching.Judge) error {
	r, err := a.ringOf(j.Identity)
	if err == nil {
		j.Ring = r.Ring
	}
	return err
}

func (a *app) verify(dir string, j patching.Judge) error {
	p, err := patch.ReadFolder(dir)
	if err != nil {
		return cleaned(err)
	}
	if m, err := patch.ParseManifest(p.Manifest); err == nil && m.Kind == patch.KindKeys && j.Identity == nil {
		return usagef("a change of the keys is judged by those in force: give --identity FILE, and --ring FILE where they are not its own")
	}
	v, err := j.Judge(dir, p)
	if err != nil {
		return err
	}
	if a.json {
		err = a.printJSON(v)
	} else {
		err = a.page(v.Report())
	}
	if err == nil && !v.OK {
		err = &exit{code: exitRefused}
	}
	return err
}

// publicKeys reads public keys, each a line that begins with RW or a file.
func publicKeys(list []string) ([]string, error) {
	var keys []string
	ids := map[string]bool{}
	for _, k := range list {
		text := k
		if _, err := patch.KeyID(k); err != nil {
			data, err := readSmall(k, maxKey)
			if err != nil {
				return nil, fmt.Errorf("--pub %s: neither a public key nor its file: %w", k, err)
			}
			text = strings.TrimSpace(string(data))
		}
		id, err := patch.KeyID(text)
		if err != nil {
			return nil, fmt.Errorf("--pub %s: %w", k, err)
		}
		if ids[id] {
			return nil, usagef("--pub: key %s is there twice", id)
		}
		ids[id] = true
		keys = append(keys, text)
	}
	return keys, nil
}
