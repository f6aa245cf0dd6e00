package main

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"aead.dev/minisign"
	"github.com/spf13/cobra"

	"github.com/aim-control/aimlock/agent/cmd/aimctl/words"
	"github.com/aim-control/aimlock/agent/config"
	"github.com/aim-control/aimlock/firmware/patch"
)

// signedPatch is a patch's folder that was looked at.
type signedPatch struct {
	dir      string
	pkg      *patch.Package
	manifest *patch.Manifest
	signers  []string // key ids
	trusted  bool     // by keys that were given; else nobody has verified it here
}

// trust is whose signatures count for a patch and for an offer. The zero trust
// knows nobody: only a drone can tell.
type trust struct {
	config, command []string
	threshold       int
	ring            *patch.Ring // in force; nil: not known
	from            string      // where that is written
}

// trusts finds the keys: those given, or the identity's where there is one.
func (a *app) trusts(cmd *cobra.Command, given []string) (trust, error) {
	if len(given) > 0 {
		t := trust{threshold: 1, from: "--trust"}
		for _, k := range given {
			if data, err := os.ReadFile(k); err == nil && len(data) <= maxKey {
				k = string(data)
			}
			line, err := publicLine(k)
			if err != nil {
				return t, err
			}
			t.config = append(t.config, line)
		}
		return t, nil
	}
	if _, err := os.Stat(a.identity); err != nil && !a.identityGiven(cmd) {
		return trust{}, nil
	}
	id, err := a.load()
	if err != nil {
		return trust{}, err
	}
	r, err := a.ringOf(id)
	if err != nil {
		return trust{}, err
	}
	return trust{config: r.Config, command: r.Command, threshold: r.Threshold, ring: r.Ring, from: r.from}, nil
}

// publicLine is the key of a public key file, or the key itself.
func publicLine(text string) (string, error) {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	line := strings.TrimSpace(lines[len(lines)-1])
	if _, err := patch.KeyID(line); err != nil {
		return "", usagef("--trust %s: no file, and no minisign public key", strings.TrimSpace(lines[0]))
	}
	return line, nil
}

func refused(format string, args ...any) error {
	return &exit{exitRefused, fmt.Errorf(format, args...)}
}

// readSigned reads a patch's folder and refuses what no drone would take, or
// what could not be taken back.
func readSigned(dir string, t trust, now time.Time) (*signedPatch, error) {
	pkg, err := patch.ReadFolder(dir)
	if err != nil {
		return nil, plain(err)
	}
	m, err := patch.ParseManifest(pkg.Manifest)
	if err != nil {
		return nil, plain(err)
	}
	s := &signedPatch{dir: dir, pkg: pkg, manifest: m}
	for _, sig := range pkg.Signatures {
		s.signers = append(s.signers, signer(sig))
	}
	switch {
	case m.Kind != patch.KindConfig && m.Kind != patch.KindKeys:
		return nil, refused("%s: a patch of kind %s is not rolled out", dir, m.Kind)
	case patch.Hash(pkg.Content) != m.SHA256:
		return nil, refused("%s: %s is not the content that patch.json is about; make and sign the patch anew", dir, m.File())
	case len(pkg.Signatures) == 0:
		return nil, refused("%s is not signed; sign it, and its revert, with the key that the drones trust", dir)
	case !m.Expires.IsZero() && now.After(m.Expires):
		return nil, refused("%s expired at %s; make it anew and sign it", dir, m.Expires.Format(time.RFC3339))
	}
	if m.Kind == patch.KindKeys {
		return s, s.readKeys(t)
	}
	live, err := config.ParseLive(patch.FileContent, pkg.Content)
	if err != nil {
		return nil, refused("every drone would refuse the content: %w", err)
	}
	if live.Version != m.ConfigVersion {
		return nil, refused("config.toml says version %d, patch.json %d; make and sign the patch anew", live.Version, m.ConfigVersion)
	}
	revert, err := readRevert(s)
	if err != nil {
		return nil, err
	}
	if len(t.config) == 0 {
		return s, nil
	}
	for what, signed := range map[string]patch.SignedRevert{"the patch": {Revert: pkg.Manifest, Signatures: pkg.Signatures}, "its revert": revert} {
		if err := patch.Verify(t.config, t.threshold, signed.Revert, signed.Signatures); err != nil {
			return nil, refused("%s is not signed as %s asks for: %w", what, t.from, plain(err))
		}
	}
	s.trusted = true
	return s, nil
}

// readKeys is the rest of readSigned for a change of the keys: what no drone
// would take is not offered.
func (s *signedPatch) readKeys(t trust) error {
	next, err := patch.ParseRing(s.pkg.Content)
	switch {
	case err != nil:
		return refused("every drone would refuse the content: %w", plain(err))
	case next.Version != s.manifest.ConfigVersion:
		return refused("%s says version %d, patch.json %d; make and sign the patch anew", patch.FileRing, next.Version, s.manifest.ConfigVersion)
	case len(s.pkg.Revert) > 0:
		return refused("%s: a change of the keys has no way back; remove revert.json", s.dir)
	}
	if err := patch.Verify(next.Keys, next.Threshold, s.pkg.Manifest, s.pkg.Signatures); err != nil {
		return refused("too few holders of the new keys have signed: %w", plain(err))
	}
	holders, threshold := t.config, t.threshold // of --trust
	if t.ring != nil {
		holders, threshold = t.ring.Keys, t.ring.Threshold
	}
	if len(holders) == 0 {
		return nil
	}
	if err := patch.Verify(holders, threshold, s.pkg.Manifest, s.pkg.Signatures); err != nil {
		return refused("the patch is not signed as %s asks for: %w", t.from, plain(err))
	}
	s.trusted = true
	return nil
}

// readRevert sees that the patch can be taken back.
func readRevert(s *signedPatch) (patch.SignedRevert, error) {
	if len(s.pkg.Revert) == 0 {
		return patch.SignedRevert{}, refused("%s has no revert.json: the patch could not be taken back; make and sign it anew", s.dir)
	}
	signed, err := patch.ParseSignedRevert(s.pkg.Revert)
	if err != nil {
		return signed, plain(err)
	}
	back, err := patch.ParseRevert(signed.Revert)
	switch {
	case err != nil:
		return signed, plain(err)
	case back.Patch != s.manifest.ID || back.Fleet != s.manifest.Fleet:
		return signed, refused("%s: revert.json is of another patch", s.dir)
	case len(signed.Signatures) == 0:
		return signed, refused("%s: revert.json is not signed: the patch could not be taken back; sign the patch anew", s.dir)
	}
	return signed, nil
}

// signer is the id of the key that made a signature, as it says itself.
func signer(sig []byte) string {
	var s minisign.Signature
	if err := s.UnmarshalText(sig); err != nil {
		return "unreadable"
	}
	return fmt.Sprintf("%016X", s.KeyID)
}

// text says the patch on a few lines.
func (s *signedPatch) text(now time.Time) []string {
	m := s.manifest
	by := "signed by " + strings.Join(s.signers, ", ")
	if s.trusted {
		by += " (verified)"
	} else {
		by += ", which nobody has verified here (give --trust KEY or --identity FILE)"
	}
	what := "configuration"
	if m.Kind == patch.KindKeys {
		what = "the KEYS, version"
		by += "; it cannot be taken back"
	}
	lines := []string{fmt.Sprintf("%s, %s %d, for %s of fleet %s; %s", m.ID, what, m.ConfigVersion, targetsText(m.Targets), m.Fleet, by)}
	if !m.Expires.IsZero() {
		lines = append(lines, fmt.Sprintf("expires at %s, in %s", m.Expires.Format(time.RFC3339), words.Span(m.Expires.Sub(now))))
	}
	if o := m.DespiteLock; o != nil {
		may := "who is passed by, not ended"
		if o.Kill {
			may = "whose process may be ended once it is overdue"
		}
		lines = append(lines, fmt.Sprintf("despite the lock of %s, %s", o.Holder, may))
	}
	return lines
}

func targetsText(list []string) string {
	switch {
	case len(list) == 1 && list[0] == patch.Everyone:
		return "all drones"
	case len(list) > 8:
		return fmt.Sprintf("%d drones", len(list))
	}
	return strings.Join(list, ", ")
}

// mayOffer refuses a key whose offers the drones would not take.
func (t trust) mayOffer(key patch.SecretKey) error {
	if len(t.command) == 0 {
		return nil
	}
	probe := []byte("probe")
	sig, err := patch.Sign(key, probe, "probe")
	if err != nil {
		return err
	}
	err = patch.Verify(t.command, 1, probe, [][]byte{sig})
	if errors.Is(err, patch.ErrSignature) {
		return refused("the drones take offers from the keys of trust.command only (%s), and %s is none of them", t.from, key.ID())
	}
	return err
}
