package main

import (
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/aim-control/aimlock/agent/cmd/aimctl/words"
	"github.com/aim-control/aimlock/agent/config"
	"github.com/aim-control/aimlock/agent/locksmith"
	"github.com/aim-control/aimlock/agent/telemetry"
	"github.com/aim-control/aimlock/firmware/durable"
)

// bootFile names the boot of a simulated drone, in its run folder: it reboots
// without the machine that it runs on.
const bootFile = "boot_id"

func (a *app) lockCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "lock",
		Short: "The lock on this drone's configuration: look, use, free",
		Args:  cobra.ArbitraryArgs,
		RunE:  group,
	}
	cmd.AddCommand(a.lockStatusCmd(), a.lockRunCmd(), a.lockCommitCmd(), a.lockClearCmd())
	return cmd
}

// smith opens the lock of the identity's drone. The agent need not run.
func (a *app) smith() (*locksmith.Smith, *config.Identity, error) {
	id, err := a.load()
	if err != nil {
		return nil, nil, err
	}
	host, err := locksmith.KernelHost()
	if err != nil {
		return nil, nil, err
	}
	if id.Board == "sim" {
		if boot, err := os.ReadFile(filepath.Join(id.Paths.Run, bootFile)); err == nil {
			host.BootID = strings.TrimSpace(string(boot))
		}
	}
	paths := locksmith.Paths{Run: id.Paths.Run, State: id.Paths.State, Name: lockName}
	s, err := locksmith.Open(durable.Linux, paths, host, func() time.Duration { return longestLease(id) })
	return s, id, err
}

// lockName is the live file's without its extension.
var lockName = strings.TrimSuffix(config.LiveName, filepath.Ext(config.LiveName))

// longestLease is the live file's lock.ttl; 0, which stands for the default,
// while that file is missing or has faults.
func longestLease(id *config.Identity) time.Duration {
	data, err := durable.Read(durable.Linux, id.Paths.Config, config.MaxLive)
	if err != nil {
		return 0
	}
	live, err := config.CheckLive(id.Paths.Config, data, id.Safety)
	if err != nil {
		return 0
	}
	return live.Lock.TTL
}

// person is who claims a lease: the one who typed, also behind sudo.
func person() string {
	for _, env := range []string{"SUDO_USER", "LOGNAME", "USER"} {
		if name := os.Getenv(env); name != "" && name != "root" {
			return name
		}
	}
	if u, err := user.Current(); err == nil && u.Username != "" {
		return u.Username
	}
	return fmt.Sprintf("uid %d", os.Getuid())
}

// lockRow is what --json prints of a look.
type lockRow struct {
	telemetry.Lock
	Refused  bool       `json:"refused"` // the kernel refuses it to others
	AtMS     int64      `json:"at_ms"`   // CLOCK_BOOTTIME of the look
	Evidence string     `json:"evidence"`
	Owners   []ownerRow `json:"owners"` // processes that have it open, of ORPHAN and UNKNOWN
}

type ownerRow struct {
	PID  int    `json:"pid"`
	Name string `json:"name"`
}

// row puts a look in the words of the wire, so that "lock status" and "status"
// say the same.
func row(l locksmith.Look) lockRow {
	r := lockRow{Refused: l.Verdict.Refused(), AtMS: ms(l.At), Evidence: l.Evidence, Owners: []ownerRow{}}
	r.Verdict = l.Verdict.String()
	if l.HasRecord {
		rec := l.Record
		r.Holder, r.Role, r.Reason, r.Epoch = rec.Holder, rec.Role, rec.Reason, rec.Epoch
		r.PID = int64(rec.Process.PID)
		r.SinceMS, r.UntilMS = ms(rec.Acquired), ms(l.Deadline)
	}
	for _, o := range l.Owners {
		r.Owners = append(r.Owners, ownerRow{o.PID, o.Name})
	}
	return r
}

func ms(ns int64) int64 { return ns / int64(time.Millisecond) }

func (a *app) lockStatusCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "status",
		Short: "Who holds the lock, since when, until when, and what to do",
		Long: `status looks at the lock itself, whether the agent runs or not. It takes nothing:
nobody is ever refused because of a look.`,
		Args: args(cobra.NoArgs),
		RunE: func(*cobra.Command, []string) error {
			s, id, err := a.smith()
			if err != nil {
				return err
			}
			look, err := s.Look()
			if err != nil {
				return err
			}
			if a.json {
				return a.printJSON(row(look))
			}
			width, _ := a.terminal()
			return lockReport(look, a.place(id)).Write(a.out, width, a.bold())
		},
	}
}

// lockReport is a look for a technician.
func lockReport(l locksmith.Look, at words.Place) words.Report {
	r := row(l)
	lines := words.Lock(r.Lock, r.AtMS, at.Now.UnixMilli(), at)
	rep := words.Report{Head: "Configuration lock " + lines[0]}
	rep.Add("Lock", lines[1:]...)
	rep.Add("Open in", owners(l)...)
	rep.Add("Do now", todo(l, r.Lock)...)
	if l.Evidence != "" {
		rep.Add("Proof", words.Clean(l.Evidence, 400))
	}
	return rep
}

func owners(l locksmith.Look) []string {
	var lines []string
	for _, o := range l.Owners {
		lines = append(lines, fmt.Sprintf("%s (pid %d)", words.Clean(o.Name, 40), o.PID))
	}
	return lines
}

// todo is what to do about the lock; where the holder itself is no help, the
// processes that have it open are named.
func todo(l locksmith.Look, wire telemetry.Lock) []string {
	if l.Verdict != locksmith.Orphan && l.Verdict != locksmith.Unknown {
		return words.LockTodo(wire)
	}
	if len(l.Owners) == 0 {
		return []string{"Look again as root, to see which process has the lock open:", "\tsudo aimctl lock status"}
	}
	lines := []string{"If this does not pass within seconds, end what has the lock open. It is then free at once:"}
	for _, o := range l.Owners {
		lines = append(lines, fmt.Sprintf("\tkill %d", o.PID))
	}
	return lines
}
