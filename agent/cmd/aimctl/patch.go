package main

import (
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/aim-control/aimlock/agent/cmd/aimctl/patching"
	"github.com/aim-control/aimlock/agent/cmd/aimctl/words"
	"github.com/aim-control/aimlock/agent/config"
	"github.com/aim-control/aimlock/firmware/patch"
)

func (a *app) patchCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "patch",
		Short: "Make, sign and look at a patch: the next live file for a fleet",
		Long: `patch makes a signed replacement of the live file, ` + config.LiveName + `.

A patch is a folder: patch.json says for whom, from which file and until when,
config.toml is the whole next live file, revert.json takes it back. Signatures
are minisign's: minisign -S -m patch.json makes the same.

  aimctl patch keygen                                 once: the fleet's signing key
  aimctl patch new --live FILE --set KEY=VALUE ...    the next file, and how it differs
  aimctl patch sign DIR --key FILE                    what drones ask for
  aimctl patch verify DIR --identity drone.toml       what that drone would say`,
		Args: cobra.ArbitraryArgs,
		RunE: group,
	}
	cmd.AddCommand(a.patchKeygenCmd(), a.patchNewCmd(), a.patchSignCmd(), a.patchShowCmd(), a.patchVerifyCmd())
	return cmd
}

// someIdentity is the identity, or nil where none was asked for and none is at
// the usual place: an operator's machine is no drone.
func (a *app) someIdentity(cmd *cobra.Command) (*config.Identity, error) {
	id, err := config.LoadIdentity(a.identity)
	switch {
	case !errors.Is(err, fs.ErrNotExist):
		return id, err
	case a.identityGiven(cmd):
		return a.load()
	}
	return nil, nil
}

// liveFile reads the live file: the one that is given, else the identity's. With
// neither, data is nil.
func (a *app) liveFile(path string, id *config.Identity) (data []byte, name string, err error) {
	switch {
	case path != "":
		return a.readFile(path)
	case id == nil:
		return nil, "", nil
	}
	data, name, err = a.readFile(id.Paths.Config)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, "", nil
	}
	return data, name, err
}

// readPatch reads a patch's folder and looks at it. Whoever made the folder
// chose names in it, so that errors are cleaned as well.
func readPatch(dir string, now time.Time) (*patch.Package, *patching.View, error) {
	p, err := patch.ReadFolder(dir)
	if err != nil {
		return nil, nil, cleaned(err)
	}
	v, err := patching.Look(dir, p, now)
	if err != nil {
		return p, nil, cleaned(fmt.Errorf("%s: %w", dir, err))
	}
	return p, v, nil
}

func cleaned(err error) error { return errors.New(words.Clean(err.Error(), 1000)) }

// page prints a report, as wide as the terminal.
func (a *app) page(r words.Report) error {
	width, _ := a.terminal()
	return r.Write(a.out, width, a.bold())
}

// sayNext ends a page with a command to type.
func (a *app) sayNext(what, command string) error {
	_, err := fmt.Fprintf(a.out, "\n%s\n  %s\n", what, command)
	return err
}

var plainWord = regexp.MustCompile(`^[A-Za-z0-9_./:@%+=,-]+$`)

// quoted is a word as a shell takes it.
func quoted(s string) string {
	if plainWord.MatchString(s) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
