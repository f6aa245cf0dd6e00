package patch

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"slices"
	"time"
)

// NewNonce is 128 random bits, as an override or a revert needs them.
func NewNonce() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

// New makes an unsigned patch of content and, to a configuration, the revert
// that goes with it. m says the rest; its schema, hash, size and, where they are
// missing, kind (a configuration) and creation time are filled in, and its times
// are brought to UTC and whole seconds.
func New(m Manifest, content []byte) (*Package, error) {
	m.Schema = Schema
	if m.Kind == "" {
		m.Kind = KindConfig
	}
	m.SHA256, m.Size = Hash(content), int64(len(content))
	if m.Created.IsZero() {
		m.Created = time.Now()
	}
	m.Created = m.Created.UTC().Truncate(time.Second)
	if !m.Expires.IsZero() {
		m.Expires = m.Expires.UTC().Truncate(time.Second)
	}
	if err := m.Validate(); err != nil {
		return nil, err
	}
	p := &Package{Manifest: m.Encode(), Content: slices.Clone(content)}
	if m.Kind != KindKeys {
		r := Revert{
			Schema: Schema, Kind: KindRevert, Fleet: m.Fleet, Targets: m.Targets,
			Patch: m.ID, RestoreSHA256: m.BaseSHA256, Nonce: NewNonce(),
		}
		p.Revert = SignedRevert{Revert: r.Encode()}.Encode()
	}
	if len(p.Manifest) > MaxManifest {
		return nil, fmt.Errorf("patch: new: the manifest has %d bytes of at most %d; shorten notes or targets: %w", len(p.Manifest), MaxManifest, ErrSize)
	}
	return p, nil
}

// Sign adds a key's signatures, over the manifest and over the revert if there
// is one, in the place of those that the same key gave before. What a drone
// would refuse unread is not signed: a manifest that is none, a content that is
// not the manifest's, a revert that is another patch's.
func (p *Package) Sign(key SecretKey) error {
	m, err := ParseManifest(p.Manifest)
	if err != nil {
		return err
	}
	if got := Hash(p.Content); got != m.SHA256 || int64(len(p.Content)) != m.Size {
		return refuse(RefusedHash, "%s is not the one that patch.json names; make the patch anew", m.File())
	}
	sigs, err := addSignature(p.Signatures, key, p.Manifest, fmt.Sprintf("kind:%s patch:%s version:%d", m.Kind, m.ID, m.ConfigVersion))
	if err != nil {
		return err
	}
	if len(p.Revert) > 0 {
		s, err := ParseSignedRevert(p.Revert)
		if err != nil {
			return err
		}
		r, err := ParseRevert(s.Revert)
		if err != nil {
			return err
		}
		if !r.belongs(m) {
			return refuse(RefusedRevert, "revert.json is another patch's; remove it, or make the patch anew")
		}
		if s.Signatures, err = addSignature(s.Signatures, key, s.Revert, "kind:revert patch:"+m.ID); err != nil {
			return err
		}
		p.Revert = s.Encode()
	}
	p.Signatures = sigs
	return nil
}

func addSignature(sigs [][]byte, key SecretKey, msg []byte, comment string) ([][]byte, error) {
	sig, err := Sign(key, msg, comment)
	if err != nil {
		return nil, err
	}
	var out [][]byte
	for _, s := range sigs {
		if by, err := signedBy(s); err != nil || by != key.ID() {
			out = append(out, s)
		}
	}
	if len(out) >= MaxSignatures {
		return nil, fmt.Errorf("patch: sign: %d signatures are there already: %w", len(out), ErrSize)
	}
	return append(out, sig), nil
}
