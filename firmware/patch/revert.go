package patch

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"github.com/aim-control/aimlock/firmware/msgp"
)

// KindRevert is a Revert's kind; no manifest has it.
const KindRevert = "revert"

// Revert is revert.json: the order to bring back what was in force before a
// patch. It is signed together with the patch and by the same keys, so that a
// rollback needs no key at hand. It holds only while that patch is current, on
// its targets, and once a drone.
type Revert struct {
	Schema        int
	Kind          string   // KindRevert
	Fleet         string   // the patch's
	Targets       []string // the patch's
	Patch         string   // its id
	RestoreSHA256 string   // of what is brought back, the patch's base; "": whatever was before
	Nonce         string   // 16 to 64 of A-Z a-z 0-9
}

type revertJSON struct {
	Schema        int      `json:"schema"`
	Kind          string   `json:"kind"`
	Fleet         string   `json:"fleet"`
	Targets       []string `json:"targets"`
	Patch         string   `json:"patch"`
	RestoreSHA256 string   `json:"restore_sha256"`
	Nonce         string   `json:"nonce"`
}

// Encode is revert.json.
func (r *Revert) Encode() []byte { return encodeJSON(revertJSON(*r)) }

// ParseRevert reads revert.json as strictly as ParseManifest reads patch.json.
func ParseRevert(data []byte) (*Revert, error) {
	o, err := readObject("revert.json", data, MaxRevert)
	if err != nil {
		return nil, err
	}
	if err := o.schema(); err != nil {
		return nil, err
	}
	r := &Revert{Schema: Schema}
	r.Kind, r.Fleet, r.Targets = o.text("kind"), o.text("fleet"), o.texts("targets")
	r.Patch, r.RestoreSHA256, r.Nonce = o.text("patch"), o.text("restore_sha256"), o.text("nonce")
	if err := o.done(); err != nil {
		return nil, err
	}
	f := faults("revert.json")
	if r.Kind != KindRevert {
		return nil, f("kind", fmt.Sprintf("%.32q is not %q", r.Kind, KindRevert))
	}
	if err := address(f, r.Patch, "patch", r.Fleet, r.Targets); err != nil {
		return nil, err
	}
	switch {
	case r.RestoreSHA256 != "" && !isSHA256(r.RestoreSHA256):
		return nil, f("restore_sha256", `is not 64 lower-case hexadecimal digits; write the patch's base_sha256`)
	case !validNonce(r.Nonce):
		return nil, f("nonce", "is not 16 to 64 of A-Z a-z 0-9; write what openssl rand -hex 16 prints")
	}
	return r, nil
}

// SignedRevert is a revert with its signatures.
type SignedRevert struct {
	Revert     []byte   // revert.json, the bytes that are signed
	Signatures [][]byte // minisign's files over it
}

// maxSignedRevert bounds its encoding, bytes.
const maxSignedRevert = MaxRevert + MaxSignatures*(MaxSignature+8) + 64

// ErrEncoding is a SignedRevert's encoding that is none.
var ErrEncoding = errors.New("not a revert with its signatures, as one MessagePack map {p, s}")

// Encode is what travels: the bytes of a telemetry envelope, so that they can
// be published on a command topic as they are.
func (s SignedRevert) Encode() []byte {
	b := msgp.AppendMapHeader(nil, 2)
	b = msgp.AppendBytes(msgp.AppendString(b, "p"), s.Revert)
	b = msgp.AppendArrayHeader(msgp.AppendString(b, "s"), uint32(len(s.Signatures)))
	for _, sig := range s.Signatures {
		b = msgp.AppendBytes(b, sig)
	}
	return b
}

// ParseSignedRevert reads exactly what Encode writes. The parts are copies.
func ParseSignedRevert(b []byte) (SignedRevert, error) {
	var s SignedRevert
	if len(b) > maxSignedRevert {
		return s, fmt.Errorf("patch: revert: %d bytes of at most %d: %w", len(b), maxSignedRevert, ErrSize)
	}
	bad := fmt.Errorf("patch: revert: %w", ErrEncoding)
	b, ok := bytes.CutPrefix(b, []byte("\x82\xa1p"))
	if s.Revert, b, ok = readBytes(b, ok, MaxRevert); !ok {
		return SignedRevert{}, bad
	}
	b, ok = bytes.CutPrefix(b, []byte("\xa1s"))
	n, b, err := msgp.ReadArrayHeaderBytes(b)
	if !ok || err != nil || n > MaxSignatures {
		return SignedRevert{}, bad
	}
	for range n {
		var sig []byte
		if sig, b, ok = readBytes(b, true, MaxSignature); !ok {
			return SignedRevert{}, bad
		}
		s.Signatures = append(s.Signatures, sig)
	}
	if len(b) > 0 {
		return SignedRevert{}, bad
	}
	return s, nil
}

// readBytes copies one value. It compares lengths itself: in 32 bits the
// library's own reading of a value of 4 GB overflows and panics.
func readBytes(b []byte, ok bool, limit uint32) (v, rest []byte, _ bool) {
	n, b, err := msgp.ReadBytesHeader(b)
	if !ok || err != nil || n > limit || n > uint32(len(b)) {
		return nil, nil, false
	}
	return slices.Clone(b[:n]), b[n:], true
}

// RevertFacts are what a drone knows when it judges a revert.
type RevertFacts struct {
	Fleet, Drone string
	Keys         []string // as for the patch
	Threshold    int
	Patch        string // id of the patch that is current, on trial or committed; "": none
	BeforeSHA256 string // of the generation before it
	NonceUsed    func(nonce string) bool
}

// CheckRevert judges a revert: sizes, signature, manifest, kind, fleet,
// target, patch, restore, nonce, as Check does. A version plays no part in it.
// The caller notes the nonce durably before it acts.
func CheckRevert(s SignedRevert, f RevertFacts) (*Revert, error) {
	if f.NonceUsed == nil {
		return nil, errors.New("patch: check: a function of RevertFacts is missing")
	}
	r, no := s.check(f.Keys, f.Threshold)
	switch {
	case no != nil:
		return nil, no
	case r.Fleet != f.Fleet:
		return nil, refuse(RefusedFleet, "signed for fleet %q, this is %q", r.Fleet, f.Fleet)
	case !forDrone(r.Targets, f.Drone):
		return nil, refuse(RefusedTarget, "%q is not among its targets", f.Drone)
	case r.Patch != f.Patch:
		return nil, refuse(RefusedPatch, "it takes back %q, but %q is current", r.Patch, f.Patch)
	case r.RestoreSHA256 != "" && r.RestoreSHA256 != f.BeforeSHA256:
		return nil, refuse(RefusedRestore, "it brings back %.12s…, but %.12s… was before", r.RestoreSHA256, f.BeforeSHA256)
	case f.NonceUsed(r.Nonce):
		return nil, refuse(RefusedNonce, "this revert was used here")
	}
	return r, nil
}

// check is the part that needs no drone.
func (s SignedRevert) check(keys []string, threshold int) (*Revert, *Refusal) {
	if len(s.Revert) > MaxRevert || len(s.Signatures) > MaxSignatures {
		return nil, refuse(RefusedSize, "%d bytes of at most %d, %d signatures of at most %d", len(s.Revert), MaxRevert, len(s.Signatures), MaxSignatures)
	}
	if err := Verify(keys, threshold, s.Revert, s.Signatures); err != nil {
		return nil, refuse(RefusedSignature, "%w; sign revert.json with a key of trust.config", err)
	}
	r, err := ParseRevert(s.Revert)
	if err != nil {
		var field *FieldError
		if errors.As(err, &field) && field.Key == "kind" {
			return nil, refuse(RefusedKind, "%w", err)
		}
		return nil, refuse(RefusedManifest, "%w", err)
	}
	return r, nil
}

// checkRevert holds the revert inside a package against the patch: one that
// cannot be used when it is needed is refused while there is time. A package
// without one, or with one that nobody signed, has no rollback without a key.
func checkRevert(encoded []byte, m *Manifest, f Facts) *Refusal {
	if len(encoded) == 0 {
		return nil
	}
	if m.Kind == KindKeys { // it would bring back keys that somebody revoked
		return refuse(RefusedRevert, "a change of the keys has no way back but the next one; leave revert.json out")
	}
	s, err := ParseSignedRevert(encoded)
	if err != nil {
		return refuse(RefusedRevert, "%w", err)
	}
	if len(s.Signatures) == 0 {
		return nil
	}
	r, no := s.check(f.Keys, f.Threshold)
	switch {
	case no != nil:
		return refuse(RefusedRevert, "the revert inside: %s: %s", no.Name, no.Detail)
	case !r.belongs(m):
		return refuse(RefusedRevert, "the revert inside is another patch's; sign them together")
	}
	return nil
}

// belongs: it takes back this patch, and for the same drones.
func (r *Revert) belongs(m *Manifest) bool {
	return r.Patch == m.ID && r.Fleet == m.Fleet && slices.Equal(r.Targets, m.Targets) && r.RestoreSHA256 == m.BaseSHA256
}
