package patch

import (
	"bytes"
	"errors"
	"testing"
	"time"
)

// rotation is a good change of the keys of patrol-03: k1 and k2 hold the ring in
// force, version 2, both must sign; k3 and k4 hold the next one.
type rotation struct {
	people
	now, next *Ring
	p         *Package
	f         Facts
}

func newRotation(t *testing.T) *rotation {
	t.Helper()
	w := &rotation{people: newPeople(t)}
	w.now, w.next = w.ring(2, 2, w.k1, w.k2), w.ring(3, 2, w.k3, w.k4)
	w.f = facts(w.config.Public())
	w.f.Ring = w.now
	w.f.LiveSHA256, w.f.HighVersion = "", 99 // the configuration's: they play no part
	w.make(t, nil, w.k1, w.k2, w.k3, w.k4)
	return w
}

// make signs a patch that brings w.next, after a change.
func (w *rotation) make(t *testing.T, change func(*Manifest), keys ...SecretKey) {
	t.Helper()
	m := sample()
	m.Kind, m.DespiteLock = KindKeys, nil
	m.ConfigVersion, m.BaseSHA256 = w.next.Version, w.now.SHA256()
	if change != nil {
		change(&m)
	}
	p, err := New(m, w.next.Encode())
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range keys {
		if err := p.Sign(k); err != nil {
			t.Fatal(err)
		}
	}
	w.p = p
}

// edit changes the manifest's text and has everybody sign that.
func (w *rotation) edit(t *testing.T, from, to string) {
	t.Helper()
	b := bytes.Replace(w.p.Manifest, []byte(from), []byte(to), 1)
	if bytes.Equal(b, w.p.Manifest) {
		t.Errorf("%q is not there", from)
	}
	w.signs(t, b)
}

func (w *rotation) signs(t *testing.T, manifest []byte) {
	t.Helper()
	w.p.Manifest, w.p.Signatures = manifest, nil
	for _, k := range []SecretKey{w.k1, w.k2, w.k3, w.k4} {
		w.p.Signatures = append(w.p.Signatures, sign(t, k, string(manifest)))
	}
}

// brings has everybody sign other bytes as the content.
func (w *rotation) brings(t *testing.T, content []byte) {
	t.Helper()
	m, err := ParseManifest(w.p.Manifest)
	if err != nil {
		t.Fatal(err)
	}
	m.SHA256, m.Size = Hash(content), int64(len(content))
	w.p.Content = content
	w.signs(t, m.Encode())
}

// wayBack is a revert of the rotation, as a configuration has one.
func (w *rotation) wayBack(t *testing.T) []byte {
	t.Helper()
	m, err := ParseManifest(w.p.Manifest)
	if err != nil {
		t.Fatal(err)
	}
	r := Revert{Schema: Schema, Kind: KindRevert, Fleet: m.Fleet, Targets: m.Targets, Patch: m.ID, RestoreSHA256: m.BaseSHA256, Nonce: NewNonce()}
	s := SignedRevert{Revert: r.Encode()}
	for _, k := range []SecretKey{w.config, w.k1, w.k2} {
		s.Signatures = append(s.Signatures, sign(t, k, string(s.Revert)))
	}
	return s.Encode()
}

var keysAttacks = []struct {
	name string
	do   func(t *testing.T, w *rotation)
	want string // the refusal's name; "": accepted
}{
	{"honest", func(*testing.T, *rotation) {}, ""},
	{"honest-for-everyone", func(t *testing.T, w *rotation) {
		w.make(t, func(m *Manifest) { m.Targets = []string{Everyone} }, w.k1, w.k2, w.k3, w.k4)
	}, ""},
	{"honest-strangers-do-no-harm", func(t *testing.T, w *rotation) {
		w.p.Signatures = append(w.p.Signatures, sign(t, w.stranger, string(w.p.Manifest)))
	}, ""},
	{"honest-other-roles-only", func(t *testing.T, w *rotation) {
		w.next = w.ring(3, 2, w.k1, w.k2)
		w.next.Config[0] = w.k3.Public()
		w.make(t, nil, w.k1, w.k2)
	}, ""},

	{"rotation-unsigned", func(_ *testing.T, w *rotation) { w.p.Signatures = nil }, RefusedSignature},
	{"rotation-by-a-stranger", func(t *testing.T, w *rotation) { w.make(t, nil, w.stranger) }, RefusedSignature},
	{"rotation-by-too-few", func(t *testing.T, w *rotation) { w.make(t, nil, w.k1, w.k3, w.k4) }, RefusedSignature},
	{"rotation-by-one-who-signs-twice", func(t *testing.T, w *rotation) {
		w.make(t, nil, w.k1, w.k3, w.k4)
		w.p.Signatures = append(w.p.Signatures, resign(t, w.k1, string(w.p.Manifest)))
	}, RefusedSignature},
	{"rotation-by-the-new-keys-alone", func(t *testing.T, w *rotation) { w.make(t, nil, w.k3, w.k4) }, RefusedSignature},
	{"rotation-by-config-keys", func(t *testing.T, w *rotation) { w.make(t, nil, w.config, w.stranger, w.k3, w.k4) }, RefusedSignature},
	{"rotation-by-command-keys", func(t *testing.T, w *rotation) { w.make(t, nil, w.command, w.stranger, w.k3, w.k4) }, RefusedSignature},
	{"rotation-by-the-old-threshold-of-the-new-ring", func(t *testing.T, w *rotation) {
		w.next.Threshold = 1 // which is not in force yet
		w.make(t, nil, w.k1, w.k3)
	}, RefusedSignature},
	{"rotation-to-keys-that-nobody-has", func(t *testing.T, w *rotation) { w.make(t, nil, w.k1, w.k2) }, RefusedNewKeys},
	{"rotation-to-more-than-have-signed", func(t *testing.T, w *rotation) { w.make(t, nil, w.k1, w.k2, w.k3) }, RefusedNewKeys},
	{"configuration-by-the-keys-of-rotations", func(t *testing.T, w *rotation) {
		w.p = make1(t, []SecretKey{w.k1, w.k2}, newer, nil)
		w.f.LiveSHA256, w.f.HighVersion = Hash([]byte(older)), 41
	}, RefusedSignature},
	{"ring-passed-off-as-configuration", func(t *testing.T, w *rotation) {
		w.edit(t, `"keys"`, `"config"`)
		w.p.Signatures = [][]byte{sign(t, w.config, string(w.p.Manifest))}
	}, RefusedVersion},
	{"configuration-passed-off-as-ring", func(t *testing.T, w *rotation) { w.brings(t, []byte(newer)) }, RefusedContent},
	{"kind-slot", func(t *testing.T, w *rotation) {
		w.edit(t, `"keys"`, `"slot"`)
		w.p.Signatures = [][]byte{sign(t, w.config, string(w.p.Manifest))}
	}, RefusedKind},
	{"unknown-key-in-the-manifest", func(t *testing.T, w *rotation) { w.edit(t, `"notes"`, `"force": true, "notes"`) }, RefusedManifest},

	{"rotation-of-another-fleet", func(t *testing.T, w *rotation) { w.edit(t, `"north"`, `"south"`) }, RefusedFleet},
	{"rotation-of-another-drone", func(t *testing.T, w *rotation) { w.edit(t, `"patrol-03"`, `"patrol-04"`) }, RefusedTarget},
	{"ring-replayed", func(_ *testing.T, w *rotation) { w.f.Ring = w.next }, RefusedVersion},
	{"ring-rolled-back", func(_ *testing.T, w *rotation) { r := *w.now; r.Version = 7; w.f.Ring = &r }, RefusedVersion},
	{"version-skipped", func(t *testing.T, w *rotation) {
		w.next.Version = 4
		w.make(t, nil, w.k1, w.k2, w.k3, w.k4)
	}, RefusedVersion},
	{"version-of-the-manifest-only", func(t *testing.T, w *rotation) {
		w.next.Version = 4
		w.make(t, func(m *Manifest) { m.ConfigVersion = 3 }, w.k1, w.k2, w.k3, w.k4)
	}, RefusedContent},
	{"made-from-another-ring", func(t *testing.T, w *rotation) {
		w.make(t, func(m *Manifest) { m.BaseSHA256 = Hash(nil) }, w.k1, w.k2, w.k3, w.k4)
	}, RefusedBase},
	{"made-from-any-ring", func(t *testing.T, w *rotation) { w.edit(t, w.now.SHA256(), "") }, RefusedManifest},
	{"rotation-past-a-lock", func(t *testing.T, w *rotation) {
		w.edit(t, `"despite_lock": null`, `"despite_lock": {"nonce": "00112233445566778899aabbccddeeff", "holder": "x", "kill": true}`)
	}, RefusedManifest},

	{"rotation-expired", func(_ *testing.T, w *rotation) { w.f.Now = noon.Add(time.Hour) }, RefusedExpired},
	{"rotation-frozen-by-a-clock-set-back", func(_ *testing.T, w *rotation) { w.f.Floor = noon.Add(time.Hour) }, RefusedExpired},
	{"rotation-without-a-clock", func(_ *testing.T, w *rotation) { w.f.ClockTrusted = false }, RefusedClock},

	{"ring-swapped", func(_ *testing.T, w *rotation) {
		r := *w.next
		r.Keys = []string{w.stranger.Public(), w.k3.Public()}
		w.p.Content = r.Encode()
	}, RefusedHash},
	{"ring-cut", func(_ *testing.T, w *rotation) { w.p.Content = w.p.Content[:len(w.p.Content)-1] }, RefusedHash},
	{"ring-oversize", func(_ *testing.T, w *rotation) { w.p.Content = make([]byte, MaxContent+1) }, RefusedSize},
	{"ring-oversize-and-signed", func(t *testing.T, w *rotation) { w.brings(t, bytes.Repeat([]byte(" "), MaxRing+1)) }, RefusedManifest},
	{"ring-with-an-unknown-key", func(t *testing.T, w *rotation) {
		w.brings(t, bytes.Replace(w.next.Encode(), []byte(`"agent"`), []byte(`"root": [], "agent"`), 1))
	}, RefusedContent},
	{"ring-as-a-nesting-bomb", func(t *testing.T, w *rotation) {
		w.brings(t, bytes.Replace(w.next.Encode(), []byte(`[]`), append(bytes.Repeat([]byte("["), 2000), bytes.Repeat([]byte("]"), 2000)...), 1))
	}, RefusedContent},

	{"revert-inside", func(t *testing.T, w *rotation) { w.p.Revert = w.wayBack(t) }, RefusedRevert},
	{"revert-inside-unsigned", func(t *testing.T, w *rotation) {
		s, err := ParseSignedRevert(w.wayBack(t))
		if err != nil {
			t.Fatal(err)
		}
		w.p.Revert = SignedRevert{Revert: s.Revert}.Encode()
	}, RefusedRevert},
}

// Each is refused under its name, and the signature comes first: what everybody
// did not sign as a change of the keys is not looked at any further.
func TestKeysAttacks(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, a := range keysAttacks {
		w := newRotation(t)
		a.do(t, w)
		m, err := Check(w.p, w.f)
		var r *Refusal
		switch {
		case a.want == "" && (err != nil || m == nil || m.Kind != KindKeys):
			t.Errorf("%s: %v", a.name, err)
		case a.want != "" && (!errors.As(err, &r) || r.Name != a.want || (m != nil) != r.Wait):
			t.Errorf("%s: %v, want %s", a.name, err, a.want)
		}
		seen[a.want] = true
	}
	for name, a := range ringAttacks { // signed by everybody, and still not taken
		w := newRotation(t)
		w.now = w.ring(2, 1, w.k1, w.k2)
		w.f.Ring = w.now
		w.next = w.ring(3, 1, w.k1, w.k2)
		w.make(t, nil, w.k1)
		a.do(t, w.people, w.next)
		w.brings(t, w.next.Encode())
		var r *Refusal
		if _, err := Check(w.p, w.f); !errors.As(err, &r) || r.Name != RefusedContent {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, name := range []string{RefusedSize, RefusedSignature, RefusedKind, RefusedFleet, RefusedTarget, RefusedVersion, RefusedBase, RefusedExpired,
		RefusedClock, RefusedHash, RefusedContent, RefusedNewKeys, RefusedRevert} {
		if !seen[name] {
			t.Errorf("no attack is refused as %q", name)
		}
	}
}

// A drone that was not told of a ring takes no change of the keys.
func TestKeysWithoutARing(t *testing.T) {
	t.Parallel()
	w := newRotation(t)
	w.f.Ring = nil
	w.f.Keys, w.f.Threshold = w.now.Keys, 2
	var r *Refusal
	if _, err := Check(w.p, w.f); !errors.As(err, &r) || r.Name != RefusedKind {
		t.Error(err)
	}
}
