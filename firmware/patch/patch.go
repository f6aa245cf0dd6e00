// Package patch is what an operator hands to drones and what a drone makes of
// it: a signed replacement of the whole live file.
//
// Roles. An operator makes a [Package] with [New], looks at the [Diff], and
// signs it with a [SecretKey]; a drone's identity lists the public keys that
// count for each kind, and how many of them must sign (threshold). [Check] is
// the drone's judgement, [CheckRevert] that of the rollback which is signed
// with the patch. Both change nothing; what they need to know comes in as
// [Facts], and a [Refusal] says by name why not.
//
// Keys. Whose signatures count is a [Ring]: the identity's at first, and then
// what patches of kind keys have brought, kept by a [Keyring] under the state
// folder.
//
// Files. A patch's folder holds patch.json (the [Manifest]), config.toml, one
// <key id>.minisig a signer over patch.json, and revert.json (the [Revert])
// with revert.<key id>.minisig; one that changes the keys has keyring.json in
// the place of config.toml, and no revert. Signatures are minisign's, so that Debian's
// minisign signs and verifies the same files.
//
// [Verify] counts people, not signatures: one key counts once, under however
// many ids or however often it is listed, and keys that nobody listed not at
// all. What a message means, and for whom, is looked at after Verify, never
// before.
package patch

import (
	"crypto/rand"
	"errors"
	"fmt"
	"strings"

	"aead.dev/minisign"
)

// Limits of what is looked at.
const (
	MaxMessage    = 1 << 20 // bytes signed
	MaxSignature  = 1 << 10 // bytes of one signature file
	MaxSignatures = 16
	MaxKeys       = 64
	maxKeyText    = 1 << 10
	maxComment    = 256
)

var (
	// ErrKey is a key that cannot be read, or a set of keys that cannot
	// reach its threshold.
	ErrKey = errors.New("key")
	// ErrSignature is what every *SignatureError is.
	ErrSignature = errors.New("not signed by enough trusted keys")
	// ErrSize is something beyond the limits above.
	ErrSize = errors.New("too large")
)

// SecretKey signs. Its zero value is unusable; make it with GenerateKey or
// ParseSecretKey.
type SecretKey struct{ k minisign.PrivateKey }

// GenerateKey makes a new key from the kernel's randomness.
func GenerateKey() (SecretKey, error) {
	_, k, err := minisign.GenerateKey(rand.Reader)
	if err != nil {
		return SecretKey{}, fmt.Errorf("patch: generate a key: %w", err)
	}
	return SecretKey{k}, nil
}

// ParseSecretKey reads minisign's secret key file; the password is "" for one
// made without (minisign -G -W).
func ParseSecretKey(text []byte, password string) (SecretKey, error) {
	if len(text) > maxKeyText {
		return SecretKey{}, fmt.Errorf("patch: secret %w: %d bytes of at most %d: %w", ErrKey, len(text), maxKeyText, ErrSize)
	}
	var k minisign.PrivateKey
	var err error
	if password == "" {
		err = k.UnmarshalText(text)
	} else {
		k, err = minisign.DecryptKey(password, text)
	}
	if err != nil {
		return SecretKey{}, fmt.Errorf("patch: secret %w: %w; it is minisign's file of two lines, its password asked for separately", ErrKey, err)
	}
	return SecretKey{k}, nil
}

// MarshalText is minisign's secret key file, without a password: keep it 0600.
func (s SecretKey) MarshalText() ([]byte, error) {
	b, err := s.k.MarshalText()
	return append(b, '\n'), err
}

// Public is the public key in one line, as identities and minisign -P take it.
func (s SecretKey) Public() string { return s.k.Public().(minisign.PublicKey).String() }

// ID is the key's id: 16 upper-case hexadecimal digits (minisign prints the
// same, without leading zeros).
func (s SecretKey) ID() string { return id(s.k.ID()) }

// PublicFile is minisign's public key file.
func (s SecretKey) PublicFile() []byte {
	return fmt.Appendf(nil, "untrusted comment: minisign public key %s\n%s\n", s.ID(), s.Public())
}

// KeyID returns the id of a public key, given in one line or as a file.
func KeyID(public string) (string, error) {
	k, err := parsePublic(public)
	if err != nil {
		return "", err
	}
	return id(k.ID()), nil
}

func id(n uint64) string { return fmt.Sprintf("%016X", n) }

func parsePublic(text string) (minisign.PublicKey, error) {
	var k minisign.PublicKey
	if len(text) > maxKeyText {
		return k, fmt.Errorf("patch: public %w: %d bytes of at most %d: %w", ErrKey, len(text), maxKeyText, ErrSize)
	}
	if err := k.UnmarshalText([]byte(text)); err != nil {
		return k, fmt.Errorf("patch: public %w %.20q: %w; it is the line of minisign's .pub file that begins with RW", ErrKey, text, err)
	}
	return k, nil
}

// Sign returns the signature file of msg. comment is signed with it and is one
// line, at most 256 bytes.
func Sign(key SecretKey, msg []byte, comment string) ([]byte, error) {
	if len(msg) > MaxMessage {
		return nil, fmt.Errorf("patch: sign: %d bytes of at most %d: %w", len(msg), MaxMessage, ErrSize)
	}
	if len(comment) > maxComment || strings.ContainsAny(comment, "\r\n") {
		return nil, fmt.Errorf("patch: sign: the comment is one line of at most %d bytes: %w", maxComment, ErrSize)
	}
	if key.k.ID() == 0 && key.k.Equal(minisign.PrivateKey{}) {
		return nil, fmt.Errorf("patch: sign: no secret %w", ErrKey)
	}
	h := hashed(msg)
	return h.SignWithComments(key.k, comment, "signature by aimlock key "+key.ID()), nil
}
