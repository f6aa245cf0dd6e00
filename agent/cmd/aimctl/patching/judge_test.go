package patching

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aim-control/aimlock/agent/config"
	"github.com/aim-control/aimlock/firmware/patch"
)

// identity is patrol-03's, which asks for one signature of two keys.
func identity(t *testing.T) *config.Identity {
	return &config.Identity{
		Drone: "patrol-03", Fleet: "north",
		Trust:  config.Trust{Threshold: 1, Config: []string{key(t, 1).Public(), key(t, 2).Public()}},
		Safety: config.Safety{MotorHotMax: 100},
	}
}

// Each way to refuse has its name and its page; what stands before it was
// checked, what stands behind was not.
func TestJudge(t *testing.T) {
	t.Parallel()
	one := key(t, 1)
	hot := nextFile + "\n[safe_pause]\nmotor = { hot = 120.0 }\n"
	for name, c := range map[string]struct {
		change  func(*patch.Manifest)
		content string
		key     byte // of the signer; 0: 1
		spoil   func(*patch.Package)
		judge   func(*Judge)
		want    string
	}{
		"judge-takes":        {},
		"judge-no-live":      {judge: func(j *Judge) { j.Live, j.LiveName = nil, "" }},
		"judge-override":     {change: override(30*time.Minute, "fleet-updater", true)},
		"judge-expires":      {change: func(m *patch.Manifest) { m.Expires = now.Add(time.Hour) }},
		"judge-no-revert":    {spoil: func(p *patch.Package) { p.Revert = nil }},
		"judge-size":         {spoil: func(p *patch.Package) { p.Content = make([]byte, patch.MaxContent+1) }, want: patch.RefusedSize},
		"judge-signature":    {key: 3, want: patch.RefusedSignature},
		"judge-threshold":    {judge: func(j *Judge) { j.Identity.Trust.Threshold = 2 }, want: patch.RefusedSignature},
		"judge-no-trust":     {judge: func(j *Judge) { j.Identity.Trust.Config = nil }, want: patch.RefusedSignature},
		"judge-manifest":     {spoil: resign(t, func(s string) string { return strings.Replace(s, "notes", "\\u001b[2J", 1) }), want: patch.RefusedManifest},
		"judge-kind":         {spoil: resign(t, func(s string) string { return strings.Replace(s, `"config"`, `"agent"`, 1) }), want: patch.RefusedKind},
		"judge-fleet":        {change: func(m *patch.Manifest) { m.Fleet = "south" }, want: patch.RefusedFleet},
		"judge-target":       {change: func(m *patch.Manifest) { m.Targets = []string{"patrol-01"} }, want: patch.RefusedTarget},
		"judge-version":      {judge: func(j *Judge) { j.Live = []byte(nextFile) }, want: patch.RefusedVersion},
		"judge-base":         {judge: func(j *Judge) { j.Live = append(j.Live, '\n') }, want: patch.RefusedBase},
		"judge-expired":      {change: func(m *patch.Manifest) { m.Expires = now }, want: patch.RefusedExpired},
		"judge-override-end": {change: override(2*time.Hour, "fleet-updater", true), want: patch.RefusedOverride},
		"judge-hash":         {spoil: func(p *patch.Package) { p.Content = []byte(strings.Replace(nextFile, "40", "90", 1)) }, want: patch.RefusedHash},
		"judge-content":      {content: "version = 42\nlock.tl = 3\nlock.ttl = 7\n", want: patch.RefusedContent},
		"judge-floor":        {content: hot, want: patch.RefusedFloor},
		"judge-revert":       {spoil: func(p *patch.Package) { m := manifest(); m.ID = "x"; p.Revert = pack(t, m, nextFile, one).Revert }, want: patch.RefusedRevert},
		"pub-good":           {judge: signaturesOnly(t, 1)},
		"pub-other":          {judge: signaturesOnly(t, 1, 2), want: patch.RefusedSignature},
		"pub-hash":           {judge: signaturesOnly(t, 1), spoil: func(p *patch.Package) { p.Content = []byte("version = 42") }, want: patch.RefusedHash},
		"pub-expired":        {judge: signaturesOnly(t, 1), change: func(m *patch.Manifest) { m.Expires = now.Add(-time.Minute) }},
	} {
		m := manifest()
		if c.change != nil {
			c.change(&m)
		}
		content, signer := nextFile, byte(1)
		if c.content != "" {
			content = c.content
		}
		if c.key != 0 {
			signer = c.key
		}
		p := pack(t, m, content, key(t, signer))
		if c.spoil != nil {
			c.spoil(p)
		}
		j := Judge{Identity: identity(t), LiveName: "live.conf", Live: []byte(liveFile), Now: now}
		if c.judge != nil {
			c.judge(&j)
		}
		v, err := j.Judge("dir", p)
		if err != nil || v.Refused != c.want || v.OK != (c.want == "") {
			t.Errorf("%s: refused %q, ok %t, %v; want %q", name, v.Refused, v.OK, err, c.want)
			continue
		}
		inOrder(t, name, v)
		golden(t, name, v.Report())
	}
}

// inOrder asks that what stands before a refusal was checked, and nothing
// behind it.
func inOrder(t *testing.T, name string, v Verdict) {
	t.Helper()
	n := slices.IndexFunc(v.Checks, func(c Check) bool { return c.Result == ResultRefused })
	if (n < 0) != v.OK {
		t.Errorf("%s: refused at check %d, ok %t", name, n, v.OK)
	}
	for i, c := range v.Checks {
		if n < 0 || i == n || c.Result == ResultNotAsked {
			continue
		}
		if done := c.Result == ResultOK || c.Result == ResultUnknown; done != (i < n) {
			t.Errorf("%s: check %s is %q, the refusal stands at %d", name, c.Check, c.Result, n)
		}
	}
}

// resign changes the manifest's bytes and signs them as they are.
func resign(t *testing.T, change func(string) string) func(*patch.Package) {
	return func(p *patch.Package) {
		p.Manifest = []byte(change(string(p.Manifest)))
		sig, err := patch.Sign(key(t, 1), p.Manifest, "test")
		if err != nil {
			t.Fatal(err)
		}
		p.Signatures = [][]byte{sig}
	}
}

func signaturesOnly(t *testing.T, keys ...byte) func(*Judge) {
	return func(j *Judge) {
		*j = Judge{Now: now}
		for _, n := range keys {
			j.Keys = append(j.Keys, key(t, n).Public())
		}
	}
}
