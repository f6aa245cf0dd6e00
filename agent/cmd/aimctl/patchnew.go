package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/aim-control/aimlock/agent/cmd/aimctl/patching"
	"github.com/aim-control/aimlock/agent/config"
	"github.com/aim-control/aimlock/agent/telemetry"
	"github.com/aim-control/aimlock/firmware/patch"
)

func (a *app) patchNewCmd() *cobra.Command {
	var f newFlags
	cmd := &cobra.Command{
		Use:   "new {--set KEY=VALUE ... | --from FILE | --kind keys --from FILE}",
		Short: "Make the next live file from the present one, and say how it differs",
		Long: `new makes a patch: the live file after your edits, every other byte as it was.
Its version is raised by one and its timestamp is now, unless --set names them, or
FILE of --from already has them higher and later than the live file.

The next file is checked as strictly as drones do, and against the safety floor of
the identity where one is given. Nothing is written when anything is wrong, when
--only does not allow what differs (exit code 3), or when the folder is there.

A VALUE is TOML; text needs no quotes: --set lock.gc_interval=2s

--despite-lock goes past the stuck lock of one HOLDER, as "aimctl lock status"
names it ("unknown" where it names nobody), once it is overdue. Such a patch lives
for 30 minutes unless --expires says otherwise, an hour at most, and counts once on
each drone.

--kind keys changes whom drones trust: FILE is what "aimctl keys new" made, and
those who hold the keys of today sign it, and those who hold the new ones.`,
		Example: `  aimctl patch new --live aim_lock_config.conf --fleet north --set lock.gc_interval=2s
  aimctl patch new --live aim_lock_config.conf --from next.conf --fleet north \
      --target patrol-01,patrol-02 --only lock,update_window.flight --expires 24h
  aimctl patch new --identity drone.toml --set update_window.flight=disarmed \
      --despite-lock fleet-updater --kill --notes "the lock of 23 November"`,
		Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if f.kind != patch.KindConfig {
				return a.newKeysPatch(cmd, f)
			}
			f.limited, f.override = cmd.Flags().Changed("only"), cmd.Flags().Changed("despite-lock")
			return a.newPatch(cmd, f)
		},
	}
	f.flags(cmd)
	return cmd
}

func (a *app) newPatch(cmd *cobra.Command, f newFlags) error {
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
	live, name, err := a.liveFile(f.live, id)
	if err != nil {
		return err
	}
	if live == nil {
		return usagef("say which live file it replaces: --live FILE")
	}
	content, err := a.shadow(f, live, id)
	if err != nil {
		return err
	}
	p, err := f.pack(live, content)
	if err != nil {
		return err
	}
	v, err := patching.Look("", p, f.created)
	if err != nil {
		return err
	}
	v.Dir = or(f.out, v.ID)
	v.Difference = patching.Compare(name, live, content, v.BaseSHA256)
	if err := writeFolder(v.Dir, p); err != nil {
		return err
	}
	return a.sayNew(v, live)
}

// shadow makes the next live file and refuses it as a drone would, and where it
// differs in more than was allowed.
func (a *app) shadow(f newFlags, live []byte, id *config.Identity) ([]byte, error) {
	var floor config.Safety
	v := verdict{File: patch.FileContent, Kind: kindLive}
	if id != nil {
		floor, v.Floor = id.Safety, a.identity
	}
	edit := patching.Edit{Set: f.settings, Now: f.created}
	if f.from != "" {
		var name string
		var err error
		if edit.From, name, err = a.readFile(f.from); err != nil {
			return nil, err
		}
		// As it stands, so that lines and columns are those of the file.
		if _, code, err := judgeLive(name, edit.From, floor); err != nil && len(f.settings) == 0 {
			v.File = name
			return nil, a.refuseNew(v, err, code)
		}
	}
	content, err := patching.Shadow(live, edit)
	if err != nil {
		return nil, err
	}
	if _, code, err := judgeLive(v.File, content, floor); err != nil {
		return nil, a.refuseNew(v, err, code)
	}
	if !f.limited {
		return content, nil
	}
	diff, err := patch.Diff(live, content)
	if err != nil {
		return nil, fmt.Errorf("--only: what differs cannot be told: %w", err)
	}
	if err := diff.Only(patching.Allowed(f.only)); err != nil {
		return nil, &exit{exitRefused, fmt.Errorf("--only: %w; nothing was written", err)}
	}
	return content, nil
}

// refuseNew prints the faults of the next live file, as "config check" does.
func (a *app) refuseNew(v verdict, err error, code int) error {
	err = a.printVerdict(v, err, code)
	fmt.Fprintln(a.err, "aimctl: no patch was made")
	return err
}

// pack makes the patch.
func (f *newFlags) pack(live, content []byte) (*patch.Package, error) {
	next, err := config.ParseLive(patch.FileContent, content)
	if err != nil {
		return nil, err
	}
	m := patch.Manifest{
		ID: or(f.id, patching.DefaultID(f.fleet, next.Version, f.created, patch.NewNonce())), Fleet: f.fleet, Targets: f.targets,
		ConfigVersion: next.Version, Created: f.created, Expires: f.expiring, Notes: f.notes,
	}
	if !f.anyBase {
		m.BaseSHA256 = patch.Hash(live)
	}
	if f.override {
		m.DespiteLock = &patch.Override{Nonce: patch.NewNonce(), Holder: f.holder, Kill: f.kill}
	}
	return patch.New(m, content)
}

// writeFolder writes a patch into a folder that must not be there yet.
func writeFolder(dir string, p *patch.Package) error {
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return err
	}
	err := os.Mkdir(dir, 0o755)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s is there already and is not overwritten: choose another --out", dir)
	}
	if err != nil {
		return err
	}
	if err := p.WriteFolder(dir); err != nil {
		os.RemoveAll(dir) // it was made here, a moment ago
		return err
	}
	return nil
}

// sayNew prints what was made, what is odd about it, and what to do next.
func (a *app) sayNew(v *patching.View, live []byte) error {
	for _, w := range v.Warnings(live) {
		fmt.Fprintf(a.err, "aimctl: warning: %s\n", w)
	}
	if a.json {
		return a.printJSON(v)
	}
	if err := a.page(v.Report()); err != nil {
		return err
	}
	return a.sayNext("Made in "+v.Dir+". Sign it:", "aimctl patch sign "+quoted(v.Dir)+" --key KEY")
}
