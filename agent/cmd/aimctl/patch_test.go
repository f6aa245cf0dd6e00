package main

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/aim-control/aimlock/agent/config"
	"github.com/aim-control/aimlock/firmware/patch"
)

// cmdTrust makes a drone of the script's identity trust keys, public key files,
// for configurations: trust THRESHOLD PUB...
func cmdTrust(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: trust THRESHOLD PUB...")
	}
	path := ts.Getenv("AIM_IDENTITY")
	id := []byte(ts.ReadFile(path))
	var list []string
	for _, pub := range args[1:] {
		list = append(list, `"`+strings.Split(ts.ReadFile(pub), "\n")[1]+`"`)
	}
	for _, set := range [][2]string{{"trust.threshold", args[0]}, {"trust.config", "[" + strings.Join(list, ", ") + "]"}} {
		var err error
		id, err = config.Set(id, set[0], set[1])
		ts.Check(err)
	}
	ts.Check(os.WriteFile(path, id, 0o644))
}

// cmdGrants makes the drone of the script's identity trust public key files in one
// role: grants ROLE PUB...
func cmdGrants(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: grants ROLE PUB...")
	}
	path := ts.Getenv("AIM_IDENTITY")
	var list []string
	for _, pub := range args[1:] {
		list = append(list, `"`+strings.Split(ts.ReadFile(pub), "\n")[1]+`"`)
	}
	id, err := config.Set([]byte(ts.ReadFile(path)), "trust."+args[0], "["+strings.Join(list, ", ")+"]")
	ts.Check(err)
	ts.Check(os.WriteFile(path, id, 0o644))
}

// cmdAged makes a patch's folder what it would be had it been made, and signed
// with a key if one is given, so long ago: aged DIR DURATION [KEY]
func cmdAged(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: aged DIR DURATION [KEY]")
	}
	age, err := time.ParseDuration(args[1])
	ts.Check(err)
	dir := ts.MkAbs(args[0])
	p, err := patch.ReadFolder(dir)
	ts.Check(err)
	m, err := patch.ParseManifest(p.Manifest)
	ts.Check(err)
	m.Created = m.Created.Add(-age)
	if !m.Expires.IsZero() {
		m.Expires = m.Expires.Add(-age)
	}
	p, err = patch.New(*m, p.Content)
	ts.Check(err)
	for _, file := range args[2:] {
		key, err := patch.ParseSecretKey([]byte(ts.ReadFile(file)), "")
		ts.Check(err)
		ts.Check(p.Sign(key))
	}
	ts.Check(p.WriteFolder(dir))
}

// aimctl runs a command in this process, without an identity at the usual
// place: on an operator's machine there is none.
func aimctl(t *testing.T, args ...string) (out, errs string, err error) {
	t.Helper()
	t.Setenv("AIM_IDENTITY", "")
	var o, e bytes.Buffer
	a := &app{out: &o, err: &e, in: os.Stdin}
	root := a.root()
	a.identity = filepath.Join(t.TempDir(), "none.toml") // stands for the usual place
	root.SetArgs(args)
	err = root.Execute()
	return o.String(), e.String(), err
}

// TestPatchWithoutIdentity goes an operator's way from a live file to a patch
// that is signed, on a machine that is no drone.
func TestPatchWithoutIdentity(t *testing.T) {
	dir := t.TempDir()
	live, folder := filepath.Join(dir, "live.conf"), filepath.Join(dir, "p")
	if err := os.WriteFile(live, config.Default(), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args []string
		want string // of the output, or the error
	}{
		{[]string{"patch", "keygen", "--no-password", "--out", dir, "--name", "op"}, "is made"},
		{[]string{"patch", "new", "--live", live, "--set", "lock.ttl=5s"}, "say for which fleet"},
		{[]string{"patch", "new", "--fleet", "north", "--set", "lock.ttl=5s"}, "say which live file"},
		{[]string{"patch", "new", "--live", live, "--fleet", "north", "--set", "lock.ttl=5s", "--out", folder}, `"30s" → "5s"`},
		{[]string{"patch", "sign", folder, "--key", filepath.Join(dir, "op.key")}, "SIGNED, with its revert, by "},
		{[]string{"patch", "verify", folder}, "no identity at"},
		{[]string{"patch", "verify", folder, "--pub", filepath.Join(dir, "op.pub")}, "the signatures are good"},
	} {
		out, errs, err := aimctl(t, c.args...)
		if err != nil {
			errs += err.Error()
		}
		if !strings.Contains(out+errs, c.want) {
			t.Fatalf("%q: want %q in\n%s%s", c.args, c.want, out, errs)
		}
	}
	if fi, err := os.Stat(filepath.Join(dir, "op.key")); err != nil || fi.Mode() != 0o600 {
		t.Errorf("the secret key: %v, %v", fi.Mode(), err)
	}
}

// What no drone would take is not signed, however the folder came to be.
func TestSignRefuses(t *testing.T) {
	dir := t.TempDir()
	if _, _, err := aimctl(t, "patch", "keygen", "--no-password", "--out", dir); err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	for name, c := range map[string]struct {
		content string
		change  func(*patch.Manifest)
		want    string
	}{
		"good":              {content: "version = 2\n"},
		"another version":   {content: "version = 3\n", want: "content: config.toml says version 3, patch.json 2"},
		"a fault":           {content: "version = 2\nlock.tl = 5\n", want: "content: config.toml:2:6: lock.tl: is an unknown key"},
		"below every floor": {content: "version = 2\nupdate_window.length = \"1m\"\nupdate_window.start = \"01:00\"\n", want: "floor: config.toml:2:"},
		"a long override": {content: "version = 2\n", want: "override-too-long:", change: func(m *patch.Manifest) {
			m.DespiteLock, m.Expires = &patch.Override{Nonce: patch.NewNonce(), Holder: "x"}, now.Add(2*time.Hour)
		}},
		"an endless override": {content: "version = 2\n", want: "override-too-long:", change: func(m *patch.Manifest) {
			m.DespiteLock = &patch.Override{Nonce: patch.NewNonce(), Holder: "x"}
		}},
	} {
		m := patch.Manifest{ID: "p", Fleet: "north", Targets: []string{patch.Everyone}, ConfigVersion: 2, Created: now}
		if c.change != nil {
			c.change(&m)
		}
		p, err := patch.New(m, []byte(c.content))
		if err != nil {
			t.Fatal(err)
		}
		folder := filepath.Join(t.TempDir(), "p")
		if err := p.WriteFolder(folder); err != nil {
			t.Fatal(err)
		}
		_, _, err = aimctl(t, "patch", "sign", folder, "--key", filepath.Join(dir, "operator.key"))
		signed, _ := filepath.Glob(filepath.Join(folder, "*.minisig"))
		if c.want == "" {
			if err != nil || len(signed) != 2 {
				t.Errorf("%s: %v, %q", name, err, signed)
			}
			continue
		}
		var e *exit
		if !errors.As(err, &e) || e.code != exitRefused || !strings.Contains(err.Error(), "not signed: "+c.want) || len(signed) > 0 {
			t.Errorf("%s: %v, %q; want %q", name, err, signed, c.want)
		}
	}
}

// A key file that appears while the passphrase is typed is not overwritten.
func TestWriteNew(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "k")
	if err := writeNew(path, []byte("first"), 0o600); err != nil {
		t.Fatal(err)
	}
	err := writeNew(path, []byte("second"), 0o600)
	got, _ := os.ReadFile(path)
	if err == nil || !strings.Contains(err.Error(), "is there already") || string(got) != "first" {
		t.Errorf("%v, %q", err, got)
	}
}

// Whoever made a patch's folder chose the names in it: none reaches the
// terminal as it is.
func TestHostileFolder(t *testing.T) {
	dir := t.TempDir()
	name := "\x1b]0;owned\x07\x1b[2J.minisig"
	for file, text := range map[string]string{patch.FileManifest: "{}", patch.FileContent: "version = 1\n"} {
		if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, name), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"show", dir}, {"sign", dir, "--key", "k"}, {"verify", dir, "--pub", pub(t)}} {
		out, errs, err := aimctl(t, append([]string{"patch"}, args...)...)
		if err == nil || strings.ContainsAny(out+errs+err.Error(), "\x1b\x07") || !strings.Contains(err.Error(), "owned") {
			t.Errorf("%s: %q, %q, %q", args[0], out, errs, err)
		}
	}
}

func pub(t *testing.T) string {
	t.Helper()
	k, err := patch.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	return k.Public()
}
