package patching

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"aead.dev/minisign"

	"github.com/aim-control/aimlock/firmware/patch"
)

// View is a patch as it can be told without knowing whom to trust; --json
// prints it.
type View struct {
	Dir         string          `json:"dir"`
	ID          string          `json:"id"`
	Kind        string          `json:"kind"`
	Fleet       string          `json:"fleet"`
	Targets     []string        `json:"targets"`
	Version     int64           `json:"version"`
	SHA256      string          `json:"sha256"`
	BaseSHA256  string          `json:"base_sha256"` // "": any
	Size        int64           `json:"size"`        // bytes
	Created     string          `json:"created"`
	Expires     string          `json:"expires"` // "": never
	Expired     bool            `json:"expired"` // by this machine's clock
	DespiteLock *patch.Override `json:"despite_lock"`
	Notes       string          `json:"notes"`
	ContentOK   bool            `json:"content_ok"` // config.toml, or keyring.json, is the one that patch.json names
	SignedBy    []string        `json:"signed_by"`  // key ids as the signatures name them: not checked
	Revert      RevertView      `json:"revert"`
	Difference  *Difference     `json:"difference"` // null: not held against a live file
	Keys        *KeysView       `json:"keys"`       // null: not of kind keys

	manifest *patch.Manifest
	now      time.Time
}

// RevertView is the revert that lies beside a patch.
type RevertView struct {
	Present  bool     `json:"present"`
	Fault    string   `json:"fault"`     // why it is of no use; "": none
	SignedBy []string `json:"signed_by"` // as above
}

// Look tells what a patch is. Its error is a *patch.FieldError: patch.json is no
// manifest.
func Look(dir string, p *patch.Package, now time.Time) (*View, error) {
	m, err := patch.ParseManifest(p.Manifest)
	if err != nil {
		return nil, err
	}
	v := &View{
		Dir: dir, ID: m.ID, Kind: m.Kind, Fleet: m.Fleet, Targets: m.Targets, Version: m.ConfigVersion,
		SHA256: m.SHA256, BaseSHA256: m.BaseSHA256, Size: m.Size, Created: m.Created.Format(time.RFC3339),
		DespiteLock: m.DespiteLock, Notes: m.Notes,
		ContentOK: patch.Hash(p.Content) == m.SHA256 && int64(len(p.Content)) == m.Size,
		SignedBy:  signers(p.Signatures), manifest: m, now: now,
	}
	if !m.Expires.IsZero() {
		v.Expires, v.Expired = m.Expires.Format(time.RFC3339), !now.Before(m.Expires)
	}
	if m.Kind == patch.KindKeys {
		v.Keys = lookKeys(p.Content)
	}
	v.Revert = lookRevert(p.Revert, m)
	return v, nil
}

// Manifest is the patch's, valid and not to be changed.
func (v *View) Manifest() *patch.Manifest { return v.manifest }

func lookRevert(encoded []byte, m *patch.Manifest) RevertView {
	v := RevertView{Present: len(encoded) > 0, SignedBy: []string{}}
	if !v.Present {
		return v
	}
	s, err := patch.ParseSignedRevert(encoded)
	if err != nil {
		v.Fault = fault(err)
		return v
	}
	v.SignedBy = signers(s.Signatures)
	r, err := patch.ParseRevert(s.Revert)
	switch {
	case m.Kind == patch.KindKeys:
		v.Fault = "a change of the keys has no way back"
	case err != nil:
		v.Fault = fault(err)
	case r.Patch != m.ID || r.Fleet != m.Fleet || !slices.Equal(r.Targets, m.Targets) || r.RestoreSHA256 != m.BaseSHA256:
		v.Fault = "it is another patch's"
	}
	return v
}

func fault(err error) string { return Visible(strings.TrimPrefix(err.Error(), "patch: "), maxValue) }

// signers are the ids that signatures name, each once, in order.
func signers(sigs [][]byte) []string {
	ids := []string{}
	for _, sig := range sigs {
		var s minisign.Signature
		id := "unreadable"
		if len(sig) <= patch.MaxSignature && s.UnmarshalText(sig) == nil {
			id = fmt.Sprintf("%016X", s.KeyID)
		}
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}
