package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/aim-control/aimlock/agent/config"
)

// defaultIdentity is where a drone keeps its identity.
const defaultIdentity = "/etc/aimlock/drone.toml"

// app is what all commands share: the streams and the global flags.
type app struct {
	out, err io.Writer
	in       *os.File

	identity string // path of the identity
	broker   string // URL; empty: the identity's
	ring     string // path of the ring that drones have; empty: the drone's, or the identity's
	json     bool
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "aimctl",
		Short: "Look after a drone's configuration lock, its pauses and its fleet",
		Long: `aimctl tells what a drone does and why, and helps to set it right.

On a drone, start with:       aimctl status
If something is wrong there:  aimctl doctor
For the fleet, start with:    aimctl watch`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.ArbitraryArgs,
		RunE:          group,
	}
	root.SetOut(a.out)
	root.SetErr(a.err)
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return &exit{exitUsage, err} })
	identity := defaultIdentity
	if env := os.Getenv("AIM_IDENTITY"); env != "" {
		identity = env
	}
	pf := root.PersistentFlags()
	pf.StringVar(&a.identity, "identity", identity, "the drone's identity `FILE` (or set AIM_IDENTITY)")
	pf.StringVar(&a.broker, "broker", "", "MQTT broker `URL`, mqtts://HOST:8883 (default: the identity's)")
	pf.StringVar(&a.ring, "ring", "", "the keys that drones trust now, a keyring.json `FILE` (default: this drone's keyring, or the identity's trust)")
	pf.BoolVar(&a.json, "json", false, "print JSON, one document a line")
	root.AddCommand(a.statusCmd(), a.ledCmd(), a.configCmd(), a.lockCmd(), a.watchCmd(), a.commandCmd(), a.patchCmd(), a.ringCmd(), a.rolloutCmd(), a.doctorCmd(), a.bundleCmd(), a.versionCmd())
	return root
}

// group is the action of a command that only has sub-commands: help when it
// stands alone, which is an error below the root, and a usage error when the
// word after it is not known.
func group(cmd *cobra.Command, args []string) error {
	if len(args) == 0 && !cmd.HasParent() {
		return cmd.Help()
	}
	if len(args) == 0 {
		cmd.SetOut(cmd.ErrOrStderr())
		return errors.Join(cmd.Help(), &exit{code: exitUsage})
	}
	for far := 1; far <= 2; far++ {
		cmd.SuggestionsMinimumDistance = far
		if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
			return usagef("%s has no command %q; did you mean %q?", cmd.CommandPath(), args[0], near[0])
		}
	}
	return usagef("%s has no command %q", cmd.CommandPath(), args[0])
}

// args makes a failed check of the arguments a usage error.
func args(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, list []string) error {
		if err := check(cmd, list); err != nil {
			return &exit{exitUsage, err}
		}
		return nil
	}
}

// load reads the identity.
func (a *app) load() (*config.Identity, error) {
	id, err := config.LoadIdentity(a.identity)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("no identity at %s: give the drone's with --identity FILE", a.identity)
	}
	return id, err
}

// identityGiven tells whether somebody asked for this very identity.
func (a *app) identityGiven(cmd *cobra.Command) bool {
	return cmd.Flags().Changed("identity") || os.Getenv("AIM_IDENTITY") != ""
}

// printJSON prints one document on one line.
func (a *app) printJSON(v any) error {
	enc := json.NewEncoder(a.out)
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// terminal tells the width of the terminal that output goes to; ok is false
// when it goes elsewhere, and then the width is 80.
func (a *app) terminal() (width int, ok bool) {
	f, isFile := a.out.(*os.File)
	if !isFile || !term.IsTerminal(int(f.Fd())) {
		return 80, false
	}
	if w, _, err := term.GetSize(int(f.Fd())); err == nil && w > 0 {
		return min(w, 100), true
	}
	return 80, true
}

// bold marks what matters most, on a terminal that can and may show it.
func (a *app) bold() func(string) string {
	if _, ok := a.terminal(); !ok || !colourful() {
		return nil
	}
	return func(s string) string { return "\x1b[1m" + s + "\x1b[0m" }
}
