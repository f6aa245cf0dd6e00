// Command drone is aimd on a simulated board of eight sensors, served over a
// socket: what the benchmark measures memory and CPU of. It links what aimd
// links and the socket's client besides.
package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"periph.io/x/conn/v3/gpio"

	"github.com/aim-control/aimlock/agent"
	"github.com/aim-control/aimlock/agent/bench/rig"
	"github.com/aim-control/aimlock/agent/config"
	"github.com/aim-control/aimlock/agent/locksmith"
	"github.com/aim-control/aimlock/hal"
	"github.com/aim-control/aimlock/hal/sim/wire"
)

func main() {
	if len(os.Args) > 3 { // the control: the same transfers and lines without an agent
		if err := control(os.Args[2]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	if err := run(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(identity, world string) error {
	agent.TuneMemory()
	id, err := config.LoadIdentity(identity)
	if err != nil {
		return err
	}
	host, err := locksmith.KernelHost()
	if err != nil {
		return err
	}
	client, err := wire.Dial(world)
	if err != nil {
		return err
	}
	defer client.Close()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	return agent.Run(ctx, agent.Start{Identity: id, Board: rig.Board(), Opener: client, Host: host, Version: "bench",
		Log: agent.NewLog(os.Stderr, false, slog.LevelInfo), Jitter: func() time.Duration { return 0 }})
}

// control does what the agent has the board do, and nothing with it: what is
// left between the two processes' CPU is the agent's own.
func control(world string) error {
	client, err := wire.Dial(world)
	if err != nil {
		return err
	}
	defer client.Close()
	hw, err := hal.Open(rig.Board(), client)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	every := func(d time.Duration, f func()) {
		go func() {
			for tick := time.NewTicker(d); ; <-tick.C {
				f()
			}
		}()
	}
	for _, bus := range hw.Buses {
		every(100*time.Millisecond, func() {
			for _, s := range bus.Sensors {
				_, _ = s.Sense()
			}
		})
	}
	every(time.Second, func() { _, _ = hw.Companion.Sense() })
	for _, in := range []hal.Input{hw.Disarmed, hw.Holding, hw.Heartbeat} {
		go func() {
			for ctx.Err() == nil {
				_, _ = in.Sense()
				in.WaitForEdge(500 * time.Millisecond)
			}
		}()
	}
	level := gpio.Low
	every(500*time.Millisecond, func() { level = !level; _ = hw.Blue.Out(level) })
	fmt.Fprintln(os.Stderr, "the broker is reached (not at all: this is the control)")
	<-ctx.Done()
	return hw.Close()
}
