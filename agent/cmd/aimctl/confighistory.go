package main

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/aim-control/aimlock/agent/cmd/aimctl/past"
	"github.com/aim-control/aimlock/agent/config"
	"github.com/aim-control/aimlock/firmware/durable"
	"github.com/aim-control/aimlock/firmware/store"
)

// storeFolder is the store's folder in the drone's state folder.
const storeFolder = "store"

// history is what this drone remembers of its configurations.
type history struct {
	id    *config.Identity
	past  *store.Past
	notes past.Notes
	rows  []past.Row
}

// errNoHistory: there is no store yet.
var errNoHistory = errors.New("no history yet: the agent has not run on this drone with this identity")

// history reads the state folder, beside the agent or without it.
func (a *app) history() (*history, error) {
	id, err := a.load()
	if err != nil {
		return nil, err
	}
	h := &history{id: id}
	h.past, err = store.Peek(durable.Linux, h.folder())
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("%w: %s is not there", errNoHistory, h.folder())
	case errors.Is(err, fs.ErrPermission):
		return nil, fmt.Errorf("may not read the drone's history, run aimctl as root: %w", err)
	case err != nil:
		return nil, err
	}
	if h.notes, err = past.ReadNotes(durable.Linux, id.Paths.State); err != nil {
		fmt.Fprintf(a.err, "aimctl: %v\n", err)
	}
	inForce := ""
	if data, err := durable.Read(durable.Linux, filepath.Join(id.Paths.State, lastGoodFile), config.MaxLive); err == nil {
		inForce = config.Hash(data)
	}
	h.rows = past.List(h.past, inForce, h.version, h.notes)
	return h, nil
}

func (h *history) folder() string { return filepath.Join(h.id.Paths.State, storeFolder) }

// version is the version in a content that is kept; 0: none, or it is not known.
func (h *history) version(sha string) int64 {
	data, err := store.PeekContent(durable.Linux, h.folder(), sha)
	if err != nil {
		return 0
	}
	live, err := config.ParseLive(config.LiveName, data)
	if err != nil {
		return 0
	}
	return live.Version
}

// content is what a row names.
func (h *history) content(r past.Row) ([]byte, error) {
	data, err := store.PeekContent(durable.Linux, h.folder(), r.SHA256)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s: its content is not kept", rowName(r))
	}
	return data, err
}

func rowName(r past.Row) string {
	if r.N == 0 {
		return past.Short(r.SHA256)
	}
	return fmt.Sprintf("number %d", r.N)
}

func (a *app) historyCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "history",
		Short: "What was in force on this drone, newest first",
		Long: `history lists what was in force on this drone, or was to be, newest first: the
last patches, and the last edits that somebody made on the drone and the agent
took over. It reads the agent's state folder and takes nothing, whether the agent
runs or not.

Kept are eight patches, how the last ones ended that did not stay, and beside
them eight local edits; where a program edits in quick succession, its edits push
out one another and nothing else. A content that comes again gets a new number.
Numbers never change. "config diff" and "config revert" take them.`,
		Example: "  aimctl config history",
		Args:    args(cobra.NoArgs),
		RunE: func(*cobra.Command, []string) error {
			h, err := a.history()
			if err != nil {
				return err
			}
			if a.json {
				return a.printJSON(h.rows)
			}
			if len(h.rows) == 0 {
				_, err := fmt.Fprintln(a.out, "Nothing yet: the agent has not put a configuration in force.")
				return err
			}
			if err := past.Write(a.out, h.rows, time.Local, a.bold()); err != nil {
				return err
			}
			_, err = fmt.Fprintf(a.out, "\n%s\n%s\n", h.live(), h.next())
			return err
		},
	}
}

// live says which of them the live file is.
func (h *history) live() string {
	path := h.id.Paths.Config
	data, err := durable.Read(durable.Linux, path, config.MaxLive)
	if err != nil {
		return "The live file cannot be read: " + plain(err).Error()
	}
	sha := config.Hash(data)
	for _, r := range h.rows {
		if r.SHA256 == sha && (r.State == past.InForce || r.State == past.Trial) {
			return "The live file is " + rowName(r) + ", " + r.State + "."
		}
	}
	if _, err := config.CheckLive(path, data, h.id.Safety); err != nil {
		return "The live file was changed and HAS FAULTS: aimctl config check " + quoted(path)
	}
	return "The live file is none that is in force (" + past.Short(sha) + "): the agent takes it over once the drone is disarmed. See it: aimctl config diff " + h.newest() + " live"
}

// newest is what "config diff" calls what is in force.
func (h *history) newest() string {
	for _, r := range h.rows {
		if r.State == past.InForce && r.N > 0 {
			return fmt.Sprint(r.N)
		}
	}
	return past.Short(h.rows[0].SHA256)
}

// next is what the next patch must be.
func (h *history) next() string {
	return fmt.Sprintf("The next patch must have a version above %d: no local change raises that.", h.past.High)
}

// completeHistory completes up to most numbers of the history, and words, for a
// shell.
func (a *app) completeHistory(most int, words ...cobra.Completion) cobra.CompletionFunc {
	return func(_ *cobra.Command, before []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		h, err := a.history()
		if err != nil || len(before) >= most {
			return nil, cobra.ShellCompDirectiveDefault
		}
		for _, r := range h.rows {
			if r.N > 0 && r.Kept {
				words = append(words, cobra.CompletionWithDesc(fmt.Sprint(r.N), fmt.Sprintf("version %d, %s, %s", r.Version, r.From(), r.State)))
			}
		}
		return words, cobra.ShellCompDirectiveDefault
	}
}

// find is the row that a number or the beginning of a hash names; ok is false
// where word is neither.
func (h *history) find(word string) (row past.Row, ok bool, err error) {
	for _, r := range h.rows {
		if r.N > 0 && fmt.Sprint(r.N) == word {
			return r, true, nil
		}
	}
	if len(word) < 4 || strings.Trim(word, "0123456789abcdef") != "" {
		return past.Row{}, false, nil
	}
	for _, r := range h.rows {
		switch {
		case !strings.HasPrefix(r.SHA256, word):
		case ok && r.SHA256 != row.SHA256:
			return past.Row{}, true, usagef("%s begins more than one hash of the history: %s and %s", word, past.Short(row.SHA256), past.Short(r.SHA256))
		case !ok:
			row, ok = r, true
		}
	}
	return row, ok, nil
}
