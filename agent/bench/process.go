package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/aim-control/aimlock/agent"
	"github.com/aim-control/aimlock/agent/bench/rig"
	"github.com/aim-control/aimlock/agent/locksmith"
	"github.com/aim-control/aimlock/firmware/durable"
	"github.com/aim-control/aimlock/hal/sim"
	"github.com/aim-control/aimlock/hal/sim/wire"
)

const droneBin = "bench-drone"

// build builds the drone process into dir as the Makefile builds aimd.
func build(ctx context.Context, dir, arch string) error {
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-gcflags=all=-l", "-ldflags", "-s -w", "-o", filepath.Join(dir, droneBin), "./agent/bench/drone")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOARCH="+arch)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build of the drone process for %s: %w\n%s", arch, err, out)
	}
	return nil
}

// drone starts the drone process, which build put into dir, on the board named
// or, if none is, on a world of its own. Its log lines go to said until it ends.
func drone(ctx context.Context, dir, board string, said func(line string)) (cmd *exec.Cmd, started time.Time, err error) {
	if board == "" {
		w := sim.New(rig.Board(), 1)
		go w.Run(ctx)
		board = filepath.Join(dir, "world.sock")
		ln, err := wire.Listen(board)
		if err != nil {
			return nil, started, err
		}
		go func() { _ = wire.Serve(ctx, ln, w) }()
	}
	cmd = exec.CommandContext(ctx, filepath.Join(dir, droneBin), filepath.Join(dir, "drone.toml"), board)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 5 * time.Second
	stderr, err := cmd.StderrPipe()
	if err != nil {
		return nil, started, err
	}
	started = time.Now()
	if err := cmd.Start(); err != nil {
		return nil, started, err
	}
	go func() {
		for s := bufio.NewScanner(stderr); s.Scan(); {
			said(s.Text())
		}
	}()
	return cmd, started, nil
}

// reclaim starts an agent on what a reboot leaves: the record of a holder of
// another boot, an empty run folder.
func reclaim(ctx context.Context, dir string) ([]row, error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	dir = filepath.Join(dir, "reclaim")
	broker, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	defer broker.Close()
	if _, err := identity(dir, "mqtt://"+broker.Addr().String(), "clear_for = \"1s\""); err != nil {
		return nil, err
	}
	if err := errors.Join(staleRecord(dir), build(ctx, dir, runtime.GOARCH)); err != nil {
		return nil, err
	}
	dialled, reclaimed := make(chan []byte, 1), make(chan time.Time, 1)
	go func() {
		if _, err := broker.Accept(); err == nil {
			rec, _ := os.ReadFile(filepath.Join(dir, "state", agent.LockName+".rec"))
			dialled <- rec // as it was when the network was first touched
		}
	}()
	cmd, started, err := drone(ctx, dir, "", func(line string) {
		if strings.Contains(line, "stale lock reclaimed") {
			select {
			case reclaimed <- time.Now():
			default:
			}
		}
	})
	if err != nil {
		return nil, err
	}
	var at time.Time
	var rec []byte
	for at.IsZero() || rec == nil {
		select {
		case at = <-reclaimed:
		case rec = <-dialled:
		case <-ctx.Done():
			return nil, errors.New("no reclaim, or no connection, within 30 s")
		}
	}
	cancel()
	_ = cmd.Wait()
	before := !strings.Contains(string(rec), "bench-updater")
	order := "before the first dial"
	if !before {
		order = "AFTER the first dial"
	}
	return []row{{What: "stale lock of the last boot → reclaimed", Budget: "≤ 1 s, before the network",
		Measured: fmt.Sprintf("told %.0f ms after exec, done %s", msec(at.Sub(started)), order), OK: before && at.Sub(started) <= time.Second}}, nil
}

// staleRecord acquires the lock as a process of another boot did, in a run
// folder that the reboot has wiped.
func staleRecord(dir string) error {
	host, err := locksmith.KernelHost()
	if err != nil {
		return err
	}
	host.BootID = "00000000-0000-4000-8000-000000000000"
	gone := filepath.Join(dir, "run-before")
	if err := os.MkdirAll(gone, 0o755); err != nil {
		return err
	}
	smith, err := locksmith.Open(durable.Linux, locksmith.Paths{Run: gone, State: filepath.Join(dir, "state"), Name: agent.LockName}, host, func() time.Duration { return time.Hour })
	if err != nil {
		return err
	}
	_, err = smith.Acquire(context.Background(), locksmith.Claim{Role: locksmith.RoleOrchestrator, Holder: "bench-updater", Reason: "the update cycle ended"})
	return err
}
