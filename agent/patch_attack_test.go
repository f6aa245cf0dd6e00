package agent

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aim-control/aimlock/agent/config"
	"github.com/aim-control/aimlock/agent/telemetry"
	"github.com/aim-control/aimlock/firmware/durable"
	"github.com/aim-control/aimlock/firmware/patch"
	"github.com/aim-control/aimlock/firmware/store"
)

// attack is one row: what is published on patch/offer, and under which name it
// is refused.
type attack struct {
	name, want string
	offer      func(*patchBench) []byte
}

// The strict parsers have tables of their own in firmware/patch and telemetry;
// here one row of each kind goes the whole way.
var offerAttacks = []attack{
	{"no envelope", refusedMalformed, func(b *patchBench) []byte { return []byte("\xc0 nothing") }},
	{"bytes behind the envelope", refusedMalformed, func(b *patchBench) []byte { return append(b.envelope(b.next("a"), nil), 0) }},
	{"a nesting bomb for an envelope", refusedMalformed, func(b *patchBench) []byte {
		return append([]byte("\x81\xa1z"), bytes.Repeat([]byte{0x91}, 60<<10)...)
	}},
	{"a message beyond the limit", patch.RefusedSize, func(b *patchBench) []byte { return make([]byte, telemetry.MaxEnvelope+1) }},
	{"an array of four billion for signatures", refusedMalformed, func(b *patchBench) []byte { return []byte("\x81\xa1s\xdd\xff\xff\xff\xff") }},
	{"a payload that is no offer", refusedMalformed, func(b *patchBench) []byte {
		return envelope(b.t, []byte("\x80"), []byte("\x80"), b.operator)
	}},
	{"an offer nobody signed", refusedOffer, func(b *patchBench) []byte { return b.signedBy(b.next("a"), nil) }},
	{"an offer that a stranger signed", refusedOffer, func(b *patchBench) []byte { return b.signedBy(b.next("a"), nil, b.stranger()) }},
	{"an offer signed by a key for patches", refusedOffer, func(b *patchBench) []byte { return b.signedBy(b.next("a"), nil, b.author) }},
	{"a signature of another offer", refusedOffer, func(b *patchBench) []byte {
		other := b.payload(b.next("other"), nil)
		return envelope(b.t, other, b.payload(b.next("a"), nil), b.operator)
	}},
	{"another fleet's offer", refusedOther, b1(func(o *telemetry.Offer) { o.Fleet = "south" })},
	{"another drone's offer", refusedOther, b1(func(o *telemetry.Offer) { o.Drone = "patrol-02" })},
	{"an epoch that has passed", refusedEpoch, b1(func(o *telemetry.Offer) { o.Epoch = 4 })},
	{"the same epoch of another controller", refusedEpoch, b1(func(o *telemetry.Offer) { o.Controller = "mallory" })},
}

// b1 offers the next good patch with one thing changed in the offer.
func b1(edit func(*telemetry.Offer)) func(*patchBench) []byte {
	return func(b *patchBench) []byte { return b.envelope(b.next("a"), edit) }
}

var patchAttacks = []attack{
	{"a patch nobody signed", patch.RefusedSignature, spoiled(func(b *patchBench, p *patch.Package) { p.Signatures = nil })},
	{"a patch that a stranger signed", patch.RefusedSignature, resigned(func(b *patchBench) patch.SecretKey { return b.stranger() })},
	{"a patch signed by an operator's key", patch.RefusedSignature, resigned(func(b *patchBench) patch.SecretKey { return b.operator })},
	{"a manifest changed after it was signed", patch.RefusedSignature, spoiled(func(b *patchBench, p *patch.Package) {
		p.Manifest = bytes.Replace(p.Manifest, []byte(`"notes": ""`), []byte(`"notes": "x"`), 1)
	})},
	{"a nesting bomb in the manifest", patch.RefusedManifest, manifest(`"notes": ""`, `"notes": `+strings.Repeat("[", 8000))},
	{"an unknown key in the manifest", patch.RefusedManifest, manifest(`"notes": ""`, `"notes": "", "exec": "rm -rf /"`)},
	{"a key twice in the manifest", patch.RefusedManifest, manifest(`"notes": ""`, `"notes": "", "fleet": "north"`)},
	{"a key in other letters in the manifest", patch.RefusedManifest, manifest(`"notes": ""`, `"notes": "", "Fleet": "south"`)},
	{"a path for an id", patch.RefusedManifest, manifest(`"id": "a"`, `"id": "../../etc/passwd"`)},
	{"a patch of another kind", patch.RefusedKind, manifest(`"kind": "config"`, `"kind": "agent"`)},
	{"a patch of a kind that there is not", patch.RefusedKind, manifest(`"kind": "config"`, `"kind": "shell"`)},
	{"a patch for another fleet", patch.RefusedFleet, made(nextFile, func(m *patch.Manifest) { m.Fleet = "south" })},
	{"a patch for other drones", patch.RefusedTarget, made(nextFile, func(m *patch.Manifest) { m.Targets = []string{"patrol-02", "patrol-03"} })},
	{"a downgrade", patch.RefusedVersion, made(strings.Replace(nextFile, "9", "8", 1), func(m *patch.Manifest) { m.ConfigVersion = 8 })},
	{"another base", patch.RefusedBase, made(nextFile, func(m *patch.Manifest) { m.BaseSHA256 = patch.Hash([]byte("another")) })},
	{"expired", patch.RefusedExpired, made(nextFile, func(m *patch.Manifest) {
		m.Created, m.Expires = time.Now().Add(-2*time.Hour), time.Now().Add(-time.Hour)
	})},
	{"an override without an end", patch.RefusedOverride, made(nextFile, func(m *patch.Manifest) {
		m.Created, m.DespiteLock = time.Now(), &patch.Override{Nonce: patch.NewNonce(), Holder: "x"}
	})},
	{"an override for a day", patch.RefusedOverride, made(nextFile, func(m *patch.Manifest) {
		m.Created, m.Expires, m.DespiteLock = time.Now(), time.Now().Add(24*time.Hour), &patch.Override{Nonce: patch.NewNonce(), Holder: "x"}
	})},
	{"an override whose signer's clock is a day ahead", patch.RefusedOverride, made(nextFile, func(m *patch.Manifest) {
		m.Created, m.Expires, m.DespiteLock = time.Now().Add(24*time.Hour), time.Now().Add(25*time.Hour), &patch.Override{Nonce: patch.NewNonce(), Holder: "x"}
	})},
	{"an override used before", patch.RefusedNonce, made(nextFile, func(m *patch.Manifest) {
		m.Created, m.Expires, m.DespiteLock = time.Now(), time.Now().Add(time.Minute), &patch.Override{Nonce: usedNonce, Holder: "x"}
	})},
	{"content swapped", patch.RefusedHash, spoiled(func(b *patchBench, p *patch.Package) { p.Content = []byte(strings.Replace(nextFile, "50", "99", 1)) })},
	{"content cut off", patch.RefusedHash, spoiled(func(b *patchBench, p *patch.Package) { p.Content = p.Content[:len(p.Content)-1] })},
	{"content beyond the limit", patch.RefusedSize, spoiled(func(b *patchBench, p *patch.Package) { p.Content = make([]byte, patch.MaxContent+1) })},
	{"a nesting bomb for content", patch.RefusedContent, made("version = 9\n[mission]\na = "+strings.Repeat("[", 8000)+strings.Repeat("]", 8000)+"\n", nil)},
	{"content that is no configuration", patch.RefusedContent, made("version = 9\n[lock]\ntll = \"2s\"\n", nil)},
	{"content of another version", patch.RefusedContent, made(nextFile, func(m *patch.Manifest) { m.ConfigVersion = 10 })},
	{"content below the safety floor", patch.RefusedFloor, made("version = 9\n[safe_pause]\nmax_hold = \"10m\"\n", nil)},
	{"content that failed here before", patch.RefusedQuarantined, made(failedFile, nil)},
	{"a revert of another patch inside", patch.RefusedRevert, spoiled(func(b *patchBench, p *patch.Package) { p.Revert = b.next("other").Revert })},
	{"a revert that a stranger signed", patch.RefusedRevert, spoiled(func(b *patchBench, p *patch.Package) {
		r, err := patch.ParseSignedRevert(p.Revert)
		if err != nil {
			b.t.Fatal(err)
		}
		r.Signatures = [][]byte{b.sign(b.stranger(), r.Revert)}
		p.Revert = r.Encode()
	})},
}

const (
	usedNonce  = "0123456789abcdef0123456789abcdef"
	failedNote = "note = \"refuse\"\n"
)

var (
	nextFile   = strings.Replace(newFile, "8", "9", 1)
	failedFile = nextFile + failedNote
)

// next is a good patch.
func (b *patchBench) next(id string) *patch.Package { return b.patch(id, 9, nextFile, nil) }

func (b *patchBench) stranger() patch.SecretKey {
	k, err := patch.GenerateKey()
	if err != nil {
		b.t.Fatal(err)
	}
	return k
}

func (b *patchBench) sign(k patch.SecretKey, msg []byte) []byte {
	sig, err := patch.Sign(k, msg, "test")
	if err != nil {
		b.t.Fatal(err)
	}
	return sig
}

// spoiled is an offer of a good patch with which something was done.
func spoiled(spoil func(*patchBench, *patch.Package)) func(*patchBench) []byte {
	return func(b *patchBench) []byte {
		p := b.next("a")
		spoil(b, p)
		return b.envelope(p, nil)
	}
}

// resigned is a good patch with another key's signature.
func resigned(key func(*patchBench) patch.SecretKey) func(*patchBench) []byte {
	return spoiled(func(b *patchBench, p *patch.Package) { p.Signatures = [][]byte{b.sign(key(b), p.Manifest)} })
}

// manifest is a patch whose author signed a manifest that no tool of ours makes.
func manifest(old, new string) func(*patchBench) []byte {
	return spoiled(func(b *patchBench, p *patch.Package) {
		changed := strings.Replace(string(p.Manifest), old, new, 1)
		if changed == string(p.Manifest) {
			b.t.Fatalf("there is no %s in %s", old, p.Manifest)
		}
		p.Manifest = []byte(changed)
		p.Signatures = [][]byte{b.sign(b.author, p.Manifest)}
	})
}

// made is a signed patch that the author should not have made.
func made(content string, edit func(*patch.Manifest)) func(*patchBench) []byte {
	return func(b *patchBench) []byte { return b.envelope(b.patch("a", 9, content, edit), nil) }
}

func (b *patchBench) payload(p *patch.Package, edit func(*telemetry.Offer)) []byte {
	b.t.Helper()
	var env telemetry.Envelope
	if err := telemetry.Decode(b.envelope(p, edit), &env); err != nil {
		b.t.Fatal(err)
	}
	return env.Payload
}

func (b *patchBench) signedBy(p *patch.Package, edit func(*telemetry.Offer), keys ...patch.SecretKey) []byte {
	payload := b.payload(p, edit)
	return envelope(b.t, payload, payload, keys...)
}

// digest is one of everything that a patch could change: the folder of the live
// file and the state, the journal of reports aside.
func (b *patchBench) digest() string {
	b.t.Helper()
	root := filepath.Dir(b.Identity.Paths.Config)
	all := sha256.New()
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.Name() == journalName || path == b.Identity.Paths.Run:
			return fs.SkipDir
		case d.IsDir():
			return nil
		}
		data, err := os.ReadFile(path)
		fmt.Fprintf(all, "%s %x\n", path, sha256.Sum256(data))
		return err
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return hex.EncodeToString(all.Sum(nil))
}

// useNonce uses one up before the agent has the store.
func useNonce(t *testing.T, p config.Paths) {
	t.Helper()
	if err := os.MkdirAll(p.State, 0o755); err != nil {
		t.Fatal(err)
	}
	s, err := store.Open(durable.Linux, store.Options{Live: p.Config, Dir: filepath.Join(p.State, storeName)})
	if err == nil {
		err = errors.Join(s.UseNonce(usedNonce), s.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestPatchAttacks: each is refused under its own name and changes nothing.
func TestPatchAttacks(t *testing.T) {
	t.Parallel()
	b := patchDrone(t, func(s *Start) {
		s.Identity.Safety = config.Safety{MaxHoldMax: 5 * time.Minute}
		useNonce(t, s.Identity.Paths)
	})
	b.epoch = 5
	b.offer(b.patch("first", 8, newFile, nil), nil)
	b.reported("first", patchCommitted)
	b.offer(b.patch("failed", 9, failedFile, nil), nil)
	b.reported("failed", patchReverted)
	b.lies(newFile)
	var st telemetry.Status
	b.wait("quiet", telemetry.LeafStatus, &st, func() bool { return st.State == "NOMINAL" && st.Patch.State == patchReverted })
	before := b.digest()
	seen := map[string]bool{}
	var n uint64 // reports come at least once
	for i, a := range slices.Concat(offerAttacks, patchAttacks) {
		b.publish(a.offer(b))
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
		if st := askStatus(t, b.Identity.Paths.Run); i < len(offerAttacks) && (st.Patch.ID != "failed" || st.Patch.State != patchReverted) {
			t.Errorf("%s: no operator has offered it, and the status shows it: %+v", a.name, st.Patch)
		}
		seen[a.want] = true
	}
	for _, name := range []string{refusedMalformed, refusedOffer, refusedOther, refusedEpoch, patch.RefusedSize, patch.RefusedSignature, patch.RefusedManifest, patch.RefusedKind,
		patch.RefusedFleet, patch.RefusedTarget, patch.RefusedVersion, patch.RefusedBase, patch.RefusedExpired, patch.RefusedOverride, patch.RefusedHash,
		patch.RefusedContent, patch.RefusedFloor, patch.RefusedQuarantined, patch.RefusedNonce, patch.RefusedRevert} {
		if !seen[name] {
			t.Errorf("no attack is refused as %q", name)
		}
	}
	b.lies(newFile)
	b.offer(b.next("good"), nil)
	b.reported("good", patchCommitted)
	b.publish(b.envelope(b.patch("again", 9, nextFile, nil), nil))
	if r := b.reported("again", patchRejected); r.Reason != patch.RefusedVersion {
		t.Errorf("a replay under another id: %+v", r)
	}
}

// One of two signatures is not enough for a patch; both are.
func TestPatchNeedsTwo(t *testing.T) {
	t.Parallel()
	second, err := patch.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	b := patchDrone(t, func(s *Start) {
		s.Identity.Trust.Threshold = 2
		s.Identity.Trust.Config = append(s.Identity.Trust.Config, second.Public())
	})
	b.offer(b.patch("one", 8, newFile, nil), nil)
	if r := b.reported("one", patchRejected); r.Reason != patch.RefusedSignature {
		t.Errorf("one of two signatures: %+v", r)
	}
	p := b.patch("same", 8, newFile, nil)
	p.Signatures = append(p.Signatures, b.sign(b.author, p.Manifest))
	b.offer(p, nil)
	if r := b.reported("same", patchRejected); r.Reason != patch.RefusedSignature {
		t.Errorf("one signer twice: %+v", r)
	}
	b.lies(oldFile)
	p = b.patch("both", 8, newFile, nil)
	if err := p.Sign(second); err != nil {
		t.Fatal(err)
	}
	b.offer(p, nil)
	b.reported("both", patchCommitted)
	b.lies(newFile)
}
