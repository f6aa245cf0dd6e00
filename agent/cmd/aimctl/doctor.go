package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/aim-control/aimlock/agent/cmd/aimctl/doctor"
	"github.com/aim-control/aimlock/agent/cmd/aimctl/words"
	"github.com/aim-control/aimlock/agent/locksmith"
	"github.com/aim-control/aimlock/firmware/durable"
)

// examination is what --json prints of an examination.
type examination struct {
	Drone  string         `json:"drone"` // "": no identity
	OK     int            `json:"ok"`
	Notes  int            `json:"notes"`
	Wrong  int            `json:"wrong"`
	Checks []doctor.Check `json:"checks"`
}

func (a *app) doctorCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "doctor",
		Short: "Examine this drone: what is wrong with it, and the remedy",
		Long: `doctor examines the drone that it runs on, in this order: identity and live
file, folders, the lock, the agent, the broker and the certificates, the clock,
buses and the chips on them, lines and who has them, the watchdog, the kernel,
hooks, disk and memory. Each is ok, a note (nothing is broken), or WRONG with
what to do.

It changes nothing. It takes neither the lock nor a line, does not open the
watchdog, never writes to a chip, and reads only where a known chip can be. Run
it as root: others may not see everything.

Exit code 1 when something is wrong.`,
		Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			x := a.examine(cmd.Context(), doctor.Kernel())
			if err := a.printExamination(x); err != nil {
				return err
			}
			if x.Wrong > 0 {
				return &exit{code: exitFailed}
			}
			return nil
		},
	}
}

func (a *app) examine(ctx context.Context, m doctor.Machine) examination {
	id, err := a.load()
	s := doctor.Subject{File: a.identity, Identity: id, Err: err, Lock: a.lockCheck}
	x := examination{}
	if id != nil {
		id.MQTT.Broker = or(a.broker, id.MQTT.Broker)
		x.Drone = id.Drone
		s.Floor = passed(id.Paths.State)
		s.Agent = func(ctx context.Context) (doctor.Check, bool) { return agentCheck(ctx, id.Paths.Run) }
	}
	x.Checks = doctor.Examine(ctx, m, s)
	x.OK, x.Notes, x.Wrong = doctor.Count(x.Checks, doctor.OK), doctor.Count(x.Checks, doctor.Note), doctor.Count(x.Checks, doctor.Wrong)
	return x
}

// passed is a time that has certainly passed, by which the agent judges
// certificates when the clock is behind it: when it was built, and the last
// commit under a clock that could be trusted. Zero: nothing is known.
func passed(state string) time.Time {
	at, _ := time.Parse(time.RFC3339, built)
	var saved struct {
		Floor int64 `json:"floor"` // Unix s
	}
	data, _, err := durable.PeekSlots(durable.Linux, filepath.Join(state, agentState))
	if err == nil && json.Unmarshal(data, &saved) == nil && time.Unix(saved.Floor, 0).After(at) {
		at = time.Unix(saved.Floor, 0)
	}
	return at
}

func (a *app) printExamination(x examination) error {
	if a.json {
		return a.printJSON(x)
	}
	r := words.Report{Head: fmt.Sprintf("%s: nothing is wrong.", or(x.Drone, "This drone"))}
	if x.Wrong > 0 {
		r.Head = fmt.Sprintf("%s: %d of %d checks found something WRONG.", or(x.Drone, "This drone"), x.Wrong, len(x.Checks))
	}
	for _, c := range x.Checks {
		label := c.Grade
		if c.Grade == doctor.Wrong {
			label = "WRONG"
		}
		first := c.Name + ": " + c.Found
		r.Add(label, append([]string{first}, c.Do...)...)
	}
	return a.page(r)
}

// lockCheck looks at the lock and takes nothing.
func (a *app) lockCheck() doctor.Check {
	c := doctor.Check{Name: "lock", Grade: doctor.Wrong, Do: []string{}}
	s, id, err := a.smith()
	var look locksmith.Look
	if err == nil {
		look, err = s.Look()
	}
	if errors.Is(err, fs.ErrPermission) {
		c.Grade, c.Do = doctor.Note, []string{"Look again as root:", "\tsudo aimctl lock status"}
	}
	if err != nil {
		c.Found = words.Clean(plain(err).Error(), 300)
		return c
	}
	r := row(look)
	at := a.place(id)
	c.Found = strings.Join(words.Lock(r.Lock, r.AtMS, at.Now.UnixMilli(), at), " ")
	if look.Verdict == locksmith.Free || look.Verdict == locksmith.Held {
		c.Grade = doctor.OK
		return c
	}
	c.Do = todo(look, r.Lock)
	return c
}

// agentCheck asks the agent how it is.
func agentCheck(ctx context.Context, run string) (c doctor.Check, runs bool) {
	c = doctor.Check{Name: "agent", Grade: doctor.Wrong, Do: []string{}}
	st, err := askStatus(ctx, run)
	dead := (*noAgent)(nil)
	switch {
	case errors.As(err, &dead) && dead.hangs:
		c.Found, c.Do = words.Clean(dead.Error(), 300), []string{"Start it again:", "\tsystemctl restart aimd"}
	case errors.As(err, &dead):
		c.Found, c.Do = words.Clean(dead.Error(), 300), []string{"Start it; if it ends again, see why:", "\tsystemctl start aimd", "\tjournalctl -u aimd -n 50"}
	case errors.Is(err, fs.ErrPermission):
		c.Grade, c.Found, c.Do = doctor.Note, words.Clean(err.Error(), 300), []string{"Ask again as root:", "\tsudo aimctl doctor"}
	case err != nil:
		c.Found, c.Do = words.Clean(err.Error(), 300), []string{"Agent and aimctl are not of one version, or another program listens there: install both anew."}
	case len(st.Faults) > 0:
		c.Grade, c.Do = doctor.Note, []string{"What each means and what to do:", "\taimctl status"}
		c.Found = words.Clean(fmt.Sprintf("aimd %s runs, state %s; it reports: %s", st.Agent, st.State, strings.Join(st.Faults, ", ")), 400)
		return c, true
	default:
		c.Grade, c.Found = doctor.OK, words.Clean(fmt.Sprintf("aimd %s runs, state %s", st.Agent, st.State), 200)
		return c, true
	}
	return c, false
}
