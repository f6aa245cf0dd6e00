package patch

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Package is a patch as it travels: in a folder, or in one message.
type Package struct {
	Manifest   []byte   // patch.json, the bytes that are signed
	Content    []byte   // config.toml, or keyring.json
	Signatures [][]byte // minisign's files over Manifest
	Revert     []byte   // a SignedRevert's encoding; empty: none
}

// The names of refusals, in the order of the checks.
const (
	RefusedSize        = "size"              // beyond a limit
	RefusedSignature   = "signature"         // too few trusted keys signed
	RefusedManifest    = "manifest"          // not exactly a manifest
	RefusedKind        = "kind"              // these keys do not sign for that kind
	RefusedFleet       = "fleet"             // for another fleet
	RefusedTarget      = "target"            // for other drones
	RefusedVersion     = "version"           // not above every version ever committed
	RefusedBase        = "base"              // made from another file than the one in force
	RefusedExpired     = "expired"           // too late
	RefusedOverride    = "override-too-long" // an override without an end, or with one too far away
	RefusedHash        = "hash"              // the content is not the one that was signed
	RefusedContent     = "content"           // the strict check of the content
	RefusedNewKeys     = "new-keys"          // a ring that too few of its own keys signed
	RefusedFloor       = "floor"             // the drone's own limits
	RefusedQuarantined = "quarantined"       // it failed here before
	RefusedNonce       = "nonce"             // the override, or the revert, was used
	RefusedRevert      = "revert"            // the revert inside does not belong to the patch
	RefusedClock       = "clock"             // WAIT: whether it has expired cannot be known yet
	RefusedPatch       = "patch"             // a revert: another patch is current
	RefusedRestore     = "restore"           // a revert: what lies before the patch is another file
)

// Refusal says why a patch or a revert is not carried out.
type Refusal struct {
	Name   string // one of the above
	Detail string // for a person, with what to do; at most 2 KiB
	Wait   bool   // not now, perhaps later: check it again
	Err    error  // the cause, if there is one
}

func (r *Refusal) Error() string { return "patch: refused: " + r.Name + ": " + r.Detail }

// Unwrap returns the cause.
func (r *Refusal) Unwrap() error { return r.Err }

const maxDetail = 2 << 10

func refuse(name, format string, args ...any) *Refusal {
	err := fmt.Errorf(format, args...)
	detail := err.Error()
	if len(detail) > maxDetail {
		detail = detail[:maxDetail] + " …"
	}
	return &Refusal{Name: name, Detail: detail, Err: errors.Unwrap(err)}
}

// Facts are what a drone knows when it judges a patch. All functions are
// required: a check that is left out by mistake must not pass.
type Facts struct {
	Fleet, Drone string
	Keys         []string // whose signatures count for a configuration
	Threshold    int
	Ring         *Ring  // in force, for a change of the keys; nil: none is taken
	HighVersion  int64  // the highest version ever committed from a patch
	LiveSHA256   string // of the file in force
	// Now is the wall clock. It allows only when ClockTrusted: synchronised by
	// the kernel's measure, or set from GPS. Floor is a time that has certainly
	// passed (build, last commit): it may refuse, never allow.
	Now          time.Time
	ClockTrusted bool
	Floor        time.Time
	Quarantined  func(version int64, sha256 string) (reason string, ok bool)
	NonceUsed    func(nonce string) bool
	// CheckContent checks strictly and returns the version that the content
	// says it has.
	CheckContent func(content []byte) (version int64, err error)
	CheckFloor   func(content []byte) error
}

// skew is by how much a signer's clock may be ahead of a drone's.
const skew = 5 * time.Minute

// Check judges a patch, one check after the other in the order of the names
// above; the first that fails is the error, a *Refusal. Nothing of an unsigned
// package is looked at but its sizes, and which kind it claims to be: that says
// whose signatures must be there. It changes nothing: an override's nonce is
// the caller's to note, durably and before it acts.
//
// A change of the keys is a patch whose content is the next Ring. It is signed
// twice: by the threshold of the ring in force, and by that of the next one, so
// that nobody is locked out; its version is the next one, and its base is the
// ring in force, so that none can be skipped, repeated or moved elsewhere.
//
// A refusal that says Wait comes with the manifest, and only when everything
// else is in order.
func Check(p *Package, f Facts) (*Manifest, error) {
	if f.Quarantined == nil || f.NonceUsed == nil || f.CheckContent == nil || f.CheckFloor == nil {
		return nil, errors.New("patch: check: a function of Facts is missing")
	}
	if r := checkSizes(p); r != nil {
		return nil, r
	}
	m, err := ParseManifest(p.Manifest)
	if r := checkSigned(p, m, f); r != nil {
		return nil, r
	}
	if err != nil {
		var field *FieldError
		if errors.As(err, &field) && field.Key == "kind" {
			return nil, refuse(RefusedKind, "%w", err)
		}
		return nil, refuse(RefusedManifest, "%w", err)
	}
	if r := checkAddress(m, f); r != nil {
		return nil, r
	}
	wait, r := checkTime(m, f)
	if r != nil {
		return nil, r
	}
	r = checkHash(p.Content, m)
	if r == nil && m.Kind == KindKeys {
		r = checkRing(p, m)
	} else if r == nil {
		r = checkContent(p.Content, m, f)
	}
	if r == nil {
		r = checkRevert(p.Revert, m, f)
	}
	if r != nil {
		return nil, r
	}
	if wait != nil {
		return m, wait
	}
	return m, nil
}

func checkSizes(p *Package) *Refusal {
	for _, part := range []struct {
		name string
		n    int
		max  int
	}{
		{"the manifest", len(p.Manifest), MaxManifest}, {"the content", len(p.Content), MaxContent},
		{"the revert", len(p.Revert), maxSignedRevert},
	} {
		if part.n > part.max {
			return refuse(RefusedSize, "%s has %d bytes of at most %d", part.name, part.n, part.max)
		}
	}
	if len(p.Signatures) > MaxSignatures {
		return refuse(RefusedSize, "%d signatures of at most %d", len(p.Signatures), MaxSignatures)
	}
	for _, s := range p.Signatures {
		if len(s) > MaxSignature {
			return refuse(RefusedSize, "a signature has %d bytes of at most %d", len(s), MaxSignature)
		}
	}
	return nil
}

// checkSigned: enough of those signed who may sign what the manifest claims to
// be; one that cannot be read (m is nil) may be either's.
func checkSigned(p *Package, m *Manifest, f Facts) *Refusal {
	err := Verify(f.Keys, f.Threshold, p.Manifest, p.Signatures)
	role := KindConfig
	if r := f.Ring; r != nil && (m == nil || m.Kind == KindKeys) {
		byKeys := Verify(r.Keys, r.Threshold, p.Manifest, p.Signatures)
		if m != nil || byKeys == nil {
			err, role = byKeys, KindKeys
		}
	}
	if err != nil {
		return refuse(RefusedSignature, "%w; sign patch.json with a key of trust.%s", err, role)
	}
	return nil
}

func checkAddress(m *Manifest, f Facts) *Refusal {
	switch {
	case m.Kind != KindConfig && (m.Kind != KindKeys || f.Ring == nil):
		return refuse(RefusedKind, "signed as %q, offered as a configuration", m.Kind)
	case m.Fleet != f.Fleet:
		return refuse(RefusedFleet, "signed for fleet %q, this is %q", m.Fleet, f.Fleet)
	case !forDrone(m.Targets, f.Drone):
		return refuse(RefusedTarget, "%q is not among its targets", f.Drone)
	case m.Kind == KindKeys && m.ConfigVersion != f.Ring.Version+1:
		return refuse(RefusedVersion, "version %d, but version %d of the keys is in force; make it with the next version", m.ConfigVersion, f.Ring.Version)
	case m.Kind == KindKeys && m.BaseSHA256 != f.Ring.SHA256():
		return refuse(RefusedBase, "made from the ring %.12s…, but %.12s… is in force; make it from that", m.BaseSHA256, f.Ring.SHA256())
	case m.Kind == KindKeys:
		return nil
	case m.ConfigVersion <= f.HighVersion:
		return refuse(RefusedVersion, "version %d, but %d was committed here; make the patch with a higher version", m.ConfigVersion, f.HighVersion)
	case m.BaseSHA256 != "" && m.BaseSHA256 != f.LiveSHA256:
		return refuse(RefusedBase, "made from %.12s…, but %.12s… is in force; make the patch from that", m.BaseSHA256, f.LiveSHA256)
	}
	return nil
}

func forDrone(targets []string, drone string) bool {
	return slices.Contains(targets, drone) || slices.Equal(targets, []string{Everyone})
}

// checkTime returns wait when only a trusted clock could tell.
func checkTime(m *Manifest, f Facts) (wait, r *Refusal) {
	if m.DespiteLock != nil {
		life := m.Expires.Sub(m.Created)
		if m.Expires.IsZero() || life > MaxOverride {
			return nil, refuse(RefusedOverride, "an override of a lock lives at most %v after created; sign it anew with such an expires", MaxOverride)
		}
	}
	if m.Expires.IsZero() {
		return nil, nil
	}
	if now := f.Floor; !now.Before(m.Expires) {
		return nil, refuse(RefusedExpired, "at %s, and it is later than %s; sign it anew", formatTime(m.Expires), formatTime(now))
	}
	if !f.ClockTrusted {
		r := refuse(RefusedClock, "it expires at %s, and there is no trusted clock yet", formatTime(m.Expires))
		r.Wait = true
		return r, nil
	}
	if !f.Now.Before(m.Expires) {
		return nil, refuse(RefusedExpired, "at %s, and it is %s; sign it anew", formatTime(m.Expires), formatTime(f.Now))
	}
	if ahead := m.Expires.Sub(f.Now); m.DespiteLock != nil && ahead > MaxOverride+skew {
		return nil, refuse(RefusedOverride, "its override would live %v more, at most %v; set the signer's clock and sign it anew", ahead.Round(time.Second), MaxOverride)
	}
	return nil, nil
}

func checkHash(content []byte, m *Manifest) *Refusal {
	if int64(len(content)) != m.Size {
		return refuse(RefusedHash, "the content has %d bytes, signed are %d", len(content), m.Size)
	}
	if got := Hash(content); got != m.SHA256 {
		return refuse(RefusedHash, "the content's is %.12s…, signed is %.12s…", got, m.SHA256)
	}
	return nil
}

// checkRing judges the content of a patch of kind keys.
func checkRing(p *Package, m *Manifest) *Refusal {
	next, err := ParseRing(p.Content)
	switch {
	case err != nil:
		return refuse(RefusedContent, "%w", err)
	case next.Version != m.ConfigVersion:
		return refuse(RefusedContent, "%s says version %d, the manifest %d; make them equal", FileRing, next.Version, m.ConfigVersion)
	}
	if err := Verify(next.Keys, next.Threshold, p.Manifest, p.Signatures); err != nil {
		return refuse(RefusedNewKeys, "%w; whoever holds the new keys signs as well", err)
	}
	return nil
}

func checkContent(content []byte, m *Manifest, f Facts) *Refusal {
	version, err := f.CheckContent(content)
	switch {
	case err != nil:
		return refuse(RefusedContent, "%w", err)
	case version != m.ConfigVersion:
		return refuse(RefusedContent, "config.toml says version %d, the manifest %d; make them equal", version, m.ConfigVersion)
	}
	if err := f.CheckFloor(content); err != nil {
		return refuse(RefusedFloor, "%w", err)
	}
	if why, ok := f.Quarantined(m.ConfigVersion, m.SHA256); ok {
		return refuse(RefusedQuarantined, "it failed here before: %s; make another one", why)
	}
	if d := m.DespiteLock; d != nil && f.NonceUsed(d.Nonce) {
		return refuse(RefusedNonce, "this override was used here; sign a new one")
	}
	return nil
}

// Hash is the lower-case hexadecimal SHA-256, as manifests have it.
func Hash(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}
