package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/aim-control/aimlock/agent/cmd/aimctl/words"
	"github.com/aim-control/aimlock/agent/config"
)

// keyRow is one key as --json prints it.
type keyRow struct {
	File    string `json:"file"` // live or identity
	Key     string `json:"key"`
	Type    string `json:"type"`
	Range   string `json:"range"`
	Default string `json:"default"`
	Meaning string `json:"meaning"`
}

func (a *app) keysCmd() *cobra.Command {
	return &cobra.Command{
		Use:     "keys [KEY]",
		Short:   "Every key of the live file and the identity: type, range, default, meaning",
		Long:    `keys documents every key of both files, or those whose name contains KEY.`,
		Example: "  aimctl config keys\n  aimctl config keys safe_pause",
		Args:    args(cobra.MaximumNArgs(1)),
		RunE: func(_ *cobra.Command, list []string) error {
			part := ""
			if len(list) == 1 {
				part = list[0]
			}
			rows := append(keyRows(kindLive, config.Keys(), part), keyRows(kindIdentity, config.IdentityKeys(), part)...)
			if a.json {
				return a.printJSON(rows)
			}
			if len(rows) == 0 {
				return fmt.Errorf("no key contains %q; aimctl config keys lists them all", part)
			}
			width, _ := a.terminal()
			return printKeys(a.out, rows, width, a.bold())
		},
	}
}

func keyRows(file string, docs []config.KeyDoc, part string) []keyRow {
	rows := []keyRow{}
	for _, d := range docs {
		if strings.Contains(d.Key, part) {
			rows = append(rows, keyRow{file, d.Key, d.Type, d.Range, d.Default, d.Meaning})
		}
	}
	return rows
}

// fileTitle heads the keys of one file.
var fileTitle = map[string]string{
	kindLive:     "The live file, " + config.LiveName + " (patched by the fleet's operators)",
	kindIdentity: "The identity, drone.toml (of this drone alone, never patched)",
}

func printKeys(w io.Writer, rows []keyRow, width int, bold func(string) string) error {
	if bold == nil {
		bold = func(s string) string { return s }
	}
	var b strings.Builder
	file := ""
	for _, r := range rows {
		if r.File != file {
			if file != "" {
				b.WriteByte('\n')
			}
			file = r.File
			fmt.Fprintf(&b, "%s\n", fileTitle[file])
		}
		fmt.Fprintf(&b, "\n  %s\n", bold(r.Key))
		facts := r.Type
		if r.Range != "" {
			facts += ", " + r.Range
		}
		if r.Default != "" {
			facts += "; default " + r.Default
		}
		for _, text := range []string{facts, r.Meaning} {
			for _, line := range words.Wrap(text, width-6) {
				fmt.Fprintf(&b, "      %s\n", line)
			}
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}
