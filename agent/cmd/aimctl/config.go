package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"

	"github.com/spf13/cobra"

	"github.com/aim-control/aimlock/agent/config"
)

// The kinds of file that "config check" knows.
const (
	kindLive     = "live"
	kindIdentity = "identity"
)

func (a *app) configCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "config",
		Short: "The live file: check, history, differences, edit, go back; its keys",
		Args:  cobra.ArbitraryArgs,
		RunE:  group,
	}
	cmd.AddCommand(a.checkCmd(), a.historyCmd(), a.diffCmd(), a.editCmd(), a.revertCmd(), a.keysCmd())
	return cmd
}

func (a *app) checkCmd() *cobra.Command {
	var kind string
	cmd := &cobra.Command{
		Use:   "check FILE",
		Short: "Say everything that is wrong with a live file or an identity",
		Long: `check reads FILE ("-": standard input) as strictly as the agent does and lists
every fault with its line and column and what would be right. It changes nothing.

A live file is also held against the safety floor of the drone's identity, when
--identity is given or ` + defaultIdentity + ` exists: exit code 3 says that the
file is sound in itself and that only the floor refuses it.`,
		Example: "  aimctl config check /etc/aimlock/aim_lock_config.conf\n" +
			"  aimctl config check drone.toml",
		Args: args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, list []string) error {
			if kind != "" && kind != kindLive && kind != kindIdentity {
				return usagef("--kind is %s or %s, not %q", kindLive, kindIdentity, kind)
			}
			return a.check(cmd, list[0], kind)
		},
	}
	cmd.Flags().StringVar(&kind, "kind", "", "read FILE as `KIND`: live or identity (default: by its content)")
	return cmd
}

// verdict is what "config check --json" prints.
type verdict struct {
	File     string    `json:"file"`
	Kind     string    `json:"kind"`
	OK       bool      `json:"ok"`
	Version  int64     `json:"version"` // of a live file
	Floor    string    `json:"floor"`   // the identity whose safety floor was used, "" for none
	Problems []problem `json:"problems"`
}

type problem struct {
	File   string `json:"file"`
	Line   int    `json:"line"`
	Col    int    `json:"col"`
	Key    string `json:"key"`
	What   string `json:"what"`
	Remedy string `json:"remedy"`
}

func (a *app) check(cmd *cobra.Command, path, kind string) error {
	data, name, err := a.readFile(path)
	if err != nil {
		return err
	}
	if kind == "" {
		kind = guessKind(name, data)
	}
	v := verdict{File: name, Kind: kind}
	code := exitFailed
	if kind == kindIdentity {
		_, err = config.ParseIdentity(name, data)
	} else {
		var floor config.Safety
		if floor, v.Floor, err = a.floor(cmd); err != nil {
			return err
		}
		v.Version, code, err = judgeLive(name, data, floor)
	}
	return a.printVerdict(v, err, code)
}

// judgeLive checks a live file strictly and against the safety floor: its
// version, or what is wrong and the exit code that says whether the floor alone
// refuses it.
func judgeLive(name string, data []byte, floor config.Safety) (version int64, code int, err error) {
	live, err := config.CheckLive(name, data, floor)
	if err == nil {
		return live.Version, exitDone, nil
	}
	if _, own := config.ParseLive(name, data); own == nil {
		return 0, exitRefused, err
	}
	return 0, exitFailed, err
}

// printVerdict prints v, with the faults that err says, and returns code if there
// are any.
func (a *app) printVerdict(v verdict, err error, code int) error {
	var ps config.Problems
	if err != nil && !errors.As(err, &ps) {
		return err
	}
	v.OK, v.Problems = err == nil, []problem{}
	for _, p := range ps {
		v.Problems = append(v.Problems, problem(p))
	}
	if a.json {
		if err := a.printJSON(v); err != nil {
			return err
		}
	} else if v.OK {
		fmt.Fprintf(a.out, "%s: good\n", v.File)
		if v.Kind == kindLive {
			fmt.Fprintf(a.out, "Live file, version %d. %s\n", v.Version, floorText(v.Floor))
		} else {
			fmt.Fprintln(a.out, "Identity of a drone.")
		}
	} else {
		fmt.Fprintln(a.out, ps.Error())
		what := fmt.Sprintf("%d faults", len(ps))
		if len(ps) == 1 {
			what = "1 fault"
		}
		if code == exitRefused {
			what += " against the safety floor of " + v.Floor
		}
		fmt.Fprintf(a.err, "aimctl: %s: %s\n", v.File, what)
	}
	if v.OK {
		return nil
	}
	return &exit{code: code}
}

func floorText(floor string) string {
	if floor == "" {
		return "No drone's safety floor was checked (--identity FILE checks it too)."
	}
	return "Within the safety floor of " + floor + "."
}

// floor is the safety floor to hold a live file against, and whose it is.
func (a *app) floor(cmd *cobra.Command) (config.Safety, string, error) {
	id, err := config.LoadIdentity(a.identity)
	if errors.Is(err, fs.ErrNotExist) && !a.identityGiven(cmd) {
		return config.Safety{}, "", nil
	}
	if err != nil {
		return config.Safety{}, "", fmt.Errorf("the safety floor cannot be read: %w", err)
	}
	return id.Safety, a.identity, nil
}

// readFile reads a file, or standard input for "-", up to the limit of a live
// file; an identity is smaller still.
func (a *app) readFile(path string) (data []byte, name string, err error) {
	in, name := io.Reader(a.in), "<stdin>"
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return nil, "", err
		}
		defer f.Close()
		in, name = f, path
	}
	data, err = io.ReadAll(io.LimitReader(in, config.MaxLive+1))
	if err == nil && len(data) > config.MaxLive {
		err = fmt.Errorf("%s is larger than %d KiB: this is no configuration", name, config.MaxLive>>10)
	}
	return data, name, err
}

var identityKey = regexp.MustCompile(`(?m)^\s*(drone\s*=|fleet\s*=|board\s*=|\[?mqtt\b|\[?trust\b)`)

// guessKind tells an identity from a live file by its name, else by keys that
// only an identity has, so that a file with faults in it is recognised too.
func guessKind(name string, data []byte) string {
	switch base := filepath.Base(name); {
	case base == config.LiveName:
		return kindLive
	case base == "drone.toml", identityKey.Match(data):
		return kindIdentity
	}
	return kindLive
}
