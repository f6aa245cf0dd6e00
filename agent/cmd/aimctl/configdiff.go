package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/aim-control/aimlock/agent/cmd/aimctl/past"
	"github.com/aim-control/aimlock/agent/config"
	"github.com/aim-control/aimlock/firmware/durable"
)

// liveWord is the live file for "config diff".
const liveWord = "live"

// Exit codes of "config diff", which are diff's.
const (
	exitDiffers     = 1
	exitDiffTrouble = 2
)

func (a *app) diffCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "diff A B",
		Short: "How two configurations differ, line by line and key by key",
		Long: `diff compares two configurations: their text, as diff -u does, and then key by
key. A and B are each

  live     the live file
  7        a number of "config history"
  1a2b3c   the beginning of a hash of it, 4 digits or more
  FILE     a file ("./7" where its name looks like one of these; "-": standard input)

Exit code: 0 when they are the same bytes, 1 when they differ, 2 when they cannot
be compared.`,
		Example: "  aimctl config diff 6 live\n" +
			"  aimctl config diff live next.conf",
		Args:              args(cobra.ExactArgs(2)),
		ValidArgsFunction: a.completeHistory(2, liveWord),
		RunE: func(_ *cobra.Command, argv []string) error {
			same, err := a.configDiff(argv[0], argv[1])
			switch {
			case err != nil: // said here: it is no wrong use, though 2 stands for that elsewhere
				fmt.Fprintf(a.err, "aimctl: %v\n", err)
				return &exit{code: exitDiffTrouble}
			case !same:
				return &exit{code: exitDiffers}
			}
			return nil
		},
	}
}

func (a *app) configDiff(one, other string) (same bool, err error) {
	older, err := a.side(one)
	if err != nil {
		return false, err
	}
	newer, err := a.side(other)
	if err != nil {
		return false, err
	}
	d := past.Compare(older, newer)
	if a.json {
		return d.Same, a.printJSON(d)
	}
	return d.Same, d.Write(a.out, a.diffStyle())
}

func (a *app) diffStyle() past.Style {
	_, terminal := a.terminal()
	return past.Style{Terminal: terminal, Colours: terminal && colourful()}
}

// side is what A or B names.
func (a *app) side(word string) (past.Side, error) {
	if word == liveWord {
		id, err := a.load()
		if err != nil {
			return past.Side{}, err
		}
		data, err := durable.Read(durable.Linux, id.Paths.Config, config.MaxLive)
		return past.Side{Name: id.Paths.Config, Data: data}, err
	}
	why := error(nil)
	if !strings.ContainsAny(word, "/.") && word != "-" {
		h, err := a.history()
		if err == nil {
			row, ok, err := h.find(word)
			if ok && err == nil {
				data, err := h.content(row)
				return past.Side{Name: fmt.Sprintf("%s (%s)", rowName(row), row.From()), Data: data}, err
			}
			if ok {
				return past.Side{}, err
			}
		}
		why = err
	}
	data, name, err := a.readFile(word)
	if errors.Is(err, fs.ErrNotExist) && why != nil {
		return past.Side{}, why
	}
	if errors.Is(err, os.ErrNotExist) {
		err = fmt.Errorf("%s is neither in the history (aimctl config history) nor a file", word)
	}
	return past.Side{Name: name, Data: data}, err
}
