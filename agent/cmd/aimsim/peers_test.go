//go:build peers

package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// need is what to install where a peer is missing.
const need = "apt-get install mosquitto mosquitto-clients python3-msgpack"

// peerScenario makes every topic of a drone speak.
const peerScenario = `wait all state=NOMINAL online=true within 20s
lock p1 ttl=1s reason="peers"
wait p1 state=PAUSED seen.events=lock.hot within 10s
drop-lock p1
expect p1 seen.events=lock.reclaimed within 5s
command all report
cut p2
expect p2 seen.online=false within 5s
restore p2
expect p2 seen.online=true within 15s
patch good mission.altitude_m=60
rollout all good bake=300ms heartbeats=1
expect all config.version=42 seen.reports=COMMITTED
patch high mission.altitude_m=400
rollout all high stopped
expect p1 config.version=42 seen.reports=REVERTED
expect p2 patch.id=good seen.rollout.outcome=PENDING
expect all seen.bad=0 seen.gaps=0
`

// decoder reads "topic hexadecimal" lines and prints each topic's keys, as
// python3-msgpack decodes them.
const decoder = `
import sys, msgpack
for line in sys.stdin:
    topic, _, data = line.strip().partition(" ")
    if not data: continue
    m = msgpack.unpackb(bytes.fromhex(data), raw=False, strict_map_key=True)
    assert isinstance(m, dict), topic
    print(topic, ",".join(sorted(m)))
`

// TestMosquitto flies a fleet on Debian's mosquitto with the access rules that
// the project ships. A viewer hears every topic by mosquitto_sub, and
// python3-msgpack decodes every message; a rollout goes through them as well.
func TestMosquitto(t *testing.T) {
	port := startMosquitto(t)
	heard, stop := record(t, port)
	code, out, errs := aimsim(peerScenario, "run", "--plain", "--drones", "2", "--dir", folder(t), "--broker", "mqtt://127.0.0.1:"+port, "-")
	if code != exitOK {
		t.Errorf("exit code %d\n%s\n%s", code, out, errs)
	}
	stop()
	again, out, errs := aimsim(peerScenario, "run", "--plain", "--drones", "2", "--dir", folder(t), "--broker", "mqtt://127.0.0.1:"+port, "-")
	if again != exitOK {
		t.Errorf("on what the first run has left at the broker: exit code %d\n%s\n%s", again, out, errs)
	}
	lines := strings.Join(heard(), "\n")
	python := exec.Command("/usr/bin/python3", "-c", decoder) // another in PATH may lack msgpack
	python.Stdin = strings.NewReader(lines)
	decoded, err := python.CombinedOutput()
	if err != nil {
		t.Fatalf("python3-msgpack: %v; %s\n%s", err, need, decoded)
	}
	keys := map[string]string{} // leaf → keys
	for line := range strings.Lines(string(decoded)) {
		topic, k, _ := strings.Cut(strings.TrimSpace(line), " ")
		parts := strings.Split(topic, "/")
		leaf := parts[len(parts)-1]
		for _, some := range []string{"command", "reply", "_rollout"} { // their last part is an id
			if slices.Contains(parts, some) {
				leaf = some
			}
		}
		keys[leaf] = k
	}
	t.Logf("%d messages; %v", strings.Count(string(decoded), "\n"), keys)
	for leaf, some := range map[string]string{
		"availability": "o", "status": "l", "telemetry": "m", "event": "k", "command": "p", "reply": "o",
		"offer": "p", "report": "ov", "_rollout": "ph", "_controller": "e",
	} {
		if !slices.Contains(strings.Split(keys[leaf], ","), some) {
			t.Errorf("%s has keys %q, want %q among them", leaf, keys[leaf], some)
		}
	}
}

// startMosquitto runs the broker on a free port with the shipped rules.
func startMosquitto(t *testing.T) (port string) {
	t.Helper()
	rules, err := filepath.Abs("../../../scripts/mosquitto/aimlock.acl")
	if err != nil {
		t.Fatal(err)
	}
	for range 5 { // the port may be taken between being found and being used
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		_, port, _ = net.SplitHostPort(l.Addr().String())
		l.Close()
		conf := filepath.Join(folder(t), "mosquitto.conf")
		text := fmt.Sprintf("listener %s 127.0.0.1\nallow_anonymous true\nacl_file %s\n", port, rules)
		if os.Geteuid() == 0 {
			text += "user root\n" // or it could not read the rules of a checkout in a private folder
		}
		if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command("/usr/sbin/mosquitto", "-v", "-c", conf)
		out, err := cmd.StderrPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatalf("%v; %s", err, need)
		}
		t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
		s := bufio.NewScanner(out)
		for s.Scan() {
			if strings.Contains(s.Text(), "running") {
				go func() { _, _ = io.Copy(io.Discard, out) }()
				return port
			}
		}
	}
	t.Fatal("mosquitto does not start")
	return ""
}

// record runs mosquitto_sub as a viewer. heard gives out its lines after stop.
func record(t *testing.T, port string) (heard func() []string, stop func()) {
	t.Helper()
	// stdbuf: it would keep what it says to itself in a pipe.
	cmd := exec.Command("/usr/bin/stdbuf", "-oL", "mosquitto_sub", "-h", "127.0.0.1", "-p", port, "-u", "viewer", "-d", "-t", "aim/v1/#", "-F", "MESSAGE %t %x")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatalf("%v; %s", err, need)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	subscribed, ended := make(chan struct{}), make(chan []string, 1)
	go func() {
		var lines []string
		for s := bufio.NewScanner(out); s.Scan(); {
			if strings.HasPrefix(s.Text(), "Subscribed") {
				close(subscribed)
			}
			if m, ok := strings.CutPrefix(s.Text(), "MESSAGE "); ok {
				lines = append(lines, m)
			}
		}
		ended <- lines
	}()
	select {
	case <-subscribed:
	case <-time.After(20 * time.Second):
		t.Fatalf("mosquitto_sub does not subscribe; %s", need)
	}
	return func() []string { return <-ended }, func() { _ = cmd.Process.Kill() }
}
