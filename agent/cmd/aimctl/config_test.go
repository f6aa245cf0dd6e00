package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aim-control/aimlock/agent/config"
)

// TestNoFloor checks a file on a machine that is no drone: no identity at the
// default place is no error, and the reader is told what was not checked.
func TestNoFloor(t *testing.T) {
	t.Setenv("AIM_IDENTITY", "")
	path := filepath.Join(t.TempDir(), "next.conf")
	if err := os.WriteFile(path, config.Default(), 0o644); err != nil {
		t.Fatal(err)
	}
	var out, errs bytes.Buffer
	a := &app{out: &out, err: &errs, in: os.Stdin}
	root := a.root()
	a.identity = filepath.Join(t.TempDir(), "none.toml") // stands for the default place
	root.SetArgs([]string{"config", "check", path})
	if err := root.Execute(); err != nil {
		t.Fatalf("%v\n%s%s", err, &out, &errs)
	}
	if !strings.Contains(out.String(), "No drone's safety floor was checked") {
		t.Errorf("it does not say what was not checked:\n%s", &out)
	}
}

func TestGuessKind(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, data, want string }{
		{"aim_lock_config.conf", "drone = 1", kindLive},
		{"x/drone.toml", "version = 1", kindIdentity},
		{"a.toml", "version = 1\n[lock]\n", kindLive},
		{"a.toml", "# mine\n  fleet=\"n\"\n", kindIdentity},
		{"a.toml", "[mqtt]\nbroker = [", kindIdentity},
		{"a.toml", "[mission]\nmqtt_drone = 1", kindLive},
		{"a.toml", "", kindLive},
	} {
		if got := guessKind(c.name, []byte(c.data)); got != c.want {
			t.Errorf("%s %q: %s, want %s", c.name, c.data, got, c.want)
		}
	}
}
