package main

import (
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/aim-control/aimlock/agent/telemetry"
	"github.com/aim-control/aimlock/firmware/patch"
)

// Outcomes of a command beyond a drone's own done, refused and failed.
const (
	outcomeSilent  = "silent"  // no answer in time
	outcomeOffline = "offline" // not sent: nobody would have read it
)

// outcome is what became of the command to one drone, as --json prints it.
type outcome struct {
	Drone   string `json:"drone"`
	ID      string `json:"id"`
	Outcome string `json:"outcome"`
	Reason  string `json:"reason"`
}

// orderFlags are the flags of all of them.
type orderFlags struct {
	reach
	keys    []string
	hold    time.Duration // pause
	patch   string        // withdraw, revert: its id
	folder  string        // revert: of the patch, with the revert that was signed with it
	timeout time.Duration
}

func (a *app) commandCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "command",
		Short: "Tell drones to hold, to go on, to report, or to drop a patch (signed)",
		Long: `command sends a signed command to each DRONE and waits for its answer.

A command is bound to one drone and its present boot, and counts only once: a
drone that is offline does not get it later. Exit code 3 when a drone refuses,
1 when one fails or does not answer.`,
		Args: cobra.ArbitraryArgs,
		RunE: group,
	}
	cmd.AddCommand(
		a.orderCmd("pause", "Hold position now; refuse to arm on the ground"),
		a.orderCmd("resume", "End a hold that \"command pause\" began (no other)"),
		a.orderCmd("report", "Report the status now"),
		a.orderCmd("withdraw", "Drop a patch that waits to be applied"),
		a.orderCmd("revert", "Take the patch that is in force back"),
	)
	return cmd
}

// more ends the example of a verb.
var more = map[string]string{
	"withdraw": " --patch north-42-261124-89f198",
	"revert":   " --patch north-42-261124-89f198\n  aimctl command revert patrol-03 --folder patches/mine",
}

func (a *app) orderCmd(verb, short string) *cobra.Command {
	var f orderFlags
	cmd := &cobra.Command{
		Use:     verb + " DRONE...",
		Short:   short,
		Example: fmt.Sprintf("  aimctl command %s patrol-03 --key operator.key", verb) + more[verb],
		Args:    args(cobra.MinimumNArgs(1)),
		RunE: func(cmd *cobra.Command, drones []string) error {
			return a.order(cmd, verb, drones, f)
		},
	}
	f.flags(cmd)
	fl := cmd.Flags()
	fl.StringArrayVar(&f.keys, "key", nil, "minisign secret key `FILE`; repeat it when the drones ask for several signatures")
	fl.DurationVar(&f.timeout, "timeout", 10*time.Second, "how long to wait for each answer")
	switch verb {
	case "withdraw":
		fl.StringVar(&f.patch, "patch", "", "`ID` of the patch")
	case "revert":
		fl.StringVar(&f.patch, "patch", "", "`ID` of the patch")
		fl.StringVar(&f.folder, "folder", "", "or the patch's folder `DIR`: the revert that was signed with it needs no key")
	case "pause":
		fl.DurationVar(&f.hold, "hold", time.Minute, "end the hold by itself after `DURATION`; the drone's max_hold bounds it")
	}
	return cmd
}

func (a *app) order(cmd *cobra.Command, verb string, drones []string, f orderFlags) error {
	for _, d := range drones {
		if !telemetry.ValidName(d) {
			return usagef("drone %q: a name is [a-z0-9][a-z0-9-]{0,31}", d)
		}
	}
	about := verb == "withdraw" || verb == "revert"
	switch {
	case about && f.patch == "" && f.folder == "":
		return usagef("say which patch: --patch ID")
	case f.folder != "" && (f.patch != "" || len(f.keys) > 0):
		return usagef("--folder stands alone: the revert in it names its patch and is signed")
	case f.folder == "" && len(f.keys) == 0:
		return usagef("say whose command it is: --key FILE, a minisign secret key that the drones trust")
	case verb == "pause" && f.hold < time.Second:
		return usagef("--hold %v: at least 1s", f.hold)
	case f.timeout <= 0:
		return usagef("--timeout %v: more than 0", f.timeout)
	}
	slices.Sort(drones)
	drones = slices.Compact(drones)
	keys, err := a.readKeys(f.keys)
	if err != nil {
		return err
	}
	b, err := a.reachBroker(cmd, f.reach)
	if err != nil {
		return err
	}
	ctx, stop := interruptible(cmd.Context())
	defer stop()
	o := &operator{fleet: b.fleet, verb: verb, hold: f.hold, arg: f.patch, patience: f.timeout, sign: keys.sign, count: a.nextCounter}
	if f.folder != "" {
		if o.ready, err = signedRevert(f.folder); err != nil {
			return err
		}
	}
	outcomes, err := o.run(ctx, b, drones)
	if err != nil {
		return err
	}
	return a.sayOutcomes(verb, outcomes)
}

// signedRevert is the message that takes a patch back, signed with the patch.
func signedRevert(dir string) ([]byte, error) {
	p, err := patch.ReadFolder(dir)
	if err != nil {
		return nil, plain(err)
	}
	r, err := patch.ParseSignedRevert(p.Revert)
	if err != nil || len(r.Signatures) == 0 {
		return nil, &exit{exitRefused, fmt.Errorf("%s has no signed revert; name its patch with --patch ID and sign the command with --key FILE", dir)}
	}
	return p.Revert, nil
}

// sayOutcomes prints what became of each and returns the worst as exit code.
func (a *app) sayOutcomes(verb string, list []outcome) error {
	code := exitDone
	for _, o := range list {
		switch {
		case o.Outcome == "done":
		case o.Outcome == "refused" && code != exitFailed:
			code = exitRefused
		default:
			code = exitFailed
		}
		if a.json {
			if err := a.printJSON(o); err != nil {
				return err
			}
		} else if _, err := fmt.Fprintf(a.out, "%s: %s\n", o.Drone, outcomeText(verb, o)); err != nil {
			return err
		}
	}
	if code != exitDone {
		return &exit{code: code}
	}
	return nil
}
