// Command aimd is the agent on the drone: it guards the live configuration
// file, pauses the drone safely when its status is HOT, shows its state on two
// LEDs and reports over MQTT.
//
//	aimd -identity /etc/aimlock/drone.toml      run
//	aimd -identity FILE -check                  check identity and live file
//	aimd -identity FILE -release                drive request and LEDs off
//
// Exit status: 0 done, 1 failed, 2 usage or a file that is wrong.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/aim-control/aimlock/agent"
	"github.com/aim-control/aimlock/agent/config"
	"github.com/aim-control/aimlock/agent/locksmith"
	"github.com/aim-control/aimlock/board"
	"github.com/aim-control/aimlock/hal"
	"github.com/aim-control/aimlock/hal/watchdog"
)

// Stamped by the build: -ldflags "-X main.version=… -X main.built=…" (RFC 3339).
var version, built = "dev", ""

// watchdogTimeout is the longest that every board's watchdog allows.
const watchdogTimeout = 15 * time.Second

type options struct {
	identity, logFormat, watchdog  string
	check, release, verbose, print bool
}

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

func run(args []string, stdout, stderr io.Writer) int {
	var o options
	flags := flag.NewFlagSet("aimd", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&o.identity, "identity", "/etc/aimlock/drone.toml", "the drone's identity")
	flags.BoolVar(&o.check, "check", false, "check identity, board and live file, then exit")
	flags.BoolVar(&o.release, "release", false, "drive the pause request and the LEDs off, then exit")
	flags.StringVar(&o.logFormat, "log", "text", "format of the log on stderr: text or json")
	flags.BoolVar(&o.verbose, "v", false, "log details too")
	flags.StringVar(&o.watchdog, "watchdog", "auto", "hardware watchdog: auto (the board's, if nobody else has it), off, or a device")
	flags.BoolVar(&o.print, "version", false, "print the version and exit")
	if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
		return 0
	} else if err != nil {
		return 2
	}
	switch {
	case o.print:
		fmt.Fprintln(stdout, "aimd", version)
		return 0
	case flags.NArg() > 0 || (o.logFormat != "text" && o.logFormat != "json"):
		fmt.Fprintln(stderr, "aimd: takes flags only, and -log is text or json; see aimd -h")
		return 2
	}
	id, b, err := load(o.identity)
	if err != nil {
		fmt.Fprintln(stderr, err)
		return 2
	}
	switch {
	case o.check:
		return check(id, stdout, stderr)
	case b.Name == "sim":
		fmt.Fprintln(stderr, `aimd: board "sim" is simulated: run it with aimsim, or name this drone's board in the identity`)
		return 2
	case o.release:
		return finish(stderr, hal.Release(b, hal.Kernel{}))
	}
	return finish(stderr, serve(o, id, b, stderr))
}

func finish(stderr io.Writer, err error) int {
	if err != nil {
		fmt.Fprintln(stderr, "aimd:", err)
		return 1
	}
	return 0
}

func load(path string) (*config.Identity, *board.Board, error) {
	id, err := config.LoadIdentity(path)
	if err != nil {
		return nil, nil, err
	}
	b, err := board.Lookup(id.Board)
	return id, b, err
}

// check says what is wrong with the live file; the identity was read already.
func check(id *config.Identity, stdout, stderr io.Writer) int {
	data, err := os.ReadFile(id.Paths.Config)
	if err != nil {
		fmt.Fprintln(stderr, "aimd:", err)
		return 2
	}
	live, err := config.CheckLive(id.Paths.Config, data, id.Safety)
	if err != nil {
		fmt.Fprintln(stderr, err)
		return 2
	}
	fmt.Fprintf(stdout, "%s/%s on board %s: identity and %s version %d are valid\n", id.Fleet, id.Drone, id.Board, config.LiveName, live.Version)
	return 0
}

func serve(o options, id *config.Identity, b *board.Board, stderr io.Writer) error {
	agent.TuneMemory()
	log := agent.NewLog(stderr, o.logFormat == "json", o.verbose)
	if err := agent.TuneTimers(); err != nil {
		log.Debug("timer slack as it was; let systemd set TimerSlackNSec=500us", "err", err)
	}
	host, err := locksmith.KernelHost()
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	s := agent.Start{Identity: id, Board: b, Opener: hal.Kernel{}, Host: host, Log: log, Version: version, Notify: notify, IdentityPath: o.identity}
	s.Built, _ = time.Parse(time.RFC3339, built)
	dog, err := openWatchdog(&o.watchdog, b)
	if err != nil {
		log.Warn("hardware watchdog not fed by aimd", "why", err)
	}
	if dog != nil {
		defer dog.Close()
		s.Feed = dog.Feed
	}
	s.Reset = lastReset(o.watchdog, dog)
	return agent.Run(ctx, s)
}

// openWatchdog opens the watchdog that which names, if any; which becomes its
// device, the board's if the flag names none.
func openWatchdog(which *string, b *board.Board) (*watchdog.Dev, error) {
	off := *which == "off"
	if off || *which == "auto" {
		*which = b.Watchdog
	}
	if off || *which == "" {
		return nil, nil
	}
	return watchdog.Open(*which, watchdogTimeout)
}

// lastReset is what reset the machine before this boot, by sysfs, which needs
// no open device, else by the device itself; "" if neither knows.
func lastReset(dev string, dog *watchdog.Dev) string {
	if dev == "" {
		return ""
	}
	cause, err := watchdog.LastReset("/sys", dev)
	if err != nil && dog != nil {
		cause, _ = dog.LastReset()
	}
	return cause.String()
}
