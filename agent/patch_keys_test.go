package agent

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/aim-control/aimlock/agent/telemetry"
	"github.com/aim-control/aimlock/firmware/durable"
	"github.com/aim-control/aimlock/firmware/patch"
	"github.com/aim-control/aimlock/hal/sim"
)

// keysBench is a drone whose keys are held by two people; one signature is
// enough until a ring says otherwise.
type keysBench struct {
	*patchBench
	k1, k2 patch.SecretKey // the keys role
	ring   *patch.Ring     // in force
}

func (b *patchBench) newKey() patch.SecretKey { return b.stranger() }

// keysDrone starts it.
func keysDrone(t *testing.T, prepare func(*Start)) *keysBench {
	t.Helper()
	b := &keysBench{}
	b.patchBench = patchDrone(t, func(s *Start) {
		for _, k := range []*patch.SecretKey{&b.k1, &b.k2} {
			var err error
			if *k, err = patch.GenerateKey(); err != nil {
				t.Fatal(err)
			}
		}
		tr := &s.Identity.Trust
		tr.Keys = []string{b.k1.Public(), b.k2.Public()}
		b.ring = &patch.Ring{Version: 1, Threshold: tr.Threshold, Config: tr.Config, Command: tr.Command, Keys: tr.Keys}
		if prepare != nil {
			prepare(s)
		}
	})
	return b
}

// next is the ring after the present one, after a change.
func (b *keysBench) next(edit func(*patch.Ring)) *patch.Ring {
	r := *b.ring
	r.Version++
	r.Config, r.Command, r.Keys, r.Agent = slices.Clone(r.Config), slices.Clone(r.Command), slices.Clone(r.Keys), slices.Clone(r.Agent)
	if edit != nil {
		edit(&r)
	}
	return &r
}

// rotation is a signed patch that brings a ring.
func (b *keysBench) rotation(id string, next *patch.Ring, edit func(*patch.Manifest), keys ...patch.SecretKey) *patch.Package {
	b.t.Helper()
	m := patch.Manifest{Kind: patch.KindKeys, ID: id, Fleet: "north", Targets: []string{patch.Everyone}, ConfigVersion: next.Version, BaseSHA256: b.ring.SHA256()}
	if edit != nil {
		edit(&m)
	}
	p, err := patch.New(m, next.Encode())
	for _, k := range keys {
		if err == nil {
			err = p.Sign(k)
		}
	}
	if err != nil {
		b.t.Fatal(err)
	}
	return p
}

// rotates offers a rotation and waits until it is in force and in the status.
func (b *keysBench) rotates(id string, next *patch.Ring, keys ...patch.SecretKey) {
	b.t.Helper()
	b.offer(b.rotation(id, next, nil, keys...), nil)
	r := b.reported(id, patchCommitted)
	if r.Version != next.Version || r.SHA256 != next.SHA256() || r.OldVersion != b.ring.Version || r.OldSHA256 != b.ring.SHA256() || r.EndedMS < r.OfferedMS || r.EndedMS == 0 {
		b.t.Errorf("%s: %+v", id, r)
	}
	b.ring = next
	b.trusts(next)
}

// trusts waits for a ring in the status.
func (b *keysBench) trusts(ring *patch.Ring) {
	b.t.Helper()
	var st telemetry.Status
	b.wait("ring in the status", telemetry.LeafStatus, &st, func() bool { return st.KeysVersion == ring.Version && st.KeysSHA256 == ring.SHA256() })
	if n := len(ring.Config) + len(ring.Command) + len(ring.Keys) + len(ring.Agent); len(st.Keys) != n {
		b.t.Errorf("keys in the status: %q, want %d", st.Keys, n)
	}
}

// answer sends a payload as a command and waits for the reply.
func (b *keysBench) answer(id string, payload []byte) telemetry.Reply {
	b.t.Helper()
	if err := b.Publish(telemetry.Topic("north", "patrol-01", telemetry.LeafCommand+id), payload, false, 1); err != nil {
		b.t.Fatal(err)
	}
	var r telemetry.Reply
	b.wait("reply to "+id, telemetry.LeafReply+id, &r, func() bool { return true })
	return r
}

// orders is a signed command.
func (b *keysBench) orders(id, verb string, counter uint64, keys ...patch.SecretKey) []byte {
	return sign(b.t, telemetry.Command{Schema: telemetry.Schema, ID: id, Fleet: "north", Drone: "patrol-01", Boot: b.Host.BootID, Counter: counter, Verb: verb}, keys...)
}

// TestKeysRotate goes through two rotations: in the air, at once, durable, and
// what the old keys signed, before or after, counts for nothing from then on.
func TestKeysRotate(t *testing.T) {
	t.Parallel()
	b := keysDrone(t, nil)
	b.trusts(b.ring)
	p8 := b.patch("p8", 8, newFile, nil) // with its revert, signed by the first author
	b.offer(p8, nil)
	b.reported("p8", patchCommitted)
	b.until("armed", func(sim.State) bool { return b.world.Arm() == nil })

	// Another author, another operator: in the air, while a patch waits there.
	author, operator := b.author, b.operator
	b.offer(b.patch("p9", 9, nextFile, nil), nil)
	b.waiting("p9", "flight")
	author2, operator2 := b.newKey(), b.newKey()
	second := b.next(func(r *patch.Ring) { r.Config, r.Command = []string{author2.Public()}, []string{operator2.Public()} })
	b.rotates("k2", second, b.k1)
	if err := b.world.Disarm(); err != nil {
		t.Fatal(err)
	}
	b.offer(b.patch("p9", 9, nextFile, nil), nil) // as the broker retained it
	if r := b.reported("p9", patchRejected); r.Reason != refusedOffer {
		t.Errorf("an offer of the removed operator: %+v", r)
	}
	b.operator = operator2
	b.offer(b.patch("p9", 9, nextFile, nil), nil)
	if r := b.reported("p9", patchRejected); r.Reason != patch.RefusedSignature {
		t.Errorf("a patch of the removed author: %+v", r)
	}
	if r := b.answer("back", p8.Revert); r.Outcome != "refused" || !strings.Contains(r.Reason, patch.RefusedSignature) {
		t.Errorf("a revert that the removed author signed with the patch: %+v", r)
	}
	if r := b.answer("old", b.orders("old", "report", 101, operator)); r.Outcome != "refused" || !strings.Contains(r.Reason, errSignature.Error()) {
		t.Errorf("a command of the removed operator: %+v", r)
	}
	if r := b.answer("new", b.orders("new", "report", 102, operator2)); r.Outcome != "done" {
		t.Errorf("a command of the new operator: %+v", r)
	}
	b.lies(newFile)

	// And it is so after a restart; the same offer again changes nothing.
	b.again()
	b.trusts(second)
	again := b.rotation("k2", second, func(m *patch.Manifest) { m.BaseSHA256 = patch.Hash(nil) }, b.k1)
	b.offer(again, func(o *telemetry.Offer) { o.Rollout = "r2" })
	if r := b.reported("k2", patchCommitted); r.Rollout != "r2" || r.Version != 2 {
		t.Errorf("offered again: %+v", r)
	}
	b.author = author2
	b.offer(b.patch("p9", 9, nextFile, nil), nil)
	b.reported("p9", patchCommitted)

	// The keys role itself: the holders hand over.
	k3 := b.newKey()
	third := b.next(func(r *patch.Ring) { r.Keys = []string{k3.Public()} })
	b.rotates("k3", third, b.k2, k3)
	b.offer(b.rotation("k4", b.next(nil), nil, b.k1, b.k2), nil)
	if r := b.reported("k4", patchRejected); r.Reason != patch.RefusedSignature {
		t.Errorf("by the former holders: %+v", r)
	}
	b.author = author
	b.offer(b.patch("p10", 10, strings.Replace(nextFile, "9", "10", 1), nil), nil)
	if r := b.reported("p10", patchRejected); r.Reason != patch.RefusedSignature {
		t.Errorf("the first author once more: %+v", r)
	}
	b.lies(nextFile)
}

// TestKeysOfAnotherIdentity: a technician who writes another trust into the
// identity is believed, and what he has put aside is told.
func TestKeysOfAnotherIdentity(t *testing.T) {
	t.Parallel()
	b := keysDrone(t, nil)
	first := *b.ring
	author2 := b.newKey()
	b.rotates("k2", b.next(func(r *patch.Ring) { r.Config = []string{author2.Public()} }), b.k1)
	operator2 := b.newKey()
	b.Identity.Trust.Command = []string{operator2.Public()}
	b.again()
	b.ring = &first
	b.ring.Command = b.Identity.Trust.Command
	b.trusts(b.ring)
	b.until("told", func(sim.State) bool { return strings.Contains(b.log.String(), "is set aside") })
	b.operator = operator2
	b.offer(b.patch("p8", 8, newFile, nil), nil) // by the author of the identity
	b.reported("p8", patchCommitted)
}

// TestKeysNotKept: what the disk does not take is not in force, and is told; the
// next offer finds the disk mended.
func TestKeysNotKept(t *testing.T) {
	t.Parallel()
	b := keysDrone(t, nil)
	path := filepath.Join(b.Identity.Paths.State, patch.FileKeyring)
	b.trusts(b.ring)
	if err := os.Mkdir(path, 0o755); err != nil {
		t.Fatal(err)
	}
	author2 := b.newKey()
	second := b.next(func(r *patch.Ring) { r.Config = []string{author2.Public()} })
	b.offer(b.rotation("k2", second, nil, b.k1), nil)
	if r := b.reported("k2", patchRejected); r.Reason != refusedStore || r.SHA256 != second.SHA256() {
		t.Errorf("%+v", r)
	}
	if st := askStatus(t, b.Identity.Paths.Run); st.KeysVersion != 1 {
		t.Errorf("in force: %d", st.KeysVersion)
	}
	b.offer(b.patch("p8", 8, newFile, nil), nil) // the old keys still count
	b.reported("p8", patchCommitted)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	b.rotates("k2", second, b.k1)
}

// TestKeysDamaged: a drone whose keyring is damaged flies, and takes nothing that
// needs a signature, not even by the identity's keys: they may be revoked.
func TestKeysDamaged(t *testing.T) {
	t.Parallel()
	b := keysDrone(t, nil)
	p8 := b.patch("p8", 8, newFile, nil)
	b.offer(p8, nil)
	b.reported("p8", patchCommitted)
	b.rotates("k2", b.next(func(r *patch.Ring) { r.Config = []string{b.newKey().Public()} }), b.k1)
	path := filepath.Join(b.Identity.Paths.State, patch.FileKeyring)
	if err := os.WriteFile(path, []byte(strings.Repeat("damaged", 10000)), 0o644); err != nil {
		t.Fatal(err)
	}
	b.publish(nil)
	b.again()
	var st telemetry.Status
	b.wait("the fault", telemetry.LeafStatus, &st, func() bool { return slices.Contains(st.Faults, keyringPart) })
	if st.KeysVersion != 0 || st.KeysSHA256 != "" || len(st.Keys) != 0 || st.State != "NOMINAL" {
		t.Errorf("status: %+v", st)
	}
	b.offer(b.patch("p9", 9, nextFile, nil), nil)
	if r := b.reported("p9", patchRejected); r.Reason != refusedKeyring || !strings.Contains(r.Detail, "remove the file") {
		t.Errorf("a patch: %+v", r)
	}
	if r := b.answer("c", b.orders("c", "report", 101, b.operator)); r.Outcome != "refused" || !strings.Contains(r.Reason, refusedKeyring) {
		t.Errorf("a command: %+v", r)
	}
	if r := b.answer("back", p8.Revert); r.Outcome != "refused" || !strings.Contains(r.Reason, refusedKeyring) {
		t.Errorf("a revert: %+v", r)
	}
	b.lies(newFile)
	if err := durable.Linux.Unlinkat(-100, path, 0); err != nil { // the technician
		t.Fatal(err)
	}
	b.offer(b.patch("p9", 9, nextFile, nil), func(o *telemetry.Offer) { o.Rollout = "r2" })
	b.reported("p9", patchCommitted)
	b.wait("mended", telemetry.LeafStatus, &st, func() bool { return !slices.Contains(st.Faults, keyringPart) && st.KeysVersion == 1 })
}
