package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/spf13/cobra"

	"github.com/aim-control/aimlock/agent/cmd/aimctl/bundle"
	"github.com/aim-control/aimlock/agent/cmd/aimctl/doctor"
	"github.com/aim-control/aimlock/agent/cmd/aimctl/words"
	"github.com/aim-control/aimlock/firmware/durable"
)

// bundled is what --json prints of a bundle.
type bundled struct {
	Path    string          `json:"path"`
	Bytes   int             `json:"bytes"`
	Members []bundle.Member `json:"members"`
}

func (a *app) bundleCmd() *cobra.Command {
	var out string
	cmd := &cobra.Command{
		Use:   "bundle",
		Short: "Pack all that a diagnosis needs into one archive, and print its path",
		Long: `bundle packs what somebody far away needs to find out what ails this drone: the
doctor's findings, the agent's status, the identity, the live file, its shadow
and the last good one, the store's history, the lock's record, the last events,
and facts of kernel and board. manifest.json in it lists all, and what is missing.

Private keys are never in it: of them only the paths are named. The live file is
in it whole, tables that are not Aimlock's included. It is at most 8 MiB, only
its owner may read it, and nothing is sent anywhere.`,
		Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error { return a.bundle(cmd.Context(), out) },
	}
	cmd.Flags().StringVar(&out, "out", "", "the archive's `FILE` (default: aimlock-DRONE-TIME.tar.gz here)")
	return cmd
}

func (a *app) bundle(ctx context.Context, out string) error {
	now := time.Now().UTC()
	m := doctor.Kernel()
	m.Dial = nil // a diagnosis must work, and be quick, without a network
	x := a.examine(ctx, m)
	folder := "aimlock-" + or(x.Drone, "drone") + "-" + now.Format("20060102T150405Z")
	out, err := filepath.Abs(or(out, folder+".tar.gz"))
	if err != nil {
		return err
	}
	if _, err := os.Lstat(out); err == nil {
		return fmt.Errorf("%s is there already: name another with --out FILE", out)
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	ar := &bundle.Archive{Folder: folder, Made: now.Truncate(time.Second)}
	ar.AddJSON("doctor.json", x)
	a.packDrone(ctx, ar)
	packMachine(ar, m)
	data, err := ar.Pack(map[string]any{
		"drone": x.Drone, "made": now.Format(time.RFC3339),
		"aimctl": stamp(), "go": runtime.Version(), "arch": runtime.GOARCH, "uid": os.Geteuid(),
	})
	if err != nil {
		return err
	}
	if err := durable.Replace(durable.Linux, out, data, 0o600); err != nil {
		return fmt.Errorf("%w; name a folder with room, --out FILE", err)
	}
	if a.json {
		return a.printJSON(bundled{out, len(data), ar.Members()})
	}
	for _, m := range ar.Members() {
		if m.Error != "" && !m.None {
			fmt.Fprintf(a.err, "not in it: %s: %s\n", m.Name, words.Clean(m.Error, 200))
		}
	}
	_, err = fmt.Fprintln(a.out, out)
	return err
}
