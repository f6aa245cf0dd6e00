package main

import (
	"encoding/json"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/aim-control/aimlock/agent/cmd/aimctl/progress"
	"github.com/aim-control/aimlock/agent/config"
	"github.com/aim-control/aimlock/firmware/patch"
)

// cmdMakePatch makes a patch's folder, signed by operator.key:
// makepatch DIR [id=… version=… fleet=… targets=a,b base=… life=1h holder=… signed=no revert=no broken=yes]
func cmdMakePatch(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 {
		ts.Fatalf("usage: makepatch DIR [KEY=VALUE]...")
	}
	opt := map[string]string{"id": args[0], "version": "42", "fleet": "north", "targets": patch.Everyone, "life": "0s"}
	for _, kv := range args[1:] {
		k, v, _ := strings.Cut(kv, "=")
		opt[k] = v
	}
	version, err := strconv.ParseInt(opt["version"], 10, 64)
	ts.Check(err)
	content, err := config.Set(config.Default(), "version", opt["version"])
	ts.Check(err)
	if opt["broken"] != "" {
		content = append(content, "\nvershun = 1\n"...)
	}
	life, err := time.ParseDuration(opt["life"])
	ts.Check(err)
	created := time.Now()
	m := patch.Manifest{Kind: patch.KindConfig, ID: opt["id"], Fleet: opt["fleet"], Targets: strings.Split(opt["targets"], ","),
		ConfigVersion: version, BaseSHA256: opt["base"], Created: created}
	if opt["base"] == "live" {
		m.BaseSHA256 = patch.Hash(config.Default())
	}
	if life < 0 {
		m.Created, life = created.Add(2*life), -life
	}
	if life > 0 {
		m.Expires = m.Created.Add(life)
	}
	if opt["holder"] != "" {
		m.DespiteLock = &patch.Override{Nonce: patch.NewNonce(), Holder: opt["holder"], Kill: true}
	}
	p, err := patch.New(m, content)
	ts.Check(err)
	if opt["signed"] != "no" {
		text, err := os.ReadFile(ts.MkAbs("operator.key"))
		ts.Check(err)
		key, err := patch.ParseSecretKey(text, "")
		ts.Check(err)
		ts.Check(p.Sign(key))
	}
	if opt["revert"] == "no" {
		p.Revert = nil
	}
	ts.Check(p.WriteFolder(ts.MkAbs(args[0])))
}

// cmdJSONLines checks that whatever a program printed is events, one a line,
// without a key that is not documented, and of each of the kinds:
// jsonlines NAME KIND...
func cmdJSONLines(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: jsonlines NAME KIND...")
	}
	text, _ := find(ts, args[0]).text()
	seen := map[string]bool{}
	for _, line := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
		dec := json.NewDecoder(strings.NewReader(line))
		dec.DisallowUnknownFields()
		var e progress.Event
		if err := dec.Decode(&e); err != nil || dec.More() || e.AtMS == 0 || e.Rollout == "" {
			ts.Fatalf("no event: %v: %s", err, line)
		}
		seen[e.Kind] = true
	}
	for _, kind := range args[1:] {
		if !seen[kind] {
			ts.Fatalf("no event of kind %q in:\n%s", kind, text)
		}
		delete(seen, kind)
	}
	if len(seen) > 0 {
		ts.Fatalf("other kinds: %v", seen)
	}
}
