package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/aim-control/aimlock/agent"
	"github.com/aim-control/aimlock/agent/cmd/aimsim/fleet"
	"github.com/aim-control/aimlock/agent/config"
	"github.com/aim-control/aimlock/agent/locksmith"
	"github.com/aim-control/aimlock/board"
	"github.com/aim-control/aimlock/firmware/durable"
	"github.com/aim-control/aimlock/hal/sim/wire"
)

// jitter bounds the random wait before each connect: enough to spread a small
// fleet, short enough for a demonstration.
const jitter = 500 * time.Millisecond

// trial is the deadline of a patch's trial: short, so that a story can show it.
const trial = 20 * time.Second

// childCommand is one drone's agent: what aimd is on a real drone, on a board
// that the parent serves.
func childCommand() *cobra.Command {
	var identity string
	c := &cobra.Command{
		Use: "child", Hidden: true, Args: wrongArgs(cobra.NoArgs),
		Short: "Run one simulated drone's agent (started by aimsim itself)",
		RunE: func(c *cobra.Command, _ []string) error {
			ctx, stop := signal.NotifyContext(c.Context(), syscall.SIGTERM, syscall.SIGINT)
			defer stop()
			return child(ctx, identity)
		},
	}
	c.Flags().StringVar(&identity, "identity", "", "the drone's drone.toml")
	_ = c.MarkFlagRequired("identity")
	return c
}

func child(ctx context.Context, path string) error {
	id, err := config.LoadIdentity(path)
	if err != nil {
		return err
	}
	b, err := board.Lookup(id.Board)
	if err != nil {
		return err
	}
	host, err := simHost(id)
	if err != nil {
		return err
	}
	client, err := wire.Dial(fleet.Folder{Dir: filepath.Dir(path)}.World())
	if err != nil {
		return err
	}
	defer client.Close()
	return agent.Run(ctx, agent.Start{
		Identity: id, Board: b, Opener: client, Host: host, Version: version,
		Log:    agent.NewLog(os.Stderr, false, false),
		Jitter: func() time.Duration { return rand.N(jitter) },
		Clock:  func() (time.Time, bool) { return time.Now(), true }, // the host's is the only one
		Trial:  trial,

		IdentityPath: path,
	})
}

// simHost is the kernel's host with the boot id of the simulated computer,
// which boots alone.
func simHost(id *config.Identity) (locksmith.Host, error) {
	host, err := locksmith.KernelHost()
	if err != nil {
		return host, err
	}
	text, err := os.ReadFile(filepath.Join(id.Paths.Run, "boot_id"))
	if err != nil {
		return host, fmt.Errorf("boot id of the simulated drone: %w", err)
	}
	host.BootID = strings.TrimSpace(string(text))
	return host, nil
}

// holdCommand leaks a lock: it takes the live file's lock as any writer does
// and then neither renews nor releases it.
func holdCommand() *cobra.Command {
	var identity string
	var claim locksmith.Claim
	c := &cobra.Command{
		Use: "hold", Hidden: true, Args: wrongArgs(cobra.NoArgs),
		Short: "Take a simulated drone's lock and keep it (started by aimsim itself)",
		RunE:  func(c *cobra.Command, _ []string) error { return hold(c, identity, claim) },
	}
	f := c.Flags()
	f.StringVar(&identity, "identity", "", "the drone's drone.toml")
	f.StringVar(&claim.Role, "role", "orchestrator", "agent, technician or orchestrator")
	f.StringVar(&claim.Holder, "holder", "fleet-updater", "who takes the lock")
	f.StringVar(&claim.Reason, "reason", "", "what for")
	f.DurationVar(&claim.TTL, "ttl", 2*time.Second, "of the lease")
	_ = c.MarkFlagRequired("identity")
	return c
}

func hold(c *cobra.Command, path string, claim locksmith.Claim) error {
	id, err := config.LoadIdentity(path)
	if err != nil {
		return err
	}
	host, err := simHost(id)
	if err != nil {
		return err
	}
	paths := locksmith.Paths{Run: id.Paths.Run, State: id.Paths.State, Name: agent.LockName}
	smith, err := locksmith.Open(durable.Linux, paths, host, func() time.Duration { return longest(id) })
	if err != nil {
		return err
	}
	lease, err := smith.Acquire(c.Context(), claim)
	if err != nil {
		return err
	}
	fmt.Fprintf(c.OutOrStdout(), "holding %s, epoch %d, lease of %v\n", paths.Name, lease.Epoch(), claim.TTL)
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT)
	<-stop
	return lease.Release()
}

// longest is the longest lease that the drone's live file allows.
func longest(id *config.Identity) time.Duration {
	data, err := durable.Read(durable.Linux, id.Paths.Config, config.MaxLive)
	if err != nil {
		return 0
	}
	live, err := config.ParseLive(id.Paths.Config, data)
	if err != nil {
		return 0
	}
	return live.Lock.TTL
}
