package agent

import (
	"strings"
	"testing"

	"github.com/aim-control/aimlock/agent/telemetry"
	"github.com/aim-control/aimlock/firmware/patch"
)

var keysAttacks = []struct {
	name, want string
	do         func(b *keysBench) *patch.Package
}{
	{"a rotation nobody signed", patch.RefusedSignature, func(b *keysBench) *patch.Package { return b.rotation("k", b.next(nil), nil) }},
	{"a rotation by a stranger", patch.RefusedSignature, func(b *keysBench) *patch.Package { return b.rotation("k", b.next(nil), nil, b.stranger()) }},
	{"a rotation by too few", patch.RefusedSignature, func(b *keysBench) *patch.Package { return b.rotation("k", b.next(nil), nil, b.k1) }},
	{"a rotation by one who signs twice", patch.RefusedSignature, func(b *keysBench) *patch.Package {
		p := b.rotation("k", b.next(nil), nil, b.k1)
		p.Signatures = append(p.Signatures, b.sign(b.k1, p.Manifest))
		return p
	}},
	{"a rotation by the author of configurations", patch.RefusedSignature, func(b *keysBench) *patch.Package { return b.rotation("k", b.next(nil), nil, b.author, b.k1) }},
	{"a rotation by the operator", patch.RefusedSignature, func(b *keysBench) *patch.Package { return b.rotation("k", b.next(nil), nil, b.operator, b.k1) }},
	{"a rotation by its own keys", patch.RefusedSignature, func(b *keysBench) *patch.Package {
		a, c := b.stranger(), b.stranger()
		return b.rotation("k", b.next(func(r *patch.Ring) { r.Keys = []string{a.Public(), c.Public()} }), nil, a, c)
	}},
	{"a rotation to keys that did not sign", patch.RefusedNewKeys, func(b *keysBench) *patch.Package {
		return b.rotation("k", b.next(func(r *patch.Ring) { r.Keys[1] = b.stranger().Public() }), nil, b.k1, b.k2)
	}},
	{"a configuration by the holders of the keys", patch.RefusedSignature, func(b *keysBench) *patch.Package {
		p := b.patch("k", 9, nextFile, nil)
		p.Signatures = [][]byte{b.sign(b.k1, p.Manifest), b.sign(b.k2, p.Manifest)}
		return p
	}},
	{"a rotation of another fleet", patch.RefusedFleet, rotated(func(m *patch.Manifest) { m.Fleet = "south" })},
	{"a rotation of other drones", patch.RefusedTarget, rotated(func(m *patch.Manifest) { m.Targets = []string{"patrol-02"} })},
	{"a version skipped", patch.RefusedVersion, func(b *keysBench) *patch.Package {
		return b.rotation("k", b.next(func(r *patch.Ring) { r.Version++ }), nil, b.k1, b.k2)
	}},
	{"an old version of the keys", patch.RefusedVersion, ringed(func(_ *keysBench, r *patch.Ring) { r.Version = 1 })},
	{"other keys of the same version", patch.RefusedVersion, ringed(func(_ *keysBench, r *patch.Ring) { r.Version, r.Agent = 2, r.Keys })},
	{"a rotation from another ring", patch.RefusedBase, rotated(func(m *patch.Manifest) { m.BaseSHA256 = patch.Hash(nil) })},
	{"a ring of another version than its manifest", patch.RefusedContent, func(b *keysBench) *patch.Package {
		return b.rotation("k", b.next(func(r *patch.Ring) { r.Version = 9 }), func(m *patch.Manifest) { m.ConfigVersion = b.ring.Version + 1 }, b.k1, b.k2)
	}},
	{"a ring swapped", patch.RefusedHash, func(b *keysBench) *patch.Package {
		p := b.rotation("k", b.next(nil), nil, b.k1, b.k2)
		p.Content = b.next(func(r *patch.Ring) { r.Config = []string{b.stranger().Public()} }).Encode()
		return p
	}},
	{"a threshold above the keys", patch.RefusedContent, ringed(func(_ *keysBench, r *patch.Ring) { r.Threshold = 3 })},
	{"nobody may sign configurations", patch.RefusedContent, ringed(func(_ *keysBench, r *patch.Ring) { r.Config = nil })},
	{"nobody may command", patch.RefusedContent, ringed(func(_ *keysBench, r *patch.Ring) { r.Command = nil })},
	{"nobody may change the keys", patch.RefusedContent, ringed(func(_ *keysBench, r *patch.Ring) { r.Keys = nil })},
	{"a key twice", patch.RefusedContent, ringed(func(_ *keysBench, r *patch.Ring) { r.Config[1] = r.Config[0] })},
	{"a key that is none", patch.RefusedContent, ringed(func(_ *keysBench, r *patch.Ring) { r.Config[1] = "RWrubbish" })},
	{"an unknown key in the ring", patch.RefusedContent, textual(`"agent"`, `"root": [], "agent"`)},
	{"a role twice in the ring", patch.RefusedContent, textual(`"agent"`, `"keys": [], "agent"`)},
	{"a nesting bomb for a ring", patch.RefusedContent, textual(`"agent": []`, `"agent": `+strings.Repeat("[", 2000)+strings.Repeat("]", 2000))},
	{"a ring too long", patch.RefusedManifest, textual("\n}\n", "\n}"+strings.Repeat("\n", patch.MaxRing))},
	{"a rotation with a way back", patch.RefusedRevert, func(b *keysBench) *patch.Package {
		p := b.rotation("k", b.next(nil), nil, b.k1, b.k2)
		p.Revert = b.patch("k", 9, nextFile, nil).Revert
		return p
	}},
}

// rotated is a rotation whose manifest the holders of the keys should not have
// signed.
func rotated(edit func(*patch.Manifest)) func(*keysBench) *patch.Package {
	return func(b *keysBench) *patch.Package { return b.rotation("k", b.next(nil), edit, b.k1, b.k2) }
}

// ringed is one with a ring that they should not have signed.
func ringed(edit func(*keysBench, *patch.Ring)) func(*keysBench) *patch.Package {
	return func(b *keysBench) *patch.Package {
		return b.rotation("k", b.next(func(r *patch.Ring) { edit(b, r) }), nil, b.k1, b.k2)
	}
}

// textual is one with a ring that no tool of ours writes.
func textual(old, new string) func(*keysBench) *patch.Package {
	return func(b *keysBench) *patch.Package {
		text := string(b.next(nil).Encode())
		changed := strings.Replace(text, old, new, 1)
		if changed == text {
			b.t.Fatalf("there is no %s in %s", old, text)
		}
		p := b.rotation("k", b.next(nil), nil)
		m, err := patch.ParseManifest(p.Manifest)
		if err != nil {
			b.t.Fatal(err)
		}
		m.SHA256, m.Size = patch.Hash([]byte(changed)), int64(len(changed))
		p.Content, p.Manifest = []byte(changed), m.Encode()
		p.Signatures = [][]byte{b.sign(b.k1, p.Manifest), b.sign(b.k2, p.Manifest)}
		return p
	}
}

// TestKeysAttacks: each is refused under its own name and changes nothing.
func TestKeysAttacks(t *testing.T) {
	t.Parallel()
	var helper patch.SecretKey // who must sign with the author and the operator
	b := keysDrone(t, func(s *Start) {
		var err error
		if helper, err = patch.GenerateKey(); err != nil {
			t.Fatal(err)
		}
	})
	b.rotates("k2", b.next(func(r *patch.Ring) {
		r.Threshold, r.Config, r.Command = 2, append(r.Config, helper.Public()), append(r.Command, helper.Public())
	}), b.k1, b.k2)
	var st telemetry.Status
	b.wait("quiet", telemetry.LeafStatus, &st, func() bool { return st.State == "NOMINAL" && st.Patch.State == patchCommitted })
	before := b.digest()
	var n uint64
	for _, a := range keysAttacks {
		b.offer(a.do(b), nil)
		var r telemetry.Report
		b.wait(a.name, telemetry.LeafReport, &r, func() bool { return r.State == patchRejected && r.N > n })
		n = r.N
		if r.Reason != a.want {
			t.Errorf("%s: refused as %q (%s), want %q", a.name, r.Reason, r.Detail, a.want)
		}
		if after := b.digest(); after != before {
			t.Errorf("%s: it changed something on disk", a.name)
			before = after
		}
	}
	if st := askStatus(t, b.Identity.Paths.Run); st.KeysVersion != 2 || st.KeysSHA256 != b.ring.SHA256() {
		t.Errorf("the ring in force: %+v", st)
	}
	b.rotates("good", b.next(nil), b.k1, b.k2)
}
