package patching

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/aim-control/aimlock/firmware/patch"
)

func override(life time.Duration, holder string, kill bool) func(*patch.Manifest) {
	return func(m *patch.Manifest) {
		m.Expires = m.Created.Add(life)
		m.DespiteLock = &patch.Override{Nonce: patch.NewNonce(), Holder: holder, Kill: kill}
	}
}

// Each kind of patch has its page.
func TestReport(t *testing.T) {
	t.Parallel()
	one, two := key(t, 1), key(t, 2)
	for name, c := range map[string]struct {
		change func(*patch.Manifest)
		keys   []patch.SecretKey
		spoil  func(*patch.Package)
		live   string
	}{
		"plain":           {live: liveFile},
		"signed":          {keys: []patch.SecretKey{one, two}},
		"kill":            {change: override(30*time.Minute, "fleet-updater", true), live: liveFile},
		"spare":           {change: override(time.Hour, "fleet-updater", false)},
		"unknown-holder":  {change: override(time.Hour, "unknown", true)},
		"override-long":   {change: override(3*time.Hour, "fleet-updater", true)},
		"override-no-end": {change: func(m *patch.Manifest) { override(0, "fleet-updater", true)(m); m.Expires = time.Time{} }},
		"expired":         {change: func(m *patch.Manifest) { m.Expires = now }, keys: []patch.SecretKey{one}},
		"expires":         {change: func(m *patch.Manifest) { m.Expires = now.Add(26 * time.Hour) }, keys: []patch.SecretKey{one}},
		"future":          {change: func(m *patch.Manifest) { m.Created = now.Add(2 * time.Hour) }},
		"any-base":        {change: func(m *patch.Manifest) { m.BaseSHA256, m.Targets = "", []string{"*"} }, keys: []patch.SecretKey{one}},
		"other-base":      {live: liveFile + "# edited by hand\n"},
		"notes":           {change: func(m *patch.Manifest) { m.Notes = "first line\n\n  second “line”" }},
		"many-targets": {change: func(m *patch.Manifest) {
			m.Targets = nil
			for i := range 20 {
				m.Targets = append(m.Targets, fmt.Sprintf("patrol-%02d", i))
			}
		}},
		"tampered":          {keys: []patch.SecretKey{one}, spoil: func(p *patch.Package) { p.Content = append(p.Content, '#') }},
		"tampered-alike":    {spoil: func(p *patch.Package) { p.Content[len(p.Content)-2] = '1' }},
		"no-revert":         {keys: []patch.SecretKey{one}, spoil: func(p *patch.Package) { p.Revert = nil }},
		"revert-unsigned":   {keys: []patch.SecretKey{one}, spoil: unsignRevert},
		"revert-broken":     {spoil: func(p *patch.Package) { p.Revert = []byte("\x1b[2J") }},
		"revert-of-another": {spoil: func(p *patch.Package) { m := manifest(); m.ID = "x"; p.Revert = pack(t, m, nextFile).Revert }},
		"revert-by-others":  {keys: []patch.SecretKey{one}, spoil: func(p *patch.Package) { p.Signatures = pack(t, manifest(), nextFile, two).Signatures }},
		"signature-broken":  {spoil: func(p *patch.Package) { p.Signatures = [][]byte{[]byte("\x1b]0;x\x07"), []byte("b")} }},
		"other-kind":        {spoil: func(p *patch.Package) { m := sealed(t, p); m.Kind = patch.KindAgent; p.Manifest = m.Encode() }},
	} {
		m := manifest()
		if c.change != nil {
			c.change(&m)
		}
		p := pack(t, m, nextFile, c.keys...)
		if c.spoil != nil {
			c.spoil(p)
		}
		v, err := Look("p", p, now)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if c.live != "" {
			v.Difference = Compare("live.conf", []byte(c.live), p.Content, v.BaseSHA256)
		}
		golden(t, name, v.Report())
	}
}

func unsignRevert(p *patch.Package) {
	s, _ := patch.ParseSignedRevert(p.Revert)
	p.Revert = patch.SignedRevert{Revert: s.Revert}.Encode()
}

func sealed(t *testing.T, p *patch.Package) *patch.Manifest {
	t.Helper()
	m, err := patch.ParseManifest(p.Manifest)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestLookRefuses(t *testing.T) {
	t.Parallel()
	var field *patch.FieldError
	if _, err := Look("p", &patch.Package{Manifest: []byte(`{"schema":1,"\u001b[2J":2}`)}, now); !errors.As(err, &field) {
		t.Error(err)
	}
}

func TestWarnings(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		live, content string
		version       int64
		want          []string
	}{
		{liveFile, nextFile, 42, nil},
		{nextFile, nextFile, 42, []string{"version 42 is not above the live file's 42: drones that have that from a patch refuse it", "nothing but version and timestamp differs"}},
		{"version = 4\nlock.ttl = 7\n", nextFile, 42, []string{"the live file is itself wrong, its version is not known: the live file:2:12: lock.ttl: 7 is an integer, not a duration; write it in quotes and with its unit: ttl = \"7s\""}},
	} {
		m := manifest()
		m.ConfigVersion = c.version
		p := pack(t, m, c.content)
		v, err := Look("p", p, now)
		if err != nil {
			t.Fatal(err)
		}
		v.Difference = Compare("x", []byte(c.live), p.Content, "")
		if got := v.Warnings([]byte(c.live)); !slices.Equal(got, c.want) {
			t.Errorf("got\n%q\nwant\n%q", got, c.want)
		}
	}
}
