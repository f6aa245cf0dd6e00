package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/aim-control/aimlock/agent/cmd/aimctl/patching"
	"github.com/aim-control/aimlock/agent/cmd/aimctl/words"
	"github.com/aim-control/aimlock/agent/config"
	"github.com/aim-control/aimlock/firmware/patch"
)

func (a *app) ringCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "keys",
		Short: "Whom a drone trusts, and the next version of that",
		Long: `keys shows whose signatures count on a drone, and makes the next ring of keys.

A drone begins with the keys of its identity. They change by a signed patch:

  aimctl keys new --remove config=OLD.pub --add config=NEW.pub
  aimctl patch new --kind keys --from keyring.json
  aimctl patch sign DIR --key A.key       by as many as must sign, of keys
  aimctl rollout start DIR --key OPERATOR.key

Those who hold the present keys sign, and those who hold the next ones, so that
nobody is locked out.`,
		Args: cobra.ArbitraryArgs,
		RunE: group,
	}
	cmd.AddCommand(a.ringShowCmd(), a.ringNewCmd())
	return cmd
}

// ringJSON is what "keys show --json" prints.
type ringJSON struct {
	Drone     string     `json:"drone"` // "": a ring of a file
	Fleet     string     `json:"fleet"`
	Version   int64      `json:"version"`
	Threshold int        `json:"threshold"`
	SHA256    string     `json:"sha256"` // the base of the next change
	Root      string     `json:"root"`   // hash of the identity's ring; "": not known
	From      string     `json:"from"`   // the file
	Aside     int64      `json:"aside"`  // version of a ring on the drone that descends from another identity; 0: none
	Roles     []roleJSON `json:"roles"`
	Changes   []ringDone `json:"changes"` // the last ones, oldest first
	Warnings  []string   `json:"warnings"`
}

type roleJSON struct {
	Role string    `json:"role"`
	Keys []keyJSON `json:"keys"`
}

type keyJSON struct {
	ID     string `json:"id"`
	Public string `json:"public"`
}

// ringDone is a change that was made.
type ringDone struct {
	Version int64  `json:"version"`
	SHA256  string `json:"sha256"`
	Patch   string `json:"patch"`
	At      string `json:"at"` // by the drone's clock
}

func (a *app) ringShowCmd() *cobra.Command {
	var line bool
	cmd := &cobra.Command{
		Use:   "show",
		Short: "Whose signatures count, where that is written, and how it came about",
		Long: `show tells which keys are in force on this drone (--identity), or stand in a file
(--ring), and what may be risky about them.

--trust prints them as the line of an identity (drone.toml) instead: so a new drone
begins with the keys, and the version, that its fleet has by now.`,
		Example: "  aimctl keys show\n  aimctl keys show --ring keyring.json --trust",
		Args:    args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			id, err := a.someIdentity(cmd)
			if err != nil {
				return err
			}
			r, err := a.ringOf(id)
			switch {
			case err != nil:
				return err
			case r == nil:
				return usagef("say whose keys: --identity FILE, or --ring FILE")
			case line:
				_, err := fmt.Fprintln(a.out, trustLine(r.Ring))
				return err
			}
			j := ringTold(r, id)
			if a.json {
				return a.printJSON(j)
			}
			return a.page(j.report())
		},
	}
	cmd.Flags().BoolVar(&line, "trust", false, "print the identity's line")
	return cmd
}

// trustLine is the ring as an identity has it.
func trustLine(r *patch.Ring) string {
	var b strings.Builder
	fmt.Fprintf(&b, "trust = { version = %d, threshold = %d", r.Version, r.Threshold)
	for _, role := range r.Roles() {
		fmt.Fprintf(&b, ", %s = [", role.Name)
		for i, k := range role.Keys {
			if i > 0 {
				b.WriteString(", ")
			}
			b.WriteString(strconv.Quote(k))
		}
		b.WriteString("]")
	}
	return b.String() + " }"
}

func ringTold(r *ringFound, id *config.Identity) ringJSON {
	j := ringJSON{Version: r.Version, Threshold: r.Threshold, SHA256: r.SHA256(), Root: r.root, From: r.from, Roles: []roleJSON{}, Changes: []ringDone{},
		Warnings: append([]string{}, patching.RingWarnings(r.Ring)...)}
	for _, role := range r.Roles() {
		list := roleJSON{Role: role.Name, Keys: []keyJSON{}}
		for i, kid := range patching.KeyIDs(role.Keys) {
			list.Keys = append(list.Keys, keyJSON{kid, role.Keys[i]})
		}
		j.Roles = append(j.Roles, list)
	}
	if r.chain == nil {
		return j
	}
	j.Drone, j.Fleet, j.Aside = id.Drone, id.Fleet, r.chain.Aside()
	for _, line := range r.chain.Changes() {
		var at int64
		var d ringDone
		if _, err := fmt.Sscanf(line, "%d %s %d %s", &d.Version, &d.SHA256, &at, &d.Patch); err == nil {
			d.At = time.Unix(at, 0).UTC().Format(time.RFC3339)
			j.Changes = append(j.Changes, d)
		}
	}
	return j
}

func (j ringJSON) report() words.Report {
	who := patching.Visible(j.From, 200)
	if j.Drone != "" {
		who = j.Drone + " of fleet " + j.Fleet
	}
	r := words.Report{Head: fmt.Sprintf("%s: version %d of the keys; %d must sign.", who, j.Version, j.Threshold)}
	for _, role := range j.Roles {
		var lines []string
		for _, k := range role.Keys {
			lines = append(lines, "\t"+k.ID+"  "+k.Public)
		}
		if len(lines) == 0 {
			lines = []string{"Nobody."}
		}
		r.Add(role.Role, lines...)
	}
	r.Add("From", patching.Visible(j.From, 200))
	r.Add("Base", "SHA-256, of which the next change is made:", "\t"+j.SHA256)
	if j.Root != "" && j.Root != j.SHA256 {
		r.Add("Root", "It descends from the identity's, SHA-256", "\t"+j.Root)
	}
	var changes []string
	for _, c := range j.Changes {
		changes = append(changes, fmt.Sprintf("Version %d at %s, by %s", c.Version, c.At, patching.Visible(c.Patch, 64)))
	}
	r.Add("Changes", changes...)
	if j.Aside > 0 {
		r.Add("Set aside", fmt.Sprintf("A keyring, version %d, that descends from another trust than this identity's. If the identity is older than it, correct its trust.", j.Aside))
	}
	r.Add("Care", j.Warnings...)
	return r
}
