package main

import (
	"time"

	"github.com/spf13/cobra"

	"github.com/aim-control/aimlock/agent/cmd/aimctl/patching"
)

func (a *app) patchShowCmd() *cobra.Command {
	var live string
	cmd := &cobra.Command{
		Use:   "show DIR",
		Short: "Say in words what a patch is, for whom, and what is dangerous about it",
		Long: `show explains the patch in the folder DIR, and with --live how it differs from a
live file. It believes nothing and checks no signature: "aimctl patch verify" does.`,
		Example: "  aimctl patch show north-42-261124-7f3a91\n" +
			"  aimctl patch show north-42-261124-7f3a91 --live /etc/aimlock/aim_lock_config.conf",
		Args: args(cobra.ExactArgs(1)),
		RunE: func(_ *cobra.Command, list []string) error {
			p, v, err := readPatch(list[0], time.Now())
			if err != nil {
				return err
			}
			if live != "" {
				data, name, err := a.readFile(live)
				if err != nil {
					return err
				}
				v.Difference = patching.Compare(name, data, p.Content, v.BaseSHA256)
			}
			ring, err := a.ringOf(nil)
			if err != nil {
				return err
			}
			if ring != nil {
				v.HoldAgainst(ring.Ring, p.Content)
			}
			if a.json {
				return a.printJSON(v)
			}
			return a.page(v.Report())
		},
	}
	cmd.Flags().StringVar(&live, "live", "", "say how it differs from this live `FILE`")
	return cmd
}
