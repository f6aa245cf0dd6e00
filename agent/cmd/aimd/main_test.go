package main

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// write makes a drone's folder and returns its identity's path.
func write(t *testing.T, board, live string) string {
	t.Helper()
	dir := t.TempDir()
	conf := filepath.Join(dir, "aim_lock_config.conf")
	if live != "" {
		if err := os.WriteFile(conf, []byte(live), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	id := filepath.Join(dir, "drone.toml")
	text := fmt.Sprintf("drone = \"patrol-01\"\nfleet = \"north\"\nboard = %q\nmqtt = { broker = \"mqtt://127.0.0.1:1883\" }\npaths = { config = %q, state = %q, run = %q }\nsafety = { motor_hot_max = 100.0 }\n",
		board, conf, filepath.Join(dir, "state"), filepath.Join(dir, "run"))
	if err := os.WriteFile(id, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return id
}

// TestCommandLine is what aimd says and answers without ever starting.
func TestCommandLine(t *testing.T) {
	t.Parallel()
	example, err := filepath.Abs("../../../board/testdata/board.toml")
	if err != nil {
		t.Fatal(err)
	}
	good, sim := write(t, "rpi", "version = 41\n"), write(t, "sim", "version = 41\n")
	for name, c := range map[string]struct {
		args     []string
		code     int
		out, err string // substrings
	}{
		"version":          {[]string{"-version"}, 0, "aimd ", ""},
		"help":             {[]string{"-h"}, 0, "", "-identity"},
		"unknown flag":     {[]string{"-frobnicate"}, 2, "", "-frobnicate"},
		"an argument":      {[]string{"start"}, 2, "", "takes flags only"},
		"log format":       {[]string{"-log", "xml"}, 2, "", "text or json"},
		"no identity":      {[]string{"-identity", "/nonexistent/drone.toml"}, 2, "", "/nonexistent/drone.toml"},
		"unknown board":    {[]string{"-identity", write(t, "toaster", "version = 41\n"), "-check"}, 2, "", "rpi"},
		"check":            {[]string{"-identity", good, "-check"}, 0, "north/patrol-01 on board rpi: identity and aim_lock_config.conf version 41 are valid", ""},
		"board.toml":       {[]string{"-identity", write(t, example, "version = 41\n"), "-check"}, 0, "identity and aim_lock_config.conf version 41 are valid", ""},
		"no board.toml":    {[]string{"-identity", write(t, example+"x", "version = 41\n"), "-check"}, 2, "", "write a board.toml there"},
		"check, no file":   {[]string{"-identity", write(t, "rpi", ""), "-check"}, 2, "", "aim_lock_config.conf"},
		"check, wrong":     {[]string{"-identity", write(t, "rpi", "version = 41\n[lock]\nttl = \"2h\"\n"), "-check"}, 2, "", "aim_lock_config.conf:3:"},
		"check, floor":     {[]string{"-identity", write(t, "rpi", "[safe_pause]\nmotor = { hot = 120.0 }\n"), "-check"}, 2, "", "motor_hot_max"},
		"simulated":        {[]string{"-identity", sim}, 2, "", "aimsim"},
		"release, no chip": {[]string{"-identity", good, "-release"}, 1, "", "PAUSE_REQ"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out, errs bytes.Buffer
			if code := run(c.args, &out, &errs); code != c.code {
				t.Errorf("exit %d, want %d", code, c.code)
			}
			if !strings.Contains(out.String(), c.out) || !strings.Contains(errs.String(), c.err) {
				t.Errorf("stdout %q, stderr %q; want %q and %q", out.String(), errs.String(), c.out, c.err)
			}
		})
	}
}

// TestNotify sends systemd's datagrams, also to an abstract socket.
func TestNotify(t *testing.T) {
	for _, name := range []string{filepath.Join(t.TempDir(), "notify"), fmt.Sprintf("@aimd-test-%d", os.Getpid())} {
		l, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
		if err != nil {
			t.Fatal(err)
		}
		t.Setenv("NOTIFY_SOCKET", name)
		notify("READY=1")
		b := make([]byte, 64)
		n, err := l.Read(b)
		if err != nil || string(b[:n]) != "READY=1" {
			t.Errorf("%s: got %q, %v", name, b[:n], err)
		}
		l.Close()
	}
	t.Setenv("NOTIFY_SOCKET", "/nonexistent/socket")
	notify("READY=1") // nobody listens: nothing happens
}
