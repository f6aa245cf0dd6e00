package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"

	"github.com/aim-control/aimlock/agent/config"
	"github.com/aim-control/aimlock/agent/telemetry"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"aimctl": main,
		"park":   park,
		"leak":   leak,
	})
}

// park says that it runs, waits for a signal, says which, and ends with code 5;
// "park -deaf" notes the signal and stays.
func park() {
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGTERM, syscall.SIGINT)
	fmt.Println("parked", os.Getpid())
	for s := range c {
		fmt.Println("told:", s)
		if len(os.Args) < 2 {
			os.Exit(5)
		}
	}
}

// leak takes the file lock of its argument, hands the open file to a park and
// ends: what a program does that lets its children inherit a lock.
func leak() {
	fd, err := unix.Open(os.Args[1], unix.O_RDWR|unix.O_CREAT, 0o660)
	if err == nil {
		err = unix.FcntlFlock(uintptr(fd), unix.F_OFD_SETLK, &unix.Flock_t{Type: unix.F_WRLCK})
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	if err := unix.Exec(os.Args[2], []string{"park"}, os.Environ()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir:                "testdata/script",
		RequireUniqueNames: true,
		Setup:              setup,
		UpdateScripts:      os.Getenv("UPDATE_SCRIPTS") != "",
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"agent": cmdAgent, "code": cmdCode,
			"start": cmdStart, "await": cmdAwait, "signal": cmdSignal, "ended": cmdEnded, "until": cmdUntil, "tally": cmdTally,
			"broker": cmdBroker, "drone": cmdDrone, "publish": cmdPublish, "subscribed": cmdSubscribed, "cut": cmdCut,
			"trust": cmdTrust, "grants": cmdGrants, "aged": cmdAged,
			"patrol": cmdPatrol, "free": cmdFree, "flies": cmdFlies, "makepatch": cmdMakePatch, "jsonlines": cmdJSONLines,
			"remembers": cmdRemembers, "unpack": cmdUnpack, "keeps": cmdKeeps,
		},
	})
}

// setup makes a simulated drone's folder: identity, live file, state and run.
func setup(env *testscript.Env) error {
	w := env.WorkDir
	for _, dir := range []string{"state", "run"} {
		if err := os.Mkdir(filepath.Join(w, dir), 0o755); err != nil {
			return err
		}
	}
	identity := fmt.Sprintf(`drone = "patrol-03"
fleet = "north"
board = "sim"
mqtt  = { broker = "mqtt://127.0.0.1:1" }
paths = { config = "%[1]s/%[2]s", state = "%[1]s/state", run = "%[1]s/run" }
safety = { motor_hot_max = 100.0, require = ["lock"], max_hold_max = "2m" }
`, w, config.LiveName)
	env.Setenv("AIM_IDENTITY", filepath.Join(w, "drone.toml"))
	env.Setenv("XDG_STATE_HOME", filepath.Join(w, "operator"))
	env.Setenv("TZ", "UTC")
	env.Setenv("NO_COLOR", "1")
	env.Setenv("USER", "tess")
	for _, dir := range filepath.SplitList(env.Getenv("PATH")) {
		if path := filepath.Join(dir, "park"); isProgram(path) {
			env.Setenv("PARK", path)
		}
	}
	env.Values[procsKey{}] = &procs{}
	return errors.Join(
		os.WriteFile(filepath.Join(w, "drone.toml"), []byte(identity), 0o644),
		os.WriteFile(filepath.Join(w, config.LiveName), config.Default(), 0o644),
		os.WriteFile(filepath.Join(w, "run", bootFile), []byte("boot-1\n"), 0o644))
}

// cmdAgent serves a status at the drone's socket, as the agent does: a JSON
// file, or "raw TEXT" for bytes as they are, or "mute" to accept and say
// nothing.
func cmdAgent(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 {
		ts.Fatalf("usage: agent FILE | agent raw TEXT | agent mute")
	}
	var data []byte
	switch args[0] {
	case "raw":
		data = []byte(args[1])
	case "mute":
	default:
		data = encodeStatus(ts, args[0])
	}
	path := filepath.Join(ts.Getenv("WORK"), "run", statusSocket)
	os.Remove(path)
	l, err := net.Listen("unix", path)
	ts.Check(err)
	ts.Defer(func() { l.Close() })
	go func() {
		var open []net.Conn
		for {
			c, err := l.Accept()
			if err != nil {
				for _, c := range open {
					c.Close()
				}
				return
			}
			if open = append(open, c); args[0] != "mute" {
				c.Write(data)
				c.Close()
			}
		}
	}()
}

func encodeStatus(ts *testscript.TestScript, file string) []byte {
	st := new(telemetry.Status)
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(file)), st))
	data, err := telemetry.Append(nil, st)
	ts.Check(err)
	return data
}

// cmdCode runs a program and checks its exit code.
func cmdCode(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: code N PROGRAM ARG...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	if bad := (*exec.ExitError)(nil); errors.As(err, &bad) {
		got = bad.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}
