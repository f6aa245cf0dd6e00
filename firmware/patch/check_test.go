package patch

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
)

// attack is a patch, or what a drone knows, with one thing wrong.
type attack struct {
	name string
	do   func(t *testing.T, w *world)
	want string // the refusal's name; "": accepted
}

// world is a good patch, signed by key, for a drone that trusts key and other.
type world struct {
	key, other, stranger SecretKey
	p                    *Package
	f                    Facts
}

// change signs another manifest.
func (w *world) change(t *testing.T, change func(*Manifest)) {
	w.p = make1(t, []SecretKey{w.key}, newer, change)
}

// edit changes the manifest's text and signs that.
func (w *world) edit(t *testing.T, from, to string) {
	b := bytes.Replace(w.p.Manifest, []byte(from), []byte(to), 1)
	if bytes.Equal(b, w.p.Manifest) {
		t.Errorf("%q is not there", from)
	}
	resignAs(t, w.p, w.key, b)
}

var attacks = []attack{
	{"honest", func(*testing.T, *world) {}, ""},
	{"honest-for-everyone", func(t *testing.T, w *world) { w.change(t, func(m *Manifest) { m.Targets = []string{"*"} }) }, ""},
	{"honest-two-signers", func(t *testing.T, w *world) {
		w.p, w.f.Threshold = make1(t, []SecretKey{w.key, w.other}, newer, nil), 2
	}, ""},
	{"honest-without-revert", func(_ *testing.T, w *world) { w.p.Revert = nil }, ""},
	{"honest-any-base", func(t *testing.T, w *world) { w.change(t, func(m *Manifest) { m.BaseSHA256 = "" }) }, ""},
	{"honest-without-end-and-clock", func(t *testing.T, w *world) {
		w.change(t, func(m *Manifest) { m.Expires, m.DespiteLock = time.Time{}, nil })
		w.f.ClockTrusted, w.f.Now = false, time.Unix(0, 0)
	}, ""},
	{"honest-revert-not-signed", func(t *testing.T, w *world) {
		s, _ := ParseSignedRevert(w.p.Revert)
		w.p.Revert = SignedRevert{Revert: s.Revert}.Encode()
	}, ""},

	{"manifest-beyond-limit", func(_ *testing.T, w *world) { w.p.Manifest = make([]byte, MaxManifest+1) }, RefusedSize},
	{"content-beyond-limit", func(_ *testing.T, w *world) { w.p.Content = make([]byte, MaxContent+1) }, RefusedSize},
	{"revert-beyond-limit", func(_ *testing.T, w *world) { w.p.Revert = make([]byte, maxSignedRevert+1) }, RefusedSize},
	{"signature-beyond-limit", func(_ *testing.T, w *world) { w.p.Signatures[0] = make([]byte, MaxSignature+1) }, RefusedSize},
	{"signatures-beyond-limit", func(_ *testing.T, w *world) { w.p.Signatures = make([][]byte, MaxSignatures+1) }, RefusedSize},

	{"unsigned", func(_ *testing.T, w *world) { w.p.Signatures = nil }, RefusedSignature},
	{"signed-by-a-stranger", func(t *testing.T, w *world) { w.p = make1(t, []SecretKey{w.stranger}, newer, nil) }, RefusedSignature},
	{"manifest-changed-after-signing", func(_ *testing.T, w *world) { w.p.Manifest[len(w.p.Manifest)-4] ^= 1 }, RefusedSignature},
	{"space-added-after-signing", func(_ *testing.T, w *world) { w.p.Manifest = append(w.p.Manifest, ' ') }, RefusedSignature},
	{"one-signer-of-two", func(_ *testing.T, w *world) { w.f.Threshold = 2 }, RefusedSignature},
	{"one-signer-twice", func(t *testing.T, w *world) {
		w.f.Threshold = 2
		w.p.Signatures = append(w.p.Signatures, resign(t, w.key, string(w.p.Manifest)))
	}, RefusedSignature},
	{"nobody-trusted", func(_ *testing.T, w *world) { w.f.Keys = nil }, RefusedSignature},
	{"threshold-zero", func(_ *testing.T, w *world) { w.f.Threshold = 0; w.p.Signatures = nil }, RefusedSignature},
	{"signature-of-the-revert", func(_ *testing.T, w *world) {
		s, _ := ParseSignedRevert(w.p.Revert)
		w.p.Signatures = s.Signatures
	}, RefusedSignature},
	{"signature-of-the-content", func(t *testing.T, w *world) { w.p.Signatures = [][]byte{sign(t, w.key, newer)} }, RefusedSignature},

	{"unknown-key-signed", func(t *testing.T, w *world) { w.edit(t, `"notes"`, `"run": "/bin/sh", "notes"`) }, RefusedManifest},
	{"target-twice-signed", func(t *testing.T, w *world) { w.edit(t, `"notes"`, `"targets": ["*"], "notes"`) }, RefusedManifest},
	{"revert-passed-off-as-patch", func(t *testing.T, w *world) {
		s, _ := ParseSignedRevert(w.p.Revert)
		w.p.Manifest, w.p.Signatures = s.Revert, s.Signatures
	}, RefusedManifest},
	{"command-passed-off-as-patch", func(t *testing.T, w *world) {
		resignAs(t, w.p, w.key, []byte("\x82\xa1v\x01\xa1w\xa5pause"))
	}, RefusedManifest},
	{"schema-of-tomorrow", func(t *testing.T, w *world) { w.edit(t, `"schema": 1`, `"schema": 2`) }, RefusedManifest},

	{"agent-passed-off-as-configuration", func(t *testing.T, w *world) { w.edit(t, `"config"`, `"agent"`) }, RefusedKind},
	{"keys-passed-off-as-configuration", func(t *testing.T, w *world) {
		w.change(t, func(m *Manifest) { m.Kind, m.DespiteLock = KindKeys, nil })
	}, RefusedKind},
	{"kind-unknown", func(t *testing.T, w *world) { w.edit(t, `"config"`, `"root"`) }, RefusedKind},
	{"other-fleet", func(t *testing.T, w *world) { w.change(t, func(m *Manifest) { m.Fleet = "south" }) }, RefusedFleet},
	{"other-drone", func(t *testing.T, w *world) { w.change(t, func(m *Manifest) { m.Targets = []string{"patrol-01"} }) }, RefusedTarget},
	{"drone-with-a-longer-name", func(t *testing.T, w *world) { w.f.Drone = "patrol-033" }, RefusedTarget},
	{"drone-called-star", func(t *testing.T, w *world) { w.f.Drone = "*" }, RefusedTarget},

	{"replay-of-the-same-version", func(_ *testing.T, w *world) { w.f.HighVersion = 42 }, RefusedVersion},
	{"rollback-to-an-old-patch", func(_ *testing.T, w *world) { w.f.HighVersion = 99 }, RefusedVersion},
	{"made-from-another-file", func(_ *testing.T, w *world) { w.f.LiveSHA256 = Hash([]byte("local edit")) }, RefusedBase},
	{"made-from-a-file-where-none-is", func(_ *testing.T, w *world) { w.f.LiveSHA256 = "" }, RefusedBase},

	{"expired", func(_ *testing.T, w *world) { w.f.Now = noon.Add(time.Hour) }, RefusedExpired},
	{"expired-this-second", func(_ *testing.T, w *world) { w.f.Now = noon.Add(50 * time.Minute) }, RefusedExpired},
	{"frozen-clock-set-back", func(_ *testing.T, w *world) { w.f.Floor = noon.Add(time.Hour) }, RefusedExpired},
	{"expired-by-the-floor-without-a-clock", func(_ *testing.T, w *world) {
		w.f.ClockTrusted, w.f.Now, w.f.Floor = false, time.Unix(0, 0), noon.Add(time.Hour)
	}, RefusedExpired},
	{"no-clock", func(_ *testing.T, w *world) { w.f.ClockTrusted = false }, RefusedClock},
	{"clock-untrusted-and-far-ahead", func(_ *testing.T, w *world) { w.f.ClockTrusted, w.f.Now = false, noon.AddDate(10, 0, 0) }, RefusedClock},
	{"floor-allows-nothing", func(_ *testing.T, w *world) { w.f.ClockTrusted, w.f.Floor = false, noon }, RefusedClock},

	{"override-for-ever", func(t *testing.T, w *world) { w.change(t, func(m *Manifest) { m.Expires = time.Time{} }) }, RefusedOverride},
	{"override-for-a-day", func(t *testing.T, w *world) {
		w.change(t, func(m *Manifest) { m.Expires = noon.AddDate(0, 0, 1) })
	}, RefusedOverride},
	{"override-one-second-too-long", func(t *testing.T, w *world) {
		w.change(t, func(m *Manifest) { m.Expires = m.Created.Add(MaxOverride + time.Second) })
	}, RefusedOverride},
	{"override-dated-ahead", func(t *testing.T, w *world) {
		w.change(t, func(m *Manifest) { m.Created = noon.AddDate(1, 0, 0); m.Expires = m.Created.Add(time.Hour) })
	}, RefusedOverride},
	{"override-too-long-without-a-clock", func(t *testing.T, w *world) {
		w.change(t, func(m *Manifest) { m.Expires = noon.AddDate(0, 0, 1) })
		w.f.ClockTrusted = false
	}, RefusedOverride},

	{"content-swapped", func(_ *testing.T, w *world) { w.p.Content = []byte(strings.Replace(newer, "20s", "99s", 1)) }, RefusedHash},
	{"content-cut", func(_ *testing.T, w *world) { w.p.Content = w.p.Content[:10] }, RefusedHash},
	{"content-with-more-behind", func(_ *testing.T, w *world) { w.p.Content = append(w.p.Content, '\n') }, RefusedHash},
	{"content-empty", func(_ *testing.T, w *world) { w.p.Content = nil }, RefusedHash},
	{"size-of-another-content", func(t *testing.T, w *world) { w.edit(t, `"size": 32`, `"size": 31`) }, RefusedHash},
	{"content-not-strict", func(t *testing.T, w *world) { w.p = make1(t, []SecretKey{w.key}, "vershun = 42\n", nil) }, RefusedContent},
	{"content-of-another-version", func(t *testing.T, w *world) { w.change(t, func(m *Manifest) { m.ConfigVersion = 43 }) }, RefusedContent},
	{"limits-disarmed", func(_ *testing.T, w *world) {
		w.f.CheckFloor = func([]byte) error { return errors.New("hot: 200 °C") }
	}, RefusedFloor},
	{"failed-here-before", func(_ *testing.T, w *world) {
		w.f.Quarantined = func(v int64, sha string) (string, bool) { return "check", v == 42 && sha == Hash([]byte(newer)) }
	}, RefusedQuarantined},
	{"override-used-before", func(_ *testing.T, w *world) {
		w.f.NonceUsed = func(n string) bool { return n == sample().DespiteLock.Nonce }
	}, RefusedNonce},
	{"waits-but-is-bad-anyway", func(_ *testing.T, w *world) { w.f.ClockTrusted = false; w.p.Content[0] ^= 1 }, RefusedHash},

	{"revert-garbled", func(_ *testing.T, w *world) { w.p.Revert = w.p.Revert[:len(w.p.Revert)-1] }, RefusedRevert},
	{"revert-of-another-patch", func(t *testing.T, w *world) {
		w.p.Revert = make1(t, []SecretKey{w.key}, newer, func(m *Manifest) { m.ID = "p-0" }).Revert
	}, RefusedRevert},
	{"revert-for-other-drones", func(t *testing.T, w *world) {
		w.p.Revert = make1(t, []SecretKey{w.key}, newer, func(m *Manifest) { m.Targets = []string{"*"} }).Revert
	}, RefusedRevert},
	{"revert-to-another-file", func(t *testing.T, w *world) {
		w.p.Revert = make1(t, []SecretKey{w.key}, newer, func(m *Manifest) { m.BaseSHA256 = "" }).Revert
	}, RefusedRevert},
	{"revert-by-a-stranger", func(t *testing.T, w *world) { w.p.Revert = make1(t, []SecretKey{w.stranger}, newer, nil).Revert }, RefusedRevert},
}

// Each attack is refused by its own name, and nothing that was handed in is
// changed.
func TestAttacks(t *testing.T) {
	t.Parallel()
	key, other, stranger := newKey(t), newKey(t), newKey(t)
	for _, a := range attacks {
		t.Run(a.name, func(t *testing.T) {
			t.Parallel()
			w := &world{key: key, other: other, stranger: stranger, p: make1(t, []SecretKey{key}, newer, nil), f: facts(key.Public(), other.Public())}
			a.do(t, w)
			before := clonePackage(w.p)
			m, err := Check(w.p, w.f)
			var r *Refusal
			switch {
			case a.want == "":
				if err != nil || m == nil || m.ID != sample().ID {
					t.Errorf("%+v, %v", m, err)
				}
			case !errors.As(err, &r) || r.Name != a.want || r.Detail == "" || len(r.Detail) > maxDetail+8:
				t.Errorf("%v, want %s", err, a.want)
			case r.Wait != (a.want == RefusedClock) || (m != nil) != r.Wait:
				t.Errorf("wait %v, manifest %v", r.Wait, m)
			}
			if !equalPackage(before, w.p) {
				t.Error("the package was changed")
			}
		})
	}
}

func clonePackage(p *Package) *Package {
	c := &Package{Manifest: slices.Clone(p.Manifest), Content: slices.Clone(p.Content), Revert: slices.Clone(p.Revert)}
	for _, s := range p.Signatures {
		c.Signatures = append(c.Signatures, slices.Clone(s))
	}
	return c
}

func equalPackage(a, b *Package) bool {
	return bytes.Equal(a.Manifest, b.Manifest) && bytes.Equal(a.Content, b.Content) && bytes.Equal(a.Revert, b.Revert) &&
		slices.EqualFunc(a.Signatures, b.Signatures, bytes.Equal)
}

// Every refusal that Check knows has an attack.
func TestAttacksAreComplete(t *testing.T) {
	t.Parallel()
	for _, name := range []string{RefusedSize, RefusedSignature, RefusedManifest, RefusedKind, RefusedFleet, RefusedTarget, RefusedVersion, RefusedBase,
		RefusedExpired, RefusedClock, RefusedOverride, RefusedHash, RefusedContent, RefusedFloor, RefusedQuarantined, RefusedNonce, RefusedRevert} {
		if !slices.ContainsFunc(attacks, func(a attack) bool { return a.want == name }) {
			t.Errorf("%s: no attack", name)
		}
	}
}

// The order is fixed: a package with everything wrong is refused for the first
// thing; with that put right, for the next. What is unsigned is never parsed,
// and a content whose hash is wrong never checked.
func TestOrder(t *testing.T) {
	t.Parallel()
	key := newKey(t)
	asked := ""
	f := facts(newKey(t).Public())
	f.Fleet, f.Drone, f.HighVersion, f.LiveSHA256, f.Now = "south", "x", 50, "", noon.AddDate(1, 0, 0)
	f.CheckContent = func([]byte) (int64, error) { asked += "content "; return 42, errors.New("bad") }
	f.CheckFloor = func([]byte) error { asked += "floor "; return errors.New("bad") }
	f.Quarantined = func(int64, string) (string, bool) { asked += "quarantined "; return "bad", true }
	f.NonceUsed = func(string) bool { asked += "nonce "; return true }
	p := make1(t, []SecretKey{key}, newer, nil)
	p.Content = make([]byte, MaxContent+1)
	good := facts(key.Public())
	steps := []struct {
		want  string
		right func()
	}{
		{RefusedSize, func() { p.Content = []byte("x") }},
		{RefusedSignature, func() { f.Keys = good.Keys }},
		{RefusedFleet, func() { f.Fleet = good.Fleet }},
		{RefusedTarget, func() { f.Drone = good.Drone }},
		{RefusedVersion, func() { f.HighVersion = good.HighVersion }},
		{RefusedBase, func() { f.LiveSHA256 = good.LiveSHA256 }},
		{RefusedExpired, func() { f.Now = noon }},
		{RefusedHash, func() { p.Content = []byte(newer) }},
		{RefusedContent, func() { asked += "| "; f.CheckContent = good.CheckContent }},
		{RefusedFloor, func() { f.CheckFloor = good.CheckFloor }},
		{RefusedQuarantined, func() { f.Quarantined = good.Quarantined }},
		{RefusedNonce, func() { f.NonceUsed = good.NonceUsed }},
	}
	for _, s := range steps {
		_, err := Check(p, f)
		var r *Refusal
		if !errors.As(err, &r) || r.Name != s.want {
			t.Fatalf("%v, want %s", err, s.want)
		}
		s.right()
	}
	if _, err := Check(p, f); err != nil {
		t.Error(err)
	}
	if asked != "content | floor quarantined nonce " {
		t.Errorf("asked %q", asked)
	}
}

// A check that somebody forgot to wire passes nothing.
func TestFactsAreRequired(t *testing.T) {
	t.Parallel()
	key := newKey(t)
	p := make1(t, []SecretKey{key}, newer, nil)
	for name, forget := range map[string]func(*Facts){
		"content": func(f *Facts) { f.CheckContent = nil }, "floor": func(f *Facts) { f.CheckFloor = nil },
		"quarantined": func(f *Facts) { f.Quarantined = nil }, "nonce": func(f *Facts) { f.NonceUsed = nil },
	} {
		f := facts(key.Public())
		forget(&f)
		if m, err := Check(p, f); err == nil || m != nil {
			t.Errorf("%s forgotten: accepted", name)
		}
	}
}
