// Command drone is aimd on a board of eight sensors, either simulated and served
// over a socket, or in-process and made of blocking system calls: what the
// benchmark measures memory and CPU of. It links what aimd links and the
// socket's client besides.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/aim-control/aimlock/agent"
	"github.com/aim-control/aimlock/agent/bench/rig"
	"github.com/aim-control/aimlock/agent/config"
	"github.com/aim-control/aimlock/agent/locksmith"
	"github.com/aim-control/aimlock/hal"
	"github.com/aim-control/aimlock/hal/sim/wire"
)

func main() {
	if len(os.Args) == 2 && os.Args[1] == "bare" {
		bare()
	}
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: drone IDENTITY SOCKET|"+inProcess+", or drone bare")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// inProcess stands for a world's socket: the board is blocking system calls.
const inProcess = "blocking"

func run(identity, world string) error {
	agent.TuneMemory()
	_ = agent.TuneTimers() // as aimd does, where it may
	id, err := config.LoadIdentity(identity)
	if err != nil {
		return err
	}
	host, err := locksmith.KernelHost()
	if err != nil {
		return err
	}
	var opener hal.Opener = blocking{}
	if world != inProcess {
		client, err := wire.Dial(world)
		if err != nil {
			return err
		}
		defer client.Close()
		opener = client
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	return agent.Run(ctx, agent.Start{Identity: id, Board: rig.Board(), Opener: opener, Host: host, Version: "bench",
		Log: agent.NewLog(os.Stderr, false, false), Jitter: func() time.Duration { return 0 }})
}
